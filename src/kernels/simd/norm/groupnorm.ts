/** The host's side of groupnorm and layernorm (the kernels are in groupnorm-kernels.ts). */

import type { FloatArray, GroupGeometry, NormKernels } from '../../contract.ts';
import { beginLaunch, floatKind, type Launch } from '../launch.ts';
import { kernelIndex } from '../module.ts';
import { normTuning } from '../tuning.ts';
import { groupnormName, groupnormSlots as slots } from './groupnorm-kernels.ts';

/** Sets the sizes and gives the number of tasks, where a task is some examples. */
function setGeometry(launch: Launch, g: GroupGeometry, eps: number, mostTasks: number): number {
  const exampleSize = g.groups * g.channelsPerGroup * g.inner;
  const perTask = Math.max(Math.ceil(normTuning.elementsPerTask / exampleSize), Math.ceil(g.batch / mostTasks));
  slots.set(launch, 'batch', g.batch);
  slots.set(launch, 'groups', g.groups);
  slots.set(launch, 'channels', g.channelsPerGroup);
  slots.set(launch, 'inner', g.inner);
  slots.set(launch, 'perTask', perTask);
  slots.setFloat(launch, 'eps', eps);
  return Math.ceil(g.batch / perTask);
}

function groupnormForward(
  x: FloatArray, gamma: FloatArray, beta: FloatArray, out: FloatArray, mean: FloatArray, variance: FloatArray,
  g: GroupGeometry, eps: number,
): void {
  const launch = beginLaunch();
  try {
    slots.set(launch, 'x', launch.input(x));
    slots.set(launch, 'gamma', launch.input(gamma));
    slots.set(launch, 'beta', launch.input(beta));
    slots.set(launch, 'out', launch.output(out));
    slots.set(launch, 'mean', launch.output(mean));
    slots.set(launch, 'variance', launch.output(variance));
    const tasks = setGeometry(launch, g, eps, Infinity);
    const float = floatKind(x);
    launch.run(kernelIndex(groupnormName(float, 'forward', g.inner === 1)), tasks);
  } finally {
    launch.finish();
  }
}

function groupnormBackward(
  dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray, dx: FloatArray,
  dgamma: FloatArray, dbeta: FloatArray, g: GroupGeometry, eps: number,
): void {
  const launch = beginLaunch();
  try {
    slots.set(launch, 'dout', launch.input(dout));
    slots.set(launch, 'x', launch.input(x));
    slots.set(launch, 'gamma', launch.input(gamma));
    slots.set(launch, 'mean', launch.input(mean));
    slots.set(launch, 'variance', launch.input(variance));
    slots.set(launch, 'out', launch.output(dx));
    slots.set(launch, 'dgamma', launch.output(dgamma));
    slots.set(launch, 'dbeta', launch.output(dbeta));
    const tasks = setGeometry(launch, g, eps, normTuning.gradientTasks);
    slots.set(launch, 'tasks', tasks);
    slots.set(launch, 'partial', launch.scratch(tasks * 2 * gamma.byteLength));
    const float = floatKind(x);
    launch.run(kernelIndex(groupnormName(float, 'backward', g.inner === 1)), tasks);
    launch.run(kernelIndex(`${float}_groupnorm_reduce__simd128`), 1);
  } finally {
    launch.finish();
  }
}

export const groupnormKernels: Pick<NormKernels, 'groupnormForward' | 'groupnormBackward'> = {
  groupnormForward, groupnormBackward,
};
