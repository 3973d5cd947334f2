/** The host's side of pooling, and of batchnorm, relu and pooling in one (the kernels are in pool-kernels.ts). */

import type { FloatArray, FusedKernels, PoolGeometry, PoolKernels } from '../../contract.ts';
import { windowsInside } from '../../geometry.ts';
import { jsKernels } from '../../js/index.ts';
import { beginLaunch, floatKind, type Launch } from '../launch.ts';
import { kernelIndex } from '../module.ts';
import { normTuning } from '../tuning.ts';
import { poolSlots as slots } from './pool-kernels.ts';

/** True when the kernels can do it: one stride, and no window that overhangs the image. */
function isCommon(g: PoolGeometry): boolean {
  return g.strideY === g.strideX && windowsInside(g);
}

/** Sets the sizes and gives the number of tasks, where a task is some planes. */
function setGeometry(launch: Launch, g: PoolGeometry): number {
  const perTask = Math.max(1, Math.floor(normTuning.elementsPerTask / (g.height * g.width)));
  slots.set(launch, 'planes', g.planes);
  slots.set(launch, 'height', g.height);
  slots.set(launch, 'width', g.width);
  slots.set(launch, 'poolHeight', g.poolHeight);
  slots.set(launch, 'poolWidth', g.poolWidth);
  slots.set(launch, 'stride', g.strideY);
  slots.set(launch, 'outHeight', g.outHeight);
  slots.set(launch, 'outWidth', g.outWidth);
  slots.set(launch, 'pairs', g.poolHeight === 2 && g.poolWidth === 2 && g.strideY === 2 ? 1 : 0);
  slots.set(launch, 'perTask', perTask);
  return Math.ceil(g.planes / perTask);
}

function maxPoolForward(x: FloatArray, out: FloatArray, argmax: Int32Array | null, g: PoolGeometry): void {
  if (!isCommon(g)) return jsKernels.maxPoolForward(x, out, argmax, g);
  const launch = beginLaunch();
  try {
    slots.set(launch, 'x', launch.input(x));
    slots.set(launch, 'out', launch.output(out));
    slots.set(launch, 'argmax', argmax === null ? 0 : launch.output(argmax));
    const tasks = setGeometry(launch, g);
    launch.run(kernelIndex(`${floatKind(x)}_max_pool__simd128`), tasks);
  } finally {
    launch.finish();
  }
}

function maxPoolBackward(
  dout: FloatArray, argmax: Int32Array, dx: FloatArray, g: PoolGeometry, reluOut: FloatArray | null = null,
): void {
  const launch = beginLaunch();
  try {
    slots.set(launch, 'dout', launch.input(dout));
    slots.set(launch, 'argmax', launch.input(argmax));
    slots.set(launch, 'reluOut', reluOut === null ? 0 : launch.input(reluOut));
    slots.set(launch, 'out', launch.output(dx));
    const tasks = setGeometry(launch, g);
    launch.run(kernelIndex(`${floatKind(dout)}_max_pool_backward__simd128`), tasks);
  } finally {
    launch.finish();
  }
}

function batchnormReluPoolForward(
  x: FloatArray, gamma: FloatArray, beta: FloatArray, mean: FloatArray, variance: FloatArray, out: FloatArray,
  argmax: Int32Array, g: PoolGeometry, channels: number, eps: number,
): void {
  if (!isCommon(g)) {
    return jsKernels.batchnormReluPoolForward(x, gamma, beta, mean, variance, out, argmax, g, channels, eps);
  }
  const launch = beginLaunch();
  try {
    slots.set(launch, 'x', launch.input(x));
    slots.set(launch, 'gamma', launch.input(gamma));
    slots.set(launch, 'beta', launch.input(beta));
    slots.set(launch, 'mean', launch.input(mean));
    slots.set(launch, 'variance', launch.input(variance));
    slots.set(launch, 'out', launch.output(out));
    slots.set(launch, 'argmax', launch.output(argmax));
    slots.set(launch, 'channels', channels);
    slots.setFloat(launch, 'eps', eps);
    const tasks = setGeometry(launch, g);
    launch.run(kernelIndex(`${floatKind(x)}_batchnorm_relu_max_pool__simd128`), tasks);
  } finally {
    launch.finish();
  }
}

function batchnormReluPoolBackward(
  dout: FloatArray, out: FloatArray, argmax: Int32Array, x: FloatArray, gamma: FloatArray, mean: FloatArray,
  variance: FloatArray, dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: PoolGeometry, channels: number, eps: number,
): void {
  const launch = beginLaunch();
  try {
    slots.set(launch, 'dout', launch.input(dout));
    slots.set(launch, 'reluOut', launch.input(out));
    slots.set(launch, 'argmax', launch.input(argmax));
    slots.set(launch, 'x', launch.input(x));
    slots.set(launch, 'gamma', launch.input(gamma));
    slots.set(launch, 'mean', launch.input(mean));
    slots.set(launch, 'variance', launch.input(variance));
    slots.set(launch, 'out', launch.output(dx));
    slots.set(launch, 'dgamma', launch.output(dgamma));
    slots.set(launch, 'dbeta', launch.output(dbeta));
    slots.set(launch, 'channels', channels);
    slots.setFloat(launch, 'eps', eps);
    setGeometry(launch, g);
    launch.run(kernelIndex(`${floatKind(x)}_batchnorm_relu_max_pool_backward__simd128`), channels);
  } finally {
    launch.finish();
  }
}

export const poolKernels: Pick<PoolKernels, 'maxPoolForward' | 'maxPoolBackward'> & FusedKernels = {
  maxPoolForward, maxPoolBackward, batchnormReluPoolForward, batchnormReluPoolBackward,
};
