/** The host's side of pooling, and of batchnorm, relu and pooling in one (the kernels are in pool-kernels.ts). */

import type { AdaptivePoolGeometry, FloatArray, FusedKernels, PoolGeometry, PoolKernels } from '../../contract.ts';
import { windowsInside } from '../../geometry.ts';
import { floatKind, launch, launched } from '../launch.ts';
import { normTuning } from '../tuning.ts';
import { average, averageBackward } from './average-kernels.ts';
import { fusedBackward } from './fused-backward-kernels.ts';
import { batchnormReluMaxPool, maxPool, maxPoolBackward, poolSizes, windowSizes } from './pool-kernels.ts';

function planesPerTask(g: AdaptivePoolGeometry): number {
  return Math.max(1, Math.floor(normTuning.elementsPerTask / (g.height * g.width + normTuning.elementsPerPlane)));
}

function inPairs(g: PoolGeometry): boolean {
  return g.poolHeight === 2 && g.poolWidth === 2 && g.strideY === 2 && g.strideX === 2 && windowsInside(g);
}

/** For each of the output's rows, or columns: the first of the image's that it looks at, and the end. */
function windowTable(size: number, count: number, windowOf: (i: number) => readonly [number, number]): Int32Array {
  const table = new Int32Array(2 * count);
  for (let i = 0; i < count; i++) {
    const [first, end] = windowOf(i);
    table[2 * i] = Math.max(0, first);
    table[2 * i + 1] = Math.min(size, end);
  }
  return table;
}

type AverageKernel = typeof average;

function runAverage(
  kernel: AverageKernel, source: FloatArray, target: FloatArray, g: AdaptivePoolGeometry, rows: Int32Array,
  columns: Int32Array, pairs: boolean, divisor: number,
): void {
  const perTask = planesPerTask(g);
  launch(kernel[floatKind(source)]).from(poolSizes, g).perTask(perTask).pairs(pairs).rows(rows).columns(columns)
    .divisor(divisor).source(source).target(target).run(Math.ceil(g.planes / perTask));
}

/** Average pooling, or its gradient: the same windows, the other way round. */
function averagePooling(kernel: AverageKernel): PoolKernels['avgPoolForward'] {
  return launched((source, target, g) => {
    const top = (i: number): number => i * g.strideY - g.padTop;
    const left = (i: number): number => i * g.strideX - g.padLeft;
    const rows = windowTable(g.height, g.outHeight, (i) => [top(i), top(i) + g.poolHeight]);
    const columns = windowTable(g.width, g.outWidth, (i) => [left(i), left(i) + g.poolWidth]);
    const divisor = g.countIncludePad ? g.poolHeight * g.poolWidth : 0;
    runAverage(kernel, source, target, g, rows, columns, inPairs(g), divisor);
  });
}

function adaptivePooling(kernel: AverageKernel): PoolKernels['adaptiveAvgPoolForward'] {
  return launched((source, target, g) => {
    const window = (size: number, count: number): Int32Array =>
      windowTable(size, count, (i) => [Math.floor(i * size / count), Math.ceil((i + 1) * size / count)]);
    runAverage(kernel, source, target, g, window(g.height, g.outHeight), window(g.width, g.outWidth), false, 0);
  });
}

export const poolKernels: PoolKernels & FusedKernels = {
  maxPoolForward: launched((x, out, argmax, g) => {
    const perTask = planesPerTask(g);
    launch(maxPool[floatKind(x)])
      .from(poolSizes, g)
      .from(windowSizes, g)
      .pairs(inPairs(g))
      .perTask(perTask)
      .x(x)
      .out(out)
      .argmax(argmax)
      .run(Math.ceil(g.planes / perTask));
  }),

  maxPoolBackward: launched((dout, argmax, dx, g, reluOut = null) => {
    const perTask = planesPerTask(g);
    launch(maxPoolBackward[floatKind(dout)])
      .from(poolSizes, g)
      .pairs(inPairs(g))
      .perTask(perTask)
      .dout(dout)
      .argmax(argmax)
      .reluOut(reluOut)
      .out(dx)
      .run(Math.ceil(g.planes / perTask));
  }),

  avgPoolForward: averagePooling(average),
  avgPoolBackward: averagePooling(averageBackward),
  adaptiveAvgPoolForward: adaptivePooling(average),
  adaptiveAvgPoolBackward: adaptivePooling(averageBackward),

  batchnormReluPoolForward: launched((x, gamma, beta, mean, variance, out, argmax, g, channels, eps) => {
    const perTask = planesPerTask(g);
    launch(batchnormReluMaxPool[floatKind(x)])
      .from(poolSizes, g)
      .from(windowSizes, g)
      .pairs(inPairs(g))
      .perTask(perTask)
      .x(x)
      .channels(channels)
      .gamma(gamma)
      .beta(beta)
      .mean(mean)
      .variance(variance)
      .eps(eps)
      .out(out)
      .argmax(argmax)
      .run(Math.ceil(g.planes / perTask));
  }),

  batchnormReluPoolBackward: launched(
    (dout, out, argmax, x, gamma, mean, variance, dx, dgamma, dbeta, g, channels, eps) => {
      launch(fusedBackward[floatKind(x)])
        .from(poolSizes, g)
        .pairs(inPairs(g))
        .channels(channels)
        .dout(dout)
        .reluOut(out)
        .argmax(argmax)
        .x(x)
        .gamma(gamma)
        .mean(mean)
        .variance(variance)
        .eps(eps)
        .out(dx)
        .dgamma(dgamma)
        .dbeta(dbeta)
        .run(channels);
    },
  ),
};
