/**
 * Batchnorm over planes, (outer, channels, inner) with inner > 1, as jobs. A plane, one channel of one example, is a
 * contiguous run. The formulas are derived in ../../naive/normalisation.ts; here is how they are cut up.
 *
 * Statistics take one pass over memory (moments.ts). The backward pass is one task a channel, so that the planes summed
 * for dgamma and dbeta are still in the second-level cache when dx is written.
 */

import {
  bytesOf, constant, type FloatKind, type Kind, lanesOf, load, scale, select, splat, toFloat, type Value, vectorOf,
} from '../../../wasm/index.ts';
import { ArgumentSlots, type KernelBuilder } from '../kernel-builder.ts';
import { addRun, at, eachPiece, eachRun, fromFloat64, toFloat64, wherePositive, zero } from '../vectors.ts';
import { Moments } from './moments.ts';

type Slot = 'x' | 'out' | 'dout' | 'reluOut' | 'gamma' | 'beta' | 'mean' | 'variance' | 'dgamma' | 'dbeta' | 'outer' |
  'channels' | 'inner' | 'relu' | 'perTask';

/** The arguments of all batchnorm kernels; perTask is in planes, rows or channels, as the kernel says. */
export const batchnormSlots: ArgumentSlots<Slot, 'eps'> = new ArgumentSlots([
  'x', 'out', 'dout', 'reluOut', 'gamma', 'beta', 'mean', 'variance', 'dgamma', 'dbeta', 'outer', 'channels', 'inner', 'relu',
  'perTask',
], ['eps']);

/** Adds the kernels for one type to the module. */
export function emitBatchnorm(kernels: KernelBuilder, float: FloatKind): void {
  emitStatistics(kernels, float);
  emitApply(kernels, float);
  for (const training of [true, false]) {
    for (const relu of [true, false]) emitBackward(kernels, float, training, relu);
  }
}

/** The name of a backward kernel. */
export function batchnormBackwardName(float: FloatKind, training: boolean, relu: boolean): string {
  return `${float}_batchnorm_backward${training ? '' : '_constant'}${relu ? '_relu' : ''}__simd128`;
}

/** A scalar as the operand of a kind: itself, or in every lane. */
export function spread(kind: Kind, scalar: Value): Value {
  return lanesOf(kind) === 1 ? scalar : splat(kind as 'f32x4', scalar);
}

/** Task: mean and variance of one channel. */
function emitStatistics(kernels: KernelBuilder, float: FloatKind): void {
  kernels.define(`${float}_batchnorm_statistics__simd128`, (f, args, task) => {
    const s = batchnormSlots.read(f, args, ['x', 'mean', 'variance', 'outer', 'channels', 'inner']);
    const planeBytes = f.let(scale(s.inner, bytesOf(float)));
    const plane = f.let(s.x.add(task.mul(planeBytes)));
    const [first, outer] = f.locals('i32', 2);
    const moments = new Moments(f, float);
    f.set(outer, s.outer);
    f.repeat(outer, () => {
      f.set(first, plane);
      moments.add(first, s.inner);
      f.increase(plane, s.channels.mul(planeBytes));
    });
    const channel = f.let(scale(task, bytesOf(float)));
    f.store(s.mean.add(channel), fromFloat64(float, moments.mean));
    f.store(s.variance.add(channel), fromFloat64(float, moments.variance));
  });
}

/** Task: perTask planes of out. */
function emitApply(kernels: KernelBuilder, float: FloatKind): void {
  const vector = vectorOf(float);
  kernels.define(`${float}_batchnorm_apply__simd128`, (f, args, task) => {
    const s = batchnormSlots.read(f, args, [
      'x', 'out', 'gamma', 'beta', 'mean', 'variance', 'outer', 'channels', 'inner', 'relu', 'perTask',
    ]);
    const eps = batchnormSlots.readFloat(f, args, 'eps');
    const [plane, last, channel, from, to] = f.locals('i32', 5);
    const floors = { [vector]: f.local(vector), [float]: f.local(float) } as Record<Kind, ReturnType<typeof f.local>>;
    for (const kind of [vector, float]) {
      f.set(floors[kind], spread(kind, constant(float, -Infinity)));
      f.if(s.relu, () => f.set(floors[kind], zero(kind)));
    }
    f.set(plane, task.mul(s.perTask));
    f.set(last, plane.add(s.perTask));
    f.if(last.gt(s.outer.mul(s.channels)), () => f.set(last, s.outer.mul(s.channels)));
    const distance = f.let(scale(plane.mul(s.inner), bytesOf(float)));
    f.set(from, s.x.add(distance));
    f.set(to, s.out.add(distance));
    f.for(plane, plane, last, 1, () => {
      f.set(channel, scale(plane.rem(s.channels), bytesOf(float)));
      const mean = f.let(load(float, s.mean.add(channel)));
      const inverse = f.let(constant('f64', 1).div(toFloat64(load(float, s.variance.add(channel))).add(eps).sqrt()));
      const factor = f.let(fromFloat64(float, inverse.mul(toFloat64(load(float, s.gamma.add(channel))))));
      const shift = f.let(load(float, s.beta.add(channel)));
      const wide = [mean, factor, shift].map((scalar) => f.let(splat(vector, scalar)));
      eachRun(f, float, [from, to], s.inner, (kind) => {
        const [m, k, b] = kind === vector ? wide : [mean, factor, shift];
        const value = f.let(at(kind, from).sub(m).mul(k).add(b));
        // value < floor ? floor : value keeps NaN
        f.store(to, kind === vector ? value.pmax(floors[kind]) : maximum(value, floors[kind]));
      });
    });
  });

  function maximum(value: Value, floor: Value): Value {
    return select(value.lt(floor), floor, value);
  }
}

