/**
 * Pooling: each window of a channel becomes one number, its maximum or its average.
 *
 *   x    (N, C, H, W)
 *   out  (N, C, OH, OW)    OH = floor((H + 2 pad - poolHeight) / stride) + 1, OW likewise; geometry.ts has all of it
 *
 * Windows may overlap; pixels that no window reaches get zero gradient. The maximum hands its gradient to the pixel it
 * came from, ties to the first in row-major order, and counts NaN as larger than any number, so that NaN is passed on.
 * The average hands every pixel of the window an equal part. Padding never is a maximum; an average counts it as zeros,
 * as PyTorch does, unless countIncludePad is false.
 *
 * Max pooling exists three times, with one signature, as convolution does: ...Naive, ...Fast, and without a suffix.
 */

import type { PoolKernels } from '../kernels/contract.ts';
import type { AdaptivePoolGeometry, AvgPoolGeometry, PoolGeometry } from '../kernels/geometry.ts';
import { naiveKernels } from '../kernels/naive/index.ts';
import { activeFastKernels, activeKernels } from '../kernels/registry.ts';
import { checkRank } from '../tensor/check.ts';
import { contiguousData, emptyTensor } from '../tensor/internal.ts';
import { checkShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asFloat, Cache, checkGradient, checkNotEmpty, floats, floatTypeOf } from './arguments.ts';
import type { FloatType } from './arguments.ts';
import { type AvgPoolParam, avgPoolSizes, perAxis, type PerAxis, type PoolParam, poolSizes } from './geometry.ts';

export type { AvgPoolParam, PoolParam };

export type MaxPoolCache = Cache<'maxPool', {
  /** where each maximum lies in its plane, y * W + x; int32, in the shape of the output */
  readonly argmax: Tensor;
  readonly inputShape: readonly number[];
  readonly type: FloatType;
  readonly geometry: PoolGeometry;
}>;

export interface AverageRecord<Geometry> {
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly type: FloatType;
  readonly geometry: Geometry;
}

export type AvgPoolCache = Cache<'avgPool', AverageRecord<AvgPoolGeometry>>;
export type AdaptiveAvgPoolCache = Cache<'adaptiveAvgPool', AverageRecord<AdaptivePoolGeometry>>;

/**
 * out (N, C, OH, OW), the maximum of each window, by plain loops. Throws TypeError unless x is a tensor and for unknown
 * options, RangeError unless x has four axes, the window fits into it and the sizes are positive integers.
 */
export function maxPoolForwardNaive(x: Tensor, poolParam: PoolParam): [out: Tensor, cache: MaxPoolCache] {
  return maxPool('maxPoolForwardNaive', naiveKernels, x, poolParam);
}

/** dx (N, C, H, W) by plain loops. */
export function maxPoolBackwardNaive(dout: Tensor, cache: MaxPoolCache): Tensor {
  return maxPoolGradient('maxPoolBackwardNaive', naiveKernels, dout, cache);
}

/** As maxPoolForwardNaive, by the fastest kernels configured. */
export function maxPoolForwardFast(x: Tensor, poolParam: PoolParam): [out: Tensor, cache: MaxPoolCache] {
  return maxPool('maxPoolForwardFast', activeFastKernels(), x, poolParam);
}

/** As maxPoolBackwardNaive, by the fastest kernels configured. */
export function maxPoolBackwardFast(dout: Tensor, cache: MaxPoolCache): Tensor {
  return maxPoolGradient('maxPoolBackwardFast', activeFastKernels(), dout, cache);
}

/** As maxPoolForwardNaive, by the kernels of the configured backend. */
export function maxPoolForward(x: Tensor, poolParam: PoolParam): [out: Tensor, cache: MaxPoolCache] {
  return maxPool('maxPoolForward', activeKernels(), x, poolParam);
}

/** As maxPoolBackwardNaive, by the kernels of the configured backend. */
export function maxPoolBackward(dout: Tensor, cache: MaxPoolCache): Tensor {
  return maxPoolGradient('maxPoolBackward', activeKernels(), dout, cache);
}

/** out (N, C, OH, OW), the average of each window. Throws as maxPoolForwardNaive does. */
export function avgPoolForward(x: Tensor, poolParam: AvgPoolParam): [out: Tensor, cache: AvgPoolCache] {
  return avgPool('avgPoolForward', x, poolParam);
}

/** The forward pass under the caller's name. */
export function avgPool(fn: string, x: Tensor, poolParam: AvgPoolParam): [out: Tensor, cache: AvgPoolCache] {
  checkImages(fn, x);
  const geometry = avgPoolSizes(fn, x.shape, poolParam);
  return averagePool(x, geometry, poolOutputShape(x, geometry));
}

/** dx (N, C, H, W): each output's gradient in equal parts over its window. */
export function avgPoolBackward(dout: Tensor, cache: AvgPoolCache): Tensor {
  return averagePoolGradient('avgPoolBackward', dout, cache);
}

/** out (N, C), the average of each channel. Throws RangeError unless x has four axes. */
export function globalAvgPoolForward(x: Tensor): [out: Tensor, cache: AvgPoolCache] {
  checkImages('globalAvgPoolForward', x);
  const [batch, channels, poolHeight, poolWidth] = x.shape;
  const geometry = avgPoolSizes('globalAvgPoolForward', x.shape, { poolHeight, poolWidth, stride: 1 });
  return averagePool(x, geometry, [batch, channels]);
}

