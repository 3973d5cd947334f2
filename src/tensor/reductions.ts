/**
 * Reductions over one axis, several or all.
 *
 * The reduced axes are brought last and the tensor into row-major order (a copy only where it is not), so that each
 * result comes from one run of elements. Sums are accumulated in float64, pairwise: NumPy's scheme, so float64 results
 * over a contiguous run agree with it to the bit, and float32 ones are better. Only sums over the first axis add row to
 * row, as NumPy's do.
 */

import { allocateCollected } from '../kernels/memory/allocate.ts';
import type { DType, TypedArray } from '../kernels/memory/allocate.ts';
import { checkBoolean, checkInteger } from '../runtime/check.ts';
import { checkTensor } from './check.ts';
import { isFloat } from './dtype.ts';
import { contiguousData, emptyTensor } from './internal.ts';
import { normalizeAxes, normalizeAxis, shapeText, sizeOf } from './shape.ts';
import { Tensor } from './tensor.ts';
import { transpose } from './views.ts';

/** The axes to reduce: one, several, or all when null or left out. Negative ones count from the end. */
export type Axes = number | readonly number[] | null | undefined;

interface Runs {
  readonly data: TypedArray;
  /** elements that each result comes from; run i starts at i * length */
  readonly length: number;
  readonly outShape: readonly number[];
}

function runs(fn: string, t: Tensor, axes: Axes, keepDims: boolean): Runs {
  checkTensor(fn, 'x', t);
  checkBoolean(fn, 'keepDims', keepDims);
  const all = t.shape.map((_, axis) => axis);
  const reduced = axes === null || axes === undefined ? all : normalizeAxes(fn, axes, t.ndim);
  const kept = all.filter((axis) => !reduced.includes(axis));
  // In ascending order, so that reducing the last axes of a contiguous tensor needs no copy.
  const order = [...kept, ...reduced.toSorted((a, b) => a - b)];
  return {
    data: contiguousData(t.ndim === 0 ? t : transpose(t, order)),
    length: sizeOf(reduced.map((axis) => t.shape[axis])),
    outShape: keepDims
      ? t.shape.map((extent, axis) => (reduced.includes(axis) ? 1 : extent))
      : kept.map((axis) => t.shape[axis]),
  };
}

function reduce(run: Runs, dtype: DType, f: (data: TypedArray, start: number, length: number) => number): Tensor {
  const out = emptyTensor(run.outShape, dtype);
  const result = out.data;
  for (let i = 0; i < result.length; i++) result[i] = f(run.data, i * run.length, run.length);
  return out;
}

/** Sums of integers are float64: exact up to 2^53, where the integer types would wrap. */
function sumType(dtype: DType): DType {
  return isFloat(dtype) ? dtype : 'float64';
}

const block = 128;

/**
 * The sum of a run by halving it down to blocks of 128 with eight interleaved sums each: the error grows with the
 * logarithm of the length instead of the length (N. J. Higham, "The accuracy of floating point summation", SIAM Journal
 * on Scientific Computing 14, 1993).
 */
function pairwiseSum(data: TypedArray, start: number, length: number): number {
  if (length < 8) {
    let sum = 0;
    for (let i = start; i < start + length; i++) sum += data[i];
    return sum;
  }
  if (length > block) {
    const half = Math.floor(length / 2);
    const first = half - (half % 8);
    return pairwiseSum(data, start, first) + pairwiseSum(data, start + first, length - first);
  }
  let s0 = data[start];
  let s1 = data[start + 1];
  let s2 = data[start + 2];
  let s3 = data[start + 3];
  let s4 = data[start + 4];
  let s5 = data[start + 5];
  let s6 = data[start + 6];
  let s7 = data[start + 7];
  const whole = start + length - (length % 8);
  for (let i = start + 8; i < whole; i += 8) {
    s0 += data[i];
    s1 += data[i + 1];
    s2 += data[i + 2];
    s3 += data[i + 3];
    s4 += data[i + 4];
    s5 += data[i + 5];
    s6 += data[i + 6];
    s7 += data[i + 7];
  }
  let sum = ((s0 + s1) + (s2 + s3)) + ((s4 + s5) + (s6 + s7));
  for (let i = whole; i < start + length; i++) sum += data[i];
  return sum;
}

/** The sum over the axes; 0 over none. Integers are summed as float64. */
export function sum(t: Tensor, axis?: Axes, keepDims: boolean = false): Tensor {
  return sumOverFirst(t, axis, keepDims) ?? reduce(runs('sum', t, axis, keepDims), sumType(t.dtype), pairwiseSum);
}

/** Sums over the first axis of a row-major tensor by adding up its rows, which needs no rearranging; else null. */
function sumOverFirst(t: Tensor, axis: Axes, keepDims: boolean): Tensor | null {
  if (!(t instanceof Tensor) || axis !== 0 || keepDims || t.ndim < 2 || !t.isContiguous) return null;
  const out = emptyTensor(t.shape.slice(1), sumType(t.dtype));
  const totals = allocateCollected('float64', out.size);
  const data = contiguousData(t);
  for (let start = 0; start < data.length; start += totals.length) {
    for (let i = 0; i < totals.length; i++) totals[i] += data[start + i];
  }
  out.data.set(totals);
  return out;
}

