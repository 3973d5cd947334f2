/**
 * What notebooks show. A Jupyter kernel for JavaScript (Deno's) asks the value of a cell's last expression for its
 * method Symbol.for('Jupyter.display'), which gives the value in several media types; the page takes the best it can
 * draw. Outside of Deno's kernel, where no cell shows a value, display() prints the text, so that the same program
 * runs as a notebook and in a terminal.
 */

import { checkInteger, checkOptions, checkRecord, describe } from '../runtime/check.ts';
import { printable } from '../runtime/text.ts';
import { Tensor } from '../tensor/tensor.ts';
import { encodeBase64 } from './base64.ts';
import { accuracyChart, type Chart, checkChart, lossChart, namedCurves, type TrainingHistory } from './chart.ts';
import { escapeText } from './escape.ts';
import { imageGrid } from './grid.ts';
import { panelsSvg, type Panel } from './panels.ts';
import type { Picture } from './picture.ts';
import { encodePng } from './png.ts';
import { jupyterKernel } from './progress-display.ts';
import { chartSvg } from './svg.ts';

const jupyter: unique symbol = Symbol.for('Jupyter.display') as never;

/** Media types and their contents: text, or bytes as base64. */
export type MimeBundle = Readonly<Record<string, string>>;

/** Something that Jupyter draws, with its text for terminals. */
export interface Displayed {
  readonly [jupyter]: () => MimeBundle;
  toString(): string;
}

/** A row of a table: columns by name. */
export type Row = Readonly<Record<string, string | number | boolean>>;

/** What display() takes. */
export type Displayable =
  | Tensor | Picture | Chart | TrainingHistory | Readonly<Record<string, TrainingHistory>>
  | ReadonlyArray<Chart> | ReadonlyArray<readonly Panel[]> | ReadonlyArray<Row>;

export interface DisplayOptions {
  /** of a chart or a panel, in pixels: 560 for a chart, 460 for charts side by side, 200 for panels unless given */
  readonly width?: number;
}

/**
 * Wraps a value so that a notebook draws it where it ends a cell: a tensor that looks like images (see isImageLike) or
 * a picture as PNG; a chart, charts side by side, or rows of panels as SVG; a Solver or other training history, or
 * several by name, as their curves; a list of records as a table. Any other tensor is text. In a terminal the text is
 * printed: a table, a tensor, or a sentence that says what a picture shows. Throws TypeError or
 * RangeError for anything else, and for what cannot be drawn.
 */
export function display(value: Displayable, options: DisplayOptions = {}): Displayed {
  checkOptions('display', options, ['width']);
  const width = options.width === undefined ? undefined : checkInteger('display', 'width', options.width, 200, 4000);
  const bundle = bundleOf(value, width);
  if (jupyterKernel() === undefined) console.log(bundle['text/plain']);
  return { [jupyter]: () => bundle, toString: () => bundle['text/plain'] };
}

/**
 * From here on tensors that look like images show themselves as pictures where they end a cell, without display().
 * A method of Tensor's that only this call adds: whoever imports other things of this room does not carry the encoder.
 */
export function displayInJupyter(): void {
  const method = { configurable: true, value(this: Tensor) { return tensorBundle(this); } };
  Object.defineProperty(Tensor.prototype, jupyter, method);
}

