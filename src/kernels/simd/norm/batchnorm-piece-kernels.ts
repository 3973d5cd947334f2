/**
 * Batchnorm's statistics over small planes, in the order of memory, as in batchnorm-small-kernels.ts: tasks find the
 * moments of pieces (moments.ts), a channel of some images each; then every channel's are merged.
 */

import { bytesOf, constant, type FloatKind, load, scale, toFloat } from '../../../wasm/index.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { eachOfShare, fromFloat64, least } from '../vectors.ts';
import { channelSizes } from './batchnorm-kernels.ts';
import { Moments, pieceMoments } from './moments.ts';

const pieces = { perTask: 'i32', together: 'i32', x: 'input', moments: 'scratch' } as const;
/** Task: perTask pieces, of `together` images but for the last: mean and squared deviations of each, two float64. */
export const pieceStatistics: FloatKernels<typeof channelSizes & typeof pieces> =
  floatKernels('batchnorm_piece_statistics', { ...channelSizes, ...pieces });

const merged = { perTask: 'i32', together: 'i32', moments: 'scratch', mean: 'output', variance: 'output' } as const;
/** Task: mean and variance of perTask channels. */
export const mergedStatistics: FloatKernels<typeof channelSizes & typeof merged> =
  floatKernels('batchnorm_merged_statistics', { ...channelSizes, ...merged });

/** Adds the kernels for one type to the module. */
export function emitBatchnormPieces(kernels: KernelBuilder, float: FloatKind): void {
  const bytes = bytesOf(float);

  kernels.define(pieceStatistics[float], (f, s, task) => {
    const planeBytes = f.let(scale(s.inner, bytes));
    const step = f.let(s.channels.mul(planeBytes));
    const [image, images, first, plane, from, left] = f.locals('i32', 6);
    const total = f.let(s.outer.add(s.together).sub(1).divU(s.together).mul(s.channels));
    eachOfShare(f, task, s.perTask, total, (piece) => {
      f.set(image, piece.divU(s.channels).mul(s.together));
      f.set(images, least(s.together, f.let(s.outer.sub(image))));
      f.set(first, s.x.add(image.mul(step)).add(piece.remU(s.channels).mul(planeBytes)));
      const size = f.let(toFloat('f64', images.mul(s.inner)));
      const to = f.let(s.moments.add(piece.shl(4)));
      pieceMoments(f, float, size, (sums, terms) => {
        f.set(plane, first);
        f.set(left, images);
        f.countdown(left, () => {
          f.set(from, plane);
          sums.add([from], s.inner, (kind, offset) => terms(kind, from, offset));
          f.increase(plane, step);
        });
      }).forEach((moment, i) => f.store(to, moment, 8 * i));
    });
  });

  kernels.define(mergedStatistics[float], (f, s, task) => {
    const moments = new Moments(f, float);
    const [from, left, images] = f.locals('i32', 3);
    eachOfShare(f, task, s.perTask, s.channels, (channel) => {
      moments.reset();
      f.set(from, s.moments.add(channel.shl(4)));
      f.set(left, s.outer);
      f.while(() => left.gt(0), () => {
        f.set(images, least(s.together, left));
        const size = f.let(toFloat('f64', images.mul(s.inner)));
        moments.merge(f.let(load('f64', from)), f.let(load('f64', from, 8)), size);
        f.increase(from, s.channels.shl(4));
        f.increase(left, constant('i32', 0).sub(images));
      });
      const place = f.let(scale(channel, bytes));
      f.store(s.mean.add(place), fromFloat64(float, moments.mean));
      f.store(s.variance.add(place), fromFloat64(float, moments.variance));
    });
  });
}
