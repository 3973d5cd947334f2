/** The host's side of pooling, and of batchnorm, relu and pooling in one (the kernels are in pool-kernels.ts). */

import { bytesOf } from '../../../wasm/index.ts';
import type { FloatArray, FusedKernels, PoolKernels } from '../../contract.ts';
import { type AdaptivePoolGeometry, type PoolGeometry, windowsInside } from '../../geometry.ts';
import { floatKind, launch, launched, scratch } from '../launch.ts';
import { smallFactors } from '../norm/batchnorm-small-kernels.ts';
import { normTuning } from '../tuning.ts';
import { average, averageBackward } from './average-kernels.ts';
import { fusedBackward, fusedSums } from './fused-backward-kernels.ts';
import { batchnormReluMaxPool, maxPool, maxPoolBackward, poolSizes, windowSizes } from './pool-kernels.ts';

/** Channels of a task that sums over all images: the sums are two cache lines. */
const channelsSummed = 8;

/** Where they are small a multiple of 4, which may go at a time. */
function planesPerTask({ height, width }: Pick<AdaptivePoolGeometry, 'height' | 'width'>): number {
  const planes = Math.floor(normTuning.elementsPerTask / (height * width + normTuning.elementsPerPlane));
  return planes < 4 ? Math.max(1, planes) : planes - planes % 4;
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

  batchnormReluPoolForward: launched((x, gamma, beta, mean, variance, out, argmax, winners, g, channels, eps) => {
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
      .winners(winners)
      .run(Math.ceil(g.planes / perTask));
  }),

  batchnormReluPoolBackward: launched(
    (dout, out, argmax, winners, x, gamma, mean, variance, dx, dgamma, dbeta, g, channels, eps) => {
      const float = floatKind(x);
      const byFours = float === 'f32' && inPairs(g) && g.width % 8 === 0 && g.height % 2 === 0;
      const fourByFour = inPairs(g) && g.width === 4 && g.height === 4;
      const total = byFours ? g.planes : channels;
      const shares = scratch(16 * total);
      const toSum = byFours ? planesPerTask({ height: g.outHeight, width: g.outWidth }) : channelsSummed;
      launch(fusedSums[float]).from(poolSizes, g).channels(channels).total(total).perTask(toSum).byFours(byFours)
        .dout(dout).reluOut(out).winners(winners).mean(mean).shares(shares).run(Math.ceil(total / toSum));
      const factors = scratch(3 * channels * bytesOf(float));
      const { columnsPerTask } = normTuning;
      launch(smallFactors[float]).outer(g.planes / channels).channels(channels).inner(g.height * g.width)
        .perTask(columnsPerTask).shares(shares).shareCount(total / channels).gamma(gamma).variance(variance).eps(eps)
        .dgamma(dgamma).dbeta(dbeta).factors(factors).run(Math.ceil(channels / columnsPerTask));
      const perTask = planesPerTask(g);
      launch(fusedBackward[float]).from(poolSizes, g).channels(channels).perTask(perTask).byFours(byFours)
        .fourByFour(fourByFour).dout(dout).reluOut(out).argmax(argmax).x(x).mean(mean).factors(factors).out(dx)
        .run(Math.ceil(g.planes / perTask));
    },
  ),
};
