/**
 * Batchnorm over planes, (outer, channels, inner) with inner > 1, as jobs. A plane, one channel of one example, is a
 * contiguous run. The formulas are derived in ../../naive/normalisation.ts; here is how they are cut up.
 *
 * Statistics take one pass over memory (moments.ts). The backward pass is one task a channel, so that the planes summed
 * for dgamma and dbeta are still in the second-level cache when dx is written.
 */

import {
  bytesOf, constant, type FloatKind, type Kind, load, type Local, scale, select, splat, toFloat, type Value, vectorOf,
} from '../../../wasm/index.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import {
  at, eachPiece, eachRun, fromFloat64, inverseDeviation, mostSummed, RunSums, shareOf, spread, toFloat64,
  wherePositive, zero,
} from '../vectors.ts';
import { Moments } from './moments.ts';

/** The sizes that all batchnorm kernels begin with. */
export const channelSizes = { outer: 'i32', channels: 'i32', inner: 'i32' } as const;

// The kernels over planes and those over columns take the same arguments. perTask is in channels, of apply in planes;
// a task of the other plane kernels is one channel. `added` is for planes alone.
const statistics = { perTask: 'i32', x: 'input', mean: 'output', variance: 'output' } as const;
const apply = {
  perTask: 'i32', x: 'input', gamma: 'input', beta: 'input', mean: 'input', variance: 'input', eps: 'f64', relu: 'flag',
  added: 'input?', out: 'output',
} as const;
const backward = {
  perTask: 'i32', dout: 'input', x: 'input', reluOut: 'input?', gamma: 'input', mean: 'input', variance: 'input',
  eps: 'f64', out: 'output', dgamma: 'output', dbeta: 'output',
} as const;

/** Batchnorm's kernels over planes or columns; of backward, by how mean and variance are meant and what comes after. */
export interface BatchnormKernels {
  readonly statistics: FloatKernels<typeof channelSizes & typeof statistics>;
  readonly apply: FloatKernels<typeof channelSizes & typeof apply>;
  readonly backward: Readonly<Record<'training' | 'constant', Readonly<Record<
    'plain' | 'relu', FloatKernels<typeof channelSizes & typeof backward>
  >>>>;
}

function batchnormKernels(name: string): BatchnormKernels {
  const backwardOf = (form: string): BatchnormKernels['backward']['training'] => {
    const types = { ...channelSizes, ...backward };
    return {
      plain: floatKernels(`${name}_backward${form}`, types), relu: floatKernels(`${name}_backward${form}_relu`, types),
    };
  };
  return {
    statistics: floatKernels(`${name}_statistics`, { ...channelSizes, ...statistics }),
    apply: floatKernels(`${name}_apply`, { ...channelSizes, ...apply }),
    backward: { training: backwardOf(''), constant: backwardOf('_constant') },
  };
}

export const planes: BatchnormKernels = batchnormKernels('batchnorm');
export const columns: BatchnormKernels = batchnormKernels('batchnorm_column');

/** Adds the kernels over planes for one type to the module. */
export function emitBatchnorm(kernels: KernelBuilder, float: FloatKind): void {
  emitStatistics(kernels, float);
  emitApply(kernels, float);
  for (const training of [true, false]) {
    for (const relu of [true, false]) emitBackward(kernels, float, training, relu);
  }
}

/** The backward kernel of a form. */
export function backwardKernel(
  family: BatchnormKernels, float: FloatKind, training: boolean, relu: boolean,
): BatchnormKernels['backward']['training']['relu']['f32'] {
  return family.backward[training ? 'training' : 'constant'][relu ? 'relu' : 'plain'][float];
}

/** Task: mean and variance of one channel. */
function emitStatistics(kernels: KernelBuilder, float: FloatKind): void {
  kernels.define(planes.statistics[float], (f, s, task) => {
    const planeBytes = f.let(scale(s.inner, bytesOf(float)));
    const plane = f.let(s.x.add(task.mul(planeBytes)));
    const moments = new Moments(f, float);
    const step = f.let(s.channels.mul(planeBytes));
    const [from, left] = [f.local('i32'), f.local('i32', s.outer)];
    f.repeat(left, () => {
      f.set(from, plane);
      moments.add(from, s.inner);
      f.increase(plane, step);
    });
    const channel = f.let(scale(task, bytesOf(float)));
    f.store(s.mean.add(channel), fromFloat64(float, moments.mean));
    f.store(s.variance.add(channel), fromFloat64(float, moments.variance));
  });
}

