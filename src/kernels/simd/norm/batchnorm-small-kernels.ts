/**
 * Batchnorm's gradient over small planes. A channel's planes lie far apart, and where each is a cache line or two, at a
 * power of two's distance, to go through one channel after the other meets the same few sets of the cache, and a page
 * of memory a plane. So here memory is read in its order: tasks sum shares of the images, channel by channel; the
 * shares are added up; and dx is written plane after plane.
 */

import {
  bytesOf, constant, type FloatKind, type Kind, load, type Local, scale, splat, toFloat, type Value, vectorOf,
} from '../../../wasm/index.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import {
  at, eachOfShare, eachRun, fromFloat64, inverseDeviation, RunSums, spread, toFloat64, wherePositive,
} from '../vectors.ts';
import { channelSizes } from './batchnorm-kernels.ts';

const sums = {
  perTask: 'i32', dout: 'input', more: 'input?', x: 'input', reluOut: 'input?', mean: 'input', passed: 'output?',
  shares: 'scratch',
} as const;
/**
 * Task: the sums of perTask images for every channel, two float64 each: of dout (x - mean), of dout. Where there is
 * `passed`, it gets what the relu lets through of dout, plus `more`.
 */
export const smallSums: FloatKernels<typeof channelSizes & typeof sums> =
  floatKernels('batchnorm_small_sums', { ...channelSizes, ...sums });

const factors = {
  perTask: 'i32', shares: 'scratch', shareCount: 'i32', gamma: 'input', variance: 'input', eps: 'f64',
  dgamma: 'output', dbeta: 'output', factors: 'scratch',
} as const;
/** Task: of perTask channels dgamma, dbeta and the factors k1, k2, k3 of dx = k1 dout + k2 + k3 (x - mean). */
export const smallFactors: FloatKernels<typeof channelSizes & typeof factors> =
  floatKernels('batchnorm_small_factors', { ...channelSizes, ...factors });

const apply = {
  perTask: 'i32', dout: 'input', x: 'input', reluOut: 'input?', mean: 'input', factors: 'scratch', dx: 'output',
} as const;
/** Task: perTask planes of dx. */
export const smallApply: FloatKernels<typeof channelSizes & typeof apply> =
  floatKernels('batchnorm_small_apply', { ...channelSizes, ...apply });

/** dout of the elements at a pointer, with another part of it, or 0 where relu, if it came after, has cut them off. */
function gradient(
  kind: Kind, dout: Value, reluOut: Value | null, offset: number = 0, part: Value | null = null,
): Value {
  const first = at(kind, dout, offset);
  const whole = part === null ? first : first.add(at(kind, part, offset));
  return reluOut === null ? whole : wherePositive(at(kind, reluOut, offset), whole);
}

