/**
 * Forward passes for test time, where no backward pass follows: no positions of maxima, and batchnorm folded into the
 * convolution before it. With a = gamma / sqrt(runningVar + eps),
 *
 *   gamma (conv(x, w) + b - runningMean) / sqrt(runningVar + eps) + beta = a conv(x, w) + (b - runningMean) a + beta
 *
 * a scale and a bias for each filter, which the convolution applies while its result is still in registers.
 */

import type { FloatArray } from '../kernels/contract.ts';
import { activeKernels } from '../kernels/registry.ts';
import { zeros } from '../tensor/creation.ts';
import { emptyTensor } from '../tensor/internal.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asFloat, floats, floatTypeOf } from './arguments.ts';
import type { BatchnormParam } from './batchnorm.ts';
import { convBatchnormReluForward, convBatchnormReluPoolForward, pooledConvolution } from './conv-sandwich.ts';
import { convolution } from './convolution.ts';
import type { ConvParam } from './convolution.ts';
import { poolGeometry, poolOutputShape } from './pooling.ts';
import type { PoolParam } from './pooling.ts';

/** The output of maxPoolForward alone. */
export function maxPoolInference(x: Tensor, poolParam: PoolParam): Tensor {
  const geometry = poolGeometry('maxPoolInference', x, poolParam);
  const type = floatTypeOf(x);
  const out = emptyTensor(poolOutputShape(x, geometry), type);
  activeKernels().maxPoolForward(floats(asFloat(x, type)), floats(out), null, geometry);
  return out;
}

/** The output of convReluPoolForward alone, with a scale for each filter where a batchnorm has been folded into it. */
export function convReluPoolInference(
  x: Tensor, w: Tensor, b: Tensor | null, convParam: ConvParam, poolParam: PoolParam, scale: FloatArray | null = null,
): Tensor {
  return pooledConvolution('convReluPoolInference', x, w, b, convParam, poolParam, 'test', scale)[0];
}

/** The output of convBatchnormReluPoolForward, with the same arguments and errors; folded in test mode. */
export function convBatchnormReluPoolInference(
  x: Tensor, w: Tensor, b: Tensor | null, gamma: Tensor, beta: Tensor, convParam: ConvParam, bnParam: BatchnormParam,
  poolParam: PoolParam,
): Tensor {
  const folded = foldBatchnorm(x, w, b, gamma, beta, bnParam);
  return folded === null
    ? convBatchnormReluPoolForward(x, w, b, gamma, beta, convParam, bnParam, poolParam)[0]
    : convReluPoolInference(x, w, folded.bias, convParam, poolParam, folded.scale);
}

/** The output of convBatchnormReluForward, with the same arguments and errors; folded in test mode. */
export function convBatchnormReluInference(
  x: Tensor, w: Tensor, b: Tensor | null, gamma: Tensor, beta: Tensor, convParam: ConvParam, bnParam: BatchnormParam,
): Tensor {
  const fn = 'convBatchnormReluInference';
  const folded = foldBatchnorm(x, w, b, gamma, beta, bnParam);
  // The unfolded layers also say what is wrong with arguments that do not fit.
  if (folded === null) return convBatchnormReluForward(x, w, b, gamma, beta, convParam, bnParam)[0];
  const [out] = convolution(fn, activeKernels(), x, w, folded.bias, convParam, { scale: folded.scale, relu: true });
  return out;
}

/**
 * Batchnorm at test time as a scale and a bias of the convolution before it. Null where that cannot be: in training,
 * where lengths differ, and where the scale or the bias is not finite (infinite running averages, or a variance of 0
 * with eps 0), since 0 * Infinity would then make a NaN that the unfolded layers do not have.
 */
function foldBatchnorm(
  x: Tensor, w: Tensor, b: Tensor | null, gamma: Tensor, beta: Tensor, bnParam: BatchnormParam,
): { scale: FloatArray; bias: Tensor } | null {
  const { mode, runningMean, runningVar, eps = 1e-5 } = bnParam;
  if (mode !== 'test' || runningMean === undefined || runningVar === undefined) return null;
  const filters = w.shape[0];
  const perFilter = [gamma, beta, runningMean, runningVar, ...(b === null ? [] : [b])];
  if (perFilter.some((t) => t.ndim !== 1 || t.size !== filters)) return null;
  const type = b === null ? floatTypeOf(x, w, gamma, beta) : floatTypeOf(x, w, b, gamma, beta);
  const [bs, gammas, betas, means, variances] =
    [b ?? zeros(filters, type), gamma, beta, runningMean, runningVar].map((t) => floats(asFloat(t, type)));
  const scale = emptyTensor([filters], type);
  const bias = emptyTensor([filters], type);
  const scales = floats(scale);
  const biases = floats(bias);
  for (let f = 0; f < filters; f++) {
    const factor = gammas[f] / Math.sqrt(variances[f] + eps);
    scales[f] = factor;
    biases[f] = (bs[f] - means[f]) * factor + betas[f];
    if (!Number.isFinite(scales[f]) || !Number.isFinite(biases[f])) return null;
  }
  return { scale: scales, bias };
}
