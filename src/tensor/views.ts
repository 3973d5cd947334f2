/**
 * Views: other shapes, orders and parts of the same memory. Writing to a view changes the tensor it was taken from.
 * Nothing here copies, except `reshape` where no strides can express the result.
 */

import { checkInteger, describe } from '../runtime/check.ts';
import { checkTensor } from './check.ts';
import {
  checkIndex, checkShape, maxDimensions, normalizeAxes, normalizeAxis, rowMajorStrides, sameShape, shapeText, sizeOf,
} from './shape.ts';
import type { Tensor } from './tensor.ts';

/**
 * What `slice` takes for one axis:
 *
 * - a number: that index, and the axis is dropped; negative counts from the end
 * - `[start, stop, step]`, each optional or null: as Python's start:stop:step, so stop is excluded, negative positions
 *   count from the end, positions outside are clipped, and a negative step walks backwards
 * - null or undefined: the whole axis
 * - `'...'`, at most once: the whole of as many axes as are left over
 */
export type Range = number | readonly (number | null | undefined)[] | null | undefined | '...';

/** The part of t that the ranges name, one a leading axis; see `Range`. Throws RangeError for an index outside. */
export function slice(t: Tensor, ranges: readonly Range[]): Tensor {
  const expanded = expandEllipsis(t, ranges);
  const shape: number[] = [];
  const strides: number[] = [];
  let offset = t.offset;
  for (let axis = 0; axis < t.ndim; axis++) {
    const range = expanded[axis];
    const extent = t.shape[axis];
    if (typeof range === 'number') {
      offset += checkIndex('slice', range, extent, axis) * t.strides[axis];
      continue;
    }
    const { start, count, step } = resolveRange(range, extent, axis);
    // An empty range may start behind the last element: stay where we are, so that the view never leaves its memory.
    if (count > 0) offset += start * t.strides[axis];
    shape.push(count);
    strides.push(step * t.strides[axis]);
  }
  return t.view(shape, strides, offset);
}

/** The ranges with one for every axis. */
export function expandEllipsis(t: Tensor, ranges: readonly Range[]): Array<Exclude<Range, '...'>> {
  const at = ranges.indexOf('...');
  const named = ranges.length - (at < 0 ? 0 : 1);
  if (named > t.ndim) throw new RangeError(`slice: ${named} ranges given for a tensor of ${t.ndim} axes (${shapeText(t.shape)})`);
  const whole = new Array<null>(t.ndim - named).fill(null);
  const expanded = at < 0 ? [...ranges, ...whole] : [...ranges.slice(0, at), ...whole, ...ranges.slice(at + 1)];
  if (expanded.includes('...')) throw new RangeError("slice: '...' may be given only once");
  return expanded as Array<Exclude<Range, '...'>>;
}

/** Python's slice.indices(): where start:stop:step begins on an axis of this size, and how many elements it names. */
function resolveRange(
  range: readonly (number | null | undefined)[] | null | undefined, extent: number, axis: number,
): { start: number; count: number; step: number } {
  if (range === null || range === undefined) return { start: 0, count: extent, step: 1 };
  if (!Array.isArray(range) || range.length > 3) {
    throw new TypeError(
      `slice: range of axis ${axis} must be an index, [start, stop, step], null or '...', got ${describe(range)}`,
    );
  }
  const [from, to, by] = range as readonly (number | null | undefined)[];
  const step = by ?? 1;
  checkInteger('slice', `step of axis ${axis}`, step, -Infinity);
  if (step === 0) throw new RangeError(`slice: step of axis ${axis} must not be 0`);
  const lowest = step > 0 ? 0 : -1;
  const highest = step > 0 ? extent : extent - 1;
  const place = (position: number | null | undefined, otherwise: number, name: string): number => {
    if (position === null || position === undefined) return otherwise;
    if (position !== Infinity && position !== -Infinity) checkInteger('slice', `${name} of axis ${axis}`, position, -Infinity);
    return Math.min(Math.max(position < 0 ? position + extent : position, lowest), highest);
  };
  const start = place(from, step > 0 ? lowest : highest, 'start');
  const stop = place(to, step > 0 ? highest : lowest, 'stop');
  return { start, count: Math.max(0, Math.ceil((stop - start) / step)), step };
}