/** dx (N, C, H, W): each channel's gradient in equal parts over its pixels. */
export function globalAvgPoolBackward(dout: Tensor, cache: AvgPoolCache): Tensor {
  return averagePoolGradient('globalAvgPoolBackward', dout, cache);
}

/**
 * out (N, C, OH, OW) of the size asked for, one number for both or [OH, OW]: each is the average of the rows
 * floor(i H / OH) to ceil((i + 1) H / OH), and columns likewise, so that the windows cover the image evenly. Throws
 * RangeError unless x has four axes and the sizes are positive integers.
 */
export function adaptiveAvgPoolForward(x: Tensor, size: PerAxis): [out: Tensor, cache: AdaptiveAvgPoolCache] {
  const fn = 'adaptiveAvgPoolForward';
  checkImages(fn, x);
  const [outHeight, outWidth] = perAxis(fn, 'size', size, 1);
  const [batch, channels, height, width] = x.shape;
  const outputShape = checkShape(fn, [batch, channels, outHeight, outWidth], 'the output');
  const geometry: AdaptivePoolGeometry = { planes: batch * channels, height, width, outHeight, outWidth };
  const type = floatTypeOf(x);
  const out = emptyTensor(outputShape, type);
  activeKernels().adaptiveAvgPoolForward(floats(asFloat(x, type)), floats(out), geometry);
  return [out, new Cache('adaptiveAvgPool', { inputShape: x.shape, outputShape: out.shape, type, geometry })];
}

/** dx (N, C, H, W): each output's gradient in equal parts over its window. */
export function adaptiveAvgPoolBackward(dout: Tensor, cache: AdaptiveAvgPoolCache): Tensor {
  const fn = 'adaptiveAvgPoolBackward';
  const { inputShape, outputShape, type, geometry } = Cache.open(fn, cache, 'adaptiveAvgPool');
  const upstream = checkGradient(fn, dout, outputShape, type);
  const dx = emptyTensor(inputShape, type);
  activeKernels().adaptiveAvgPoolBackward(floats(upstream), floats(dx), geometry);
  return dx;
}

/** The forward pass of max pooling under the caller's name. */
export function maxPool(
  fn: string, kernels: PoolKernels, x: Tensor, poolParam: PoolParam,
): [out: Tensor, cache: MaxPoolCache] {
  const geometry = poolGeometry(fn, x, poolParam);
  const type = floatTypeOf(x);
  const out = emptyTensor(poolOutputShape(x, geometry), type);
  const argmax = emptyTensor(out.shape, 'int32');
  kernels.maxPoolForward(floats(asFloat(x, type)), floats(out), positions(argmax), geometry);
  return [out, new Cache('maxPool', { argmax, inputShape: x.shape, type, geometry })];
}

/**
 * The backward pass of max pooling under the caller's name. reluOut is the pooled output where a ReLU stands before the
 * pooling: where it is not positive, dout counts as 0.
 */
export function maxPoolGradient(
  fn: string, kernels: PoolKernels, dout: Tensor, cache: MaxPoolCache, reluOut: Tensor | null = null,
): Tensor {
  const { argmax, inputShape, type, geometry } = Cache.open(fn, cache, 'maxPool');
  const upstream = checkGradient(fn, dout, argmax.shape, type);
  const dx = emptyTensor(inputShape, type);
  kernels.maxPoolBackward(
    floats(upstream), positions(argmax), floats(dx), geometry, reluOut === null ? null : floats(reluOut),
  );
  return dx;
}

function averagePool(
  x: Tensor, geometry: AvgPoolGeometry, outputShape: number[],
): [out: Tensor, cache: AvgPoolCache] {
  const type = floatTypeOf(x);
  const out = emptyTensor(outputShape, type);
  activeKernels().avgPoolForward(floats(asFloat(x, type)), floats(out), geometry);
  return [out, new Cache('avgPool', { inputShape: x.shape, outputShape, type, geometry })];
}

function averagePoolGradient(fn: string, dout: Tensor, cache: AvgPoolCache): Tensor {
  const { inputShape, outputShape, type, geometry } = Cache.open(fn, cache, 'avgPool');
  const upstream = checkGradient(fn, dout, outputShape, type);
  const dx = emptyTensor(inputShape, type);
  activeKernels().avgPoolBackward(floats(upstream), floats(dx), geometry);
  return dx;
}

/** The numbers of an argmax tensor as kernels take them. */
export function positions(argmax: Tensor): Int32Array {
  return contiguousData(argmax) as Int32Array;
}

/** The shape of the output, (N, C, OH, OW). */
export function poolOutputShape(x: Tensor, g: PoolGeometry): number[] {
  return [x.shape[0], x.shape[1], g.outHeight, g.outWidth];
}

/** Checks the arguments of a pooling and returns its sizes. */
export function poolGeometry(fn: string, x: Tensor, poolParam: PoolParam): PoolGeometry {
  checkImages(fn, x);
  return poolSizes(fn, x.shape, poolParam);
}

function checkImages(fn: string, x: Tensor): void {
  checkRank(fn, 'x', x, 4);
  checkNotEmpty(fn, 'x', x);
}
