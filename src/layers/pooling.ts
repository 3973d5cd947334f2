/**
 * Pooling: each window of a channel becomes one number, its maximum or its average. No padding.
 *
 *   x    (N, C, H, W)
 *   out  (N, C, OH, OW)    OH = floor((H - poolHeight) / stride) + 1, OW likewise
 *
 * Windows may overlap; pixels that no window reaches get zero gradient. The maximum hands its gradient to the pixel it
 * came from, ties to the first in row-major order, and counts NaN as larger than any number, so that NaN is passed on.
 * The average hands every pixel of the window an equal part.
 *
 * Max pooling exists three times, with one signature, as convolution does: ...Naive, ...Fast, and without a suffix.
 */

import type { PoolGeometry, PoolKernels } from '../kernels/contract.ts';
import { naiveKernels } from '../kernels/naive/index.ts';
import { activeFastKernels, activeKernels } from '../kernels/registry.ts';
import { checkInteger, checkOptions } from '../runtime/check.ts';
import { checkRank, shapeText } from '../tensor/check.ts';
import { contiguousData, emptyTensor } from '../tensor/internal.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asFloat, Cache, checkGradient, checkNotEmpty, floats, floatTypeOf } from './arguments.ts';
import type { FloatType } from './arguments.ts';

export interface PoolParam {
  poolHeight: number;
  poolWidth: number;
  /** pixels between neighbouring windows */
  stride: number;
  /** a remark for the reader, such as stored cases carry; it changes nothing */
  note?: string;
}

export type MaxPoolCache = Cache<'maxPool', {
  /** where each maximum lies in its plane, y * W + x; int32, in the shape of the output */
  readonly argmax: Tensor;
  readonly inputShape: readonly number[];
  readonly type: FloatType;
  readonly geometry: PoolGeometry;
}>;

export type AvgPoolCache = Cache<'avgPool', {
  readonly inputShape: readonly number[];
  readonly outputShape: readonly number[];
  readonly type: FloatType;
  readonly geometry: PoolGeometry;
}>;

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
export function avgPoolForward(x: Tensor, poolParam: PoolParam): [out: Tensor, cache: AvgPoolCache] {
  const geometry = poolGeometry('avgPoolForward', x, poolParam);
  return averagePool(x, geometry, poolOutputShape(x, geometry));
}

/** dx (N, C, H, W): each output's gradient in equal parts over its window. */
export function avgPoolBackward(dout: Tensor, cache: AvgPoolCache): Tensor {
  return averagePoolGradient('avgPoolBackward', dout, cache);
}

/** out (N, C), the average of each channel. Throws RangeError unless x has four axes. */
export function globalAvgPoolForward(x: Tensor): [out: Tensor, cache: AvgPoolCache] {
  checkRank('globalAvgPoolForward', 'x', x, 4);
  const [batch, channels, poolHeight, poolWidth] = x.shape;
  checkNotEmpty('globalAvgPoolForward', 'x', x);
  const geometry = poolGeometry('globalAvgPoolForward', x, { poolHeight, poolWidth, stride: 1 });
  return averagePool(x, geometry, [batch, channels]);
}

/** dx (N, C, H, W): each channel's gradient in equal parts over its pixels. */
export function globalAvgPoolBackward(dout: Tensor, cache: AvgPoolCache): Tensor {
  return averagePoolGradient('globalAvgPoolBackward', dout, cache);
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

function averagePool(x: Tensor, geometry: PoolGeometry, outputShape: number[]): [out: Tensor, cache: AvgPoolCache] {
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
  checkRank(fn, 'x', x, 4);
  checkOptions(fn, poolParam, ['poolHeight', 'poolWidth', 'stride', 'note']);
  const poolHeight = checkInteger(fn, 'poolHeight', poolParam.poolHeight, 1);
  const poolWidth = checkInteger(fn, 'poolWidth', poolParam.poolWidth, 1);
  const given = checkInteger(fn, 'stride', poolParam.stride, 1);
  checkNotEmpty(fn, 'x', x);
  const [batch, channels, height, width] = x.shape;
  if (poolHeight > height || poolWidth > width) {
    throw new RangeError(
      `${fn}: the window of ${poolHeight}x${poolWidth} is larger than the input of ${height}x${width} ` +
      `(x ${shapeText(x.shape)})`,
    );
  }
  // As for convolutions, a stride beyond the input leaves one window, however far beyond it is.
  const stride = Math.min(given, Math.max(height, width));
  return {
    planes: batch * channels, height, width, poolHeight, poolWidth, stride,
    outHeight: Math.floor((height - poolHeight) / stride) + 1,
    outWidth: Math.floor((width - poolWidth) / stride) + 1,
  };
}
