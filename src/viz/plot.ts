/**
 * A chart as part of a page. The lines are an SVG that stretches with the page; ticks and legend are HTML, so that text
 * keeps its size at any width. A small script (script.ts) adds the read-out; without it the chart is still complete,
 * and a table below holds the numbers.
 */

import { chartReadings, namedCurves, paletteSize } from './chart.ts';
import type { Chart, Readings } from './chart.ts';
import { escapeJson, escapeText } from './escape.ts';
import { chartNote, layoutChart } from './layout.ts';
import { formatNumber, formatPercent, formatPower } from './ticks.ts';

const scale = 1000;
const coordinate = (at: number): string => String(Math.round(at * scale * 10) / 10);
const percent = (at: number): string => `${Math.round(at * 10_000) / 100}%`;

function cell(value: number | string | null, chart: Chart): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (chart.percent) return formatPercent(value);
  return chart.yScale === 'logarithmic' ? formatPower(value) : formatNumber(value, 1e-4);
}

/** The chart's numbers at up to 12 positions. */
function table(chart: Chart): string {
  const readings: Readings = chartReadings(chart, 12);
  const head = readings.curves.map((curve) => `<th scope="col">${escapeText(curve.label)}</th>`).join('');
  const rows = readings.x.map(
    (x, i) =>
      `<tr><th scope="row">${chart.xScale === 'logarithmic' ? formatPower(x) : x.toLocaleString('en-US', { maximumFractionDigits: 2 })}</th>` +
      `${readings.curves.map((curve) => `<td>${escapeText(cell(curve.values[i], chart))}</td>`).join('')}</tr>`,
  );
  return (
    '<details><summary>Numbers</summary><div class="scroll" tabindex="0" role="region" ' +
    `aria-label="${escapeText(chart.title)} in numbers">` +
    `<table class="numbers"><thead><tr><th scope="col">${escapeText(chart.xLabel)}</th>${head}</tr></thead>` +
    `<tbody>${rows.join('')}</tbody></table></div></details>`
  );
}

/** One chart as a figure element; width is a class of the page's grid. */
export function chartFigure(chart: Chart, width: string = ''): string {
  const layout = layoutChart(chart);
  const readings = chartReadings(chart);
  const legend = namedCurves(chart)
    .map(
      (curve) =>
        `<li><span class="swatch ${curve.style} c${curve.color % paletteSize}"></span>${escapeText(curve.label)}</li>`,
    )
    .join('');
  const yTicks = layout.yTicks
    .map((tick) => `<span style="top:${percent(tick.at)}">${escapeText(tick.text)}</span>`)
    .join('');
  const xTicks = layout.xTicks
    .map((tick) => `<span style="left:${percent(tick.at)}">${escapeText(tick.text)}</span>`)
    .join('');
  const across = (name: string) => ({ at }: { at: number }): string => `<path class="${name}" d="M0 ${coordinate(at)}H${scale}"/>`;
  const grid = [...layout.yTicks.map(across('grid')), ...layout.thresholds.map(across('threshold'))].join('');
  const thresholds = layout.thresholds
    .map(({ at, text }) => `<span class="threshold" style="top:${percent(at)}">${escapeText(text)}</span>`).join('');
  const curves = chart.curves
    .map((curve, i) => {
      const pieces = layout.lines[i];
      const color = `c${curve.color % paletteSize}${curve.sparse ? ' sparse' : ''}`;
      const line = pieces
        .map((piece) => `M${piece.map(([x, y]) => `${coordinate(x)} ${coordinate(y)}`).join('L')}`)
        .join('');
      // A dot is a line of no length with a round end: it stays round however the picture is stretched.
      const dots = curve.dots
        ? pieces
            .flat()
            .map(([x, y]) => `M${coordinate(x)} ${coordinate(y)}h0`)
            .join('')
        : '';
      return (
        (line === '' ? '' : `<path class="curve ${curve.style} ${color}" d="${line}"/>`) +
        (dots === '' ? '' : `<path class="dots ${color}" d="${dots}"/>`)
      );
    })
    .join('');
  const data = {
    xLabel: chart.xLabel,
    percent: chart.percent,
    xRange: layout.xRange,
    yRange: layout.yRange,
    xScale: chart.xScale,
    yScale: chart.yScale,
    ...readings,
  };
  const note = chartNote(chart, layout);
  return (
    `<figure class="card chart ${width}"><figcaption><h2>${escapeText(chart.title)}</h2>` +
    `<ul class="legend">${legend}</ul></figcaption>` +
    `<div class="plot"><div class="y-ticks" aria-hidden="true">${yTicks}</div>` +
    '<div class="area" role="group" aria-roledescription="chart" tabindex="0" ' +
    `aria-label="${escapeText(chart.description)}">` +
    `<svg viewBox="0 0 ${scale} ${scale}" preserveAspectRatio="none" aria-hidden="true">${grid}${curves}</svg>${thresholds}` +
    `<div class="cursor" hidden></div><div class="readout" role="status" hidden></div></div>` +
    `<div class="x-ticks" aria-hidden="true">${xTicks}</div>` +
    `<div class="x-label" aria-hidden="true">${escapeText(chart.xLabel)}</div></div>` +
    `${note === '' ? '' : `<p class="note">${escapeText(note[0].toUpperCase() + note.slice(1))}</p>`}${table(chart)}` +
    `<script type="application/json" class="readings">${escapeJson(data)}</script></figure>`
  );
}