/** Task: perTask planes of out. */
function emitApply(kernels: KernelBuilder, float: FloatKind): void {
  const vector = vectorOf(float);
  kernels.define(planes.apply[float], (f, s, task) => {
    const [channel, from, to, plus] = f.locals('i32', 4);
    const floors = { [vector]: f.local(vector), [float]: f.local(float) } as Record<Kind, ReturnType<typeof f.local>>;
    for (const kind of [vector, float]) {
      f.set(floors[kind], spread(kind, constant(float, -Infinity)));
      f.if(s.relu, () => f.set(floors[kind], zero(kind)));
    }
    const [plane, last] = shareOf(f, task, s.perTask, f.let(s.outer.mul(s.channels)));
    const distance = f.let(scale(plane.mul(s.inner), bytesOf(float)));
    f.set(from, s.x.add(distance));
    f.set(to, s.out.add(distance));
    f.set(plus, s.added.add(distance));
    f.for(plane, plane, last, 1, () => {
      f.set(channel, scale(plane.rem(s.channels), bytesOf(float)));
      const mean = f.let(load(float, s.mean.add(channel)));
      const inverse = f.let(inverseDeviation(toFloat64(load(float, s.variance.add(channel))), s.eps));
      const factor = f.let(fromFloat64(float, inverse.mul(toFloat64(load(float, s.gamma.add(channel))))));
      const shift = f.let(load(float, s.beta.add(channel)));
      const wide = [mean, factor, shift].map((scalar) => f.let(splat(vector, scalar)));
      const applyTo = (pointers: readonly Local[], last: (value: Value, kind: Kind) => Value): void =>
        eachRun(f, float, pointers, s.inner, (kind) => {
          const [m, k, b] = kind === vector ? wide : [mean, factor, shift];
          const value = f.let(last(at(kind, from).sub(m).mul(k).add(b), kind));
          // value < floor ? floor : value keeps NaN
          f.store(to, kind === vector ? value.pmax(floors[kind]) : select(value.lt(floors[kind]), floors[kind], value));
        });
      f.if(s.added, () => applyTo([from, to, plus], (value, kind) => value.add(at(kind, plus))), () =>
        applyTo([from, to], (value) => value));
    });
  });
}

/** Task: all of one channel: dgamma, dbeta and dx. */
function emitBackward(kernels: KernelBuilder, float: FloatKind, training: boolean, relu: boolean): void {
  const vector = vectorOf(float);
  kernels.define(backwardKernel(planes, float, training, relu), (f, s, task) => {
    const channel = f.let(scale(task, bytesOf(float)));
    const planeBytes = f.let(scale(s.inner, bytesOf(float)));
    const start = f.let(task.mul(planeBytes));
    const step = f.let(s.channels.mul(planeBytes));
    const mean = f.let(load(float, s.mean.add(channel)));
    const inverse = f.let(inverseDeviation(toFloat64(load(float, s.variance.add(channel))), s.eps));
    const [dgamma, dbeta] = f.locals('f64', 2);
    const [outer, distance, x, dout, out, reluOut, pending] = f.locals('i32', 7);
    const place = (): void => {
      f.set(x, s.x.add(distance));
      f.set(dout, s.dout.add(distance));
      f.set(out, s.out.add(distance));
      if (relu) f.set(reluOut, s.reluOut.add(distance));
    };
    const gradient = (kind: Kind, offset: number = 0): Value =>
      relu ? wherePositive(at(kind, reluOut, offset), at(kind, dout, offset)) : at(kind, dout, offset);

    // Small planes share a chain of sums: to fold it after each would cost more than to add its elements.
    const sums = new RunSums(f, float, 2);
    f.set(pending, 0);
    f.set(distance, start);
    f.set(outer, s.outer);
    f.repeat(outer, () => {
      place();
      eachPiece(f, s.inner, (count) => {
        f.increase(pending, count);
        f.if(pending.gt(mostSummed), () => {
          sums.fold([dgamma, dbeta]);
          f.set(pending, count);
        });
        sums.add(relu ? [x, dout, reluOut] : [x, dout], count, (kind, offset) => {
          const g = f.let(gradient(kind, offset));
          return [at(kind, x, offset).sub(spread(kind, mean)).mul(g), g];
        });
      });
      f.increase(distance, step);
    });
    sums.fold([dgamma, dbeta]);
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
