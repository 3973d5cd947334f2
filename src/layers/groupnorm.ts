/**
 * Normalisation within each example, independent of the batch: layernorm over all features of an example, groupnorm
 * over the channels of one group and their pixels. Training and test time are the same.
 *
 *   layernorm         x (N, D)         gamma, beta (D)
 *   spatialGroupnorm  x (N, C, H, W)   gamma, beta (C), or (1, C, 1, 1); C divides into G groups
 *   out = gamma (x - mean) / sqrt(variance + eps) + beta, in the shape of x, with one mean and one variance for each
 *   example, or for each example and group
 *
 * Ba, Kiros, Hinton, "Layer normalization", 2016. Wu, He, "Group normalization", 2018.
 */

import type { GroupGeometry } from '../kernels/geometry.ts';
import { activeKernels } from '../kernels/registry.ts';
import { checkInteger, checkNumber, checkOneOf, checkOptions } from '../runtime/check.ts';
import { checkRank, checkTensor, shapeText } from '../tensor/check.ts';
import { emptyTensor } from '../tensor/internal.ts';
import type { Tensor } from '../tensor/tensor.ts';
import {
  asFloat, Cache, checkGradient, checkNotEmpty, checkPerChannel, floats, floatTypeOf,
} from './arguments.ts';
import type { FloatType } from './arguments.ts';
import type { NormGradients } from './batchnorm.ts';

export interface GroupnormParam {
  /** added to the variance, 1e-5 unless given */
  eps?: number;
  /** accepted, because batchnorm takes it in the same place; training and test time are the same here */
  mode?: 'train' | 'test';
}

export interface SpatialGroupnormParam extends GroupnormParam {
  /** as the argument G, which may be repeated here: a layer's settings can then be kept in one object */
  G?: number;
}

/** What the backward passes need. */
export interface GroupnormContent {
  readonly x: Tensor;
  readonly gamma: Tensor;
  /** one for each example and group */
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly eps: number;
  readonly geometry: GroupGeometry;
}

export type LayernormCache = Cache<'layernorm', GroupnormContent>;
export type SpatialGroupnormCache = Cache<'spatialGroupnorm', GroupnormContent>;

/**
 * Layernorm of x (N, D) with gamma and beta (D). Throws TypeError for arguments that are not tensors and unknown
 * options, RangeError for an empty batch, shapes that do not fit or eps below 0.
 */
export function layernormForward(
  x: Tensor, gamma: Tensor, beta: Tensor, lnParam: GroupnormParam = {},
): [out: Tensor, cache: LayernormCache] {
  return layernorm('layernormForward', x, gamma, beta, lnParam);
}

/** dx (N, D), dgamma (D), dbeta (D). */
export function layernormBackward(dout: Tensor, cache: LayernormCache): NormGradients {
  return layernormGradients('layernormBackward', dout, cache);
}

/** The forward pass of layernorm under the caller's name. */
export function layernorm(
  fn: string, x: Tensor, gamma: Tensor, beta: Tensor, lnParam: GroupnormParam,
): [out: Tensor, cache: LayernormCache] {
  checkRank(fn, 'x', x, 2);
  checkNotEmpty(fn, 'x', x);
  const [batch, features] = x.shape;
  checkPerChannel(fn, 'gamma', gamma, features, x);
  checkPerChannel(fn, 'beta', beta, features, x);
  const geometry = { batch, groups: 1, channelsPerGroup: features, inner: 1 };
  const [out, content] = normalise(fn, x, gamma, beta, geometry, lnParam);
  return [out, new Cache('layernorm', content)];
}

/** The backward pass of layernorm under the caller's name. */
export function layernormGradients(fn: string, dout: Tensor, cache: LayernormCache): NormGradients {
  return gradients(fn, dout, Cache.open(fn, cache, 'layernorm'));
}

/**
 * Groupnorm of x (N, C, H, W) in G groups of C / G channels, with gamma and beta (C) or (1, C, 1, 1). Throws as
 * layernormForward does, and RangeError unless G divides C.
 */
export function spatialGroupnormForward(
  x: Tensor, gamma: Tensor, beta: Tensor, G: number, gnParam: SpatialGroupnormParam = {},
): [out: Tensor, cache: SpatialGroupnormCache] {
  return groupnorm('spatialGroupnormForward', x, gamma, beta, G, gnParam);
}

