/** The host's side of batchnorm: which kernel, how many tasks (the kernels are in the files beside this one). */

import type { ChannelGeometry, FloatArray, NormKernels } from '../../contract.ts';
import { beginLaunch, floatKind, type Launch } from '../launch.ts';
import { kernelIndex } from '../module.ts';
import { normTuning } from '../tuning.ts';
import { columnBackwardName } from './batchnorm-column-kernels.ts';
import { batchnormBackwardName, batchnormSlots as slots } from './batchnorm-kernels.ts';

function setGeometry(launch: Launch, g: ChannelGeometry): void {
  slots.set(launch, 'outer', g.outer);
  slots.set(launch, 'channels', g.channels);
  slots.set(launch, 'inner', g.inner);
}

/** Channels of a task of the column kernels: whole cache lines, so that no two tasks write to one. */
function columnTasks(launch: Launch, g: ChannelGeometry): number {
  slots.set(launch, 'perTask', normTuning.columnsPerTask);
  return Math.ceil(g.channels / normTuning.columnsPerTask);
}

function batchnormStatistics(x: FloatArray, mean: FloatArray, variance: FloatArray, g: ChannelGeometry): void {
  const launch = beginLaunch();
  try {
    slots.set(launch, 'x', launch.input(x));
    slots.set(launch, 'mean', launch.output(mean));
    slots.set(launch, 'variance', launch.output(variance));
    setGeometry(launch, g);
    const kind = floatKind(x);
    if (g.inner === 1) launch.run(kernelIndex(`${kind}_batchnorm_column_statistics__simd128`), columnTasks(launch, g));
    else launch.run(kernelIndex(`${kind}_batchnorm_statistics__simd128`), g.channels);
  } finally {
    launch.finish();
  }
}

function batchnormApply(
  x: FloatArray, gamma: FloatArray, beta: FloatArray, mean: FloatArray, variance: FloatArray, out: FloatArray,
  g: ChannelGeometry, eps: number, relu: boolean,
): void {
  const launch = beginLaunch();
  try {
    const outAt = out === x ? launch.inout(out) : launch.output(out);
    slots.set(launch, 'out', outAt);
    slots.set(launch, 'x', out === x ? outAt : launch.input(x));
    slots.set(launch, 'gamma', launch.input(gamma));
    slots.set(launch, 'beta', launch.input(beta));
    slots.set(launch, 'mean', launch.input(mean));
    slots.set(launch, 'variance', launch.input(variance));
    slots.set(launch, 'relu', relu ? 1 : 0);
    slots.setFloat(launch, 'eps', eps);
    setGeometry(launch, g);
    const kind = floatKind(x);
    if (g.inner === 1) {
      launch.run(kernelIndex(`${kind}_batchnorm_column_apply__simd128`), columnTasks(launch, g));
    } else {
      const perTask = Math.max(1, Math.floor(normTuning.elementsPerTask / g.inner));
      slots.set(launch, 'perTask', perTask);
      launch.run(kernelIndex(`${kind}_batchnorm_apply__simd128`), Math.ceil((g.outer * g.channels) / perTask));
    }
  } finally {
    launch.finish();
  }
}

function backward(
  training: boolean, dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray,
  reluOut: FloatArray | null, dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: ChannelGeometry, eps: number,
): void {
  const launch = beginLaunch();
  try {
    const dxAt = dx === dout ? launch.inout(dx) : launch.output(dx);
    slots.set(launch, 'out', dxAt);
    slots.set(launch, 'dout', dx === dout ? dxAt : launch.input(dout));
    slots.set(launch, 'x', launch.input(x));
    slots.set(launch, 'gamma', launch.input(gamma));
    slots.set(launch, 'mean', launch.input(mean));
    slots.set(launch, 'variance', launch.input(variance));
    if (reluOut !== null) slots.set(launch, 'reluOut', launch.input(reluOut));
    slots.set(launch, 'dgamma', launch.output(dgamma));
    slots.set(launch, 'dbeta', launch.output(dbeta));
    slots.setFloat(launch, 'eps', eps);
    setGeometry(launch, g);
    const name = g.inner === 1 ? columnBackwardName : batchnormBackwardName;
    const tasks = g.inner === 1 ? columnTasks(launch, g) : g.channels;
    launch.run(kernelIndex(name(floatKind(x), training, reluOut !== null)), tasks);
  } finally {
    launch.finish();
  }
}

export const batchnormKernels: Pick<
  NormKernels, 'batchnormStatistics' | 'batchnormApply' | 'batchnormBackward' | 'batchnormBackwardConstant'
> = {
  batchnormStatistics,
  batchnormApply,
  batchnormBackward: (...values) => backward(true, ...values),
  batchnormBackwardConstant: (...values) => backward(false, ...values),
};
