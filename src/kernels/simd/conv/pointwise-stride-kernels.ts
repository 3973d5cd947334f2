/** Pixels that 1x1 windows with a stride meet, picked out of planes, and put back among zeros. */

import {
  type Body, bytesOf, type FloatKind, lanesOf, load, type Local, scale, shuffle, type Value, vectorOf,
} from '../../../wasm/index.ts';
import { type Arguments, type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { zero } from '../vectors.ts';

/** Of one image: planes, sizes of large and small planes, strides. */
export const strideSizes = {
  channels: 'i32', height: 'i32', width: 'i32', outHeight: 'i32', outWidth: 'i32', strideY: 'i32', strideX: 'i32',
} as const;
const pickArguments = { large: 'input', small: 'scratch' } as const;
/** small[y, x] = large[y strideY, x strideX] */
export const pointwisePick: FloatKernels<typeof strideSizes & typeof pickArguments> =
  floatKernels('conv_pointwise_pick', { ...strideSizes, ...pickArguments });
const spreadArguments = { small: 'scratch', large: 'output' } as const;
/** The way back, with zeros between. */
export const pointwiseSpread: FloatKernels<typeof strideSizes & typeof spreadArguments> =
  floatKernels('conv_pointwise_spread', { ...strideSizes, ...spreadArguments });

/** Adds the kernels for one type to the module. Task: the planes of an image. */
export function emitPointwiseStride(kernels: KernelBuilder, float: FloatKind): void {
  const bytes = bytesOf(float);
  const vector = vectorOf(float);
  const lanes = lanesOf(vector);
  const evens = Array.from({ length: lanes }, (_, i) => 2 * i);

  kernels.define(pointwisePick[float], (f, s, image) => eachRow(f, float, s, image, (large, small, step) => {
    const left = f.let(s.outWidth);
    f.if(s.strideX.eq(2), () => f.while(() => left.ge(lanes), () => {
      // the second vector begins a pixel early, so that neither reaches beyond the last pixel that is wanted
      const places = evens.map((place) => (place < lanes ? place : place + 1));
      f.store(small, shuffle(f.let(load(vector, large)), f.let(load(vector, large, 16 - bytes)), places));
      f.increase(small, 16);
      f.increase(large, 32);
      f.set(left, left.sub(lanes));
    }));
    f.repeat(left, () => {
      f.store(small, load(float, large));
      f.increase(small, bytes);
      f.increase(large, step);
    });
  }));

  kernels.define(pointwiseSpread[float], (f, s, image) => {
    const planesBytes = f.let(scale(s.channels.mul(s.height).mul(s.width), bytes));
    f.fill(s.large.add(image.mul(planesBytes)), 0, planesBytes);
    eachRow(f, float, s, image, (large, small, step) => {
      const left = f.let(s.outWidth);
      f.if(s.strideX.eq(2), () => f.while(() => left.gt(lanes), () => {
        const pixels = f.let(load(vector, small));
        const [low, high] = [0, lanes / 2].map((first) =>
          f.let(shuffle(pixels, zero(vector), evens.map((_, i) => (i % 2 === 0 ? first + i / 2 : lanes)))));
        f.store(large, low);
        f.store(large, high, 16);
        f.increase(small, 16);
        f.increase(large, 32);
        f.set(left, left.sub(lanes));
      }));
      f.repeat(left, () => {
        f.store(large, load(float, small));
        f.increase(small, bytes);
        f.increase(large, step);
      });
    });
  });
}

/** Goes through the rows of an image's small planes, with pointers to both rows and the bytes between pixels. */
function eachRow(
  f: Body, float: FloatKind, s: Arguments<typeof strideSizes & { large: 'input'; small: 'scratch' }>, image: Value,
  write: (large: Local, small: Local, step: Local) => void,
): void {
  const bytes = bytesOf(float);
  const [channel, row, plane, large] = f.locals('i32', 4);
  const step = f.let(scale(s.strideX, bytes));
  const rowBytes = f.let(scale(s.strideY.mul(s.width), bytes));
  const planeBytes = f.let(scale(s.height.mul(s.width), bytes));
  const small = f.let(s.small.add(scale(image.mul(s.channels).mul(s.outHeight).mul(s.outWidth), bytes)));
  f.set(plane, s.large.add(image.mul(s.channels).mul(planeBytes)));
  f.for(channel, 0, s.channels, 1, () => {
    f.for(row, 0, s.outHeight, 1, () => {
      f.set(large, plane.add(row.mul(rowBytes)));
      write(large, small, step);
    });
    f.increase(plane, planeBytes);
  });
}
