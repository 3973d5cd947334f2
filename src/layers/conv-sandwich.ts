/**
 * Convolutions with what usually follows, as one layer: the same answers as the parts one after another, with fewer
 * passes over memory.
 *
 *   x (N, C, H, W), w (F, C, KH, KW), b, gamma and beta (F)  ->  out (N, F, OH, OW), pooled where the name says so
 *
 * Three shortcuts change no number. The ReLU is undone from its output instead of its input, since both have the same
 * sign. Where pooling follows, it is undone at the size of the pooled image: a window's maximum is positive exactly
 * where the pixel that it came from is. And batchnorm (or the convolution), ReLU and pooling are one kernel that never
 * writes what lies between them.
 */

import type { FloatArray } from '../kernels/contract.ts';
import { activeKernels } from '../kernels/registry.ts';
import { emptyTensor } from '../tensor/internal.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { throughRelu } from './affine-sandwich.ts';
import { Cache, checkGradient, floats } from './arguments.ts';
import type { FloatType, InputGradient } from './arguments.ts';
import { batchnorm, batchnormGradients, batchnormStatistics } from './batchnorm.ts';
import type { BatchnormCache, BatchnormParam, NormGradients } from './batchnorm.ts';
import { convolution, convolutionArguments, convolutionGradients, convOutputShape } from './convolution.ts';
import type { ConvCache, ConvGradients, ConvParam } from './convolution.ts';
import { poolSizes } from './geometry.ts';
import { maxPoolGradient, poolGeometry, poolOutputShape, positions } from './pooling.ts';
import type { MaxPoolCache, PoolParam } from './pooling.ts';

export type ConvReluCache = Cache<'convRelu', { readonly conv: ConvCache; readonly out: Tensor }>;

export type ConvReluPoolCache = Cache<'convReluPool', {
  readonly conv: ConvCache;
  readonly pool: MaxPoolCache;
  readonly out: Tensor;
}>;

export type ConvBatchnormReluCache = Cache<'convBatchnormRelu', {
  readonly conv: ConvCache;
  readonly batchnorm: BatchnormCache;
  readonly out: Tensor;
}>;

export type ConvBatchnormReluPoolCache = Cache<'convBatchnormReluPool', {
  readonly conv: ConvCache;
  readonly batchnorm: BatchnormCache;
  readonly pool: MaxPoolCache;
  /**
   * in training, what batchnorm's input has where its output won a window, of out's size: the sums of the backward pass
   * need no more of that input
   */
  readonly winners: Tensor | null;
  /** the pooled output, not positive where the ReLU cut */
  readonly out: Tensor;
}>;

/** dx (N, C, H, W) or null, dw (F, C, KH, KW), db, dgamma and dbeta (F). */
export type ConvNormGradients<Input extends boolean = true> =
  [dx: InputGradient<Input>, dw: Tensor, db: Tensor, dgamma: Tensor, dbeta: Tensor];

/** out (N, F, OH, OW) = max(0, conv(x, w, b)). Throws as convForwardNaive does. */
export function convReluForward(
  x: Tensor, w: Tensor, b: Tensor | null, convParam: ConvParam = {},
): [out: Tensor, cache: ConvReluCache] {
  const [out, conv] = convolution('convReluForward', activeKernels(), x, w, b, convParam, { relu: true });
  return [out, new Cache('convRelu', { conv, out })];
}

/** dx (null unless inputGradient), dw (F, C, KH, KW), db (F). */
export function convReluBackward<Input extends boolean = true>(
  dout: Tensor, cache: ConvReluCache, inputGradient: Input = true as Input,
): ConvGradients<Input> {
  const fn = 'convReluBackward';
  const { conv, out } = Cache.open(fn, cache, 'convRelu');
  return convolutionGradients(fn, activeKernels(), throughRelu(fn, dout, out), conv, inputGradient);
}

