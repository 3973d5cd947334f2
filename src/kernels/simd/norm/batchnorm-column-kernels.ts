/**
 * Batchnorm over columns, (outer, channels) with inner 1, as jobs: what stands between fully connected layers. Here a
 * vector holds one element of each of four channels (two in float64), and a task goes through the rows with some such
 * vectors at a time: with one alone every cache line would be fetched four times.
 */

import {
  type Body, bytesOf, constant, type FloatKind, type Kind, lanesOf, type Local, scale, toFloat, type Value, vectorOf,
} from '../../../wasm/index.ts';
import type { KernelBuilder } from '../kernel.ts';
import {
  at, eachPiece, inverseDeviation, narrow, rectified, shareOf, spread, widen, wideLocals, wideOf, wherePositive, zero,
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

/** Vectors of a strip of columns: in float32 a cache line, of which every row then is fetched once. */
const stripVectors = 16;

/** Rows whose sum stays in lanes of the type itself before it is added to the others in float64. */
const rowsTogether = constant('i32', 16);

/** Columns side by side, one a lane of each part: vectors or a scalar of this kind, at these bytes from the first. */
interface Strip {
  readonly kind: Kind;
  readonly offsets: readonly number[];
}

/** perTask channels of a task by strips, then by vectors, then one by one; write gets the strip's byte distance. */
function eachStrip(
  f: Body, float: FloatKind, task: Value, perTask: Value, channels: Local,
  write: (strip: Strip, distance: Local) => void,
): void {
  const vector = vectorOf(float);
  const [channel, last] = shareOf(f, task, perTask, channels);
  const distance = f.local('i32');
  for (const [kind, parts] of [[vector, stripVectors], [vector, 1], [float, 1]] as const) {
    const wide = parts * lanesOf(kind);
    f.while(() => channel.add(wide).le(last), () => {
      f.set(distance, scale(channel, bytesOf(float)));
      write({ kind, offsets: Array.from({ length: parts }, (_, i) => 16 * i) }, distance);
      f.increase(channel, wide);
    });
  }
}

/**
 * Sums over the rows of so many terms of each part of a strip, in wide form, by part and term. The pointers end after
 * the last row.
 */
function sumRows(
  f: Body, { kind, offsets }: Strip, rows: Value, rowBytes: Value, pointers: readonly Local[], count: number,
  terms: (part: number) => Value[],
): Local[][][] {
  const totals = offsets.map(() => Array.from({ length: count }, () => wideLocals(f, kind)));
  const sums = offsets.map(() => f.locals(kind, count));
  eachPiece(f, rows, (piece) => {
    for (const sum of sums.flat()) f.set(sum, zero(kind));
    f.countdown(piece, () => {
      sums.forEach((ofPart, part) => terms(part).forEach((term, i) => f.set(ofPart[i], ofPart[i].add(term))));
      for (const pointer of pointers) f.increase(pointer, rowBytes);
    });
    sums.flat().forEach((sum, i) => {
      const total = totals.flat()[i];
      widen(f, sum).forEach((half, at) => f.set(total[at], total[at].add(half)));
    });
  }, rowsTogether);
  return totals;
}

/** 1 / sqrt(variance + eps), in wide form. */
function inverseDeviations(f: Body, kind: Kind, variance: Value, eps: Value): Local[] {
  return widen(f, variance).map((half) => f.let(inverseDeviation(half, spread(wideOf(kind), eps))));
}

/**
 * Task: mean and variance of perTask channels. The deviations are those from the mean as it is stored; what their own
 * sum says about its rounding is taken off (Chan, Golub and LeVeque 1983, the corrected two-pass algorithm).
 */
function emitStatistics(kernels: KernelBuilder, float: FloatKind): void {
  kernels.define(columns.statistics[float], (f, s, task) => {
    const rowBytes = f.let(scale(s.channels, bytesOf(float)));
    const count = f.let(toFloat('f64', s.outer));
    const from = f.local('i32');
    eachStrip(f, float, task, s.perTask, s.channels, (strip, distance) => {
      const { kind, offsets } = strip;
      const over = (sum: Value): Value => sum.div(spread(wideOf(kind), count));
      f.set(from, s.x.add(distance));
      const sums = sumRows(f, strip, s.outer, rowBytes, [from], 1, (part) => [at(kind, from, offsets[part])]);
      const means = sums.map(([sum]) => f.let(narrow(kind, sum.map(over))));
      f.set(from, s.x.add(distance));
      const deviations = sumRows(f, strip, s.outer, rowBytes, [from], 2, (part) => {
        const deviation = f.let(at(kind, from, offsets[part]).sub(means[part]));
        return [deviation.mul(deviation), deviation];
      });
      deviations.forEach(([squares, rests], part) => {
        const variances = squares.map((sum, i) => over(sum.sub(over(rests[i].mul(rests[i])))).max(0));
        f.store(s.mean.add(distance), means[part], offsets[part]);
        f.store(s.variance.add(distance), narrow(kind, variances), offsets[part]);
      });
    });
  });
}

/** Task: all rows of perTask channels. */
function emitApply(kernels: KernelBuilder, float: FloatKind): void {
  kernels.define(columns.apply[float], (f, s, task) => {
    const rowBytes = f.let(scale(s.channels, bytesOf(float)));
    const [from, to, rows] = f.locals('i32', 3);
    eachStrip(f, float, task, s.perTask, s.channels, ({ kind, offsets }, distance) => {
      const parts = offsets.map((offset) => {
        const inverse = inverseDeviations(f, kind, at(kind, s.variance.add(distance), offset), s.eps);
        const gamma = widen(f, at(kind, s.gamma.add(distance), offset));
        return {
          offset, factor: f.let(narrow(kind, inverse.map((half, i) => half.mul(gamma[i])))),
          mean: f.let(at(kind, s.mean.add(distance), offset)), shift: f.let(at(kind, s.beta.add(distance), offset)),
        };
      });
      const rowsDo = (relu: boolean): void => {
        f.set(from, s.x.add(distance));
        f.set(to, s.out.add(distance));
        f.set(rows, s.outer);
        f.repeat(rows, () => {
          for (const { offset, mean, factor, shift } of parts) {
            const value = f.let(at(kind, from, offset).sub(mean).mul(factor).add(shift));
            f.store(to, relu ? rectified(value) : value, offset);
          }
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
    const inputs = relu ? [x, dout, reluOut] : [x, dout];
    eachStrip(f, float, task, s.perTask, s.channels, (strip, distance) => {
      const { kind, offsets } = strip;
      const gradient = (offset: number): Value =>
        relu ? wherePositive(at(kind, reluOut, offset), at(kind, dout, offset)) : at(kind, dout, offset);
      const start = (): void => {
        f.set(x, s.x.add(distance));
        f.set(dout, s.dout.add(distance));
        f.set(out, s.out.add(distance));
        if (relu) f.set(reluOut, s.reluOut.add(distance));
      };
      const means = offsets.map((offset) => f.let(at(kind, s.mean.add(distance), offset)));
      start();
      const sums = sumRows(f, strip, s.outer, rowBytes, inputs, 2, (part) => {
        const g = f.let(gradient(offsets[part]));
        return [at(kind, x, offsets[part]).sub(means[part]).mul(g), g];
      });

      // dx = k1 dout + k2 + k3 (x - mean)
      const parts = offsets.map((offset, part) => {
        const [sum, dbeta] = sums[part];
        const inverse = inverseDeviations(f, kind, at(kind, s.variance.add(distance), offset), s.eps);
        const gamma = widen(f, at(kind, s.gamma.add(distance), offset));
        const dgamma = sum.map((half, i) => f.let(half.mul(inverse[i])));
        f.store(s.dgamma.add(distance), narrow(kind, dgamma), offset);
        f.store(s.dbeta.add(distance), narrow(kind, dbeta), offset);
        const factor = inverse.map((half, i) => f.let(half.mul(gamma[i])));
        const over = (sum: Value): Value => sum.div(spread(wideOf(kind), count)).neg();
        return {
          offset, mean: means[part], k1: f.let(narrow(kind, factor)),
          k2: f.let(narrow(kind, factor.map((half, i) => over(half.mul(dbeta[i]))))),
          k3: f.let(narrow(kind, factor.map((half, i) => over(half.mul(inverse[i]).mul(dgamma[i]))))),
        };
      });
      start();
      f.set(rows, s.outer);
      f.repeat(rows, () => {
        for (const { offset, mean, k1, k2, k3 } of parts) {
          const direct = gradient(offset).mul(k1);
          f.store(out, training ? direct.add(k2).add(at(kind, x, offset).sub(mean).mul(k3)) : direct, offset);
        }
        for (const pointer of [...inputs, out]) f.increase(pointer, rowBytes);
      });
    });
  });
}
