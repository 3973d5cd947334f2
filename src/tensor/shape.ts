/** Arithmetic on shapes, strides and axes: nothing here touches data. */

import { checkInteger, describe } from '../runtime/check.ts';

/** More axes than this are refused, as in NumPy: it also stops arrays that contain themselves. */
export const maxDimensions = 32;

/** The longest tensor: positions inside it must fit an int32, so that argmax and friends can name each of them. */
const maxElements: number = 2 ** 31 - 1;

/** A shape given to a function: a list of sizes, or one number for a 1-d tensor. */
export type ShapeLike = number | readonly number[];

/** The shape as error messages show it: `2x3x8x8`, or `scalar` for a 0-d tensor. */
export function shapeText(shape: readonly number[]): string {
  return shape.length === 0 ? 'scalar' : shape.join('x');
}

/** Number of elements of a shape that is known to be valid. */
export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (let axis = 0; axis < shape.length; axis++) size *= shape[axis];
  return size;
}

/**
 * Returns a valid shape as a fresh array. Throws TypeError unless it is a number or an array of numbers, RangeError for
 * a negative or fractional size, more than 32 axes or more than 2^31 - 1 elements: before anything is allocated.
 */
export function checkShape(fn: string, shape: ShapeLike, name: string = 'shape'): number[] {
  if (typeof shape === 'number') shape = [shape];
  if (!Array.isArray(shape)) throw new TypeError(`${fn}: ${name} must be an array of integers, got ${describe(shape)}`);
  const sizes = shape as readonly number[];
  if (sizes.length > maxDimensions) {
    throw new RangeError(`${fn}: ${name} has ${sizes.length} axes, at most ${maxDimensions} are supported`);
  }
  const checked: number[] = [];
  let size = 1;
  for (const extent of sizes) {
    if (!(Number.isInteger(extent) && extent >= 0)) checkInteger(fn, `${name}[${checked.length}]`, extent, 0);
    // A zero anywhere makes the tensor empty, but the strides still multiply the other sizes: these must fit as well.
    if (extent > 0) size *= extent;
    checked.push(extent);
  }
  if (size > maxElements) {
    throw new RangeError(`${fn}: ${name} ${shapeText(checked)} has more than ${maxElements} elements`);
  }
  return checked;
}

/**
 * Returns the strides of a view as a fresh array. Throws TypeError or RangeError, under the caller's name, unless they
 * are integers, one for each axis of a valid shape, and every element lies inside `length` elements of data.
 */
export function checkView(
  fn: string, shape: readonly number[], strides: readonly number[], offset: number, length: number,
): number[] {
  if (!Array.isArray(strides)) throw new TypeError(`${fn}: strides must be an array of integers, got ${describe(strides)}`);
  if (strides.length !== shape.length) {
    throw new RangeError(`${fn}: ${strides.length} strides given for ${shape.length} axes`);
  }
  const checked: number[] = [];
  let first = checkInteger(fn, 'offset', offset);
  let last = first;
  for (const stride of strides as readonly number[]) {
    const axis = checked.length;
    if (!Number.isInteger(stride)) checkInteger(fn, `strides[${axis}]`, stride);
    const reach = (shape[axis] - 1) * stride;
    if (reach < 0) first += reach;
    else last += reach;
    checked.push(stride);
  }
  if (!shape.includes(0) && (first < 0 || last >= length)) {
    throw new RangeError(
      `${fn}: a view of shape ${shapeText(shape)}, strides [${checked.join(', ')}] and offset ${offset} ` +
      `does not lie inside ${length} elements of data`,
    );
  }
  return checked;
}

