/**
 * Convolution of tiny images as a matrix product. When the padded window covers most of the image, as 3x3 with pad 1
 * does on 2x2 pixels, every output pixel depends on nearly every input pixel, and the convolution is an affine layer
 * from channels * height * width inputs to filters * outHeight * outWidth outputs, whose matrix repeats the filters'
 * taps:
 *
 *   matrix[(c, y, x), (f, oy, ox)] = scale[f] w[f, c, y + pad - oy stride, x + pad - ox stride],   0 outside the window
 *
 * These kernels write that matrix out and add its gradient up again; gemm does the rest.
 */

import { bytesOf, constant, type FloatKind, load, scale, type Value } from '../../../wasm/index.ts';
import { ArgumentSlots, type KernelBuilder } from '../kernel-builder.ts';

type Slot = 'weights' | 'matrix' | 'scales' | 'bias' | 'biases' | 'channels' | 'height' | 'width' | 'filters' | 'windowHeight' |
  'windowWidth' | 'stride' | 'pad' | 'outHeight' | 'outWidth';

/** The arguments; scales, bias and biases are used where their lines say so. */
export const denseSlots: ArgumentSlots<Slot> = new ArgumentSlots([
  'weights', 'matrix', 'scales', 'bias', 'biases', 'channels', 'height', 'width', 'filters', 'windowHeight', 'windowWidth',
  'stride', 'pad', 'outHeight', 'outWidth',
]);

type Body = Parameters<Parameters<KernelBuilder['define']>[1]>[0];

/** Adds the kernels for one type to the module. */
export function emitDense(kernels: KernelBuilder, float: FloatKind): void {
  emitWalk(kernels, float, 'expand');
  emitWalk(kernels, float, 'fold');
  emitBiases(kernels, float, 'expand');
  emitBiases(kernels, float, 'fold');
}

/** The name of a kernel. */
export function denseName(float: FloatKind, what: 'matrix' | 'bias', direction: 'expand' | 'fold'): string {
  return `${float}_conv_dense_${direction}_${what}__simd128`;
}

/**
 * Task: one channel. expand writes its rows of the matrix; fold adds its rows of the matrix's gradient up to the
 * gradient of every filter's taps (at `weights`, which is zeroed first).
 */
function emitWalk(kernels: KernelBuilder, float: FloatKind, direction: 'expand' | 'fold'): void {
  const bytes = bytesOf(float);
  kernels.define(denseName(float, 'matrix', direction), (f, args, task) => {
    const s = denseSlots.read(f, args, [
      'weights', 'matrix', 'scales', 'channels', 'height', 'width', 'filters', 'windowHeight', 'windowWidth', 'stride', 'pad',
      'outHeight', 'outWidth',
    ]);
    const tapsBytes = f.let(scale(s.windowHeight.mul(s.windowWidth), bytes));
    const rowBytes = f.let(scale(s.filters.mul(s.outHeight).mul(s.outWidth), bytes));
    const [y, x, filter, oy, ox, ky, kx, at, taps] = f.locals('i32', 9);
    const value = f.local(float);
    const firstTaps = f.let(s.weights.add(task.mul(tapsBytes)));
    const nextTaps = f.let(s.channels.mul(tapsBytes));
    if (direction === 'fold') {
      f.set(taps, firstTaps);
      f.for(filter, 0, s.filters, 1, () => {
        f.fill(taps, 0, tapsBytes);
        f.increase(taps, nextTaps);
      });
    }
    f.set(at, s.matrix.add(task.mul(s.height.mul(s.width)).mul(rowBytes)));
    f.for(y, 0, s.height, 1, () => f.for(x, 0, s.width, 1, () => {
      f.set(taps, firstTaps);
      f.for(filter, 0, s.filters, 1, () => {
        f.for(oy, 0, s.outHeight, 1, () => f.for(ox, 0, s.outWidth, 1, () => {
          f.set(ky, y.add(s.pad).sub(oy.mul(s.stride)));
          f.set(kx, x.add(s.pad).sub(ox.mul(s.stride)));
          const inside = ky.ltU(s.windowHeight).and(kx.ltU(s.windowWidth));
          const tap = taps.add(scale(ky.mul(s.windowWidth).add(kx), bytes));
          if (direction === 'fold') {
            f.if(inside, () => f.store(tap, load(float, tap).add(load(float, at))));
          } else {
            f.set(value, constant(float, 0));
            f.if(inside, () => {
              f.set(value, load(float, tap));
              f.if(s.scales, () => f.set(value, value.mul(load(float, s.scales.add(scale(filter, bytes))))));
            });
            f.store(at, value);
          }
          f.increase(at, bytes);
        }));
        f.increase(taps, nextTaps);
      });
    }));
  });
}

/**
 * One task. expand: biases[(f, oy, ox)] = bias[f], or 0 where there is none; fold: bias[f] = the sum of biases[(f,
 * ...)].
 */
function emitBiases(kernels: KernelBuilder, float: FloatKind, direction: 'expand' | 'fold'): void {
  const bytes = bytesOf(float);
  kernels.define(denseName(float, 'bias', direction), (f: Body, args: Value) => {
    const s = denseSlots.read(f, args, ['bias', 'biases', 'filters', 'outHeight', 'outWidth']);
    const [filter, left] = f.locals('i32', 2);
    const value = f.local(float);
    f.for(filter, 0, s.filters, 1, () => {
      f.set(value, constant(float, 0));
      const own = s.bias.add(scale(filter, bytes));
      if (direction === 'expand') f.if(s.bias, () => f.set(value, load(float, own)));
      f.set(left, s.outHeight.mul(s.outWidth));
      f.countdown(left, () => {
        if (direction === 'expand') f.store(s.biases, value);
        else f.set(value, value.add(load(float, s.biases)));
        f.increase(s.biases, bytes);
      });
      if (direction === 'fold') f.store(own, value);
    });
  });
}
