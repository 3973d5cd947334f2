/**
 * Parts of images brought to the size of the whole, a task being some images. Each output row first mixes two rows of
 * the part into a row of the thread's own, then pairs of neighbours of that: vectors of both, taken apart from pairs.
 */

import {
  apply, bytesOf, constant, type FloatKind, type Kind, lanesOf, load, loadLane, loadZero, type Local, scale, select,
  shuffle, splat, toFloat, type Value, vectorOf,
} from '../../../wasm/index.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { at, eachOfShare, eachRun, fromFloat64 } from '../vectors.ts';

export const imageSizes = { batch: 'i32', channels: 'i32', height: 'i32', width: 'i32' } as const;

// own: for each column of out the bytes to its left neighbour and the share of its right one, then a row of the part
// and an element more, the last again
const cropArguments = {
  perTask: 'i32', x: 'input', boxes: 'input', out: 'output', own: 'perThread',
} as const;
export const crop: FloatKernels<typeof imageSizes & typeof cropArguments> =
  floatKernels('crop_images', { ...imageSizes, ...cropArguments });

/** Adds the kernel for one type to the module. Task: perTask images of out. */
export function emitCrop(kernels: KernelBuilder, float: FloatKind): void {
  const bytes = bytesOf(float);
  const vector = vectorOf(float);
  const lanes = lanesOf(vector);
  kernels.define(crop[float], (f, s, task) => {
    const shares = f.let(s.own.add(s.width.shl(2)));
    const row = f.let(shares.add(scale(s.width, bytes)));
    const rowBytes = f.let(scale(s.width, bytes));
    const planeBytes = f.let(s.height.mul(rowBytes));
    const [o, first, plane, to, offsets, share, upper, lower, mixed] = f.locals('i32', 9);
    const position = f.local('f64');
    const [down, up] = f.locals(float, 2);
    const [downs, ups] = f.locals(vector, 2);

    /**
     * Sets `first` to the pixel of the part before output pixel o, and gives the share of the next. Whole numbers are
     * divided but once, so that a place on a pixel is never just before it: all of its share would be the next one's.
     */
    const between = (size: Local, outSize: Local): Value => {
      const [part, whole] = [toFloat('f64', size), toFloat('f64', outSize)];
      const centre = toFloat('f64', o.shl(1).add(1)).mul(part).sub(whole).div(toFloat('f64', outSize.shl(1)));
      f.set(position, centre.max(0).min(toFloat('f64', size.sub(1))));
      f.set(first, apply('i32.trunc_sat_f64_s', 'i32', [position]));
      return fromFloat64(float, position.sub(toFloat('f64', first)));
    };
    /** The elements at the places that `offsets` names, and those after them. */
    const pairs = (kind: Kind): [Value, Value] => {
      const place = (lane: number): Value => row.add(load('i32', offsets, 4 * lane));
      if (kind === float) {
        const element = f.let(place(0));
        return [load(float, element), load(float, element, bytes)];
      }
      const [low, high] = [0, 1].map((i) => f.let(float === 'f64'
        ? load(vector, place(i))
        : loadLane(loadZero('f64x2', place(2 * i)), 1, place(2 * i + 1)).as(vector)));
      const firsts = Array.from({ length: lanes }, (_, i) => 2 * i);
      return [shuffle(low, high, firsts), shuffle(low, high, firsts.map((lane) => lane + 1))];
    };

    eachOfShare(f, task, s.perTask, s.batch, (image) => {
      const box = f.let(s.boxes.add(image.shl(4)));
      const [top, left, height, width] = [0, 4, 8, 12].map((offset) => f.let(load('i32', box, offset)));
      f.for(o, 0, s.width, 1, () => {
        f.store(shares.add(scale(o, bytes)), between(width, s.width));
        f.store(s.own.add(o.shl(2)), scale(first, bytes));
      });
      const index = f.let(image.mul(s.channels));
      f.set(plane, s.x.add(index.mul(planeBytes)).add(top.mul(rowBytes)).add(scale(left, bytes)));
      f.set(to, s.out.add(index.mul(planeBytes)));
      const channel = f.local('i32');
      f.for(channel, 0, s.channels, 1, () => {
        f.for(o, 0, s.height, 1, () => {
          f.set(down, between(height, s.height));
          f.set(up, constant(float, 1).sub(down));
          f.set(downs, splat(vector, down));
          f.set(ups, splat(vector, up));
          f.set(upper, plane.add(first.mul(rowBytes)));
          f.set(lower, upper.add(select(first.lt(height.sub(1)), rowBytes, constant('i32', 0))));
          f.set(mixed, row);
          eachRun(f, float, [upper, lower, mixed], width, (kind) => {
            const [above, below] = kind === vector ? [ups, downs] : [up, down];
            f.store(mixed, at(kind, upper).mul(above).add(at(kind, lower).mul(below)));
          });
          f.store(mixed, load(float, mixed.sub(bytes)));
          f.set(offsets, s.own);
          f.set(share, shares);
          eachRun(f, float, [to, share], s.width, (kind) => {
            const right = f.let(at(kind, share));
            const [a, b] = pairs(kind);
            f.store(to, a.mul(constant(kind, 1).sub(right)).add(b.mul(right)));
            f.increase(offsets, 4 * lanesOf(kind));
          });
        });
        f.increase(plane, planeBytes);
      });
    });
  });
}
