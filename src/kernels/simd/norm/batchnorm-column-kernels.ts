/**
 * Batchnorm over columns, (outer, channels) with inner 1, as jobs: what stands between fully connected layers. Here a
 * vector holds one element of each of four channels (two in float64), and sums over the rows are kept in float64
 * throughout, which costs nothing while the rows come from memory.
 */

import {
  type Body, bytesOf, type FloatKind, type Kind, lanesOf, type Local, scale, toFloat, type Value, vectorOf,
} from '../../../wasm/index.ts';
import type { KernelBuilder } from '../kernel.ts';
import {
  at, inverseDeviation, narrow, rectified, shareOf, spread, widen, wideLocals, wideOf, wherePositive, zero,
} from '../vectors.ts';
import { backwardKernel, columns } from './batchnorm-kernels.ts';

/** Adds the kernels for one type to the module. */
export function emitColumnBatchnorm(kernels: KernelBuilder, float: FloatKind): void {
  emitStatistics(kernels, float);
  emitApply(kernels, float);
  for (const training of [true, false]) {
    for (const relu of [true, false]) emitBackward(kernels, float, training, relu);
  }
}

/** perTask channels of a task by whole vectors, then one by one; write gets the byte distance of the channel. */
function eachColumn(
  f: Body, float: FloatKind, task: Value, perTask: Value, channels: Local, write: (kind: Kind, distance: Local) => void,
): void {
  const vector = vectorOf(float);
  const [channel, last] = shareOf(f, task, perTask, channels);
  const distance = f.local('i32');
  for (const kind of [vector, float]) {
    const lanes = lanesOf(kind);
    f.while(() => channel.add(lanes).le(last), () => {
      f.set(distance, scale(channel, bytesOf(float)));
      write(kind, distance);
      f.increase(channel, lanes);
    });
  }
}

/** 1 / sqrt(variance + eps), in wide form. */
function inverseDeviations(f: Body, kind: Kind, variance: Value, eps: Value): Local[] {
  return widen(f, variance).map((half) => f.let(inverseDeviation(half, spread(wideOf(kind), eps))));
}

/** Task: mean and variance of perTask channels. */
function emitStatistics(kernels: KernelBuilder, float: FloatKind): void {
  kernels.define(columns.statistics[float], (f, s, task) => {
    const rowBytes = f.let(scale(s.channels, bytesOf(float)));
    const count = f.let(toFloat('f64', s.outer));
    const [from, rows] = f.locals('i32', 2);
    eachColumn(f, float, task, s.perTask, s.channels, (kind, distance) => {
      const mean = wideLocals(f, kind);
      const squares = wideLocals(f, kind);
      for (const sum of [...mean, ...squares]) f.set(sum, zero(sum.kind));
      const rowsDo = (write: (halves: Value[]) => void): void => {
        f.set(from, s.x.add(distance));
        f.set(rows, s.outer);
        f.repeat(rows, () => {
          write(widen(f, at(kind, from)));
          f.increase(from, rowBytes);
        });
      };
      rowsDo((halves) => halves.forEach((half, i) => f.set(mean[i], mean[i].add(half))));
      for (const sum of mean) f.set(sum, sum.div(spread(wideOf(kind), count)));
      rowsDo((halves) => halves.forEach((half, i) => {
        const deviation = f.let(half.sub(mean[i]));
        f.set(squares[i], squares[i].add(deviation.mul(deviation)));
      }));
      f.store(s.mean.add(distance), narrow(kind, mean));
      f.store(s.variance.add(distance), narrow(kind, squares.map((sum) => sum.div(spread(wideOf(kind), count)))));
    });
  });
}