/** Strides, in elements, of a row-major tensor of this shape. */
export function rowMajorStrides(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

/** A valid shape with its row-major strides and its number of elements; frozen, for many tensors to share. */
export interface Layout {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly size: number;
}

/** Layouts made of late, by a hash of the shape: a training step makes tensors of the same shapes again and again. */
const layouts = new Array<Layout | null>(256).fill(null);

/** The layout of row-major tensors of this shape. Throws as checkShape does. */
export function layoutOf(fn: string, shape: ShapeLike): Layout {
  let hash = 0;
  if (Array.isArray(shape)) {
    for (let axis = 0; axis < shape.length; axis++) {
      const extent: unknown = shape[axis];
      hash = Math.imul(hash, 31) + (typeof extent === 'number' ? extent : 0);
    }
    const known = layouts[hash & 255];
    if (known !== null && sameShape(known.shape, shape as readonly number[])) return known;
  }
  const sizes = checkShape(fn, shape);
  const layout = {
    shape: Object.freeze(sizes), strides: Object.freeze(rowMajorStrides(sizes)), size: sizeOf(sizes),
  };
  layouts[hash & 255] = layout;
  return layout;
}

/** True when the elements lie one after another in row-major order. Strides of axes of size 1 do not matter. */
export function isRowMajor(shape: readonly number[], strides: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] === 0) return true;
    if (shape[axis] !== 1 && strides[axis] !== expected) return false;
    expected *= shape[axis];
  }
  return true;
}

/** True when both shapes have the same sizes in the same order. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let axis = 0; axis < a.length; axis++) if (a[axis] !== b[axis]) return false;
  return true;
}

/**
 * The shape that NumPy's broadcasting gives: shapes are aligned at their last axes, and a size of 1 stretches.
 * Throws RangeError when sizes differ and neither is 1.
 */
export function broadcastShapes(fn: string, ...shapes: ReadonlyArray<readonly number[]>): number[] {
  const ndim = shapes.reduce((most, shape) => Math.max(most, shape.length), 0);
  const result = new Array<number>(ndim).fill(1);
  for (const shape of shapes) {
    for (let axis = 0; axis < shape.length; axis++) {
      const target = ndim - shape.length + axis;
      if (shape[axis] === result[target] || shape[axis] === 1) continue;
      if (result[target] !== 1) {
        const texts = shapes.map(shapeText).join(' and ');
        throw new RangeError(`${fn}: shapes ${texts} cannot be broadcast together`);
      }
      result[target] = shape[axis];
    }
  }
  return checkShape(fn, result, 'the broadcast shape');
}

/** Turns an axis that may count from the end (-1 is the last) into 0..ndim-1. Throws RangeError outside. */
export function normalizeAxis(fn: string, axis: number, ndim: number, name: string = 'axis'): number {
  checkInteger(fn, name, axis);
  if (axis < -ndim || axis >= ndim) {
    throw new RangeError(`${fn}: ${name} ${axis} is out of bounds for a tensor of ${ndim} axes`);
  }
  return axis < 0 ? axis + ndim : axis;
}

/**
 * One axis or several, normalised. Throws TypeError for anything else, RangeError for an axis that is out of bounds or
 * named twice.
 */
export function normalizeAxes(fn: string, axes: number | readonly number[], ndim: number, name: string = 'axis'): number[] {
  if (typeof axes === 'number') return [normalizeAxis(fn, axes, ndim, name)];
  if (!Array.isArray(axes)) {
    throw new TypeError(`${fn}: ${name} must be an integer or an array of integers, got ${describe(axes)}`);
  }
  const normalized = Array.from(axes as readonly number[], (axis) => normalizeAxis(fn, axis, ndim, name));
  if (new Set(normalized).size !== normalized.length) {
    throw new RangeError(`${fn}: ${name} [${axes.join(', ')}] names an axis twice`);
  }
  return normalized;
}

/** An index that may count from the end, as 0..extent-1. */
export function checkIndex(fn: string, index: unknown, extent: number, axis: number): number {
  if (typeof index !== 'number') throw new TypeError(`${fn}: index of axis ${axis} must be an integer, got ${describe(index)}`);
  if (!Number.isInteger(index) || index < -extent || index >= extent) {
    throw new RangeError(`${fn}: index ${index} is out of bounds for axis ${axis} of size ${extent}`);
  }
  return index < 0 ? index + extent : index;
}

/** Numbers given one by one or as one array. */
export function numbers(given: readonly number[] | readonly [readonly number[]]): readonly number[] {
  return given.length === 1 && Array.isArray(given[0]) ? given[0] : given as readonly number[];
}