/** Task: all of one channel: dgamma, dbeta and dx. */
function emitBackward(kernels: KernelBuilder, float: FloatKind, training: boolean, relu: boolean): void {
  const vector = vectorOf(float);
  kernels.define(batchnormBackwardName(float, training, relu), (f, args, task) => {
    const s = batchnormSlots.read(f, args, [
      'x', 'out', 'dout', 'reluOut', 'gamma', 'mean', 'variance', 'dgamma', 'dbeta', 'outer', 'channels', 'inner',
    ]);
    const eps = batchnormSlots.readFloat(f, args, 'eps');
    const channel = f.let(scale(task, bytesOf(float)));
    const planeBytes = f.let(scale(s.inner, bytesOf(float)));
    const start = f.let(task.mul(planeBytes));
    const step = f.let(s.channels.mul(planeBytes));
    const mean = f.let(load(float, s.mean.add(channel)));
    const inverse = f.let(constant('f64', 1).div(toFloat64(load(float, s.variance.add(channel))).add(eps).sqrt()));
    const [dgamma, dbeta] = f.locals('f64', 2);
    const [outer, distance, x, dout, out, reluOut] = f.locals('i32', 6);
    const place = (): void => {
      f.set(x, s.x.add(distance));
      f.set(dout, s.dout.add(distance));
      f.set(out, s.out.add(distance));
      if (relu) f.set(reluOut, s.reluOut.add(distance));
    };
    const gradient = (kind: Kind, offset: number = 0): Value =>
      relu ? wherePositive(at(kind, reluOut, offset), at(kind, dout, offset)) : at(kind, dout, offset);

    f.set(distance, start);
    f.set(outer, s.outer);
    f.repeat(outer, () => {
      place();
      eachPiece(f, s.inner, (count) =>
        addRun(f, float, relu ? [x, dout, reluOut] : [x, dout], count, [dgamma, dbeta], (kind, offset) => {
          const g = f.let(gradient(kind, offset));
          return [at(kind, x, offset).sub(spread(kind, mean)).mul(g), g];
        }));
      f.increase(distance, step);
    });
    f.set(dgamma, dgamma.mul(inverse));
    f.store(s.dgamma.add(channel), fromFloat64(float, dgamma));
    f.store(s.dbeta.add(channel), fromFloat64(float, dbeta));

    // dx = k1 dout + k2 + k3 (x - mean)
    const count = toFloat('f64', s.outer.mul(s.inner));
    const factor = f.let(inverse.mul(toFloat64(load(float, s.gamma.add(channel)))));
    const k1 = f.let(fromFloat64(float, factor));
    const k2 = f.let(fromFloat64(float, factor.mul(dbeta).div(count).neg()));
    const k3 = f.let(fromFloat64(float, factor.mul(inverse).mul(dgamma).div(count).neg()));
    const scalars = [k1, k2, k3, mean];
    const vectors = scalars.map((scalar) => f.let(splat(vector, scalar)));
    f.set(distance, start);
    f.set(outer, s.outer);
    f.repeat(outer, () => {
      place();
      eachRun(f, float, relu ? [x, dout, out, reluOut] : [x, dout, out], s.inner, (kind) => {
        const [a, b, c, m] = kind === vector ? vectors : scalars;
        const direct = gradient(kind).mul(a);
        f.store(out, training ? direct.add(b).add(at(kind, x).sub(m).mul(c)) : direct);
      });
      f.increase(distance, step);
    });
  });
}
