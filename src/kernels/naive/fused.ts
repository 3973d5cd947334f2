/**
 * Fused kernels, defined as the chain they replace: here the intermediate arrays are written out, one kernel after
 * another; other backends compute the same without them where that is faster.
 */

import type { ConvKernels, ConvPoolKernels, FloatArray, FusedKernels, NormKernels, PoolKernels } from '../contract.ts';
import type { PoolGeometry } from '../geometry.ts';
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

/**
 * The same chain backwards, by kernels of any backend with no speed to gain from the winners. Only pixels that won
 * their window carry gradient into the batchnorm.
 */
export function batchnormReluPoolChain(
  poolBackward: PoolKernels['maxPoolBackward'], normBackward: NormKernels['batchnormBackward'],
): FusedKernels['batchnormReluPoolBackward'] {
  return (dout, out, argmax, _winners, x, gamma, mean, variance, dx, dgamma, dbeta, g, channels, eps) => {
    const channel = { outer: g.planes / channels, channels, inner: g.height * g.width };
    const dnormalised = like(x);
    poolBackward(dout, argmax, dnormalised, g, out);
    normBackward(dnormalised, x, gamma, mean, variance, null, dx, dgamma, dbeta, channel, eps);
  };
}

/** Convolution, relu and pooling as the one after the other, by kernels of any backend. */
export function convReluPoolChain(
  { convForward, convBackward }: ConvKernels, { maxPoolForward, maxPoolBackward }: PoolKernels,
): ConvPoolKernels {
  /** A new array of the convolution's output. */
  const output = (x: FloatArray, pool: PoolGeometry): FloatArray => {
    const type = x instanceof Float32Array ? 'float32' : 'float64';
    return allocate(type, pool.planes * pool.height * pool.width) as FloatArray;
  };
  return {
    convReluPoolForward(x, w, b, out, argmax, g, pool, scale) {
      const between = output(x, pool);
      convForward(x, w, b, between, g, { scale, relu: true });
      maxPoolForward(between, out, argmax, pool);
    },
    convReluPoolBackward(dout, out, argmax, x, w, dx, dw, db, g, pool) {
      const between = output(x, pool);
      maxPoolBackward(dout, argmax, between, pool, out);
      convBackward(between, x, w, dx, dw, db, g);
    },
  };
}

export const naiveFused: FusedKernels & ConvPoolKernels = {
  batchnormReluPoolForward,
  batchnormReluPoolBackward: batchnormReluPoolChain(maxPoolBackward, batchnormBackward),
  ...convReluPoolChain(naiveConvolution, naivePooling),
};
