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
    const value = f.local(float);
    eachEntry(f, s, task, s.w, s.matrix, float, (tap, inside, entry, filter) => {
      f.set(value, constant(float, 0));
      f.if(inside, () => {
        f.set(value, load(float, tap));
        f.if(s.scales, () => f.set(value, value.mul(load(float, s.scales.add(scale(filter, bytes))))));
      });
      f.store(entry, value);
    });
  });

  /** Task: one channel's rows of the matrix's gradient, added up to the gradient of every filter's taps. */
  kernels.define(denseFold[float], (f, s, task) => {
    const tapsBytes = f.let(scale(s.kernelHeight.mul(s.kernelWidth), bytes));
    const taps = f.let(s.dw.add(task.mul(tapsBytes)));
    const filter = f.local('i32');
    f.for(filter, 0, s.filters, 1, () => {
      f.fill(taps, 0, tapsBytes);
      f.increase(taps, s.channels.mul(tapsBytes));
    });
    eachEntry(f, s, task, s.dw, s.matrix, float, (tap, inside, entry) =>
      f.if(inside, () => f.store(tap, load(float, tap).add(load(float, entry)))));
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

/** Goes through one channel's rows of the matrix. write gets the address of an entry's tap, and whether it has one. */
function eachEntry(
  f: Body, s: Arguments<typeof denseSizes>, channel: Value, weights: Value, matrix: Value, float: FloatKind,
  write: (tap: Value, inside: Value, entry: Local, filter: Local) => void,
): void {
  const bytes = bytesOf(float);
  const tapsBytes = f.let(scale(s.kernelHeight.mul(s.kernelWidth), bytes));
  const rowBytes = f.let(scale(s.filters.mul(s.outHeight).mul(s.outWidth), bytes));
  const [y, x, filter, oy, ox, ky, kx, taps] = f.locals('i32', 8);
  const firstTaps = f.let(weights.add(channel.mul(tapsBytes)));
  const nextTaps = f.let(s.channels.mul(tapsBytes));
  const entry = f.let(matrix.add(channel.mul(s.height.mul(s.width)).mul(rowBytes)));
  f.for(y, 0, s.height, 1, () => f.for(x, 0, s.width, 1, () => {
    f.set(taps, firstTaps);
    f.for(filter, 0, s.filters, 1, () => {
      f.for(oy, 0, s.outHeight, 1, () => f.for(ox, 0, s.outWidth, 1, () => {
        f.set(ky, y.add(s.padTop).sub(oy.mul(s.strideY)));
        f.set(kx, x.add(s.padTop).sub(ox.mul(s.strideY)));
        const inside = ky.ltU(s.kernelHeight).and(kx.ltU(s.kernelWidth));
        write(taps.add(scale(ky.mul(s.kernelWidth).add(kx), bytes)), inside, entry, filter);
        f.increase(entry, bytes);
      }));
      f.increase(taps, nextTaps);
    });
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
