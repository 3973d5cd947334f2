/**
 * Gradients by central differences, (f(x + h) - f(x - h)) / 2h in every element: slow, but simple enough to be the
 * judge of analytic gradients. The error falls with h^2 until rounding takes over; float64 and h = 1e-5 leave about
 * 1e-10. Each element is changed in x itself and put back, so f may read x through whatever refers to it (a model's
 * params, say).
 */

import { checkBoolean, checkFunction, checkNumber, checkOptions, describe } from '../runtime/check.ts';
import { checkTensor, checkTensorShape } from '../tensor/check.ts';
import { contiguousDataAs } from '../tensor/internal.ts';
import { rowMajorStrides } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

export interface NumericalGradientOptions {
  /** how far an element is moved to either side; 1e-5 by default. float32 needs about 1e-2. */
  h?: number;
  /** print each element's index and slope as it is found; false by default */
  verbose?: boolean;
}

/**
 * The numeric gradient of a number, f(x) -> number or a tensor of one element, at x: float64, of x's shape.
 * Throws TypeError when x is not a float tensor or f returns anything else, RangeError for h that is not
 * positive or is lost in rounding against an element of x. x is left as it was, also when f throws.
 */
export function evalNumericalGradient(
  f: (x: Tensor) => number | Tensor, x: Tensor, options: NumericalGradientOptions = {},
): Tensor {
  const fn = 'evalNumericalGradient';
  checkArguments(fn, f, x, options);
  return eachElement(fn, x, options, () => numberFrom(fn, f(x)), centralDifference);
}

/**
 * The numeric gradient of sum(f(x) * dout), f(x) -> tensor of dout's shape, at x: float64, of x's shape. This is what
 * a backward pass returns for the upstream gradient dout. Throws as evalNumericalGradient does.
 */
export function evalNumericalGradientArray(
  f: (x: Tensor) => Tensor, x: Tensor, dout: Tensor, options: NumericalGradientOptions = {},
): Tensor {
  const fn = 'evalNumericalGradientArray';
  checkArguments(fn, f, x, options);
  const upstream = contiguousDataAs(checkTensor(fn, 'dout', dout), 'float64');
  // A copy: f may return the same memory at every call.
  const evaluate = (): Float64Array =>
    Float64Array.from(contiguousDataAs(checkTensorShape(fn, 'the result of f', f(x), dout.shape), 'float64'));
  return eachElement(fn, x, options, evaluate, (above, below, distance) => {
    let sum = 0;
    // Differences first: the sums themselves would cancel.
    for (let i = 0; i < upstream.length; i++) sum += (above[i] - below[i]) * upstream[i];
    return sum / distance;
  });
}

function checkArguments(fn: string, f: unknown, x: Tensor, options: NumericalGradientOptions): void {
  checkFunction(fn, 'f', f);
  checkFloatTensor(fn, x);
  checkOptions(fn, options, ['h', 'verbose']);
  checkNumber(fn, 'h', options.h ?? 1e-5, Number.MIN_VALUE);
  checkBoolean(fn, 'verbose', options.verbose ?? false);
}

/** Throws TypeError unless x is a float32 or float64 tensor. */
export function checkFloatTensor(fn: string, x: unknown): Tensor {
  const t = checkTensor(fn, 'x', x);
  if (t.dtype !== 'float32' && t.dtype !== 'float64') {
    throw new TypeError(`${fn}: x must be float32 or float64, got ${t.dtype}`);
  }
  return t;
}

/** The result of f as a number. Throws TypeError unless it is one, or a tensor that holds one. */
export function numberFrom(fn: string, value: unknown): number {
  if (value instanceof Tensor && value.size === 1) return value.item();
  if (typeof value !== 'number') throw new TypeError(`${fn}: f must return a number, got ${describe(value)}`);
  return value;
}

function eachElement<T>(
  fn: string, x: Tensor, { h, verbose }: NumericalGradientOptions, evaluate: () => T,
  slope: (above: T, below: T, distance: number) => number,
): Tensor {
  const gradient = new Tensor(new Float64Array(x.size), x.shape);
  for (let i = 0; i < x.size; i++) {
    gradient.data[i] = slopeAt(fn, x, positionOf(x, i), h ?? 1e-5, evaluate, slope);
    if (verbose) console.log(`(${indicesOf(x, i).join(', ')}) ${gradient.data[i]}`);
  }
  return gradient;
}

/** The slope of a number between two points so far apart. */
export function centralDifference(above: number, below: number, distance: number): number {
  return (above - below) / distance;
}

/** The slope along one element of x, which lies at `position` in x.data. */
export function slopeAt<T>(
  fn: string, x: Tensor, position: number, h: number, evaluate: () => T,
  slope: (above: T, below: T, distance: number) => number,
): number {
  const { data } = x;
  const before = data[position];
  try {
    // What was stored, not what was meant: x + h is rounded to x's type, and the slope is taken over the true distance.
    data[position] = before + h;
    const upper = data[position];
    const above = evaluate();
    data[position] = before - h;
    const lower = data[position];
    const below = evaluate();
    if (upper === lower) throw new RangeError(`${fn}: h ${h} is lost in rounding at the element ${before}`);
    return slope(above, below, upper - lower);
  } finally {
    data[position] = before;
  }
}

/** Where the i-th element in row-major order lies in x.data. */
export function positionOf(x: Tensor, i: number): number {
  return indicesOf(x, i).reduce((position, index, axis) => position + index * x.strides[axis], x.offset);
}

/** The index along each axis of the i-th element in row-major order. */
function indicesOf(x: Tensor, i: number): number[] {
  return rowMajorStrides(x.shape).map((stride, axis) => Math.floor(i / stride) % x.shape[axis]);
}