/** Task: all rows of perTask channels. */
function emitApply(kernels: KernelBuilder, float: FloatKind): void {
  kernels.define(columns.apply[float], (f, s, task) => {
    const rowBytes = f.let(scale(s.channels, bytesOf(float)));
    const [from, to, rows] = f.locals('i32', 3);
    eachColumn(f, float, task, s.perTask, s.channels, (kind, distance) => {
      const inverse = inverseDeviations(f, kind, at(kind, s.variance.add(distance)), s.eps);
      const gamma = widen(f, at(kind, s.gamma.add(distance)));
      const factor = f.let(narrow(kind, inverse.map((half, i) => half.mul(gamma[i]))));
      const mean = f.let(at(kind, s.mean.add(distance)));
      const shift = f.let(at(kind, s.beta.add(distance)));
      const rowsDo = (relu: boolean): void => {
        f.set(from, s.x.add(distance));
        f.set(to, s.out.add(distance));
        f.set(rows, s.outer);
        f.repeat(rows, () => {
          const value = f.let(at(kind, from).sub(mean).mul(factor).add(shift));
          f.store(to, relu ? rectified(value) : value);
          f.increase(from, rowBytes);
          f.increase(to, rowBytes);
        });
      };
      f.if(s.relu, () => rowsDo(true), () => rowsDo(false));
    });
  });
}

/** Task: dgamma, dbeta and dx of perTask channels. */
function emitBackward(kernels: KernelBuilder, float: FloatKind, training: boolean, relu: boolean): void {
  kernels.define(backwardKernel(columns, float, training, relu), (f, s, task) => {
    const rowBytes = f.let(scale(s.channels, bytesOf(float)));
    const count = f.let(toFloat('f64', s.outer));
    const [x, dout, reluOut, out, rows] = f.locals('i32', 5);
    eachColumn(f, float, task, s.perTask, s.channels, (kind, distance) => {
      const gradient = (): Value => relu ? wherePositive(at(kind, reluOut), at(kind, dout)) : at(kind, dout);
      const rowsDo = (write: () => void): void => {
        f.set(x, s.x.add(distance));
        f.set(dout, s.dout.add(distance));
        f.set(out, s.out.add(distance));
        if (relu) f.set(reluOut, s.reluOut.add(distance));
        f.set(rows, s.outer);
        f.repeat(rows, () => {
          write();
          for (const pointer of relu ? [x, dout, out, reluOut] : [x, dout, out]) f.increase(pointer, rowBytes);
        });
      };
      const inverse = inverseDeviations(f, kind, at(kind, s.variance.add(distance)), s.eps);
      const mean = f.let(at(kind, s.mean.add(distance)));
      const wideMean = widen(f, mean).map((half) => f.let(half));
      const dgamma = wideLocals(f, kind);
      const dbeta = wideLocals(f, kind);
      for (const sum of [...dgamma, ...dbeta]) f.set(sum, zero(sum.kind));
      rowsDo(() => {
        const deviations = widen(f, at(kind, x));
        widen(f, gradient()).forEach((half, i) => {
          const g = f.let(half);
          f.set(dbeta[i], dbeta[i].add(g));
          f.set(dgamma[i], dgamma[i].add(g.mul(deviations[i].sub(wideMean[i]))));
        });
      });
      dgamma.forEach((sum, i) => f.set(sum, sum.mul(inverse[i])));
      f.store(s.dgamma.add(distance), narrow(kind, dgamma));
      f.store(s.dbeta.add(distance), narrow(kind, dbeta));

      // dx = k1 dout + k2 + k3 (x - mean)
      const gamma = widen(f, at(kind, s.gamma.add(distance)));
      const factor = inverse.map((half, i) => f.let(half.mul(gamma[i])));
      const over = (sum: Value): Value => sum.div(spread(wideOf(kind), count)).neg();
      const k1 = f.let(narrow(kind, factor));
      const k2 = f.let(narrow(kind, factor.map((half, i) => over(half.mul(dbeta[i])))));
      const k3 = f.let(narrow(kind, factor.map((half, i) => over(half.mul(inverse[i]).mul(dgamma[i])))));
      rowsDo(() => {
        const direct = gradient().mul(k1);
        f.store(out, training ? direct.add(k2).add(at(kind, x).sub(mean).mul(k3)) : direct);
      });
    });
  });
}
