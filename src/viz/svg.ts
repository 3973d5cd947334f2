/** A chart as one SVG file, readable by itself: title, axes, legend, and a description for screen readers. */

import { checkInteger, checkOneOf, checkOptions } from '../runtime/check.ts';
import { checkChart, namedCurves, paletteSize } from './chart.ts';
import type { Chart } from './chart.ts';
import { escapeText } from './escape.ts';
import { chartNote, layoutChart } from './layout.ts';
import { darkPalette, lightPalette } from './palette.ts';
import type { Palette } from './palette.ts';

export interface SvgOptions {
  /** picture size in pixels; 720 x 400 unless told */
  readonly width?: number;
  readonly height?: number;
  /** auto follows the reader's system where the viewer knows it, and is light elsewhere */
  readonly theme?: 'auto' | 'light' | 'dark';
}

const margin = { top: 76, right: 24, bottom: 48, left: 64 };
const font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

type Rules = ReadonlyArray<readonly [selector: string, declarations: string]>;

/** Plain colours by class instead of CSS variables: many SVG viewers know no variables. */
function colors(palette: Palette): Rules {
  return [
    ['.bg', `fill:${palette.card}`],
    ['.ink', `fill:${palette.ink}`],
    ['.muted', `fill:${palette.muted}`],
    ['.grid', `stroke:${palette.grid}`],
    ['.axis', `stroke:${palette.line}`],
    ['.threshold', `stroke:${palette.muted}`],
    ...palette.series.flatMap((color, i): Rules => [[`.s${i}`, `stroke:${color}`], [`.d${i}`, `fill:${color}`]]),
  ];
}

const shapes: Rules = [
  ['text', `font:13px ${font}`],
  ['.title', 'font-size:16px;font-weight:600'],
  ['.curve', 'fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round'],
  ['.faint', 'stroke-width:1;opacity:.22'],
  ['.dashed,.threshold', 'stroke-dasharray:6 4'],
  ['.sparse', 'stroke-width:1.5;opacity:.6;stroke-dasharray:1.5 4'],
];

/** Every rule names the chart it belongs to, so that a chart put into a page leaves the page's own style alone. */
function stylesheet(scope: string, theme: 'auto' | 'light' | 'dark'): string {
  const write = (rules: Rules): string =>
    rules.map(([selector, declarations]) => `.${scope} ${selector}{${declarations}}`).join('');
  const first = write(shapes) + write(colors(theme === 'dark' ? darkPalette : lightPalette));
  return first + (theme === 'auto' ? `@media(prefers-color-scheme:dark){${write(colors(darkPalette))}}` : '');
}

const round = (value: number): string => String(Math.round(value * 100) / 100);

/**
 * Draws a chart (lossChart, accuracyChart) as a complete SVG document.
 * Throws RangeError for a size under 200 x 150 or an unknown theme, TypeError for an unknown option.
 */
