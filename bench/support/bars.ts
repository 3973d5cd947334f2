/** Bar charts for the README: pairs of bars, ours above a peer's, as one SVG that follows the reader's theme. */

import { escapeText } from '../../src/viz/escape.ts';
import { darkPalette, lightPalette } from '../../src/viz/palette.ts';
import type { Palette } from '../../src/viz/palette.ts';

/** Two bars: lengths are speeds relative to the peer, whose own bar has the length 1. */
export interface BarPair {
  readonly label: string;
  /** a smaller line below the label */
  readonly detail: string;
  readonly ratio: number;
  /** what is written at the end of each bar */
  readonly ours: string;
  readonly theirs: string;
}

export interface BarPanel {
  readonly title: string;
  readonly peer: string;
  /** where its figures come from, a small line below the bars */
  readonly source: string;
  readonly pairs: readonly BarPair[];
}

const width = 760;
const left = 230;
const right = 165;
const barHeight = 15;
const rowHeight = 48;
const sourceHeight = 18;
const font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif";

function colors({ card, ink, muted, grid, series }: Palette): string {
  return `.bg{fill:${card}}.ink{fill:${ink}}.muted{fill:${muted}}.grid{stroke:${grid}}.ours{fill:${series[0]}}` +
    `.theirs{fill:${muted};opacity:.55}`;
}

/** Draws the panels below each other, `footer` at the end. */
export function barsSvg(panels: readonly BarPanel[], footer: string): string {
  const parts: string[] = [];
  let top = 12;
  for (const panel of panels) {
    parts.push(...panelMarkup(panel, top));
    top += 66 + panel.pairs.length * rowHeight + 14 + sourceHeight;
  }
  const height = top + 24;
  const title = panels.map((panel) => panel.title).join('; ');
  const description = panels.flatMap(({ peer, pairs }) => pairs.map(({ label, detail, ratio }) =>
    `${label}, ${detail}: ${ratio.toFixed(2)} times the speed of ${peer}`)).join('; ');
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" ` +
    `height="${height}" role="img" aria-labelledby="title description"><title id="title">${escapeText(title)}</title>` +
    `<desc id="description">${escapeText(description)}</desc>` +
    `<style>text{font:13px ${font}}.title{font-size:16px;font-weight:600}.small{font-size:11.5px}` +
    '.strong{font-weight:600}.plain{font-weight:400}' +
    `${colors(lightPalette)}@media(prefers-color-scheme:dark){${colors(darkPalette)}}</style>` +
    `<rect class="bg" width="${width}" height="${height}" rx="8"/>${parts.join('')}` +
    `<text class="muted small" x="20" y="${height - 14}">${escapeText(footer)}</text></svg>\n`;
}

function panelMarkup({ title, peer, source, pairs }: BarPanel, top: number): string[] {
  const longest = Math.max(1, ...pairs.map(({ ratio }) => ratio));
  const unit = (width - left - right) / longest;
  const at = (ratio: number): string => (left + unit * ratio).toFixed(1);
  const length = (ratio: number): string => Math.max(2, unit * ratio).toFixed(1);
  const parts = [
    `<text class="ink title" x="20" y="${top + 20}">${escapeText(title)}</text>`,
    `<rect class="ours" x="20" y="${top + 34}" width="11" height="11" rx="2"/>`,
    `<text class="muted" x="37" y="${top + 44}">tilegrad</text>`,
    `<rect class="theirs" x="110" y="${top + 34}" width="11" height="11" rx="2"/>`,
    `<text class="muted" x="127" y="${top + 44}">${escapeText(peer)} = 1</text>`,
    `<line class="grid" x1="${at(1)}" x2="${at(1)}" y1="${top + 56}" y2="${top + 58 + pairs.length * rowHeight}"/>`,
  ];
  pairs.forEach(({ label, detail, ratio, ours, theirs }, i) => {
    const y = top + 64 + i * rowHeight;
    parts.push(
      `<text class="ink" x="20" y="${y + 12}">${escapeText(label)}</text>`,
      `<text class="muted small" x="20" y="${y + 28}">${escapeText(detail)}</text>`,
      `<rect class="ours" x="${left}" y="${y}" width="${length(ratio)}" height="${barHeight}" rx="2"/>`,
      `<text class="ink strong" x="${at(ratio)}" dx="8" y="${y + 12}">${ratio.toFixed(2)}` +
      `<tspan class="muted small plain" dx="6">${escapeText(ours)}</tspan></text>`,
      `<rect class="theirs" x="${left}" y="${y + barHeight + 2}" width="${length(1)}" height="${barHeight}" rx="2"/>`,
      `<text class="muted small" x="${at(1)}" dx="8" y="${y + barHeight + 14}">${escapeText(theirs)}</text>`,
    );
  });
  parts.push(`<text class="muted small" x="20" y="${top + 76 + pairs.length * rowHeight}">${escapeText(source)}</text>`);
  return parts;
}
