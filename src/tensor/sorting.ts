/** Sorting along an axis. NaN goes last, as in NumPy. */

import { checkTensor } from './check.ts';
import { contiguousData, emptyTensor } from './internal.ts';
import { normalizeAxis } from './shape.ts';
import type { Tensor } from './tensor.ts';
import { moveaxis } from './views.ts';

/** A copy of t sorted in ascending order along an axis, the last by default. */
export function sort(t: Tensor, axis: number = -1): Tensor {
  checkTensor('sort', 'x', t);
  const along = normalizeAxis('sort', axis, t.ndim);
  const length = t.shape[along];
  const out = moveaxis(t, along, -1).astype(t.dtype);
  for (let start = 0; start < out.size; start += length) out.data.subarray(start, start + length).sort();
  return moveaxis(out, -1, along).contiguous();
}

/** The positions, int32, that would sort t along an axis; equal elements keep their order. */
export function argsort(t: Tensor, axis: number = -1): Tensor {
  checkTensor('argsort', 'x', t);
  const along = normalizeAxis('argsort', axis, t.ndim);
  const length = t.shape[along];
  const last = moveaxis(t, along, -1);
  const data = contiguousData(last);
  const out = emptyTensor(last.shape, 'int32');
  for (let start = 0; start < data.length; start += length) {
    const positions = Array.from({ length }, (_, i) => i);
    positions.sort((a, b) => compare(data[start + a], data[start + b]));
    out.data.set(positions, start);
  }
  return moveaxis(out, -1, along).contiguous();
}

/** Ascending, NaN behind everything. Array.prototype.sort keeps equal elements in order. */
function compare(x: number, y: number): number {
  if (Number.isNaN(x) || Number.isNaN(y)) return Number(Number.isNaN(x)) - Number(Number.isNaN(y));
  return x < y ? -1 : Number(x > y);
}