/** The product over the axes; 1 over none. Integers are multiplied as float64. */
export function prod(t: Tensor, axis?: Axes, keepDims: boolean = false): Tensor {
  return reduce(runs('prod', t, axis, keepDims), sumType(t.dtype), (data, start, length) => {
    let product = 1;
    for (let i = start; i < start + length; i++) product *= data[i];
    return product;
  });
}

/** The arithmetic mean over the axes; NaN over none. */
export function mean(t: Tensor, axis?: Axes, keepDims: boolean = false): Tensor {
  return reduce(runs('mean', t, axis, keepDims), sumType(t.dtype), runMean);
}

function runMean(data: TypedArray, start: number, length: number): number {
  return pairwiseSum(data, start, length) / length;
}

/**
 * The variance over the axes: the mean squared distance from the mean, divided by (count - ddof). ddof 0 is the
 * uncorrected variance, 1 the unbiased estimate. NaN where nothing is left to divide by.
 */
export function variance(
  t: Tensor, axis?: Axes, keepDims: boolean = false, ddof: number = 0, fn: string = 'variance',
): Tensor {
  return spread(fn, t, axis, keepDims, ddof, (value) => value);
}

/** The standard deviation over the axes: the square root of the variance. */
export function std(t: Tensor, axis?: Axes, keepDims: boolean = false, ddof: number = 0): Tensor {
  return spread('std', t, axis, keepDims, ddof, Math.sqrt);
}

function spread(
  fn: string, t: Tensor, axis: Axes, keepDims: boolean, ddof: number, finish: (variance: number) => number,
): Tensor {
  checkInteger(fn, 'ddof', ddof, 0);
  const run = runs(fn, t, axis, keepDims);
  const squares = allocateCollected('float64', run.length);
  return reduce(run, sumType(t.dtype), (data, start, length) => {
    const center = runMean(data, start, length);
    for (let i = 0; i < length; i++) squares[i] = (data[start + i] - center) ** 2;
    return finish(pairwiseSum(squares, 0, length) / Math.max(0, length - ddof));
  });
}

/** The largest element over the axes; NaN when one is NaN. Throws RangeError where there are no elements. */
export function max(t: Tensor, axis?: Axes, keepDims: boolean = false): Tensor {
  return reduce(nonEmpty('max', t, runs('max', t, axis, keepDims)), t.dtype, (data, start, length) => {
    let largest = data[start];
    for (let i = start + 1; i < start + length; i++) if (data[i] > largest || data[i] !== data[i]) largest = data[i];
    return largest;
  });
}

/** The smallest element over the axes; NaN when one is NaN. Throws RangeError where there are no elements. */
export function min(t: Tensor, axis?: Axes, keepDims: boolean = false): Tensor {
  return reduce(nonEmpty('min', t, runs('min', t, axis, keepDims)), t.dtype, (data, start, length) => {
    let smallest = data[start];
    for (let i = start + 1; i < start + length; i++) if (data[i] < smallest || data[i] !== data[i]) smallest = data[i];
    return smallest;
  });
}

/**
 * The position of the first largest element along one axis, or in row-major order when none is named: int32. A NaN
 * counts as larger than every number. Throws RangeError where there are no elements.
 */
export function argmax(t: Tensor, axis?: number | null, keepDims: boolean = false): Tensor {
  return extremePosition('argmax', t, axis, keepDims, (candidate, best) => candidate > best);
}

/** The position of the first smallest element, as `argmax`. A NaN counts as smaller than every number. */
export function argmin(t: Tensor, axis?: number | null, keepDims: boolean = false): Tensor {
  return extremePosition('argmin', t, axis, keepDims, (candidate, best) => candidate < best);
}

function extremePosition(
  fn: string, t: Tensor, axis: number | null | undefined, keepDims: boolean,
  better: (candidate: number, best: number) => boolean,
): Tensor {
  checkTensor(fn, 'x', t);
  const along = axis === null || axis === undefined ? null : normalizeAxis(fn, axis, t.ndim);
  return reduce(nonEmpty(fn, t, runs(fn, t, along, keepDims)), 'int32', (data, start, length) => {
    let best = 0;
    for (let i = 0; i < length; i++) {
      const candidate = data[start + i];
      if (candidate !== candidate) return i;
      if (better(candidate, data[start + best])) best = i;
    }
    return best;
  });
}

function nonEmpty(fn: string, t: Tensor, run: Runs): Runs {
  if (run.length === 0 && sizeOf(run.outShape) > 0) {
    throw new RangeError(`${fn}: there is no ${fn} of no elements (x ${shapeText(t.shape)})`);
  }
  return run;
}

/** 1 where any element over the axes differs from 0 (NaN does), uint8; 0 over none. */
export function any(t: Tensor, axis?: Axes, keepDims: boolean = false): Tensor {
  return reduce(runs('any', t, axis, keepDims), 'uint8', (data, start, length) => {
    for (let i = start; i < start + length; i++) if (data[i] !== 0) return 1;
    return 0;
  });
}

/** 1 where all elements over the axes differ from 0 (NaN does), uint8; 1 over none. */
export function all(t: Tensor, axis?: Axes, keepDims: boolean = false): Tensor {
  return reduce(runs('all', t, axis, keepDims), 'uint8', (data, start, length) => {
    for (let i = start; i < start + length; i++) if (data[i] === 0) return 0;
    return 1;
  });
}
