/** Chains of layers without the arrays between them: one plane at a time stays in the first-level cache. */

import type { ConvPoolKernels, FloatArray, FusedKernels, PoolGeometry } from '../contract.ts';
import { convReluPoolChain } from '../naive/fused.ts';
import { reluForward } from './activation.ts';
import { fastConvolution } from './convolution.ts';
import { fastPooling, maxPoolPlane } from './pooling.ts';
import { float64Scratch } from './scratch.ts';

const planeScratch = float64Scratch();
const alongSums = float64Scratch();
const totalSums = float64Scratch();

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

/**
 * Only the winners of their windows, where the relu let them through, carry gradient into the batchnorm, so its sums
 * run over the pooled pixels alone. dx then is what mean and variance send to every pixel, plus scale * dout at the
 * winners (the formula is derived in ../naive/normalisation.ts).
 */
export function batchnormReluPoolBackward(
  dout: FloatArray, out: FloatArray, argmax: Int32Array, winners: FloatArray, x: FloatArray, gamma: FloatArray,
  mean: FloatArray, variance: FloatArray, dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: PoolGeometry,
  channels: number, eps: number,
): void {
  const size = g.height * g.width;
  const outSize = g.outHeight * g.outWidth;
  const count = size * g.planes / channels;
  const along = alongSums.take(channels);
  const total = totalSums.take(channels);
  along.fill(0, 0, channels);
  total.fill(0, 0, channels);
  for (let plane = 0; plane < g.planes; plane++) {
    const c = plane % channels;
    for (let o = plane * outSize; o < (plane + 1) * outSize; o++) {
      if (out[o] > 0) {
        along[c] += dout[o] * (winners[o] - mean[c]);
        total[c] += dout[o];
      }
    }
  }
  for (let plane = 0; plane < g.planes; plane++) {
    const c = plane % channels;
    const scale = gamma[c] / Math.sqrt(variance[c] + eps);
    const offset = total[c] / count;
    const slope = along[c] / (count * (variance[c] + eps));
    const average = mean[c];
    const start = plane * size;
    for (let i = start; i < start + size; i++) dx[i] = -scale * (offset + (x[i] - average) * slope);
    for (let o = plane * outSize; o < (plane + 1) * outSize; o++) {
      if (out[o] > 0) dx[start + argmax[o]] += scale * dout[o];
    }
  }
  for (let c = 0; c < channels; c++) {
    dgamma[c] = along[c] / Math.sqrt(variance[c] + eps);
    dbeta[c] = total[c];
  }
}

export const fastFused: FusedKernels & ConvPoolKernels = {
  batchnormReluPoolForward, batchnormReluPoolBackward,
  ...convReluPoolChain({ ...fastConvolution, ...fastPooling }),
};
