/** New tensors: from values, filled, counted. All of them live in garbage-collected memory, also inside a step. */

import { allocateCollected } from '../kernels/memory/allocate.ts';
import type { DType, TypedArray } from '../kernels/memory/allocate.ts';
import { checkInteger, checkNumber, describe } from '../runtime/check.ts';
import { checkTensor } from './check.ts';
import { copyElements } from './copy.ts';
import { checkDType, dtypeOf, supportedArray } from './dtype.ts';
import { checkShape, maxDimensions, rowMajorStrides, shapeText, sizeOf } from './shape.ts';
import type { ShapeLike } from './shape.ts';
import { Tensor } from './tensor.ts';
import type { NestedNumbers } from './tensor.ts';

/** What `tensor` accepts: a number, nested arrays of numbers or booleans, any numeric typed array, or a tensor. */
export type Values = NestedNumbers | NestedBooleans | ArrayBufferView | Tensor;
export type NestedBooleans = boolean | readonly NestedBooleans[];

/**
 * A tensor that holds a copy of the values.
 *
 * The shape is that of the nesting unless one is given. The type of a tensor or typed array is kept; where no tensor
 * has it, the narrowest that holds every value exactly takes its place: int32 for 8- and 16-bit integers, float64 for
 * unsigned 32-bit ones; for 64-bit ones there is none. Numbers are float32. `dtype` overrides all of these.
 * Conversion is that of typed arrays: integers wrap, fractions are cut off, NaN becomes 0 in an integer type.
 * To wrap a typed array without copying, use `new Tensor(array, shape)`.
 *
 * Throws TypeError for values that are not numbers, RangeError for ragged nesting or a shape of another size.
 */
export function tensor(values: Values, shape?: ShapeLike | null, dtype?: DType): Tensor {
  return tensorOf('tensor', values, shape, dtype);
}

/** The same under the caller's name. */
export function tensorOf(fn: string, values: Values, shape?: ShapeLike | null, dtype?: DType): Tensor {
  if (dtype !== undefined) checkDType(fn, dtype);
  const wanted = shape === undefined || shape === null ? null : checkShape(fn, shape);
  if (values instanceof Tensor) return collect(fn, values, wanted ?? values.shape, dtype ?? values.dtype);
  if (ArrayBuffer.isView(values)) {
    const array = supportedArray(fn, values);
    return collect(fn, new Tensor(array), wanted ?? [array.length], dtype ?? dtypeOf(fn, array));
  }
  const found = nestedShape(fn, values);
  const result = wanted ?? found;
  checkSize(fn, sizeOf(found), result);
  const data = allocateCollected(dtype ?? 'float32', sizeOf(found));
  fillNested(fn, values, found, 0, data, 0);
  return new Tensor(data, result);
}

function collect(fn: string, t: Tensor, shape: readonly number[], dtype: DType): Tensor {
  checkSize(fn, t.size, shape);
  const data = allocateCollected(dtype, t.size);
  copyElements(t.shape, t, { data, strides: rowMajorStrides(t.shape), offset: 0 });
  return new Tensor(data, shape);
}

function checkSize(fn: string, size: number, shape: readonly number[]): void {
  if (sizeOf(shape) !== size) {
    throw new RangeError(`${fn}: shape ${shapeText(shape)} holds ${sizeOf(shape)} elements, values has ${size}`);
  }
}

/** The shape of nested arrays, read along the first entries. */
function nestedShape(fn: string, values: unknown): number[] {
  const shape: number[] = [];
  while (Array.isArray(values)) {
    if (shape.length === maxDimensions) throw new RangeError(`${fn}: values is nested deeper than ${maxDimensions} levels`);
    shape.push(values.length);
    if (values.length === 0) break;
    values = values[0];
  }
  return checkShape(fn, shape, 'the shape of values');
}

/** Copies nested arrays into data and returns the next free position; throws when a part has another shape. */
function fillNested(
  fn: string, values: unknown, shape: readonly number[], depth: number, data: TypedArray, position: number,
): number {
  if (depth === shape.length) {
    if (typeof values !== 'number' && typeof values !== 'boolean') {
      if (Array.isArray(values)) throw new RangeError(`${fn}: values is ragged: a list stands where numbers do at depth ${depth}`);
      throw new TypeError(`${fn}: values must hold numbers, got ${describe(values)}`);
    }
    data[position] = Number(values);
    return position + 1;
  }
  if (!Array.isArray(values) || values.length !== shape[depth]) {
    const got = Array.isArray(values) ? `${values.length} entries` : describe(values);
    throw new RangeError(`${fn}: values is ragged: expected ${shape[depth]} entries at depth ${depth}, got ${got}`);
  }
  for (let i = 0; i < values.length; i++) position = fillNested(fn, values[i], shape, depth + 1, data, position);
  return position;
}

/** A tensor of zeros. */
export function zeros(shape: ShapeLike, dtype: DType = 'float32'): Tensor {
  return filled('zeros', shape, 0, dtype);
}

/** A tensor of ones. */
export function ones(shape: ShapeLike, dtype: DType = 'float32'): Tensor {
  return filled('ones', shape, 1, dtype);
}

