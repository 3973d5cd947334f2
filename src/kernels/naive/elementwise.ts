/** Arithmetic element by element, and sums, accumulated in float64 whatever the array holds. */

import type { BinaryOperation, ElementwiseKernels, FloatArray, UnaryOperation } from '../contract.ts';
import { sigmoid } from './activation.ts';

/** One binary operation on two numbers; maximum and minimum pass NaN on, as NumPy's do. */
function combine(operation: BinaryOperation, a: number, b: number): number {
  switch (operation) {
    case 'add': return a + b;
    case 'sub': return a - b;
    case 'mul': return a * b;
    case 'div': return a / b;
    case 'maximum': return Math.max(a, b);
    case 'minimum': return Math.min(a, b);
  }
}

/** One unary operation on a number. */
function transform(operation: UnaryOperation, x: number): number {
  switch (operation) {
    case 'neg': return -x;
    case 'exp': return Math.exp(x);
    case 'log': return Math.log(x);
    case 'sqrt': return Math.sqrt(x);
    case 'abs': return Math.abs(x);
    case 'tanh': return Math.tanh(x);
    case 'sigmoid': return sigmoid(x);
    case 'relu': return x < 0 ? 0 : x;
    case 'square': return x * x;
  }
}

export function binary(operation: BinaryOperation, a: FloatArray, b: FloatArray, out: FloatArray): void {
  for (let i = 0; i < out.length; i++) out[i] = combine(operation, a[i], b[i]);
}

export function binaryScalar(operation: BinaryOperation, a: FloatArray, s: number, out: FloatArray): void {
  for (let i = 0; i < out.length; i++) out[i] = combine(operation, a[i], s);
}

export function unary(operation: UnaryOperation, x: FloatArray, out: FloatArray): void {
  for (let i = 0; i < out.length; i++) out[i] = transform(operation, x[i]);
}

/** y += alpha x */
export function axpy(alpha: number, x: FloatArray, y: FloatArray): void {
  for (let i = 0; i < y.length; i++) y[i] += alpha * x[i];
}

export function sum(x: FloatArray): number {
  let total = 0;
  for (let i = 0; i < x.length; i++) total += x[i];
  return total;
}

export function sumOfSquares(x: FloatArray): number {
  let total = 0;
  for (let i = 0; i < x.length; i++) total += x[i] * x[i];
  return total;
}

/** out (columns) = sums over the rows of x (rows, columns). */
export function sumRows(x: FloatArray, out: FloatArray, rows: number, columns: number): void {
  for (let j = 0; j < columns; j++) {
    let total = 0;
    for (let i = 0; i < rows; i++) total += x[i * columns + j];
    out[j] = total;
  }
}

export const naiveElementwise: ElementwiseKernels = {
  binary, binaryScalar, unary, axpy, sum, sumOfSquares, sumRows,
};
