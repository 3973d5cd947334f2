/** The one loop that walks strides. Every other operation first brings its operands into row-major order with it. */

import type { TypedArray } from '../kernels/memory/allocate.ts';

/** Where a view's elements lie: element (i, j, ...) is at offset + i * strides[0] + j * strides[1] + ... */
export interface Layout {
  readonly data: TypedArray;
  readonly strides: readonly number[];
  readonly offset: number;
}

/**
 * Copies a view of the given shape onto another of the same shape, converting between element types as typed arrays do
 * (integers wrap, fractions are cut off, NaN becomes 0 in an integer type). The two must not overlap.
 */
export function copyElements(shape: readonly number[], from: Layout, to: Layout): void {
  // Axes that both sides walk as one are merged, so a copy between contiguous tensors is a single run.
  const extents: number[] = [];
  const fromStrides: number[] = [];
  const toStrides: number[] = [];
  for (let axis = 0; axis < shape.length; axis++) {
    const extent = shape[axis];
    if (extent === 0) return;
    if (extent === 1) continue;
    const last = extents.length - 1;
    const [fromStride, toStride] = [from.strides[axis], to.strides[axis]];
    if (last >= 0 && fromStrides[last] === fromStride * extent && toStrides[last] === toStride * extent) {
      extents[last] *= extent;
      fromStrides[last] = fromStride;
      toStrides[last] = toStride;
    } else {
      extents.push(extent);
      fromStrides.push(fromStride);
      toStrides.push(toStride);
    }
  }
  if (extents.length === 0) {
    to.data[to.offset] = from.data[from.offset];
    return;
  }
  walk(0, extents, from.data, fromStrides, from.offset, to.data, toStrides, to.offset);
}

function walk(
  axis: number, extents: readonly number[],
  from: TypedArray, fromStrides: readonly number[], fromOffset: number,
  to: TypedArray, toStrides: readonly number[], toOffset: number,
): void {
  const extent = extents[axis];
  if (axis === extents.length - 1) {
    copyRun(extent, from, fromStrides[axis], fromOffset, to, toStrides[axis], toOffset);
    return;
  }
  for (let i = 0; i < extent; i++) {
    walk(axis + 1, extents, from, fromStrides, fromOffset, to, toStrides, toOffset);
    fromOffset += fromStrides[axis];
    toOffset += toStrides[axis];
  }
}

/** Runs at least this long are handed to the engine's own copy, whose call costs more than a few elements do. */
const longRun = 64;

function copyRun(
  count: number, from: TypedArray, fromStride: number, fromOffset: number,
  to: TypedArray, toStride: number, toOffset: number,
): void {
  if (count >= longRun && toStride === 1) {
    if (fromStride === 1) {
      to.set(from.subarray(fromOffset, fromOffset + count), toOffset);
      return;
    }
    if (fromStride === 0) {
      to.fill(from[fromOffset], toOffset, toOffset + count);
      return;
    }
  }
  for (let i = 0; i < count; i++) {
    to[toOffset] = from[fromOffset];
    fromOffset += fromStride;
    toOffset += toStride;
  }
}