/** The forward pass of groupnorm under the caller's name. */
export function groupnorm(
  fn: string, x: Tensor, gamma: Tensor, beta: Tensor, G: number, gnParam: SpatialGroupnormParam,
): [out: Tensor, cache: SpatialGroupnormCache] {
  checkRank(fn, 'x', x, 4);
  checkNotEmpty(fn, 'x', x);
  const [batch, channels, height, width] = x.shape;
  checkImageChannels(fn, 'gamma', gamma, channels, x);
  checkImageChannels(fn, 'beta', beta, channels, x);
  checkInteger(fn, 'G', G, 1);
  if (channels % G !== 0) {
    throw new RangeError(`${fn}: G must divide the channels of x, got ${G} for ${channels} (x ${shapeText(x.shape)})`);
  }
  checkOptions(fn, gnParam, ['G', 'eps', 'mode']);
  const { G: repeated = G, ...param } = gnParam;
  if (repeated !== G) throw new RangeError(`${fn}: gnParam.G must repeat the argument G, got ${repeated} and ${G}`);
  const geometry = { batch, groups: G, channelsPerGroup: channels / G, inner: height * width };
  const [out, content] = normalise(fn, x, gamma, beta, geometry, param);
  return [out, new Cache('spatialGroupnorm', content)];
}

/** dx (N, C, H, W), dgamma and dbeta in the shape of gamma. */
export function spatialGroupnormBackward(dout: Tensor, cache: SpatialGroupnormCache): NormGradients {
  return groupnormGradients('spatialGroupnormBackward', dout, cache);
}

/** The backward pass of groupnorm under the caller's name. */
export function groupnormGradients(fn: string, dout: Tensor, cache: SpatialGroupnormCache): NormGradients {
  return gradients(fn, dout, Cache.open(fn, cache, 'spatialGroupnorm'));
}

function normalise(
  fn: string, x: Tensor, gamma: Tensor, beta: Tensor, geometry: GroupGeometry, param: GroupnormParam,
): [out: Tensor, content: GroupnormContent] {
  checkOptions(fn, param, ['eps', 'mode']);
  if (param.mode !== undefined) checkOneOf(fn, 'mode', param.mode, ['train', 'test']);
  const eps = checkNumber(fn, 'eps', param.eps ?? 1e-5, 0);
  const type = floatTypeOf(x, gamma, beta);
  const statistics = [geometry.batch, geometry.groups];
  const content: GroupnormContent = {
    x: asFloat(x, type), gamma: asFloat(gamma, type),
    mean: emptyTensor(statistics, type), variance: emptyTensor(statistics, type), eps, geometry,
  };
  const out = emptyTensor(x.shape, type);
  activeKernels().groupnormForward(
    floats(content.x), floats(content.gamma), floats(asFloat(beta, type)), floats(out), floats(content.mean),
    floats(content.variance), geometry, eps,
  );
  return [out, content];
}

function gradients(fn: string, dout: Tensor, content: GroupnormContent): NormGradients {
  const { x, gamma, mean, variance, eps, geometry } = content;
  const upstream = checkGradient(fn, dout, x.shape, x.dtype as FloatType);
  const dx = emptyTensor(x.shape, x.dtype);
  const dgamma = emptyTensor(gamma.shape, x.dtype);
  const dbeta = emptyTensor(gamma.shape, x.dtype);
  activeKernels().groupnormBackward(
    floats(upstream), floats(x), floats(gamma), floats(mean), floats(variance),
    floats(dx), floats(dgamma), floats(dbeta), geometry, eps,
  );
  return [dx, dgamma, dbeta];
}

/** One value a channel, (C), or in the form that broadcasts against images, (1, C, 1, 1). */
function checkImageChannels(fn: string, name: string, t: Tensor, channels: number, x: Tensor): void {
  checkTensor(fn, name, t);
  const flat = t.ndim === 1 && t.size === channels;
  const broadcast = t.ndim === 4 && t.size === channels && t.shape[1] === channels;
  if (!flat && !broadcast) {
    throw new RangeError(
      `${fn}: ${name} must have shape ${channels} or 1x${channels}x1x1, got ${shapeText(t.shape)} ` +
      `(x ${shapeText(x.shape)})`,
    );
  }
}
