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

import {
  type Body, bytesOf, constant, type FloatKind, load, type Local, scale, type Value,
} from '../../../wasm/index.ts';
import { type Arguments, type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';

/** The sizes of ConvGeometry that say which output pixel meets which input pixel at which tap. */
export const denseSizes = {
  channels: 'i32', height: 'i32', width: 'i32', filters: 'i32', kernelHeight: 'i32', kernelWidth: 'i32', strideY: 'i32',
  padTop: 'i32', outHeight: 'i32', outWidth: 'i32',
} as const;

const expand = { w: 'input', scales: 'input?', matrix: 'scratch' } as const;
const fold = { matrix: 'scratch', dw: 'output' } as const;
/** pixels counts those of an output plane */
const expandBias = { bias: 'input?', filters: 'i32', pixels: 'i32', biases: 'scratch' } as const;
const foldBias = { biases: 'scratch', filters: 'i32', pixels: 'i32', db: 'output' } as const;

export const denseExpand: FloatKernels<typeof denseSizes & typeof expand> =
  floatKernels('conv_dense_expand_matrix', { ...denseSizes, ...expand });
export const denseFold: FloatKernels<typeof denseSizes & typeof fold> =
  floatKernels('conv_dense_fold_matrix', { ...denseSizes, ...fold });
export const denseExpandBias: FloatKernels<typeof expandBias> = floatKernels('conv_dense_expand_bias', expandBias);
export const denseFoldBias: FloatKernels<typeof foldBias> = floatKernels('conv_dense_fold_bias', foldBias);

/** Adds the kernels for one type to the module. */
export function emitDense(kernels: KernelBuilder, float: FloatKind): void {
  const bytes = bytesOf(float);

  /** Task: one channel's rows of the matrix. */
  kernels.define(denseExpand[float], (f, s, task) => {
    const factor = f.local('i32');
    eachPair(f, s, task, s.w, s.matrix, float, (inside, filters) => f.if(inside,
      () => f.if(s.scales, () => {
        f.set(factor, s.scales);
        filters((tap, entry) => {
          f.store(entry, load(float, tap).mul(load(float, factor)));
          f.increase(factor, bytes);
        });
      }, () => filters((tap, entry) => f.store(entry, load(float, tap)))),
      () => filters((_, entry) => f.store(entry, constant(float, 0)))));
  });

  /** Task: one channel's rows of the matrix's gradient, added up to the gradient of every filter's taps. */
  kernels.define(denseFold[float], (f, s, task) => {
    const count = f.let(s.kernelHeight.mul(s.kernelWidth));
    const [filter, tap, left] = f.locals('i32', 3);
    f.for(filter, 0, s.filters, 1, () => {
      f.set(tap, s.dw.add(scale(filter.mul(s.channels).add(task).mul(count), bytes)));
      f.set(left, count);
      f.countdown(left, () => {
        f.store(tap, constant(float, 0));
        f.increase(tap, bytes);
      });
    });
    eachPair(f, s, task, s.dw, s.matrix, float, (inside, filters) => f.if(inside, () =>
      filters((tap, entry) => f.store(tap, load(float, tap).add(load(float, entry))))));
  });

  /** One task: biases[(f, oy, ox)] = bias[f], or 0 where there is none. */
  kernels.define(denseExpandBias[float], (f, s) => eachBias(f, float, s, (pixels, filter) => {
    const value = f.local(float);
    f.set(value, constant(float, 0));
    f.if(s.bias, () => f.set(value, load(float, s.bias.add(scale(filter, bytes)))));
    pixels((at) => f.store(at, value));
  }));

  /** One task: db[f] = the sum of biases[(f, ...)]. */
  kernels.define(denseFoldBias[float], (f, s) => eachBias(f, float, s, (pixels, filter) => {
    const value = f.local(float);
    f.set(value, constant(float, 0));
    pixels((at) => f.set(value, value.add(load(float, at))));
    f.store(s.db.add(scale(filter, bytes)), value);
  }));
}

/**
 * Goes through the pairs of a pixel of one channel's input and one of the output, which meet at the same tap of every
 * filter: 64 times 64 channels of 2x2 pixels, 3x3, take a seventh of the time that entry after entry does. write gets
 * whether the tap is inside the window, and what goes through the filters with the addresses of their taps and entries.
 */
function eachPair(
  f: Body, s: Arguments<typeof denseSizes>, channel: Value, weights: Value, matrix: Value, float: FloatKind,
  write: (inside: Value, filters: (each: (tap: Local, entry: Local) => void) => void) => void,
): void {
  const bytes = bytesOf(float);
  const tapsBytes = f.let(scale(s.kernelHeight.mul(s.kernelWidth), bytes));
  const pixelsBytes = f.let(scale(s.outHeight.mul(s.outWidth), bytes));
  const [y, x, oy, ox, ky, kx, tap, entry, left] = f.locals('i32', 9);
  const firstTaps = f.let(weights.add(channel.mul(tapsBytes)));
  const nextTaps = f.let(s.channels.mul(tapsBytes));
  const column = f.let(matrix.add(channel.mul(s.height.mul(s.width)).mul(s.filters).mul(pixelsBytes)));
  f.for(y, 0, s.height, 1, () => f.for(x, 0, s.width, 1, () => {
    f.for(oy, 0, s.outHeight, 1, () => f.for(ox, 0, s.outWidth, 1, () => {
      f.set(ky, y.add(s.padTop).sub(oy.mul(s.strideY)));
      f.set(kx, x.add(s.padTop).sub(ox.mul(s.strideY)));
      write(ky.ltU(s.kernelHeight).and(kx.ltU(s.kernelWidth)), (each) => {
        f.set(tap, firstTaps.add(scale(ky.mul(s.kernelWidth).add(kx), bytes)));
        f.set(entry, column);
        f.set(left, s.filters);
        f.countdown(left, () => {
          each(tap, entry);
          f.increase(tap, nextTaps);
          f.increase(entry, pixelsBytes);
        });
      });
      f.increase(column, bytes);
    }));
    f.increase(column, s.filters.sub(1).mul(pixelsBytes));
  }));
}

/** Goes through the filters; pixels, called once, goes through a filter's entries of biases. */
function eachBias(
  f: Body, float: FloatKind, { biases, filters, pixels }: Record<'biases' | 'filters' | 'pixels', Local>,
  write: (pixels: (each: (at: Local) => void) => void, filter: Local) => void,
): void {
  const [filter, left] = f.locals('i32', 2);
  f.for(filter, 0, filters, 1, () => write((each) => {
    f.set(left, pixels);
    f.countdown(left, () => {
      each(biases);
      f.increase(biases, bytesOf(float));
    });
  }, filter));
}
