/** The host's side of batchnorm: which kernel, how many tasks (the kernels are in the files beside this one). */

import type { FloatArray, NormKernels } from '../../contract.ts';
import type { ChannelGeometry } from '../../geometry.ts';
import { bytesOf } from '../../../wasm/index.ts';
import { arithmeticKernels } from '../elementwise/arithmetic.ts';
import { floatKind, launch, launched, scratch } from '../launch.ts';
import { normTuning } from '../tuning.ts';
import { backwardKernel, type BatchnormKernels, channelSizes, columns, planes } from './batchnorm-kernels.ts';
import { mostSummed } from '../vectors.ts';
import { mergedStatistics, pieceStatistics } from './batchnorm-piece-kernels.ts';
import { smallApply, smallFactors, smallSums } from './batchnorm-small-kernels.ts';

/** The kernels for an array, and the channels of a task: of columns whole cache lines, lest two tasks write to one. */
function kernelsFor({ inner }: ChannelGeometry): BatchnormKernels {
  return inner === 1 ? columns : planes;
}

function channelsPerTask({ inner }: ChannelGeometry): number {
  return inner === 1 ? normTuning.columnsPerTask : 1;
}

/** True for planes that the statistics, and the gradient of training, go through in the order of memory. */
function takesSmall({ inner, outer }: ChannelGeometry): boolean {
  return inner > 1 && inner <= mostSummed && outer > 1;
}

/** The gradients of the contract; passed and more are for small planes in training. */
const backward = launched((
  training: boolean, dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray,
  reluOut: FloatArray | null, dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: ChannelGeometry, eps: number,
  passed: FloatArray | null, more: FloatArray | null,
): void => {
  if (training && takesSmall(g)) {
    return smallBackward(dout, x, gamma, mean, variance, reluOut, dx, dgamma, dbeta, g, eps, passed, more);
  }
  const perTask = channelsPerTask(g);
  launch(backwardKernel(kernelsFor(g), floatKind(x), training, reluOut !== null)).from(channelSizes, g).perTask(perTask)
    .dout(dout).x(x).reluOut(reluOut).gamma(gamma).mean(mean).variance(variance).eps(eps)
    .out(dx).dgamma(dgamma).dbeta(dbeta).run(Math.ceil(g.channels / perTask));
});

/**
 * The gradient over small planes, inside a launch. On one thread with batch 100, ms channel by channel and so: 128
 * channels of 16x16 6.3 and 3.8, 256 of 8x8 4.6 and 1.6, 512 of 4x4 2.3 and 1.0.
 */
function smallBackward(
  dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray,
  reluOut: FloatArray | null, dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: ChannelGeometry, eps: number,
  passed: FloatArray | null, more: FloatArray | null,
): void {
  const float = floatKind(x);
  const { outer, channels, inner } = g;
  const imagesPerTask = Math.ceil(outer / Math.min(normTuning.gradientTasks, outer));
  const shareCount = Math.ceil(outer / imagesPerTask);
  const shares = scratch(shareCount * channels * 16);
  launch(smallSums[float]).from(channelSizes, g).perTask(imagesPerTask).dout(dout).more(more).x(x).reluOut(reluOut)
    .mean(mean).passed(passed).shares(shares).run(shareCount);
  const factors = scratch(3 * channels * bytesOf(float));
  const { columnsPerTask } = normTuning;
  launch(smallFactors[float]).from(channelSizes, g).perTask(columnsPerTask).shares(shares).shareCount(shareCount)
    .gamma(gamma).variance(variance).eps(eps).dgamma(dgamma).dbeta(dbeta).factors(factors)
    .run(Math.ceil(channels / columnsPerTask));
  const planesPerTask = Math.max(1, Math.floor(normTuning.elementsPerTask / inner));
  launch(smallApply[float]).from(channelSizes, g).perTask(planesPerTask).dout(passed ?? dout).x(x)
    .reluOut(passed === null ? reluOut : null).mean(mean).factors(factors).dx(dx)
    .run(Math.ceil(outer * channels / planesPerTask));
}

/**
 * The statistics over small planes, inside a launch: on two threads, where an image then stays with the core that made
 * it, those of a step of network c take a quarter less than channel by channel.
 */
function smallStatistics(x: FloatArray, mean: FloatArray, variance: FloatArray, g: ChannelGeometry): void {
  const float = floatKind(x);
  const together = Math.min(g.outer, Math.floor(mostSummed / g.inner));
  const pieces = Math.ceil(g.outer / together) * g.channels;
  const moments = scratch(16 * pieces);
  const perTask = Math.max(1, Math.floor(normTuning.elementsPerTask / (together * g.inner)));
  launch(pieceStatistics[float]).from(channelSizes, g).perTask(perTask).together(together).x(x).moments(moments)
    .run(Math.ceil(pieces / perTask));
  const { columnsPerTask } = normTuning;
  launch(mergedStatistics[float]).from(channelSizes, g).perTask(columnsPerTask).together(together).moments(moments)
    .mean(mean).variance(variance).run(Math.ceil(g.channels / columnsPerTask));
}

export const batchnormKernels: Pick<
  NormKernels, 'batchnormStatistics' | 'batchnormApply' | 'batchnormBackward' | 'batchnormBackwardConstant'
> = {
  batchnormStatistics: launched((x, mean, variance, g) => {
    if (takesSmall(g)) return smallStatistics(x, mean, variance, g);
    const perTask = channelsPerTask(g);
    launch(kernelsFor(g).statistics[floatKind(x)]).from(channelSizes, g).perTask(perTask)
      .x(x).mean(mean).variance(variance).run(Math.ceil(g.channels / perTask));
  }),

  batchnormApply: launched((x, gamma, beta, mean, variance, out, g, eps, relu, added = null) => {
    const columnwise = g.inner === 1;
    const perTask = columnwise ? channelsPerTask(g) : Math.max(1, Math.floor(normTuning.elementsPerTask / g.inner));
    launch(kernelsFor(g).apply[floatKind(x)]).from(channelSizes, g).perTask(perTask)
      .x(x).gamma(gamma).beta(beta).mean(mean).variance(variance).eps(eps).relu(relu).added(added).out(out)
      .run(Math.ceil((columnwise ? g.channels : g.outer * g.channels) / perTask));
  }),

  batchnormBackward(
    dout, x, gamma, mean, variance, reluOut, dx, dgamma, dbeta, g, eps, passed = null, more = null,
  ) {
    if (passed === null || takesSmall(g)) {
      return backward(true, dout, x, gamma, mean, variance, reluOut, dx, dgamma, dbeta, g, eps, passed, more);
    }
    if (more !== null) arithmeticKernels.binary!('add', dout, more, passed);
    arithmeticKernels.reluBackward!(more === null ? dout : passed, reluOut!, passed);
    backward(true, passed, x, gamma, mean, variance, null, dx, dgamma, dbeta, g, eps, null, null);
  },
  batchnormBackwardConstant: (...values) => backward(false, ...values, null, null),
};