/** out = maxPool(max(0, conv(x, w, b))). Throws as convForwardNaive and maxPoolForwardNaive do. */
export function convReluPoolForward(
  x: Tensor, w: Tensor, b: Tensor | null, convParam: ConvParam, poolParam: PoolParam,
): [out: Tensor, cache: ConvReluPoolCache] {
  return pooledConvolution('convReluPoolForward', x, w, b, convParam, poolParam, 'training', null);
}

/**
 * The forward pass under the caller's name, with a scale for each filter (null: 1). At test time the places of the
 * maxima are not wanted, and there is no cache.
 */
export function pooledConvolution<Use extends 'training' | 'test'>(
  fn: string, x: Tensor, w: Tensor, b: Tensor | null, convParam: ConvParam, poolParam: PoolParam, use: Use,
  scale: FloatArray | null,
): [out: Tensor, cache: Use extends 'training' ? ConvReluPoolCache : null] {
  type Kept = Use extends 'training' ? ConvReluPoolCache : null;
  const { geometry, type, input, filters, bias } = convolutionArguments(fn, x, w, b, convParam);
  const inputShape = convOutputShape(geometry);
  const pooling = poolSizes(fn, inputShape, poolParam);
  const out = emptyTensor([...inputShape.slice(0, 2), pooling.outHeight, pooling.outWidth], type);
  const argmax = use === 'training' ? emptyTensor(out.shape, 'int32') : null;
  activeKernels().convReluPoolForward(
    floats(input), floats(filters), bias, floats(out), argmax === null ? null : positions(argmax), geometry, pooling,
    scale,
  );
  if (argmax === null) return [out, null as Kept];
  const conv = new Cache('conv', { x: input, w: filters, geometry });
  const pool = new Cache('maxPool', { argmax, inputShape, type, geometry: pooling });
  return [out, new Cache('convReluPool', { conv, pool, out }) as unknown as Kept];
}

/** dx (null unless inputGradient), dw (F, C, KH, KW), db (F). */
export function convReluPoolBackward<Input extends boolean = true>(
  dout: Tensor, cache: ConvReluPoolCache, inputGradient: Input = true as Input,
): ConvGradients<Input> {
  const fn = 'convReluPoolBackward';
  const { conv, pool, out } = Cache.open(fn, cache, 'convReluPool');
  const { argmax, type, geometry: pooling } = Cache.open(fn, pool, 'maxPool');
  const { x, w, geometry } = Cache.open(fn, conv, 'conv');
  const upstream = checkGradient(fn, dout, out.shape, type);
  const dx = inputGradient ? emptyTensor(x.shape, type) : null;
  const dw = emptyTensor(w.shape, type);
  const db = emptyTensor([geometry.filters], type);
  activeKernels().convReluPoolBackward(
    floats(upstream), floats(out), positions(argmax), floats(x), floats(w), dx === null ? null : floats(dx), floats(dw),
    floats(db), geometry, pooling,
  );
  return [dx as InputGradient<Input>, dw, db];
}

/** out = max(0, spatialBatchnorm(conv(x, w, b))). Throws as convForwardNaive and batchnormForward do. */
export function convBatchnormReluForward(
  x: Tensor, w: Tensor, b: Tensor | null, gamma: Tensor, beta: Tensor, convParam: ConvParam, bnParam: BatchnormParam,
): [out: Tensor, cache: ConvBatchnormReluCache] {
  const fn = 'convBatchnormReluForward';
  const [a, conv] = convolution(fn, activeKernels(), x, w, b, convParam);
  const [out, batchnormCache] = batchnorm(fn, a, gamma, beta, bnParam, true);
  return [out, new Cache('convBatchnormRelu', { conv, batchnorm: batchnormCache, out })];
}

