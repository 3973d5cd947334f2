/**
 * relu(maxPool(batchnorm(x))) backwards, as one job whose tasks are channels. Only a pixel that won its window, and
 * whose output is positive, carries gradient into the batchnorm, so dgamma and dbeta need nothing but the windows; dx
 * then takes one pass over x, which is still in the second-level cache:
 *
 *   dx = k1 g + k2 + k3 (x - mean),   g: the window's gradient at its winner, 0 elsewhere
 *
 * Four 2x2 windows of float32 go at a time where they cover the plane; everything else goes window by window.
 */

import {
  type Body, bytesOf, type FloatKind, load, type Local, scale, shuffle, splat, toFloat, type Value, vectorConstant,
  vectorOf,
} from '../../../wasm/index.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import {
  at, eachRun, fromFloat64, inverseDeviation, laneSum, toFloat64, wherePositive, zero,
} from '../vectors.ts';
import { coversByPairs, pairOffsets, poolSizes, scatterPairs } from './pool-kernels.ts';

const fusedArguments = {
  channels: 'i32', pairs: 'flag', dout: 'input', reluOut: 'input', argmax: 'input', x: 'input', gamma: 'input',
  mean: 'input', variance: 'input', eps: 'f64', out: 'output', dgamma: 'output', dbeta: 'output',
} as const;
export const fusedBackward: FloatKernels<typeof poolSizes & typeof fusedArguments> =
  floatKernels('batchnorm_relu_max_pool_backward', { ...poolSizes, ...fusedArguments });

/** What all planes of a channel share. */
interface Channel {
  readonly mean: Local;
  readonly k1: Local;
  readonly k2: Local;
  readonly k3: Local;
}

/** Pointers into the arrays at the plane that is worked on. */
interface Plane {
  readonly x: Local;
  readonly out: Local;
  readonly dout: Local;
  readonly reluOut: Local;
  readonly argmax: Local;
}

/** Adds the kernel for one type to the module. */
export function emitFusedBackward(kernels: KernelBuilder, float: FloatKind): void {
  const bytes = bytesOf(float);
  kernels.define(fusedBackward[float], (f, s, task) => {
    const channel = f.let(scale(task, bytes));
    const pixels = f.let(s.height.mul(s.width));
    const outPixels = f.let(s.outHeight.mul(s.outWidth));
    const batch = f.let(s.planes.div(s.channels));
    const mean = f.let(load(float, s.mean.add(channel)));
    const inverse = f.let(inverseDeviation(toFloat64(load(float, s.variance.add(channel))), s.eps));
    const [dgamma, dbeta] = f.locals('f64', 2);
    const [example, x, out, dout, reluOut, argmax] = f.locals('i32', 6);
    const plane: Plane = { x, out, dout, reluOut, argmax };
    const eachPlane = (write: () => void): void => {
      f.for(example, 0, batch, 1, () => {
        const number = f.let(example.mul(s.channels).add(task));
        f.set(x, s.x.add(scale(number.mul(pixels), bytes)));
        f.set(out, s.out.add(scale(number.mul(pixels), bytes)));
        f.set(dout, s.dout.add(scale(number.mul(outPixels), bytes)));
        f.set(reluOut, s.reluOut.add(scale(number.mul(outPixels), bytes)));
        f.set(argmax, s.argmax.add(number.mul(outPixels).shl(2)));
        write();
      });
    };
    const paired = f.let(coversByPairs(s.pairs, s.width, s.height));
    /** by fours where that is possible, else one by one */
    const either = (byFours: () => void, byOnes: () => void): void => {
      if (float === 'f64') byOnes();
      else f.if(paired, byFours, byOnes);
    };

    eachPlane(() => either(
      () => sumByFours(f, plane, mean, s.width, s.outHeight, s.outWidth, dgamma, dbeta),
      () => sumByOnes(f, float, plane, mean, outPixels, dgamma, dbeta),
    ));
    f.set(dgamma, dgamma.mul(inverse));
    f.store(s.dgamma.add(channel), fromFloat64(float, dgamma));
    f.store(s.dbeta.add(channel), fromFloat64(float, dbeta));

    const count = f.let(toFloat('f64', batch.mul(pixels)));
    const factor = f.let(inverse.mul(toFloat64(load(float, s.gamma.add(channel)))));
    const numbers: Channel = {
      mean,
      k1: f.let(fromFloat64(float, factor)),
      k2: f.let(fromFloat64(float, factor.mul(dbeta).div(count).neg())),
      k3: f.let(fromFloat64(float, factor.mul(inverse).mul(dgamma).div(count).neg())),
    };
    eachPlane(() => either(
      () => writeByFours(f, plane, numbers, s.width, s.outHeight, s.outWidth),
      () => writeByOnes(f, float, plane, numbers, pixels, outPixels),
    ));
  });
}

/** Adds a plane's windows to the sums of g (x - mean) and g. */
function sumByOnes(
  f: Body, float: FloatKind, plane: Plane, mean: Value, windows: Value, dgamma: Local, dbeta: Local,
): void {
  const gradient = f.local('f64');
  eachWindow(f, float, plane, windows, () => {
    f.set(gradient, toFloat64(wherePositive(load(float, plane.reluOut), load(float, plane.dout))));
    f.set(dbeta, dbeta.add(gradient));
    const winner = load(float, plane.x.add(scale(load('i32', plane.argmax), bytesOf(float))));
    f.set(dgamma, dgamma.add(gradient.mul(toFloat64(winner.sub(mean)))));
  });
}