/** A tensor whose every element is value; NaN and infinities are allowed in float types. */
export function full(shape: ShapeLike, value: number, dtype: DType = 'float32'): Tensor {
  if (typeof value !== 'number') throw new TypeError(`full: value must be a number, got ${describe(value)}`);
  return filled('full', shape, value, dtype);
}

/** Zeros in the shape and, unless another is named, the type of t. */
export function zerosLike(t: Tensor, dtype?: DType): Tensor {
  const { shape, dtype: own } = checkTensor('zerosLike', 't', t);
  return filled('zerosLike', shape, 0, dtype ?? own);
}

/** Ones in the shape and, unless another is named, the type of t. */
export function onesLike(t: Tensor, dtype?: DType): Tensor {
  const { shape, dtype: own } = checkTensor('onesLike', 't', t);
  return filled('onesLike', shape, 1, dtype ?? own);
}

function filled(fn: string, shape: ShapeLike, value: number, dtype: DType): Tensor {
  checkDType(fn, dtype);
  const checked = checkShape(fn, shape);
  const data = allocateCollected(dtype, sizeOf(checked));
  if (value !== 0) data.fill(value);
  return new Tensor(data, checked);
}

/**
 * start, start + step, ... below stop (above it for a negative step): `arange(stop)` or `arange(start, stop, step?)`.
 * int32 when all arguments are integers, else float64, unless a type is named, which may follow any of the numbers:
 * `arange(6, 'float64')`. As in NumPy the length is ceil((stop - start) / step), so with fractional steps prefer
 * `linspace`.
 */
export function arange(startOrStop: number, stop?: number | DType, step: number | DType = 1, dtype?: DType): Tensor {
  if (typeof stop === 'string') return arange(startOrStop, undefined, 1, stop);
  if (typeof step === 'string') return arange(startOrStop, stop, 1, step);
  checkNumber('arange', stop === undefined ? 'stop' : 'start', startOrStop);
  if (stop !== undefined) checkNumber('arange', 'stop', stop);
  if (checkNumber('arange', 'step', step) === 0) throw new RangeError('arange: step must not be 0');
  const first = stop === undefined ? 0 : startOrStop;
  const last = stop ?? startOrStop;
  const integers = [first, last, step].every((value) => Number.isInteger(value) && Math.abs(value) < 2 ** 31);
  const type = dtype === undefined ? (integers ? 'int32' : 'float64') : checkDType('arange', dtype);
  const [count] = checkShape('arange', Math.max(0, Math.ceil((last - first) / step)), 'length');
  const data = allocateCollected(type, count);
  for (let i = 0; i < count; i++) data[i] = first + i * step;
  return new Tensor(data, [count]);
}

/** count numbers evenly spaced from start to stop, both included; float64 unless a type is named. */
export function linspace(start: number, stop: number, count: number = 50, dtype: DType = 'float64'): Tensor {
  checkNumber('linspace', 'start', start);
  checkNumber('linspace', 'stop', stop);
  checkDType('linspace', dtype);
  const [length] = checkShape('linspace', checkInteger('linspace', 'count', count, 0), 'count');
  const data = allocateCollected(dtype, length);
  // As NumPy does it: multiply by the step, and put stop itself at the end, where rounding could miss it.
  const step = (stop - start) / (length - 1);
  for (let i = 0; i < length; i++) data[i] = i * step + start;
  if (length === 1) data[0] = start;
  else if (length > 1) data[length - 1] = stop;
  return new Tensor(data, [length]);
}

/**
 * count numbers from base ** start to base ** stop, both included, each the same multiple of the one before; float64
 * unless a type is named: `logspace(-4, 0, 20)` goes from 1e-4 to 1. Throws RangeError for a negative base.
 */
export function logspace(
  start: number, stop: number, count: number = 50, base: number = 10, dtype: DType = 'float64',
): Tensor {
  checkNumber('logspace', 'base', base, 0);
  checkDType('logspace', dtype);
  checkNumber('logspace', 'start', start);
  checkNumber('logspace', 'stop', stop);
  const [length] = checkShape('logspace', checkInteger('logspace', 'count', count, 0), 'count');
  return tensorOf('logspace', Float64Array.from(linspace(start, stop, length).data, (exponent) => base ** exponent), null, dtype);
}

/**
 * The identity matrix, (rows, columns), with ones on the diagonal that lies `diagonal` places right of the main one.
 * The type may follow any of the numbers: `eye(3, 'float64')`.
 */
export function eye(
  rows: number, columns: number | DType = rows, diagonal: number | DType = 0, dtype: DType = 'float32',
): Tensor {
  checkInteger('eye', 'rows', rows, 0);
  if (typeof columns === 'string') return eye(rows, rows, 0, columns);
  if (typeof diagonal === 'string') return eye(rows, columns, 0, diagonal);
  checkDType('eye', dtype);
  checkInteger('eye', 'diagonal', diagonal, -Infinity);
  const shape = checkShape('eye', [rows, columns]);
  const data = allocateCollected(dtype, sizeOf(shape));
  for (let row = Math.max(0, -diagonal); row < rows && row + diagonal < columns; row++) {
    data[row * columns + row + diagonal] = 1;
  }
  return new Tensor(data, shape);
}
