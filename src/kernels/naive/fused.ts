/**
 * Fused kernels, defined as the chain they replace: here the intermediate arrays are written out, one kernel after
 * another; the other backends compute the same without them.
 */

import type { ConvKernels, ConvPoolKernels, FloatArray, FusedKernels, PoolGeometry, PoolKernels } from '../contract.ts';
import { allocate } from '../memory/allocate.ts';
import { reluForward } from './activation.ts';
import { naiveConvolution } from './convolution.ts';
import { batchnormApply, batchnormBackward } from './normalisation.ts';
import { maxPoolBackward, maxPoolForward, naivePooling } from './pooling.ts';

function like(x: FloatArray): FloatArray {
  return x instanceof Float32Array ? new Float32Array(x.length) : new Float64Array(x.length);
}

/**
 * out = relu(maxPool(batchnorm(x))) for given mean and variance; x (planes, height, width), planes = batch * channels.
 */
export function batchnormReluPoolForward(
  x: FloatArray, gamma: FloatArray, beta: FloatArray, mean: FloatArray, variance: FloatArray, out: FloatArray,
  argmax: Int32Array, winners: FloatArray | null, g: PoolGeometry, channels: number, eps: number,
): void {
  const channel = { outer: g.planes / channels, channels, inner: g.height * g.width };
  const normalised = like(x);
  batchnormApply(x, gamma, beta, mean, variance, normalised, channel, eps, false);
  maxPoolForward(normalised, out, argmax, g);
  reluForward(out, out);
  if (winners === null) return;
  const [size, outSize] = [g.height * g.width, g.outHeight * g.outWidth];
  for (let o = 0; o < winners.length; o++) winners[o] = x[Math.floor(o / outSize) * size + argmax[o]];
}

/** The same chain backwards. Only pixels that won their window carry gradient into the batchnorm. */
export function batchnormReluPoolBackward(
  dout: FloatArray, out: FloatArray, argmax: Int32Array, _winners: FloatArray, x: FloatArray, gamma: FloatArray,
  mean: FloatArray, variance: FloatArray, dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: PoolGeometry,
  channels: number, eps: number,
): void {
  const channel = { outer: g.planes / channels, channels, inner: g.height * g.width };
  const dnormalised = like(x);
  maxPoolBackward(dout, argmax, dnormalised, g, out);
  batchnormBackward(dnormalised, x, gamma, mean, variance, null, dx, dgamma, dbeta, channel, eps);
}

/** Convolution, relu and max pooling one after another, by kernels of any backend. */
export function convReluPoolChain(kernels: ConvKernels & PoolKernels): ConvPoolKernels {
  return {
    convReluPoolForward(x, w, b, out, argmax, g, pool, scale) {
      const type = x instanceof Float32Array ? 'float32' : 'float64';
      const between = allocate(type, pool.planes * pool.height * pool.width) as FloatArray;
      kernels.convForward(x, w, b, between, g, { scale, relu: true });
      kernels.maxPoolForward(between, out, argmax, pool);
    },
  };
}

export const naiveFused: FusedKernels & ConvPoolKernels = {
  batchnormReluPoolForward, batchnormReluPoolBackward,
  ...convReluPoolChain({ ...naiveConvolution, ...naivePooling }),
};
