/** Operations that only move elements: their gradients move back. */

import { arange, zeros } from '../../tensor/creation.ts';
import { take as taken } from '../../tensor/indexing.ts';
import type { Indices } from '../../tensor/indexing.ts';
import { contiguousData } from '../../tensor/internal.ts';
import { concat as joined, pad as padded, padWidths, stack as stacked, type PadWidth } from '../../tensor/joining.ts';
import { normalizeAxis } from '../../tensor/shape.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { broadcastTo as stretched, flip as flipped, type Range, slice as sliced } from '../../tensor/views.ts';
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

export const flip: Operation<[axes?: number | readonly number[]]> = ([x], axes) => ({
  out: flipped(x, axes), saved: [], back: (dout) => [flipped(dout, axes)],
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

/** The parts at these indices along an axis; a part that was taken twice gets both gradients. */
export const take: Operation<[indices: Indices, axis: number]> = ([x], indices, axis) => ({
  out: taken(x, indices, axis),
  saved: [],
  back: (dout) => {
    const dx = zeros([...x.shape], x.dtype);
    const along = normalizeAxis('take', axis, x.ndim);
    const places = taken(arange(x.shape[along]), indices, 0).flatten();
    const parts = dout.reshape([...x.shape.slice(0, along), places.size, ...x.shape.slice(along + 1)]);
    for (let i = 0; i < places.size; i++) at(dx, along, places.get(i)).addInPlace(at(parts, along, i));
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

/**
 * Any function that only moves elements, repeats or leaves out some. Where they went is found by moving their numbers
 * in the same way; each element's gradient is the sum over the places that it went to.
 */
export function moving<Options extends readonly unknown[]>(
  move: (parts: readonly Tensor[], ...options: Options) => Tensor,
): Operation<Options> {
  return (inputs, ...options) => ({
    out: move(inputs, ...options),
    saved: [],
    back: (dout) => {
      let first = 0;
      const numbers = inputs.map(({ shape, size }) => {
        first += size;
        return arange(first - size, first, 1, 'int32').reshape([...shape]);
      });
      const places = contiguousData(move(numbers, ...options));
      const sums = new Float64Array(first);
      const gradients = contiguousData(dout);
      for (let i = 0; i < places.length; i++) sums[places[i]] += gradients[i];
      let start = 0;
      return inputs.map(({ shape, size, dtype }) => {
        start += size;
        return new Tensor(sums.slice(start - size, start), shape).astype(dtype);
      });
    },
  });
}

/** The part at one index of an axis, as a view. */
function at(t: Tensor, axis: number, index: number): Tensor {
  return sliced(t, t.shape.slice(0, axis + 1).map((_, i): Range => (i === axis ? index : null)));
}