/** Every steps[axis]-th element along each leading axis; a negative step starts at the end and walks backwards. */
export function step(t: Tensor, steps: readonly number[]): Tensor {
  if (steps.length > t.ndim) throw new RangeError(`step: ${steps.length} steps given for a tensor of ${t.ndim} axes`);
  for (const [axis, by] of steps.entries()) {
    if (checkInteger('step', `steps[${axis}]`, by, -Infinity) === 0) throw new RangeError(`step: steps[${axis}] must not be 0`);
  }
  return slice(t, steps.map((by) => [null, null, by]));
}

/** Axis i of the result is axis axes[i] of t; without axes, all are reversed. */
export function transpose(t: Tensor, axes: readonly number[] = []): Tensor {
  const order = axes.length === 0
    ? t.shape.map((_, axis) => t.ndim - 1 - axis)
    : normalizeAxes('transpose', axes, t.ndim, 'axes');
  if (order.length !== t.ndim) {
    throw new RangeError(`transpose: axes must name all ${t.ndim} axes, got [${axes.join(', ')}] (${shapeText(t.shape)})`);
  }
  return t.view(order.map((axis) => t.shape[axis]), order.map((axis) => t.strides[axis]), t.offset);
}

/**
 * The same elements in row-major order under another shape; one size may be -1 and is then worked out. A view where
 * strides can express it, else a copy. Throws RangeError when the sizes do not agree.
 */
export function reshape(t: Tensor, wanted: readonly number[]): Tensor {
  const shape = inferShape(t, wanted);
  const strides = reshapedStrides(t.shape, t.strides, shape);
  return strides === null ? t.astype(t.dtype).view(shape, rowMajorStrides(shape), 0) : t.view(shape, strides, t.offset);
}

function inferShape(t: Tensor, wanted: readonly number[]): number[] {
  const unknown = wanted.indexOf(-1);
  const known = checkShape('reshape', unknown < 0 ? wanted : wanted.toSpliced(unknown, 1));
  const size = sizeOf(known);
  const missing = size === 0 ? NaN : t.size / size;
  if (unknown < 0 ? size !== t.size : !Number.isInteger(missing)) {
    throw new RangeError(`reshape: a tensor of ${t.size} elements (${shapeText(t.shape)}) cannot become ${wanted.join('x')}`);
  }
  return unknown < 0 ? known : known.toSpliced(unknown, 0, missing);
}

/**
 * Strides of the reshaped view, or null when none exist. The old axes fall into runs that memory walks without a jump;
 * a view exists when the new axes can be cut along the same borders. Both are read from the last axis forward.
 */
function reshapedStrides(
  shape: readonly number[], strides: readonly number[], wanted: readonly number[],
): number[] | null {
  if (sizeOf(shape) === 0 || shape.length === 0) return rowMajorStrides(wanted);
  const result = new Array<number>(wanted.length);
  let target = wanted.length - 1;
  let runStride = strides[shape.length - 1];
  let runSize = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    runSize *= shape[axis];
    const runEnds = axis === 0 || (shape[axis - 1] !== 1 && strides[axis - 1] !== runSize * runStride);
    if (!runEnds) continue;
    let covered = 1;
    while (target >= 0 && (covered < runSize || wanted[target] === 1)) {
      result[target] = covered * runStride;
      covered *= wanted[target--];
    }
    if (covered !== runSize) return null;
    if (axis > 0) runStride = strides[axis - 1];
    runSize = 1;
  }
  return result;
}

/**
 * t stretched to a shape by NumPy's rules, without copying: a stretched axis has stride 0, so all of its elements are
 * one and the same. Throws RangeError when t's shape does not stretch to it.
 */
