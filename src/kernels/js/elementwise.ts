/**
 * Arithmetic element by element with the choice of operation outside the loop, and sums in four partial sums, so that
 * an addition need not wait for the one before it.
 */

import type { BinaryOperation, ElementwiseKernels, FloatArray, UnaryOperation } from '../contract.ts';
import { naiveElementwise } from '../naive/elementwise.ts';
import { float64Scratch } from './scratch.ts';

/** out[i] = a[i] op b[i]; out may be a or b. */
export function binary(operation: BinaryOperation, a: FloatArray, b: FloatArray, out: FloatArray): void {
  const size = out.length;
  switch (operation) {
    case 'add': for (let i = 0; i < size; i++) out[i] = a[i] + b[i]; return;
    case 'sub': for (let i = 0; i < size; i++) out[i] = a[i] - b[i]; return;
    case 'mul': for (let i = 0; i < size; i++) out[i] = a[i] * b[i]; return;
    case 'div': for (let i = 0; i < size; i++) out[i] = a[i] / b[i]; return;
    case 'maximum': for (let i = 0; i < size; i++) out[i] = Math.max(a[i], b[i]); return;
    case 'minimum': for (let i = 0; i < size; i++) out[i] = Math.min(a[i], b[i]); return;
  }
}

/** out[i] = a[i] op s */
export function binaryScalar(operation: BinaryOperation, a: FloatArray, s: number, out: FloatArray): void {
  const size = out.length;
  switch (operation) {
    case 'add': for (let i = 0; i < size; i++) out[i] = a[i] + s; return;
    case 'sub': for (let i = 0; i < size; i++) out[i] = a[i] - s; return;
    case 'mul': for (let i = 0; i < size; i++) out[i] = a[i] * s; return;
    case 'div': for (let i = 0; i < size; i++) out[i] = a[i] / s; return;
    case 'maximum': for (let i = 0; i < size; i++) out[i] = Math.max(a[i], s); return;
    case 'minimum': for (let i = 0; i < size; i++) out[i] = Math.min(a[i], s); return;
  }
}

/** out[i] = op(x[i]); the cheap operations get their own loop, the others spend their time in Math anyway. */
export function unary(operation: UnaryOperation, x: FloatArray, out: FloatArray): void {
  const size = out.length;
  switch (operation) {
    case 'neg': for (let i = 0; i < size; i++) out[i] = -x[i]; return;
    case 'sqrt': for (let i = 0; i < size; i++) out[i] = Math.sqrt(x[i]); return;
    case 'abs': for (let i = 0; i < size; i++) out[i] = Math.abs(x[i]); return;
    case 'relu': for (let i = 0; i < size; i++) out[i] = x[i] < 0 ? 0 : x[i]; return;
    case 'square': for (let i = 0; i < size; i++) out[i] = x[i] * x[i]; return;
    default: naiveElementwise.unary(operation, x, out);
  }
}

export function sum(x: FloatArray): number {
  const whole = x.length - (x.length % 4);
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (let i = 0; i < whole; i += 4) {
    s0 += x[i];
    s1 += x[i + 1];
    s2 += x[i + 2];
    s3 += x[i + 3];
  }
  for (let i = whole; i < x.length; i++) s0 += x[i];
  return s0 + s1 + (s2 + s3);
}

export function sumOfSquares(x: FloatArray): number {
  const whole = x.length - (x.length % 4);
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (let i = 0; i < whole; i += 4) {
    s0 += x[i] * x[i];
    s1 += x[i + 1] * x[i + 1];
    s2 += x[i + 2] * x[i + 2];
    s3 += x[i + 3] * x[i + 3];
  }
  for (let i = whole; i < x.length; i++) s0 += x[i] * x[i];
  return s0 + s1 + (s2 + s3);
}

const columnSums = float64Scratch();

/** Row after row, as they lie in memory, into float64 sums. */
export function sumRows(x: FloatArray, out: FloatArray, rows: number, columns: number): void {
  const sums = columnSums.take(columns);
  sums.fill(0, 0, columns);
  for (let i = 0; i < rows; i++) {
    const row = i * columns;
    for (let j = 0; j < columns; j++) sums[j] += x[row + j];
  }
  for (let j = 0; j < columns; j++) out[j] = sums[j];
}

export const fastElementwise: ElementwiseKernels = {
  binary, binaryScalar, unary, axpy: naiveElementwise.axpy, sum, sumOfSquares, sumRows,
};
