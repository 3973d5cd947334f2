/**
 * Parametric ReLU: a leaky ReLU whose slope on the left is learnt, one for all channels or one a channel.
 *
 *   out = x where x > 0, else slope x        dx = dout where x > 0, else slope dout
 *                                            dslope = sum of dout x over the elements with x <= 0 that it multiplied
 *
 * He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015.
 */

import { checkRank, checkTensor, shapeText } from '../tensor/check.ts';
import { greater, where } from '../tensor/comparison.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asFloat, Cache, checkGradient, checkNotEmpty, floatTypeOf } from './arguments.ts';
import type { FloatType } from './arguments.ts';

export type PreluCache = Cache<'prelu', { readonly x: Tensor; readonly slope: Tensor }>;

/**
 * PReLU of x (N, C, ...) with slope (1) or (C). Throws RangeError for another number of slopes, and for several where x
 * has no axis of channels.
 */
export function preluForward(x: Tensor, slope: Tensor): [out: Tensor, cache: PreluCache] {
  return prelu('preluForward', x, slope);
}

/** The forward pass under the caller's name. */
export function prelu(fn: string, x: Tensor, slope: Tensor): [out: Tensor, cache: PreluCache] {
  checkTensor(fn, 'x', x);
  checkNotEmpty(fn, 'slope', checkRank(fn, 'slope', slope, 1));
  if (slope.size !== 1 && slope.size !== x.shape[1]) {
    throw new RangeError(`${fn}: slope must have 1 element or one a channel of x, got ${slope.size} (x ${shapeText(x.shape)})`);
  }
  const type = floatTypeOf(x, slope);
  const [input, slopes] = [asFloat(x, type), asFloat(slope, type)];
  const out = where(greater(input, 0), input, input.mul(alongChannels(slopes, input)));
  return [out, new Cache('prelu', { x: input, slope: slopes })];
}

/** The gradients at x and slope. Throws RangeError unless dout has the shape of x. */
export function preluBackward(dout: Tensor, cache: PreluCache): [dx: Tensor, dslope: Tensor] {
  const { x, slope } = Cache.open('preluBackward', cache, 'prelu');
  const upstream = checkGradient('preluBackward', dout, x.shape, x.dtype as FloatType);
  const right = greater(x, 0);
  const dx = where(right, upstream, upstream.mul(alongChannels(slope, x)));
  const parts = where(right, 0, upstream.mul(x));
  const others = x.shape.map((_, axis) => axis).filter((axis) => axis !== 1 || slope.size === 1);
  return [dx, parts.sum(others).reshape([...slope.shape])];
}

/** The slopes as (1, C, 1, ...) or (1), which broadcast over x. */
function alongChannels(slope: Tensor, x: Tensor): Tensor {
  return slope.size === 1 ? slope : slope.reshape(x.shape.map((_, axis) => (axis === 1 ? slope.size : 1)));
}
