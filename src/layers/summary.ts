/** The table that `model.summary()` returns: one line a layer with its output shape, parameters and work. */

import { shapeText } from '../tensor/shape.ts';

/** One line of the table. */
export interface LayerRow {
  readonly layer: string;
  /** output of one example */
  readonly shape: readonly number[];
  readonly parameters: number;
  /** multiplications, additions and comparisons of a forward pass at test time, for one example */
  readonly flops: number;
}

/** A convolution: for each output, a product and a sum for every weight of its filter (the first sum is the bias). */
export function convRow(
  channels: number, filters: number, size: number, height: number, width: number,
): LayerRow {
  const weights = channels * size * size;
  return {
    layer: `conv ${size}x${size}`, shape: [filters, height, width], parameters: filters * (weights + 1),
    flops: 2 * weights * filters * height * width,
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

/** Max pooling 2x2, stride 2: three comparisons an output. */
export function maxPoolRow(shape: readonly number[]): LayerRow {
  return { layer: 'max pool 2x2', shape, parameters: 0, flops: 3 * sizeOf(shape) };
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
  const total = (key: 'parameters' | 'flops'): number => rows.reduce((sum, row) => sum + row[key], 0);
  const cells = [
    ['layer', 'output', 'parameters', 'forward FLOPs'],
    ...rows.map((row) => [row.layer, shapeText(row.shape), grouped(row.parameters), grouped(row.flops)]),
    ['total', '', grouped(total('parameters')), grouped(total('flops'))],
  ];
  const widths = cells[0].map((_, column) => Math.max(...cells.map((line) => line[column].length)));
  const lines = cells.map((line) =>
    line.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column]))).join('  '));
  const rule = '-'.repeat(widths.reduce((sum, width) => sum + width) + 2 * (widths.length - 1));
  return [title, rule, lines[0], rule, ...lines.slice(1, -1), rule, lines[lines.length - 1]].join('\n');
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}

/** 1234567 as 1,234,567, whatever the locale. */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
