/**
 * Affine layers with what usually follows, as one layer: the same answers as the parts one after another, with fewer
 * passes over memory (the ReLU is applied while a result is still in registers).
 *
 *   x (N, ...), w (D, M), b (M), gamma and beta (M)  ->  out (N, M)
 */

import { activeKernels } from '../kernels/registry.ts';
import { emptyTensor } from '../tensor/internal.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { affine, affineGradients } from './affine.ts';
import type { AffineCache, AffineGradients } from './affine.ts';
import { Cache, checkGradient, floats } from './arguments.ts';
import type { FloatType, InputGradient } from './arguments.ts';
import { batchnorm, batchnormGradients } from './batchnorm.ts';
import type { BatchnormCache, BatchnormParam } from './batchnorm.ts';
import { layernorm, layernormGradients } from './groupnorm.ts';
import type { GroupnormParam, LayernormCache } from './groupnorm.ts';

export type AffineReluCache = Cache<'affineRelu', { readonly affine: AffineCache; readonly out: Tensor }>;

export type AffineBatchnormReluCache = Cache<'affineBatchnormRelu', {
  readonly affine: AffineCache;
  readonly batchnorm: BatchnormCache;
  readonly out: Tensor;
}>;

export type AffineLayernormReluCache = Cache<'affineLayernormRelu', {
  readonly affine: AffineCache;
  readonly layernorm: LayernormCache;
  readonly out: Tensor;
}>;

/** dx in the shape of x or null, dw (D, M), db, dgamma and dbeta (M). */
export type AffineNormGradients<Input extends boolean = true> =
  [dx: InputGradient<Input>, dw: Tensor, db: Tensor, dgamma: Tensor, dbeta: Tensor];

/** out (N, M) = max(0, x w + b). Throws as affineForward does. */
export function affineReluForward(x: Tensor, w: Tensor, b: Tensor): [out: Tensor, cache: AffineReluCache] {
  const [out, cache] = affine('affineReluForward', x, w, b, true);
  return [out, new Cache('affineRelu', { affine: cache, out })];
}

/** dx (null unless inputGradient), dw (D, M), db (M). */
export function affineReluBackward<Input extends boolean = true>(
  dout: Tensor, cache: AffineReluCache, inputGradient: Input = true as Input,
): AffineGradients<Input> {
  const { affine, out } = Cache.open('affineReluBackward', cache, 'affineRelu');
  const daffine = throughRelu('affineReluBackward', dout, out);
  return affineGradients('affineReluBackward', daffine, affine, inputGradient);
}

/** out (N, M) = max(0, batchnorm(x w + b)). Throws as affineForward and batchnormForward do. */
export function affineBatchnormReluForward(
  x: Tensor, w: Tensor, b: Tensor, gamma: Tensor, beta: Tensor, bnParam: BatchnormParam,
): [out: Tensor, cache: AffineBatchnormReluCache] {
  const [a, affineCache] = affine('affineBatchnormReluForward', x, w, b, false);
  const [out, batchnormCache] = batchnorm('affineBatchnormReluForward', a, gamma, beta, bnParam, true);
  return [out, new Cache('affineBatchnormRelu', { affine: affineCache, batchnorm: batchnormCache, out })];
}

/** dx (null unless inputGradient), dw (D, M), db, dgamma and dbeta (M). */
export function affineBatchnormReluBackward<Input extends boolean = true>(
  dout: Tensor, cache: AffineBatchnormReluCache, inputGradient: Input = true as Input,
): AffineNormGradients<Input> {
  const fn = 'affineBatchnormReluBackward';
  const { affine, batchnorm, out } = Cache.open(fn, cache, 'affineBatchnormRelu');
  const [da, dgamma, dbeta] = batchnormGradients(fn, dout, batchnorm, out);
  const [dx, dw, db] = affineGradients(fn, da, affine, inputGradient);
  return [dx, dw, db, dgamma, dbeta];
}

/** out (N, M) = max(0, layernorm(x w + b)). Throws as affineForward and layernormForward do. */
export function affineLayernormReluForward(
  x: Tensor, w: Tensor, b: Tensor, gamma: Tensor, beta: Tensor, lnParam: GroupnormParam = {},
): [out: Tensor, cache: AffineLayernormReluCache] {
  const [a, affineCache] = affine('affineLayernormReluForward', x, w, b, false);
  const [out, layernormCache] = layernorm('affineLayernormReluForward', a, gamma, beta, lnParam);
  activeKernels().reluForward(floats(out), floats(out));
  return [out, new Cache('affineLayernormRelu', { affine: affineCache, layernorm: layernormCache, out })];
}

/** dx (null unless inputGradient), dw (D, M), db, dgamma and dbeta (M). */
export function affineLayernormReluBackward<Input extends boolean = true>(
  dout: Tensor, cache: AffineLayernormReluCache, inputGradient: Input = true as Input,
): AffineNormGradients<Input> {
  const fn = 'affineLayernormReluBackward';
  const { affine, layernorm, out } = Cache.open(fn, cache, 'affineLayernormRelu');
  const [da, dgamma, dbeta] = layernormGradients(fn, throughRelu(fn, dout, out), layernorm);
  const [dx, dw, db] = affineGradients(fn, da, affine, inputGradient);
  return [dx, dw, db, dgamma, dbeta];
}

/** dout where out, the output of a ReLU, is positive, else 0: a new tensor. */
export function throughRelu(fn: string, dout: Tensor, out: Tensor): Tensor {
  const upstream = checkGradient(fn, dout, out.shape, out.dtype as FloatType);
  const result = emptyTensor(out.shape, out.dtype);
  activeKernels().reluBackward(floats(upstream), floats(out), floats(result));
  return result;
}
