/**
 * What a 1x1 convolution needs beside the product of matrices that it is (see pointwise.ts): filters that are
 * scaled, planes gathered and scattered, and the bias's gradient.
 */

import { bytesOf, constant, type FloatKind, load, scale, splat, vectorOf } from '../../../wasm/index.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { addRun, at, eachPiece, eachRun, fromFloat64 } from '../vectors.ts';

const scaledArguments = { w: 'input', scales: 'input', columns: 'i32', to: 'scratch' } as const;
/** Rows of a matrix, each times a number. */
export const pointwiseScaled: FloatKernels<typeof scaledArguments> = floatKernels('conv_pointwise_scaled', scaledArguments);

const planeArguments = {
  batch: 'i32', channels: 'i32', pixels: 'i32', from: 'input', to: 'output', fromImage: 'i32', fromPlane: 'i32',
  toImage: 'i32', toPlane: 'i32',
} as const;
/** Planes of so many pixels copied from one order of images and channels to another; distances in elements. */
export const pointwisePlanes: FloatKernels<typeof planeArguments> =
  floatKernels('conv_pointwise_planes', planeArguments);

const sumArguments = { batch: 'i32', channels: 'i32', pixels: 'i32', dout: 'input', db: 'output' } as const;
/** The sum of every channel over all images. */
export const pointwiseSums: FloatKernels<typeof sumArguments> = floatKernels('conv_pointwise_sums', sumArguments);

/** Adds the kernels for one type to the module. */
export function emitPointwise(kernels: KernelBuilder, float: FloatKind): void {
  const bytes = bytesOf(float);

  /** Task: one row. */
  kernels.define(pointwiseScaled[float], (f, s, row) => {
    const distance = f.let(scale(row.mul(s.columns), bytes));
    const [from, to] = [f.let(s.w.add(distance)), f.let(s.to.add(distance))];
    const factor = f.let(load(float, s.scales.add(scale(row, bytes))));
    const wide = f.let(splat(vectorOf(float), factor));
    eachRun(f, float, [from, to], s.columns, (kind) =>
      f.store(to, at(kind, from).mul(kind === float ? factor : wide)));
  });

  /** Task: one channel of every image. */
  kernels.define(pointwisePlanes[float], (f, s, channel) => {
    const image = f.local('i32');
    const [from, to] = f.locals('i32', 2);
    f.for(image, 0, s.batch, 1, () => {
      f.set(from, s.from.add(scale(image.mul(s.fromImage).add(channel.mul(s.fromPlane)), bytes)));
      f.set(to, s.to.add(scale(image.mul(s.toImage).add(channel.mul(s.toPlane)), bytes)));
      eachRun(f, float, [from, to], s.pixels, (kind) => f.store(to, at(kind, from)));
    });
  });

  /** Task: one channel. */
  kernels.define(pointwiseSums[float], (f, s, channel) => {
    const [image, from] = f.locals('i32', 2);
    const total = f.local('f64', constant('f64', 0));
    f.for(image, 0, s.batch, 1, () => {
      f.set(from, s.dout.add(scale(image.mul(s.channels).add(channel).mul(s.pixels), bytes)));
      eachPiece(f, s.pixels, (count) =>
        addRun(f, float, [from], count, [total], (kind, offset) => [at(kind, from, offset)]));
    });
    f.store(s.db.add(scale(channel, bytes)), fromFloat64(float, total));
  });
}
