/** Picking and placing elements by lists of indices. */

import type { TypedArray } from '../kernels/memory/allocate.ts';
import { checkInteger, describe } from '../runtime/check.ts';
import { checkRank, checkTensor } from './check.ts';
import { contiguousData, contiguousDataAs, emptyTensor } from './internal.ts';
import { checkIndex, normalizeAxis, rowMajorStrides, sizeOf } from './shape.ts';
import { Tensor } from './tensor.ts';
import { broadcastTo, moveaxis } from './views.ts';

/** Indices along an axis: a tensor of integers, or a list of them. Negative ones count from the end. */
export type Indices = Tensor | readonly number[];

/** Indices as a checked array of positions in 0..extent-1, and the shape they came in. */
function positions(
  fn: string, indices: Indices, extent: number, axis: number,
): { at: Int32Array; shape: readonly number[] } {
  const isTensor = indices instanceof Tensor;
  if (!isTensor && !Array.isArray(indices)) {
    throw new TypeError(`${fn}: indices must be a Tensor or an array of integers, got ${describe(indices)}`);
  }
  const values: ArrayLike<number> = isTensor ? contiguousData(indices) : indices as readonly number[];
  const at = new Int32Array(values.length);
  for (let i = 0; i < at.length; i++) at[i] = checkIndex(fn, values[i], extent, axis);
  return { at, shape: isTensor ? indices.shape : [at.length] };
}

/**
 * The parts of t at the given indices along one axis, copied: `take(x, [2, 0])` is NumPy's x[[2, 0]]. The axis is
 * replaced by the shape of the indices. Throws RangeError for an index outside.
 */
export function take(t: Tensor, indices: Indices, axis: number = 0): Tensor {
  checkTensor('take', 'x', t);
  const along = normalizeAxis('take', axis, t.ndim);
  const { at, shape } = positions('take', indices, t.shape[along], along);
  const outer = t.shape.slice(0, along);
  const inner = t.shape.slice(along + 1);
  const out = emptyTensor([...outer, ...shape, ...inner], t.dtype);
  const run = sizeOf(inner);
  if (out.size === 0) return out;
  const source = contiguousData(t);
  const target = out.data;
  const parts = sizeOf(outer);
  for (let part = 0, to = 0; part < parts; part++) {
    const base = part * t.shape[along] * run;
    for (let i = 0; i < at.length; i++, to += run) copyPart(source, base + at[i] * run, target, to, run);
  }
  return out;
}

/** Copies a run of elements; the engine's own copy pays only for long ones. */
function copyPart(from: TypedArray, start: number, to: TypedArray, at: number, count: number): void {
  if (count >= 32) to.set(from.subarray(start, start + count), at);
  else for (let i = 0; i < count; i++) to[at + i] = from[start + i];
}

/**
 * One element of each row at that row's index, NumPy's x[arange(n), indices]: t (n, m) and indices (n) give (n).
 * Throws RangeError for an index outside.
 */
export function pick(t: Tensor, indices: Indices): Tensor {
  checkRank('pick', 'x', t, 2);
  const { at } = positions('pick', indices, t.shape[1], 1);
  if (at.length !== t.shape[0]) throw new RangeError(`pick: indices has ${at.length} entries, x has ${t.shape[0]} rows`);
  const out = emptyTensor([at.length], t.dtype);
  const [rowStride, columnStride] = t.strides;
  for (let row = 0; row < at.length; row++) out.data[row] = t.data[t.offset + row * rowStride + at[row] * columnStride];
  return out;
}

/**
 * A copy of t with values inserted before the given indices along one axis, as NumPy's insert. Indices refer to t
 * before anything is inserted, and may equal the axis's size to append. values is a number or a tensor of at most t's
 * number of axes that broadcasts to the inserted part, which has as many places along the axis as there are indices; a
 * lone index takes as many as values has. For an index given as a bare number, the first axis of values is the one that
 * is inserted. The result keeps t's type. Throws RangeError for an index outside or values that do not fit.
 */
export function insert(
  t: Tensor, indices: number | readonly number[], values: Tensor | number, axis: number = 0,
): Tensor {
  checkTensor('insert', 'x', t);
  const along = normalizeAxis('insert', axis, t.ndim);
  const extent = t.shape[along];
  if (typeof indices !== 'number' && !Array.isArray(indices)) {
    throw new TypeError(`insert: indices must be an integer or an array of integers, got ${describe(indices)}`);
  }
  const places = Array.from(typeof indices === 'number' ? [indices] : indices as readonly number[], (index) => {
    checkInteger('insert', 'index', index, -extent, extent);
    return index < 0 ? index + extent : index;
  });
  let given = typeof values === 'number'
    ? new Tensor(Float64Array.of(values), [])
    : checkTensor('insert', 'values', values, 'a Tensor or a number');
  if (given.ndim > t.ndim) throw new RangeError(`insert: values has ${given.ndim} axes, x has ${t.ndim}`);
  given = given.reshape([...new Array<number>(t.ndim - given.ndim).fill(1), ...given.shape]);
  if (typeof indices === 'number') given = moveaxis(given, 0, along);
  const before = places.length === 1 ? new Array<number>(given.shape[along]).fill(places[0]) : places;
  const inserted = moveaxis(broadcastTo(given, t.shape.with(along, before.length), 'insert'), along, 0);

  // Sorted by place, the i-th insertion has moved right by the i before it; what is left over are t's own parts.
  const order = before.map((_, i) => i).sort((a, b) => before[a] - before[b]);
  const out = emptyTensor(t.shape.with(along, extent + before.length), t.dtype);
  const target = moveaxis(out, along, 0);
  const own = moveaxis(t, along, 0);
  for (let i = 0, done = 0; i < target.shape[0]; i++) {
    const isNew = done < before.length && before[order[done]] + done === i;
    target.slice(i).assign(isNew ? inserted.slice(order[done++]) : own.slice(i - done));
  }
  return out;
}

/** The positions, row-major, and per axis, of the elements that are not 0: int32 (count, ndim), as NumPy's argwhere. */
export function argwhere(t: Tensor): Tensor {
  checkTensor('argwhere', 'x', t);
  const data = contiguousDataAs(t, 'float64');
  const strides = rowMajorStrides(t.shape);
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) count++;
  const out = emptyTensor([count, t.ndim], 'int32');
  for (let i = 0, row = 0; i < data.length; i++) {
    if (data[i] === 0) continue;
    for (let axis = 0; axis < t.ndim; axis++) {
      out.data[row * t.ndim + axis] = Math.floor(i / strides[axis]) % t.shape[axis];
    }
    row++;
  }
  return out;
}
