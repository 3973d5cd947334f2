/**
 * Groupnorm and layernorm, (batch, groups, channelsPerGroup, inner), as jobs. One set, a group of one example, is a
 * contiguous run with a mean and variance of its own; the formulas are derived in ../../naive/normalisation.ts.
 *
 * gamma and beta change with every element where inner is 1 (layernorm: they are read beside x) and with every channel
 * elsewhere, so each kernel exists in two forms. Their gradients run over the batch: a task adds up those of its
 * examples, and a last job adds the tasks' in order.
 */

import {
  type Body, bytesOf, constant, type FloatKind, type Kind, load, type Local, scale, splat, toFloat, type Value,
  vectorOf,
} from '../../../wasm/index.ts';
import { type ArgumentTypes, type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { addRun, at, eachOfShare, eachPiece, eachRun, fromFloat64, inverseDeviation, spread, toFloat64 } from '../vectors.ts';
import { Moments } from './moments.ts';

/** The sizes that forward and backward begin with. */
export const groupSizes = { batch: 'i32', groups: 'i32', channelsPerGroup: 'i32', inner: 'i32' } as const;

// perTask is in examples
const forward = {
  perTask: 'i32', x: 'input', gamma: 'input', beta: 'input', eps: 'f64', out: 'output', mean: 'output', variance: 'output',
} as const;
const backward = {
  perTask: 'i32', dout: 'input', x: 'input', gamma: 'input', mean: 'input', variance: 'input', eps: 'f64', out: 'output',
  /** each task's dgamma and dbeta */
  partial: 'scratch',
} as const;
const reduce = { partial: 'scratch', tasks: 'i32', channels: 'i32', dgamma: 'output', dbeta: 'output' } as const;

/** A kernel in the form for inner 1 and in that for all else. */
type Forms<Types extends ArgumentTypes> =
  Readonly<Record<'perElement' | 'perChannel', FloatKernels<typeof groupSizes & Types>>>;

function forms<Types extends ArgumentTypes>(name: string, types: Types): Forms<Types> {
  const all = { ...groupSizes, ...types };
  return { perElement: floatKernels(`layernorm_${name}`, all), perChannel: floatKernels(`groupnorm_${name}`, all) };
}

export const groupnormForward: Forms<typeof forward> = forms('forward', forward);
export const groupnormBackward: Forms<typeof backward> = forms('backward', backward);
export const groupnormReduce: FloatKernels<typeof reduce> = floatKernels('groupnorm_reduce', reduce);

/** Adds the kernels for one type to the module. */
export function emitGroupnorm(kernels: KernelBuilder, float: FloatKind): void {
  for (const perElement of [true, false]) {
    emitForward(kernels, float, perElement);
    emitBackward(kernels, float, perElement);
  }
  emitReduce(kernels, float);
}

/** Calls write for every example of the task and every group in it. */
function eachSet(
  f: Body, task: Value, perTask: Value, batch: Local, groups: Value, write: (example: Value, group: Value) => void,
): void {
  const group = f.local('i32');
  eachOfShare(f, task, perTask, batch, (example) => f.for(group, 0, groups, 1, () => write(example, group)));
}

/** Task: perTask examples of out, mean and variance. */
function emitForward(kernels: KernelBuilder, float: FloatKind, perElement: boolean): void {
  const bytes = bytesOf(float);
  const vector = vectorOf(float);
  kernels.define(groupnormForward[perElement ? 'perElement' : 'perChannel'][float], (f, s, task) => {
    const count = f.let(s.channelsPerGroup.mul(s.inner));
    const [set, from, to, gammaAt, betaAt, channel] = f.locals('i32', 6);
    const [mean, inverse] = [f.local(float), f.local('f64')];
    const moments = new Moments(f, float);
    const wideMean = f.local(vector);
    eachSet(f, task, s.perTask, s.batch, s.groups, (example, group) => {
      f.set(set, example.mul(s.groups).add(group));
      f.set(from, s.x.add(scale(set.mul(count), bytes)));
      moments.reset();
      moments.add(from, count);
      f.set(mean, fromFloat64(float, moments.mean));
      f.store(s.mean.add(scale(set, bytes)), mean);
      f.store(s.variance.add(scale(set, bytes)), fromFloat64(float, moments.variance));
      f.set(inverse, inverseDeviation(moments.variance, s.eps));
      f.set(wideMean, splat(vector, mean));
      f.set(from, s.x.add(scale(set.mul(count), bytes)));
      f.set(to, s.out.add(scale(set.mul(count), bytes)));
      f.set(gammaAt, s.gamma.add(scale(group.mul(s.channelsPerGroup), bytes)));
      f.set(betaAt, s.beta.add(scale(group.mul(s.channelsPerGroup), bytes)));
      if (perElement) {
        const factor = f.let(fromFloat64(float, inverse));
        eachRun(f, float, [from, to, gammaAt, betaAt], count, (kind) => {
          const normalised = at(kind, from).sub(kind === vector ? wideMean : mean).mul(spread(kind, factor));
          f.store(to, normalised.mul(at(kind, gammaAt)).add(at(kind, betaAt)));
        });
        return;
      }
      f.set(channel, s.channelsPerGroup);
      f.repeat(channel, () => {
        const factor = f.let(fromFloat64(float, inverse.mul(toFloat64(load(float, gammaAt)))));
        const shift = f.let(load(float, betaAt));
        const wide = [factor, shift].map((scalar) => f.let(splat(vector, scalar)));
        eachRun(f, float, [from, to], s.inner, (kind) => {
          const [k, b] = kind === vector ? wide : [factor, shift];
          f.store(to, at(kind, from).sub(kind === vector ? wideMean : mean).mul(k).add(b));
        });
        f.increase(gammaAt, bytes);
        f.increase(betaAt, bytes);
      });
    });
  });
}

/** Task: perTask examples of dx, and their share of dgamma and dbeta. */
function emitBackward(kernels: KernelBuilder, float: FloatKind, perElement: boolean): void {
  const bytes = bytesOf(float);
  const vector = vectorOf(float);
  kernels.define(groupnormBackward[perElement ? 'perElement' : 'perChannel'][float], (f, s, task) => {
    const count = f.let(s.channelsPerGroup.mul(s.inner));
    const sumsBytes = f.let(scale(s.groups.mul(s.channelsPerGroup), bytes));
    const dgammas = f.let(s.partial.add(task.mul(sumsBytes.shl(1))));
    f.fill(dgammas, 0, sumsBytes.shl(1));
    const [set, x, dout, to, gammaAt, dgammaAt, dbetaAt, channel] = f.locals('i32', 8);
    const [mean, wideMean, inverse] = [f.local(float), f.local(vector), f.local('f64')];
    // sums over the set of h = gamma dout, and of h (x - mean)
    const [sum, product, channelSum, channelProduct] = f.locals('f64', 4);
    const deviation = (kind: Value['kind'], offset: number = 0): Value =>
      at(kind, x, offset).sub(kind === vector ? wideMean : mean);
    const rewind = (group: Value): void => {
      f.set(x, s.x.add(scale(set.mul(count), bytes)));
      f.set(dout, s.dout.add(scale(set.mul(count), bytes)));
      f.set(to, s.out.add(scale(set.mul(count), bytes)));
      f.set(gammaAt, s.gamma.add(scale(group.mul(s.channelsPerGroup), bytes)));
      f.set(dgammaAt, dgammas.add(scale(group.mul(s.channelsPerGroup), bytes)));
      f.set(dbetaAt, dgammaAt.add(sumsBytes));
    };
    eachSet(f, task, s.perTask, s.batch, s.groups, (example, group) => {
      f.set(set, example.mul(s.groups).add(group));
      f.set(mean, load(float, s.mean.add(scale(set, bytes))));
      f.set(wideMean, splat(vector, mean));
      f.set(inverse, inverseDeviation(toFloat64(load(float, s.variance.add(scale(set, bytes)))), s.eps));
      f.set(sum, constant('f64', 0));
      f.set(product, constant('f64', 0));
      rewind(group);
      if (perElement) {
        eachPiece(f, count, (piece) => addRun(f, float, [x, dout, gammaAt], piece, [sum, product], (kind, offset) => {
          const h = f.let(at(kind, dout, offset).mul(at(kind, gammaAt, offset)));
          return [h, h.mul(deviation(kind, offset))];
        }));
      } else {
        f.set(channel, s.channelsPerGroup);
        f.repeat(channel, () => {
          f.set(channelSum, constant('f64', 0));
          f.set(channelProduct, constant('f64', 0));
          const sums = [channelSum, channelProduct];
          eachPiece(f, s.inner, (piece) => addRun(f, float, [x, dout], piece, sums, (kind, offset) => {
            const g = f.let(at(kind, dout, offset));
            return [g, g.mul(deviation(kind, offset))];
          }));
          const gamma = f.let(toFloat64(load(float, gammaAt)));
          f.set(sum, sum.add(gamma.mul(channelSum)));
          f.set(product, product.add(gamma.mul(channelProduct)));
          f.store(dbetaAt, load(float, dbetaAt).add(fromFloat64(float, channelSum)));
          f.store(dgammaAt, load(float, dgammaAt).add(fromFloat64(float, channelProduct.mul(inverse))));
          for (const pointer of [gammaAt, dgammaAt, dbetaAt]) f.increase(pointer, bytes);
        });
      }

      // dx = inverse gamma dout + k2 + k3 (x - mean)
      const over = inverse.neg().div(toFloat('f64', count));
      const k1 = f.let(fromFloat64(float, inverse));
      const k2 = f.let(fromFloat64(float, over.mul(sum)));
      const k3 = f.let(fromFloat64(float, over.mul(inverse).mul(inverse).mul(product)));
      const dx = (kind: Kind, direct: Value, apart: Value): Value =>
        direct.add(spread(kind, k2)).add(apart.mul(spread(kind, k3)));
      rewind(group);
      if (perElement) {
        eachRun(f, float, [x, dout, to, gammaAt, dgammaAt, dbetaAt], count, (kind) => {
          const g = f.let(at(kind, dout));
          const apart = f.let(deviation(kind));
          f.store(dbetaAt, at(kind, dbetaAt).add(g));
          f.store(dgammaAt, at(kind, dgammaAt).add(g.mul(apart).mul(spread(kind, k1))));
          f.store(to, dx(kind, g.mul(at(kind, gammaAt)).mul(spread(kind, k1)), apart));
        });
        return;
      }
      f.set(channel, s.channelsPerGroup);
      f.repeat(channel, () => {
        const factor = f.let(load(float, gammaAt).mul(k1));
        eachRun(f, float, [x, dout, to], s.inner, (kind) => {
          f.store(to, dx(kind, at(kind, dout).mul(spread(kind, factor)), deviation(kind)));
        });
        f.increase(gammaAt, bytes);
      });
    });
  });
}

/** One task: dgamma and dbeta, the tasks' shares added up in order. */
function emitReduce(kernels: KernelBuilder, float: FloatKind): void {
  const bytes = bytesOf(float);
  kernels.define(groupnormReduce[float], (f, s) => {
    const shareBytes = f.let(scale(s.channels, 2 * bytes));
    const [from, at, left, channel] = f.locals('i32', 4);
    const total = f.local('f64');
    f.set(from, s.partial);
    for (const to of [s.dgamma, s.dbeta]) {
      f.set(channel, s.channels);
      f.repeat(channel, () => {
        f.set(total, constant('f64', 0));
        f.set(at, from);
        f.set(left, s.tasks);
        f.countdown(left, () => {
          f.set(total, total.add(toFloat64(load(float, at))));
          f.increase(at, shareBytes);
        });
        f.store(to, fromFloat64(float, total));
        f.increase(to, bytes);
        f.increase(from, bytes);
      });
    }
  });
}