/** dx (null unless inputGradient), dw (F, C, KH, KW), db, dgamma and dbeta (F). */
export function convBatchnormReluBackward<Input extends boolean = true>(
  dout: Tensor, cache: ConvBatchnormReluCache, inputGradient: Input = true as Input,
): ConvNormGradients<Input> {
  const fn = 'convBatchnormReluBackward';
  const { conv, batchnorm, out } = Cache.open(fn, cache, 'convBatchnormRelu');
  const [da, dgamma, dbeta] = batchnormGradients(fn, dout, batchnorm, out);
  const [dx, dw, db] = convolutionGradients(fn, activeKernels(), da, conv, inputGradient);
  return [dx, dw, db, dgamma, dbeta];
}

/** out = maxPool(max(0, spatialBatchnorm(conv(x, w, b)))). Throws as the parts do. */
export function convBatchnormReluPoolForward(
  x: Tensor, w: Tensor, b: Tensor | null, gamma: Tensor, beta: Tensor,
  convParam: ConvParam, bnParam: BatchnormParam, poolParam: PoolParam,
): [out: Tensor, cache: ConvBatchnormReluPoolCache] {
  const fn = 'convBatchnormReluPoolForward';
  const [a, conv] = convolution(fn, activeKernels(), x, w, b, convParam);
  const geometry = poolGeometry(fn, a, poolParam);
  const norm = batchnormStatistics(fn, a, gamma, beta, bnParam);
  const type = norm.x.dtype as FloatType;
  const out = emptyTensor(poolOutputShape(a, geometry), type);
  const argmax = emptyTensor(out.shape, 'int32');
  const winners = norm.mode === 'train' ? emptyTensor(out.shape, type) : null;
  activeKernels().batchnormReluPoolForward(
    floats(norm.x), floats(norm.gamma), floats(norm.beta), floats(norm.mean), floats(norm.variance), floats(out),
    positions(argmax), winners === null ? null : floats(winners), geometry, a.shape[1], norm.eps,
  );
  const batchnorm = new Cache('batchnorm', norm);
  const pool = new Cache('maxPool', { argmax, inputShape: a.shape, type, geometry });
  return [out, new Cache('convBatchnormReluPool', { conv, batchnorm, pool, winners, out })];
}

/** dx (null unless inputGradient), dw (F, C, KH, KW), db, dgamma and dbeta (F). */
export function convBatchnormReluPoolBackward<Input extends boolean = true>(
  dout: Tensor, cache: ConvBatchnormReluPoolCache, inputGradient: Input = true as Input,
): ConvNormGradients<Input> {
  const fn = 'convBatchnormReluPoolBackward';
  const { conv, batchnorm, pool, winners, out } = Cache.open(fn, cache, 'convBatchnormReluPool');
  const [da, dgamma, dbeta] = batchnormReluPoolGradients(fn, dout, batchnorm, pool, winners, out);
  const [dx, dw, db] = convolutionGradients(fn, activeKernels(), da, conv, inputGradient);
  return [dx, dw, db, dgamma, dbeta];
}

function batchnormReluPoolGradients(
  fn: string, dout: Tensor, batchnorm: BatchnormCache, pool: MaxPoolCache, winners: Tensor | null, out: Tensor,
): NormGradients {
  const { x, gamma, mean, variance, eps } = Cache.open(fn, batchnorm, 'batchnorm');
  if (winners === null) {
    return batchnormGradients(fn, maxPoolGradient(fn, activeKernels(), dout, pool, out), batchnorm, null, true);
  }
  const { argmax, type, geometry } = Cache.open(fn, pool, 'maxPool');
  const upstream = checkGradient(fn, dout, out.shape, type);
  const dx = emptyTensor(x.shape, type);
  const dgamma = emptyTensor(gamma.shape, type);
  const dbeta = emptyTensor(gamma.shape, type);
  activeKernels().batchnormReluPoolBackward(
    floats(upstream), floats(out), positions(argmax), floats(winners), floats(x), floats(gamma), floats(mean),
    floats(variance), floats(dx), floats(dgamma), floats(dbeta), geometry, x.shape[1], eps,
  );
  return [dx, dgamma, dbeta];
}
