/** Chains of layers: forward without the array between them, one plane at a time in the first-level cache. */

import type { ConvPoolKernels, FloatArray, FusedKernels } from '../contract.ts';
import type { PoolGeometry } from '../geometry.ts';
import { batchnormReluPoolChain, convReluPoolChain } from '../naive/fused.ts';
import { reluForward } from './activation.ts';
import { fastConvolution } from './convolution.ts';
import { batchnormBackward } from './normalisation.ts';
import { fastPooling, maxPoolPlane } from './pooling.ts';
import { float64Scratch } from './scratch.ts';

const planeScratch = float64Scratch();

/** out = relu(maxPool(batchnorm(x))): each plane is normalised into scratch and pooled from there. */
export function batchnormReluPoolForward(
  x: FloatArray, gamma: FloatArray, beta: FloatArray, mean: FloatArray, variance: FloatArray, out: FloatArray,
  argmax: Int32Array, winners: FloatArray | null, g: PoolGeometry, channels: number, eps: number,
): void {
  const size = g.height * g.width;
  const outSize = g.outHeight * g.outWidth;
  const normalised = planeScratch.take(size);
  for (let plane = 0; plane < g.planes; plane++) {
    const c = plane % channels;
    const scale = gamma[c] / Math.sqrt(variance[c] + eps);
    const average = mean[c];
    const shift = beta[c];
    const start = plane * size;
    for (let i = 0; i < size; i++) normalised[i] = (x[start + i] - average) * scale + shift;
    const first = plane * outSize;
    maxPoolPlane(normalised, 0, out, argmax, first, g);
    if (winners === null) continue;
    for (let o = first; o < first + outSize; o++) winners[o] = x[start + argmax[o]];
  }
  reluForward(out, out);
}

export const fastFused: FusedKernels & ConvPoolKernels = {
  batchnormReluPoolForward,
  batchnormReluPoolBackward: batchnormReluPoolChain(fastPooling.maxPoolBackward, batchnormBackward),
  ...convReluPoolChain(fastConvolution, fastPooling),
};
