/** What the rest of the library uses to hand tensors to kernels and to wrap what kernels computed. */

import { allocate, currentLease } from '../kernels/memory/allocate.ts';
import type { DType, TypedArray } from '../kernels/memory/allocate.ts';
import { copyElements } from './copy.ts';
import { newTensor } from './core.ts';
import { rowMajorStrides, sizeOf } from './shape.ts';
import type { Tensor } from './tensor.ts';

/**
 * A row-major tensor with unspecified contents: the caller overwrites all of it. Inside a training step its memory may
 * be the step's, and then it carries the step's lease. The shape has been checked by the caller.
 */
export function emptyTensor(shape: readonly number[], dtype: DType): Tensor {
  return newTensor(allocate(dtype, sizeOf(shape)), shape, undefined, 0, currentLease());
}

/**
 * The elements of t as a typed array of exactly t.size elements in row-major order: t's own storage where that already
 * is so (then writing to it changes t), else a copy.
 */
export function contiguousData(t: Tensor): TypedArray {
  const data = t.data;
  if (t.isContiguous) {
    return data.length === t.size ? data : data.subarray(t.offset, t.offset + t.size);
  }
  return copiedData(t, t.dtype);
}

/** The same, converted to the given type when t has another. */
export function contiguousDataAs(t: Tensor, dtype: DType): TypedArray {
  return t.dtype === dtype ? contiguousData(t) : copiedData(t, dtype);
}

/** True when the arrays under both tensors share memory, so that writing to one may change the other. */
export function overlap(a: Tensor, b: Tensor): boolean {
  const [x, y] = [a.data, b.data];
  if (x.buffer !== y.buffer) return false;
  return x.byteOffset < y.byteOffset + y.byteLength && y.byteOffset < x.byteOffset + x.byteLength;
}

/** A fresh row-major copy of t's elements in the given type. */
export function copiedData(t: Tensor, dtype: DType): TypedArray {
  const copy = allocate(dtype, t.size);
  copyElements(t.shape, t, { data: copy, strides: rowMajorStrides(t.shape), offset: 0 });
  return copy;
}