export function chartSvg(chart: Chart, options: SvgOptions = {}): string {
  checkChart('chartSvg', chart);
  checkOptions('chartSvg', options, ['width', 'height', 'theme']);
  const { width = 720, height = 400, theme = 'auto' } = options;
  checkInteger('chartSvg', 'width', width, 200, 10_000);
  checkInteger('chartSvg', 'height', height, 150, 10_000);
  checkOneOf('chartSvg', 'theme', theme, ['auto', 'light', 'dark']);
  const layout = layoutChart(chart);
  const legend = placeLegend(chart, width);
  const top = margin.top + (legend.rows - 1) * 20;
  const plotWidth = width - margin.left - margin.right;
  const plotHeight = height - top - margin.bottom;
  const x = (at: number): string => round(margin.left + at * plotWidth);
  const y = (at: number): string => round(top + at * plotHeight);
  const bottom = y(1);
  const parts: string[] = [];
  for (const tick of layout.yTicks) {
    parts.push(`<line class="grid" x1="${margin.left}" x2="${x(1)}" y1="${y(tick.at)}" y2="${y(tick.at)}"/>`);
    parts.push(
      `<text class="muted" text-anchor="end" x="${margin.left - 10}" y="${y(tick.at)}" dy=".35em">` +
      `${escapeText(tick.text)}</text>`,
    );
  }
  parts.push(`<line class="axis" x1="${margin.left}" x2="${x(1)}" y1="${bottom}" y2="${bottom}"/>`);
  for (const tick of layout.xTicks) {
    parts.push(
      `<text class="muted" text-anchor="middle" x="${x(tick.at)}" y="${bottom}" dy="1.6em">` +
      `${escapeText(tick.text)}</text>`,
    );
  }
  for (const { at, text } of layout.thresholds) {
    parts.push(
      `<line class="threshold" x1="${margin.left}" x2="${x(1)}" y1="${y(at)}" y2="${y(at)}"/>` +
      `<text class="muted" text-anchor="end" x="${x(1)}" y="${y(at)}" dy="-.4em">${escapeText(text)}</text>`,
    );
  }
  const note = chartNote(chart, layout);
  const axisLabel = note === '' ? chart.xLabel : `${chart.xLabel} (${note.slice(0, -1)})`;
  parts.push(
    `<text class="muted" text-anchor="middle" x="${x(0.5)}" y="${height - 8}">${escapeText(axisLabel)}</text>`,
  );
  // An inner svg cuts off what leaves the frame (by 5 pixels, for dots on its edge) without an id that could clash.
  const frame = { x: margin.left - 5, y: top, width: plotWidth + 10, height: plotHeight + 5 };
  parts.push(
    `<svg x="${frame.x}" y="${frame.y}" width="${frame.width}" height="${frame.height}" ` +
    `viewBox="${frame.x} ${frame.y} ${frame.width} ${frame.height}">`,
  );
  chart.curves.forEach((curve, i) => {
    const color = curve.color % paletteSize;
    const path = layout.lines[i].map((piece) => `M${piece.map(([px, py]) => `${x(px)} ${y(py)}`).join('L')}`).join('');
    if (path !== '') parts.push(`<path class="curve s${color} ${curve.style}${curve.sparse ? ' sparse' : ''}" d="${path}"/>`);
    if (curve.dots) {
      for (const [px, py] of layout.lines[i].flat())
        parts.push(`<circle class="d${color}" cx="${x(px)}" cy="${y(py)}" r="${curve.sparse ? 5 : 3.5}"/>`);
    }
  });
  parts.push('</svg>', legend.markup);
  const scope = `tilegrad-chart-${theme}`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" class="${scope}" viewBox="0 0 ${width} ${height}" ` +
    `width="${width}" height="${height}" role="img" aria-label="${escapeText(chart.description)}">` +
    `<title>${escapeText(chart.title)}</title><desc>${escapeText(chart.description)}</desc>` +
    `<style>${stylesheet(scope, theme)}</style>` +
    `<rect class="bg" width="${width}" height="${height}" rx="8"/>` +
    `<text class="ink title" x="20" y="32">${escapeText(chart.title)}</text>${parts.join('')}</svg>\n`
  );
}

/** Legend entries in rows below the title; text widths are estimated, as a string of SVG cannot measure them. */
function placeLegend(chart: Chart, width: number): { markup: string; rows: number } {
  let left = 20;
  let row = 0;
  const parts: string[] = [];
  for (const curve of namedCurves(chart)) {
    const label = curve.label.length > 48 ? `${curve.label.slice(0, 47)}\u2026` : curve.label;
    const advance = 28 + 7.2 * label.length + 18;
    if (left > 20 && left + advance > width) {
      left = 20;
      row++;
    }
    const baseline = 56 + 20 * row;
    parts.push(
      `<line class="curve s${curve.color % paletteSize} ${curve.style}" ` +
      `x1="${left}" x2="${left + 20}" y1="${baseline - 4}" y2="${baseline - 4}"/>` +
      `<text class="muted" x="${left + 28}" y="${baseline}">${escapeText(label)}</text>`,
    );
    left += advance;
  }
  return { markup: parts.join(''), rows: row + 1 };
}
