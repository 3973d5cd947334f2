/** The table that `model.summary()` returns: one line a layer with its output shape, parameters and work. */

import { shapeText, sizeOf } from '../tensor/shape.ts';

/** One line of the table. */
export interface LayerRow {
  readonly layer: string;
  /** output of one example; null: not known */
  readonly shape: readonly number[] | null;
  readonly parameters: number;
  /** multiplications, additions and comparisons of a forward pass at test time, for one example; NaN: not known */
  readonly flops: number;
}

/**
 * A convolution by filters of shape (F, C / groups, KH, KW) to an output (F, OH, OW): for each output a product and a
 * sum for every weight of its filter (the first sum is the bias).
 */
export function convRow(filters: readonly number[], output: readonly number[], bias: boolean): LayerRow {
  const [count, , height, width] = filters;
  return {
    layer: `conv ${height}x${width}`, shape: output, parameters: sizeOf(filters) + (bias ? count : 0),
    flops: 2 * sizeOf(filters.slice(1)) * sizeOf(output),
  };
}

/** An affine layer: a product and a sum for every weight. */
export function affineRow(inputs: number, outputs: number, bias: boolean = true): LayerRow {
  const parameters = (inputs + (bias ? 1 : 0)) * outputs;
  return { layer: 'affine', shape: [outputs], parameters, flops: 2 * inputs * outputs };
}

/** A ReLU: one comparison an element. */
export function reluRow(shape: readonly number[]): LayerRow {
  return { layer: 'relu', shape, parameters: 0, flops: sizeOf(shape) };
}

/** Pooling, with so many operations an output. */
export function poolRow(layer: string, output: readonly number[], perOutput: number): LayerRow {
  return { layer, shape: output, parameters: 0, flops: perOutput * sizeOf(output) };
}

/** Batchnorm at test time: one scale and one shift an element. */
export function batchnormRow(shape: readonly number[]): LayerRow {
  return { layer: 'batchnorm', shape, parameters: 2 * shape[0], flops: 2 * sizeOf(shape) };
}

/** Layernorm: mean, deviations, their squares and sum, normalisation, scale and shift. */
export function layernormRow(shape: readonly number[]): LayerRow {
  return { layer: 'layernorm', shape, parameters: 2 * shape[0], flops: 7 * sizeOf(shape) };
}

/** Groupnorm: as layernorm. */
export function groupnormRow(shape: readonly number[], groups: number): LayerRow {
  return { layer: `groupnorm, ${groups} groups`, shape, parameters: 2 * shape[0], flops: 7 * sizeOf(shape) };
}

/** An activation function: the operations that an element takes, an exponential counting as ten. */
export function activationRow(layer: string, shape: readonly number[], perElement: number): LayerRow {
  return { layer, shape, parameters: 0, flops: perElement * sizeOf(shape) };
}

/** What only names or moves elements. */
export function plainRow(layer: string, shape: readonly number[]): LayerRow {
  return { layer, shape, parameters: 0, flops: 0 };
}

/** Dropout: nothing at test time. */
export function dropoutRow(shape: readonly number[], keepProb: number): LayerRow {
  return { layer: `dropout, keep ${keepProb}`, shape, parameters: 0, flops: 0 };
}

/** The table as text, columns aligned, totals in the last line. */
export function renderSummary(title: string, rows: readonly LayerRow[]): string {
  const total = (key: 'parameters' | 'flops'): string => grouped(rows.reduce((sum, row) => sum + (row[key] || 0), 0));
  const least = rows.some(({ flops }) => Number.isNaN(flops)) ? 'at least ' : '';
  const cells = [
    ['layer', 'output', 'parameters', 'forward FLOPs'],
    ...rows.map(({ layer, shape, parameters, flops }) =>
      [layer, shape === null ? '' : shapeText(shape), grouped(parameters), grouped(flops)]),
    ['total', '', total('parameters'), least + total('flops')],
  ];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((line) => line[column].length)));
  const lines = cells.map((line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  '));
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width) + 2 * (widths.length - 1));
  return [title, rule, lines[0], rule, ...lines.slice(1, -1), rule, lines[lines.length - 1]].join('\n');
}

/** 1234567 as 1,234,567, whatever the locale; NaN as ?. */
function grouped(count: number): string {
  if (Number.isNaN(count)) return '?';
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