export function broadcastTo(t: Tensor, wanted: readonly number[], fn: string = 'broadcastTo'): Tensor {
  checkTensor(fn, 'x', t);
  if (Array.isArray(wanted) && sameShape(t.shape, wanted)) return t;
  const shape = checkShape(fn, wanted);
  const added = shape.length - t.ndim;
  const fits = added >= 0 && t.shape.every((extent, axis) => extent === shape[added + axis] || extent === 1);
  if (!fits) throw new RangeError(`${fn}: shape ${shapeText(t.shape)} cannot be broadcast to ${shapeText(shape)}`);
  const strides = shape.map((extent, axis) => {
    const source = axis - added;
    return source < 0 || t.shape[source] !== extent ? 0 : t.strides[source];
  });
  return t.view(shape, strides, t.offset);
}

/** A new axis of size 1 before position axis; axis -1 adds it at the end. */
export function expandDims(t: Tensor, axis: number): Tensor {
  checkTensor('expandDims', 'x', t);
  if (t.ndim === maxDimensions) throw new RangeError(`expandDims: x has ${t.ndim} axes already`);
  const at = normalizeAxis('expandDims', axis, t.ndim + 1);
  return t.view(t.shape.toSpliced(at, 0, 1), t.strides.toSpliced(at, 0, 0), t.offset);
}

/** Without axes of size 1: all of them, or those named, which must have size 1. */
export function squeeze(t: Tensor, axes?: number | readonly number[]): Tensor {
  checkTensor('squeeze', 'x', t);
  const dropped = axes === undefined
    ? t.shape.flatMap((extent, axis) => (extent === 1 ? [axis] : []))
    : normalizeAxes('squeeze', axes, t.ndim);
  for (const axis of dropped) {
    if (t.shape[axis] !== 1) throw new RangeError(`squeeze: axis ${axis} has size ${t.shape[axis]}, not 1 (${shapeText(t.shape)})`);
  }
  const kept = (_: number, axis: number): boolean => !dropped.includes(axis);
  return t.view(t.shape.filter(kept), t.strides.filter(kept), t.offset);
}

/** The axes at the places source moved to the places destination; the others keep their order. */
export function moveaxis(
  t: Tensor, source: number | readonly number[], destination: number | readonly number[],
): Tensor {
  checkTensor('moveaxis', 'x', t);
  const from = normalizeAxes('moveaxis', source, t.ndim, 'source');
  const to = normalizeAxes('moveaxis', destination, t.ndim, 'destination');
  if (from.length !== to.length) {
    throw new RangeError(`moveaxis: source names ${from.length} axes, destination ${to.length}`);
  }
  const rest = t.shape.map((_, axis) => axis).filter((axis) => !from.includes(axis));
  const order = t.shape.map((_, axis) => (to.includes(axis) ? from[to.indexOf(axis)] : rest.shift()!));
  return transpose(t, order);
}

/** t with two axes exchanged. */
export function swapaxes(t: Tensor, a: number, b: number): Tensor {
  checkTensor('swapaxes', 'x', t);
  const first = normalizeAxis('swapaxes', a, t.ndim, 'a');
  const second = normalizeAxis('swapaxes', b, t.ndim, 'b');
  const order = t.shape.map((_, axis) => (axis === first ? second : axis === second ? first : axis));
  return transpose(t, order);
}

/** t backwards along the given axes, or along all. */
export function flip(t: Tensor, axes?: number | readonly number[]): Tensor {
  checkTensor('flip', 'x', t);
  const flipped = axes === undefined ? t.shape.map((_, axis) => axis) : normalizeAxes('flip', axes, t.ndim);
  return slice(t, t.shape.map((_, axis) => (flipped.includes(axis) ? [null, null, -1] : null)));
}

/** t turned by 90 degrees times turns in the plane of two axes, from the first towards the second. */
export function rot90(t: Tensor, turns: number = 1, axes: readonly [number, number] = [0, 1]): Tensor {
  checkTensor('rot90', 'x', t);
  checkInteger('rot90', 'turns', turns, -Infinity);
  if (!Array.isArray(axes) || axes.length !== 2) throw new RangeError('rot90: axes must name two axes');
  const [first, second] = normalizeAxes('rot90', axes, t.ndim, 'axes');
  switch (((turns % 4) + 4) % 4) {
    case 0: return t;
    case 1: return swapaxes(flip(t, second), first, second);
    case 2: return flip(t, [first, second]);
    default: return flip(swapaxes(t, first, second), second);
  }
}
