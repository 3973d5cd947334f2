/** Operations that only move elements: their gradients move back. */

import { arange, zeros } from '../../tensor/creation.ts';
import * as indexing from '../../tensor/indexing.ts';
import type { Indices } from '../../tensor/indexing.ts';
import { contiguousData } from '../../tensor/internal.ts';
import { concat as joined, pad as padded, padWidths, stack as stacked, type PadWidth } from '../../tensor/joining.ts';
import { normalizeAxis, type ShapeLike } from '../../tensor/shape.ts';
import * as sorting from '../../tensor/sorting.ts';
import { Tensor } from '../../tensor/tensor.ts';
import * as views from '../../tensor/views.ts';
import { broadcastTo as stretched, type Range, slice as sliced } from '../../tensor/views.ts';
import { slidingWindowView as windows } from '../../tensor/windows.ts';
import type { Operation } from '../operation.ts';
import { unbroadcast } from './broadcast.ts';

export const reshape: Operation<[shape: readonly number[]]> = ([x], shape) => ({
  out: x.reshape(shape), saved: [], back: (dout) => [dout.reshape([...x.shape])],
});

export const transpose: Operation<[axes: readonly number[]]> = ([x], axes) => {
  const out = x.transpose(axes);
  const order =
    axes.length === 0 ? x.shape.map((_, i) => x.ndim - 1 - i) : axes.map((axis) => (axis + x.ndim) % x.ndim);
  return { out, saved: [], back: (dout) => [dout.transpose(order.map((_, i) => order.indexOf(i)))] };
};

export const broadcastTo: Operation<[shape: readonly number[]]> = ([x], shape) => ({
  out: stretched(x, shape), saved: [], back: (dout) => [unbroadcast(dout, x)],
});

/** Part of x; what was left out gets zero gradient. */
export const slice: Operation<[ranges: readonly Range[]]> = ([x], ranges) => ({
  out: sliced(x, ranges),
  saved: [],
  back: (dout) => {
    const dx = zeros([...x.shape], x.dtype);
    sliced(dx, ranges).assign(dout);
    return [dx];
  },
});

export const concat: Operation<[axis: number]> = (inputs, axis) => ({
  out: joined(inputs, axis),
  saved: [],
  back: (dout) => {
    const along = normalizeAxis('concat', axis, dout.ndim);
    let start = 0;
    return inputs.map(({ shape }) => {
      const part = sliced(dout, shape.map((extent, i): Range => (i === along ? [start, start + extent] : null)));
      start += shape[along];
      return part;
    });
  },
});

export const stack: Operation<[axis: number]> = (inputs, axis) => ({
  out: stacked(inputs, axis),
  saved: [],
  back: (dout) => inputs.map((_, i) => at(dout, normalizeAxis('stack', axis, dout.ndim), i)),
});

/** Zeros (or another constant) around x. */
export const pad: Operation<[width: PadWidth, value: number]> = ([x], width, value) => {
  const widths = padWidths(x, width);
  return {
    out: padded(x, width, 'constant', value),
    saved: [],
    back: (dout) => [sliced(dout, x.shape.map((extent, i): Range => [widths[i][0], widths[i][0] + extent]))],
  };
};

/** The part at one index of an axis, as a view. */
function at(t: Tensor, axis: number, index: number): Tensor {
  return sliced(t, t.shape.slice(0, axis + 1).map((_, i): Range => (i === axis ? index : null)));
}

/** Each element in another place: the gradient goes back by the opposite move. */
function turning<Options extends readonly unknown[]>(
  turn: (x: Tensor, ...options: Options) => Tensor, back: (dout: Tensor, ...options: Options) => Tensor,
): Operation<Options> {
  return ([x], ...options) => ({ out: turn(x, ...options), saved: [], back: (dout) => [back(dout, ...options)] });
}

type AxisOrAxes = number | readonly number[];

export const flip: Operation<[axes?: AxisOrAxes]> = turning(views.flip, views.flip);
export const swapaxes: Operation<[a: number, b: number]> = turning(views.swapaxes, views.swapaxes);
export const moveaxis: Operation<[source: AxisOrAxes, destination: AxisOrAxes]> =
  turning(views.moveaxis, (dout, source, destination) => views.moveaxis(dout, destination, source));
export const rot90: Operation<[turns: number, axes: readonly [number, number]]> = turning(
  (x, turns: number, axes: readonly [number, number]) => views.rot90(x, turns, axes),
  (dout, turns, axes) => views.rot90(dout, -turns, axes),
);

/**
 * Any function that only moves elements, repeats or leaves out some. Where they went is found by moving their numbers
 * in the same way, by the same indices; each element's gradient is the sum over the places that it went to.
 */
export function moving<Options extends readonly unknown[]>(
  move: (parts: readonly Tensor[], ...options: Options) => Tensor,
): Operation<Options> {
  return (inputs, ...options) => ({
    out: move(inputs, ...options),
    saved: options.filter((option): option is Options[number] & Tensor => option instanceof Tensor),
    back: (dout) => gathered(inputs, dout, (numbers) => move(numbers, ...options)),
  });
}

/** The gradients of inputs whose elements went to where `move` brings their numbers, counted over all inputs. */
function gathered(
  inputs: readonly Tensor[], dout: Tensor, move: (numbers: readonly Tensor[]) => Tensor,
): Tensor[] {
  const ends: number[] = [];
  for (const { size } of inputs) ends.push((ends.at(-1) ?? 0) + size);
  const numbers = inputs.map(({ shape, size }, i) => arange(ends[i] - size, ends[i], 1, 'int32').reshape([...shape]));
  const places = contiguousData(move(numbers));
  const gradients = contiguousData(dout);
  const sums = new Float64Array(ends.at(-1)!);
  for (let i = 0; i < places.length; i++) sums[places[i]] += gradients[i];
  return inputs.map(({ shape, size }, i) => new Tensor(sums.slice(ends[i] - size, ends[i]), shape));
}

/** The parts at these indices along an axis; a part that was taken twice gets both gradients. */
export const take: Operation<[indices: Indices, axis: number]> =
  moving(([x], indices, axis) => indexing.take(x, indices, axis));
/** One element of each row. */
export const pick: Operation<[columns: Indices]> = moving(([x], columns) => indexing.pick(x, columns));
/** Values put between the parts of x. */
export const insert: Operation<[indices: number | readonly number[], axis: number]> =
  moving(([x, values], indices, axis) => indexing.insert(x, indices, values, axis));
/** All windows of a shape: an element gets the gradients of each that it is in. */
export const slidingWindowView: Operation<[windowShape: ShapeLike, axis?: AxisOrAxes]> =
  moving(([x], windowShape, axis) => windows(x, windowShape, axis));

/** Ascending along an axis; of equal elements the first stays first. */
export const sort: Operation<[axis: number]> = ([x], axis) => ({
  out: sorting.sort(x, axis),
  saved: [x],
  back: (dout) => gathered([x], dout, ([numbers]) => {
    const rows = views.moveaxis(numbers, axis, -1);
    const from = contiguousData(rows);
    const orders = contiguousData(views.moveaxis(sorting.argsort(x, axis), axis, -1));
    const length = rows.shape.at(-1)!;
    const sorted = Int32Array.from(orders, (place, i) => from[i - (i % length) + place]);
    return views.moveaxis(new Tensor(sorted, rows.shape), -1, axis);
  }),
});
