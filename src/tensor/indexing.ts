/** Picking and placing elements by lists of indices. */

import type { TypedArray } from '../kernels/memory/allocate.ts';
import { checkInteger, describe } from '../runtime/check.ts';
import { checkRank, checkTensor } from './check.ts';
import { contiguousData, contiguousDataAs, emptyTensor } from './internal.ts';
import { normalizeAxis, rowMajorStrides, sizeOf } from './shape.ts';
import { Tensor } from './tensor.ts';
import { checkIndex, moveaxis } from './views.ts';

/** Indices along an axis: a tensor of integers, or a list of them. Negative ones count from the end. */
export type Indices = Tensor | readonly number[];

/** Indices as a checked array of positions in 0..extent-1, and the shape they came in. */
function positions(fn: string, indices: Indices, extent: number, axis: number): { at: Int32Array; shape: readonly number[] } {
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
 * A copy of t with values inserted before the given indices along one axis, as NumPy's insert: indices refer to t
 * before anything is inserted, and may equal the axis's size to append. values is a number, or a tensor that broadcasts
 * to the inserted part (axis of size indices.length, or 1). With a single number as index, values may also have that
 * axis longer: all of it goes there. The result keeps t's type.
 */
export function insert(t: Tensor, indices: number | readonly number[], values: Tensor | number, axis: number = 0): Tensor {
  checkTensor('insert', 'x', t);
  const along = normalizeAxis('insert', axis, t.ndim);
  const extent = t.shape[along];
  const inserted = values instanceof Tensor ? values : new Tensor(Float64Array.of(values), []);
  const single = typeof indices === 'number';
  // One place may take several rows; how many is read from values, when it has the axis at all.
  const rows = single && inserted.ndim === t.ndim ? inserted.shape[along] : 1;
  const before = single ? new Array<number>(rows).fill(indices) : [...indices];
  for (let i = 0; i < before.length; i++) {
    checkInteger('insert', 'index', before[i], -extent, extent);
    if (before[i] < 0) before[i] += extent;
  }
  const shape = t.shape.toSpliced(along, 1, extent + before.length);
  const out = emptyTensor(shape, t.dtype);
  // Stable order of the places; the i-th one has moved right by the i inserted ahead of it.
  const order = before.map((_, i) => i).sort((a, b) => before[a] - before[b] || a - b);
  const isNew = new Int32Array(shape[along]).fill(-1);
  order.forEach((original, moved) => {
    isNew[before[original] + moved] = original;
  });
  const part = inserted.broadcastTo(t.shape.toSpliced(along, 1, before.length));
  const targets = moveaxis(out, along, 0);
  const news = moveaxis(part, along, 0);
  const olds = moveaxis(t, along, 0);
  let old = 0;
  for (let i = 0; i < isNew.length; i++) {
    const source = isNew[i] >= 0 ? news.slice(isNew[i]) : olds.slice(old++);
    targets.slice(i).assign(source);
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