/** dx of a plane: the pixels' part, then the winners'. */
function writeByOnes(
  f: Body, float: FloatKind, plane: Plane, { mean, k1, k2, k3 }: Channel, pixels: Value, windows: Value,
): void {
  const vector = vectorOf(float);
  const scalars = [k2, k3, mean];
  const vectors = scalars.map((scalar) => f.let(splat(vector, scalar)));
  const start = f.let(plane.out);
  eachRun(f, float, [plane.x, plane.out], pixels, (kind) => {
    const [b, c, m] = kind === vector ? vectors : scalars;
    f.store(plane.out, at(kind, plane.x).sub(m).mul(c).add(b));
  });
  const to = f.local('i32');
  eachWindow(f, float, plane, windows, () => {
    f.set(to, start.add(scale(load('i32', plane.argmax), bytesOf(float))));
    f.store(to, load(float, to).add(wherePositive(load(float, plane.reluOut), load(float, plane.dout)).mul(k1)));
  });
}

function eachWindow(f: Body, float: FloatKind, plane: Plane, windows: Value, write: () => void): void {
  const left = f.let(windows);
  f.repeat(left, () => {
    write();
    f.increase(plane.dout, bytesOf(float));
    f.increase(plane.reluOut, bytesOf(float));
    f.increase(plane.argmax, 4);
  });
}

/**
 * Goes through a plane of float32 by four 2x2 windows at a time; write gets their gradients and the winners' places
 * relative to their windows. plane.x and plane.out are at the upper of the windows' two rows.
 */
function eachFour(
  f: Body, plane: Plane, width: Value, outHeight: Value, outWidth: Value,
  write: (gradient: Value, place: Value) => void,
): void {
  const [row, column, window] = f.locals('i32', 3);
  const rowBytes = f.let(width.shl(2));
  f.set(window, 0);
  f.set(row, outHeight);
  f.repeat(row, () => {
    f.set(column, outWidth.shrU(2));
    f.countdown(column, () => {
      const gradient = f.let(wherePositive(load('f32x4', plane.reluOut), load('f32x4', plane.dout)));
      const place = f.let(load('i32x4', plane.argmax).sub(splat('i32x4', window)).sub(pairOffsets));
      write(gradient, place);
      for (const pointer of [plane.dout, plane.reluOut, plane.argmax]) f.increase(pointer, 16);
      for (const pointer of [plane.x, plane.out]) f.increase(pointer, 32);
      f.increase(window, 8);
    });
    for (const pointer of [plane.x, plane.out]) f.increase(pointer, rowBytes);
    f.increase(window, width);
  });
}

function sumByFours(
  f: Body, plane: Plane, mean: Value, width: Value, outHeight: Value, outWidth: Value, dgamma: Local, dbeta: Local,
): void {
  const center = f.let(splat('f32x4', mean));
  const [gradients, products] = f.locals('f32x4', 2);
  f.set(gradients, zero('f32x4'));
  f.set(products, zero('f32x4'));
  const rowBytes = f.let(width.shl(2));
  eachFour(f, plane, width, outHeight, outWidth, (gradient, place) => {
    const winner = f.local('f32x4', zero('f32x4'));
    for (const [row, start] of [plane.x, f.let(plane.x.add(rowBytes))].entries()) {
      const offset = row === 0 ? place : f.let(place.sub(splat('i32x4', width)));
      const left = f.let(load('f32x4', start));
      const right = f.let(load('f32x4', start, 16));
      for (const odd of [0, 1]) {
        const candidates = shuffle(left, right, [odd, 2 + odd, 4 + odd, 6 + odd]);
        const wins = offset.eq(vectorConstant('i32x4', [odd, odd, odd, odd]));
        f.set(winner, winner.or(candidates.and(wins)));
      }
    }
    f.set(gradients, gradients.add(gradient));
    f.set(products, products.add(gradient.mul(winner.sub(center))));
  });
  f.set(dbeta, dbeta.add(laneSum(gradients)));
  f.set(dgamma, dgamma.add(laneSum(products)));
}

function writeByFours(
  f: Body, plane: Plane, { mean, k1, k2, k3 }: Channel, width: Value, outHeight: Value, outWidth: Value,
): void {
  const [center, a, b, c] = [mean, k1, k2, k3].map((scalar) => f.let(splat('f32x4', scalar)));
  const rowBytes = f.let(width.shl(2));
  eachFour(f, plane, width, outHeight, outWidth, (gradient, place) => {
    const scaled = f.let(gradient.mul(a));
    scatterPairs(f, scaled, place, width).forEach((halves, row) => {
      const from = row === 0 ? plane.x : f.let(plane.x.add(rowBytes));
      const to = row === 0 ? plane.out : f.let(plane.out.add(rowBytes));
      halves.forEach((half, i) => f.store(to, load('f32x4', from, 16 * i).sub(center).mul(c).add(b).add(half), 16 * i));
    });
  });
}
