/** Putting tensors together, and putting a border around one. */

import { checkInteger, checkOneOf, describe } from '../runtime/check.ts';
import { checkTensor } from './check.ts';
import { promote } from './dtype.ts';
import { take } from './indexing.ts';
import { emptyTensor } from './internal.ts';
import { checkShape, normalizeAxis, sameShape, shapeText } from './shape.ts';
import type { Tensor } from './tensor.ts';
import { expandDims } from './views.ts';

function checkList(fn: string, tensors: readonly Tensor[]): void {
  if (!Array.isArray(tensors) || tensors.length === 0) {
    throw new TypeError(`${fn}: tensors must be a non-empty array of Tensors, got ${describe(tensors)}`);
  }
  for (const [i, t] of tensors.entries()) checkTensor(fn, `tensors[${i}]`, t);
}

/**
 * The tensors one after another along an axis that exists; the other sizes must agree. Types are promoted.
 * Throws RangeError when the shapes do not fit.
 */
export function concat(tensors: readonly Tensor[], axis: number = 0): Tensor {
  checkList('concat', tensors);
  const [first] = tensors;
  const along = normalizeAxis('concat', axis, first.ndim);
  for (const [i, t] of tensors.entries()) {
    if (t.ndim !== first.ndim || !sameShape(t.shape.with(along, 0), first.shape.with(along, 0))) {
      throw new RangeError(
        `concat: tensors[${i}] is ${shapeText(t.shape)}, tensors[0] is ${shapeText(first.shape)}: only axis ${along} may differ`,
      );
    }
  }
  const total = tensors.reduce((length, t) => length + t.shape[along], 0);
  const shape = checkShape('concat', first.shape.with(along, total), 'the result');
  const out = emptyTensor(shape, tensors.map((t) => t.dtype).reduce(promote));
  let start = 0;
  for (const t of tensors) {
    const stop = start + t.shape[along];
    out.slice(...shape.map((_, i) => (i === along ? [start, stop] : null))).assign(t);
    start = stop;
  }
  return out;
}

/** The tensors, all of one shape, along a new axis at this position. Types are promoted. */
export function stack(tensors: readonly Tensor[], axis: number = 0): Tensor {
  checkList('stack', tensors);
  const [first] = tensors;
  for (const [i, t] of tensors.entries()) {
    if (!sameShape(t.shape, first.shape)) {
      throw new RangeError(`stack: tensors[${i}] is ${shapeText(t.shape)}, tensors[0] is ${shapeText(first.shape)}`);
    }
  }
  const along = normalizeAxis('stack', axis, first.ndim + 1);
  return concat(tensors.map((t) => expandDims(t, along)), along);
}

/**
 * How many elements to add: the same at both ends of all axes, [before, after] for all, or a list of such pairs, one an
 * axis. As in NumPy [n] stands for [n, n].
 */
export type PadWidth = number | PadPair | readonly PadPair[];
export type PadPair = readonly [number] | readonly [number, number];

export type PadMode = 'constant' | 'edge' | 'reflect' | 'symmetric' | 'wrap';

/**
 * t with a border: of a constant value, of the edge repeated, mirrored without (reflect) or with (symmetric) the edge
 * itself, or continued from the other end (wrap). Throws RangeError for a negative width or, other than with constant,
 * where an axis has nothing to repeat.
 */
export function pad(t: Tensor, width: PadWidth, mode: PadMode = 'constant', value: number = 0): Tensor {
  checkTensor('pad', 'x', t);
  checkOneOf('pad', 'mode', mode, ['constant', 'edge', 'reflect', 'symmetric', 'wrap']);
  if (typeof value !== 'number') throw new TypeError(`pad: value must be a number, got ${describe(value)}`);
  const widths = padWidths(t, width);
  if (mode === 'constant') {
    const shape = checkShape('pad', t.shape.map((extent, axis) => extent + widths[axis][0] + widths[axis][1]), 'the result');
    const out = emptyTensor(shape, t.dtype);
    out.data.fill(value);
    out.slice(...t.shape.map((extent, axis) => [widths[axis][0], widths[axis][0] + extent])).assign(t);
    return out;
  }
  let out = t;
  for (let axis = 0; axis < t.ndim; axis++) {
    const [before, after] = widths[axis];
    const extent = t.shape[axis];
    if (before + after === 0) continue;
    if (extent === 0) throw new RangeError(`pad: axis ${axis} is empty, mode ${mode} has nothing to repeat (x ${shapeText(t.shape)})`);
    const positions = Array.from({ length: before + extent + after }, (_, i) => sourceOf(i - before, extent, mode));
    out = take(out, positions, axis);
  }
  return out === t ? t.clone() : out;
}

/** The elements to add before and after along each axis. Throws as `pad` does. */
export function padWidths(t: Tensor, width: PadWidth): Array<readonly [number, number]> {
  if (typeof width === 'number') width = [width];
  if (!Array.isArray(width)) throw new TypeError(`pad: width must be a number or pairs of numbers, got ${describe(width)}`);
  const list = width as readonly (number | PadPair)[];
  const isPair = list.length <= 2 && list.length > 0 && list.every((entry) => typeof entry === 'number');
  const one = isPair ? list : list.length === 1 ? list[0] : null;
  const pairs = one === null ? list : t.shape.map(() => one);
  if (pairs.length !== t.ndim) throw new RangeError(`pad: width has ${pairs.length} pairs, x has ${t.ndim} axes`);
  return pairs.map((pair, axis) => {
    if (!Array.isArray(pair) || pair.length < 1 || pair.length > 2) {
      throw new TypeError(`pad: width[${axis}] must be [before, after], got ${describe(pair)}`);
    }
    const [before, after = before] = pair as readonly number[];
    return [checkInteger('pad', `width[${axis}][0]`, before, 0), checkInteger('pad', `width[${axis}][1]`, after, 0)];
  });
}

/** Which element of an axis stands at position i, which may lie outside. */
function sourceOf(i: number, extent: number, mode: Exclude<PadMode, 'constant'>): number {
  const within = (period: number): number => ((i % period) + period) % period;
  switch (mode) {
    case 'edge': return Math.min(Math.max(i, 0), extent - 1);
    case 'wrap': return within(extent);
    case 'symmetric': {
      const place = within(2 * extent);
      return place < extent ? place : 2 * extent - 1 - place;
    }
    case 'reflect': {
      if (extent === 1) return 0;
      const place = within(2 * extent - 2);
      return place < extent ? place : 2 * extent - 2 - place;
    }
  }
}
