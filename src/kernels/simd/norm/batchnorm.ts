/** The host's side of batchnorm: which kernel, how many tasks (the kernels are in the files beside this one). */

import type { ChannelGeometry, FloatArray, NormKernels } from '../../contract.ts';
import { floatKind, launch, launched } from '../launch.ts';
import { normTuning } from '../tuning.ts';
import { backwardKernel, type BatchnormKernels, channelSizes, columns, planes } from './batchnorm-kernels.ts';

/** The kernels for an array, and the channels of a task: of columns whole cache lines, lest two tasks write to one. */
function kernelsFor({ inner }: ChannelGeometry): BatchnormKernels {
  return inner === 1 ? columns : planes;
}

function channelsPerTask({ inner }: ChannelGeometry): number {
  return inner === 1 ? normTuning.columnsPerTask : 1;
}

function backward(
  training: boolean, dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray,
  reluOut: FloatArray | null, dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: ChannelGeometry, eps: number,
): void {
  const perTask = channelsPerTask(g);
  launch(backwardKernel(kernelsFor(g), floatKind(x), training, reluOut !== null)).from(channelSizes, g).perTask(perTask)
    .dout(dout).x(x).reluOut(reluOut).gamma(gamma).mean(mean).variance(variance).eps(eps)
    .out(dx).dgamma(dgamma).dbeta(dbeta).run(Math.ceil(g.channels / perTask));
}

export const batchnormKernels: Pick<
  NormKernels, 'batchnormStatistics' | 'batchnormApply' | 'batchnormBackward' | 'batchnormBackwardConstant'
> = {
  batchnormStatistics: launched((x, mean, variance, g) => {
    const perTask = channelsPerTask(g);
    launch(kernelsFor(g).statistics[floatKind(x)]).from(channelSizes, g).perTask(perTask)
      .x(x).mean(mean).variance(variance).run(Math.ceil(g.channels / perTask));
  }),

  batchnormApply: launched((x, gamma, beta, mean, variance, out, g, eps, relu) => {
    const columnwise = g.inner === 1;
    const perTask = columnwise ? channelsPerTask(g) : Math.max(1, Math.floor(normTuning.elementsPerTask / g.inner));
    launch(kernelsFor(g).apply[floatKind(x)]).from(channelSizes, g).perTask(perTask)
      .x(x).gamma(gamma).beta(beta).mean(mean).variance(variance).eps(eps).relu(relu).out(out)
      .run(Math.ceil((columnwise ? g.channels : g.outer * g.channels) / perTask));
  }),

  batchnormBackward: launched((...values) => backward(true, ...values)),
  batchnormBackwardConstant: launched((...values) => backward(false, ...values)),
};