function bundleOf(value: unknown, width: number | undefined): MimeBundle {
  if (value instanceof Tensor) return tensorBundle(value);
  if (Array.isArray(value) && value.length > 0) {
    const [first] = value as unknown[];
    if (Array.isArray(first)) return panelsBundle(value as Panel[][], width ?? 200);
    if (isRecord(first) && 'curves' in first) return chartsBundle(value as Chart[], width ?? 460);
    return tableBundle(value as unknown[]);
  }
  if (isRecord(value)) {
    if ('channels' in value) return pictureBundle(value as unknown as Picture);
    if ('curves' in value) return chartsBundle([value as unknown as Chart], width ?? 560);
    const runs = 'lossHistory' in value ? { run: value } : value;
    if (Object.values(runs).some((run) => isRecord(run) && 'lossHistory' in run)) {
      const histories = runs as Readonly<Record<string, TrainingHistory>>;
      return chartsBundle([lossChart(histories), accuracyChart(histories)], width ?? 460);
    }
  }
  throw new TypeError(
    `display: value must be a tensor, a picture, a chart or several, panels, a training history, or rows, got ${describe(value)}`,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

/** Images to be drawn at most, and how large a side may be: a data set of its own is no picture. */
const [mostImages, smallestSide, largestSide] = [400, 5, 512];

/** (N, C, H, W), or one image (C, H, W), of 1 or 3 channels and sides of 5 to 512 pixels, at most 400 of them. */
function isImageLike({ shape, ndim }: Tensor): boolean {
  if (ndim !== 3 && ndim !== 4) return false;
  const [channels, height, width] = shape.slice(ndim - 3);
  const drawn = ndim === 3 || (shape[0] >= 1 && shape[0] <= mostImages);
  return drawn && (channels === 1 || channels === 3) &&
    [height, width].every((side) => side >= smallestSide && side <= largestSide);
}

function tensorBundle(t: Tensor): MimeBundle {
  if (!isImageLike(t)) return { 'text/plain': t.toString() };
  const images = t.ndim === 3 ? t.reshape(1, ...t.shape) : t;
  const columns = Math.min(images.shape[0], 20);
  // About 480 pixels wide, whole pixels a pixel.
  const scale = Math.max(1, Math.min(8, Math.floor(480 / (columns * images.shape[3]))));
  return pictureBundle(imageGrid(images, { columns, scale }), `Tensor ${t.shape.join('x')} ${t.dtype}, drawn`);
}

function pictureBundle(picture: Picture, text: string = `picture ${picture.width}x${picture.height}`): MimeBundle {
  return { 'image/png': encodeBase64(encodePng(picture)), 'text/plain': text };
}

function svgBundle(svg: string, text: string): MimeBundle {
  return { 'image/svg+xml': svg, 'text/plain': text };
}

function panelsBundle(rows: ReadonlyArray<readonly Panel[]>, width: number): MimeBundle {
  const svg = panelsSvg(rows, { width });
  const text = rows.map((row) => row.map(({ title }) => `[${printable(title)}]`).join(' ')).join('\n');
  return svgBundle(svg, text);
}

/** Charts as one SVG, two in a row. Light, since a notebook's theme is not that of the system. */
function chartsBundle(charts: readonly Chart[], width: number): MimeBundle {
  for (const chart of charts) checkChart('display', chart);
  // Room for a legend of two rows, and for each further one.
  const height = Math.round(width * 0.62) + 20 * Math.max(0, ...charts.map((chart) => legendRows(chart, width) - 2));
  const columns = Math.min(2, charts.length);
  const drawn = charts.map((chart) => chartSvg(chart, { width, height, theme: 'light' }));
  const text = charts.map(({ description }) => printable(description, 1000)).join('\n');
  if (drawn.length === 1) return svgBundle(drawn[0], text);
  const [totalWidth, totalHeight] = [columns * width, Math.ceil(charts.length / columns) * height];
  const placed = drawn.map((svg, i) =>
    svg.replace('<svg ', `<svg x="${(i % columns) * width}" y="${Math.floor(i / columns) * height}" `));
  return svgBundle(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${totalWidth}" height="${totalHeight}" ` +
    `viewBox="0 0 ${totalWidth} ${totalHeight}">${placed.join('')}</svg>\n`, text,
  );
}

/** About how many rows a chart's legend takes, by the same estimate of widths as chartSvg's. */
function legendRows(chart: Chart, width: number): number {
  return Math.ceil(namedCurves(chart).reduce((sum, { label }) => sum + 46 + 7.2 * label.length, 0) / (0.9 * width));
}

function tableBundle(rows: readonly unknown[]): MimeBundle {
  const records = rows.map((row, i) => checkRecord('display', `value[${i}]`, row));
  const heads = [...new Set(records.flatMap((row) => Object.keys(row)))];
  if (heads.length === 0) throw new TypeError('display: value must be rows with columns, got rows without any');
  const cells = records.map((row, i) => heads.map((head) => cellText(`value[${i}][${describe(head)}]`, row[head])));
  const numeric = heads.map((head) => records.every((row) => typeof row[head] !== 'string'));
  const tag = (name: 'th' | 'td', texts: readonly string[]): string => texts.map((text, i) =>
    `<${name} style="text-align:${numeric[i] ? 'right' : 'left'}">${escapeText(text)}</${name}>`).join('');
  const html = `<table><thead><tr>${tag('th', heads)}</tr></thead>` +
    `<tbody>${cells.map((row) => `<tr>${tag('td', row)}</tr>`).join('')}</tbody></table>`;
  const lines = [heads, ...cells].map((row) => row.map((text) => printable(text)));
  const widths = heads.map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  const padded = (text: string, i: number): string => numeric[i] ? text.padStart(widths[i]) : text.padEnd(widths[i]);
  const text = lines.map((line) => line.map(padded).join('  ').trimEnd()).join('\n');
  return { 'text/html': html, 'text/plain': text };
}

/** Figures to four digits. Throws TypeError for what is no text, number or boolean. */
function cellText(name: string, value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'number') {
    if (Number.isInteger(value) || !Number.isFinite(value)) return String(value);
    const size = Math.abs(value);
    return size >= 1e-3 && size < 1e6 ? String(Number(value.toPrecision(4))) : value.toExponential(2);
  }
  if (typeof value === 'string' || typeof value === 'boolean') return String(value);
  throw new TypeError(`display: ${name} must be a string, a number or a boolean, got ${describe(value)}`);
}