/** Adds the kernels for one type to the module. */
export function emitBatchnormSmall(kernels: KernelBuilder, float: FloatKind): void {
  const vector = vectorOf(float);
  const bytes = bytesOf(float);

  kernels.define(smallSums[float], (f, s, task) => {
    const shareBytes = f.let(s.channels.shl(4));
    const share = f.let(s.shares.add(task.mul(shareBytes)));
    f.fill(share, 0, shareBytes);
    const [channel, distance, x, dout, reluOut, to, passed, more] = f.locals('i32', 8);
    const [product, sum] = f.locals('f64', 2);
    const mean = f.local(float);
    const runSums = new RunSums(f, float, 2);
    const addPlane = (mask: Local | null, part: Local | null, to: Local | null): void =>
      runSums.add([x, dout, mask, part, to].filter((pointer) => pointer !== null), s.inner, (kind, offset) => {
        const g = f.let(gradient(kind, dout, mask, offset, part));
        if (to !== null) f.store(to, g, offset);
        return [at(kind, x, offset).sub(spread(kind, mean)).mul(g), g];
      });
    eachOfShare(f, task, s.perTask, s.outer, (image) => {
      f.set(distance, scale(image.mul(s.channels).mul(s.inner), bytes));
      f.set(x, s.x.add(distance));
      f.set(dout, s.dout.add(distance));
      f.set(reluOut, s.reluOut.add(distance));
      f.set(passed, s.passed.add(distance));
      f.set(more, s.more.add(distance));
      f.set(to, share);
      f.for(channel, 0, s.channels, 1, () => {
        f.set(mean, load(float, s.mean.add(scale(channel, bytes))));
        f.if(s.more, () => addPlane(reluOut, more, passed), () =>
          f.if(s.passed, () => addPlane(reluOut, null, passed), () =>
            f.if(s.reluOut, () => addPlane(reluOut, null, null), () => addPlane(null, null, null))));
        f.set(product, load('f64', to));
        f.set(sum, load('f64', to, 8));
        runSums.fold([product, sum]);
        f.store(to, product);
        f.store(to, sum, 8);
        f.increase(to, 16);
      });
    });
  });

  kernels.define(smallFactors[float], (f, s, task) => {
    const [from, left] = f.locals('i32', 2);
    const [dgamma, dbeta] = f.locals('f64', 2);
    eachOfShare(f, task, s.perTask, s.channels, (channel) => {
      f.set(dgamma, constant('f64', 0));
      f.set(dbeta, constant('f64', 0));
      f.set(from, s.shares.add(channel.shl(4)));
      f.set(left, s.shareCount);
      f.countdown(left, () => {
        f.set(dgamma, dgamma.add(load('f64', from)));
        f.set(dbeta, dbeta.add(load('f64', from, 8)));
        f.increase(from, s.channels.shl(4));
      });
      const place = f.let(scale(channel, bytes));
      const inverse = f.let(inverseDeviation(toFloat64(load(float, s.variance.add(place))), s.eps));
      f.set(dgamma, dgamma.mul(inverse));
      f.store(s.dgamma.add(place), fromFloat64(float, dgamma));
      f.store(s.dbeta.add(place), fromFloat64(float, dbeta));
      const count = toFloat('f64', s.outer.mul(s.inner));
      const factor = f.let(inverse.mul(toFloat64(load(float, s.gamma.add(place)))));
      const to = f.let(s.factors.add(place.mul(3)));
      f.store(to, fromFloat64(float, factor));
      f.store(to, fromFloat64(float, factor.mul(dbeta).div(count).neg()), bytes);
      f.store(to, fromFloat64(float, factor.mul(inverse).mul(dgamma).div(count).neg()), 2 * bytes);
    });
  });

  kernels.define(smallApply[float], (f, s, task) => {
    const planeBytes = f.let(scale(s.inner, bytes));
    const [channel, distance, x, dout, reluOut, to] = f.locals('i32', 6);
    eachOfShare(f, task, s.perTask, f.let(s.outer.mul(s.channels)), (plane) => {
      f.set(channel, plane.rem(s.channels));
      f.set(distance, plane.mul(planeBytes));
      f.set(x, s.x.add(distance));
      f.set(dout, s.dout.add(distance));
      f.set(reluOut, s.reluOut.add(distance));
      f.set(to, s.dx.add(distance));
      const from = f.let(s.factors.add(scale(channel.mul(3), bytes)));
      const scalars = [0, 1, 2].map((i) => f.let(load(float, from, i * bytes)));
      scalars.push(f.let(load(float, s.mean.add(scale(channel, bytes)))));
      const vectors = scalars.map((scalar) => f.let(splat(vector, scalar)));
      const writePlane = (mask: Local | null): void =>
        eachRun(f, float, mask === null ? [x, dout, to] : [x, dout, to, mask], s.inner, (kind) => {
          const [k1, k2, k3, mean] = kind === vector ? vectors : scalars;
          f.store(to, gradient(kind, dout, mask).mul(k1).add(k2).add(at(kind, x).sub(mean).mul(k3)));
        });
      f.if(s.reluOut, () => writePlane(reluOut), () => writePlane(null));
    });
  });
}
