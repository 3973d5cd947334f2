/**
 * Softmax over one axis: exponentials divided by their sum, so that they can be read as probabilities. The largest
 * element is taken off first, which changes nothing but keeps e^x finite.
 *
 *   out[i] = e^(x[i] - max) / sum over j of e^(x[j] - max)      dx = out (dout - sum over j of dout[j] out[j])
 *
 * A training loss takes logits instead (softmaxLoss): their gradient is simpler and keeps its digits where a
 * probability is nearly 0.
 */

import { checkTensor } from '../tensor/check.ts';
import { normalizeAxis } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asFloat, Cache, checkGradient, floatTypeOf } from './arguments.ts';
import type { FloatType } from './arguments.ts';

/** What softmax gave over the last axis, by the version in which it did: who takes scores must not take it for such. */
const given = new WeakMap<Tensor, number>();

export type SoftmaxCache = Cache<'softmax', { readonly out: Tensor; readonly axis: number }>;

/** Softmax of x of any shape along an axis, the last unless given. Throws RangeError for an axis that x lacks. */
export function softmaxForward(x: Tensor, axis: number = -1): [out: Tensor, cache: SoftmaxCache] {
  return softmax('softmaxForward', x, axis);
}

/** The forward pass under the caller's name. */
export function softmax(fn: string, x: Tensor, axis: number): [out: Tensor, cache: SoftmaxCache] {
  checkTensor(fn, 'x', x);
  const along = normalizeAxis(fn, axis, x.ndim);
  const input = asFloat(x, floatTypeOf(x));
  if (x.size === 0) {
    const out = input.clone();
    return [out, new Cache('softmax', { out, axis: along })];
  }
  const powers = input.sub(input.max(along, true)).exp();
  const out = powers.div(powers.sum(along, true));
  if (along === x.ndim - 1) given.set(out, out.version);
  return [out, new Cache('softmax', { out, axis: along })];
}

/** Whether rows of t are probabilities because softmax gave t, and nobody has changed it since. */
export function isSoftmax(t: Tensor): boolean {
  return given.get(t) === t.version;
}

/** A copy of what a network gave, which is a softmax where that is. */
export function cloneOutput(out: Tensor): Tensor {
  const copy = out.clone();
  if (isSoftmax(out)) given.set(copy, copy.version);
  return copy;
}

/** dx of softmax. Throws RangeError unless dout has the shape of out. */
export function softmaxBackward(dout: Tensor, cache: SoftmaxCache): Tensor {
  const { out, axis } = Cache.open('softmaxBackward', cache, 'softmax');
  const upstream = checkGradient('softmaxBackward', dout, out.shape, out.dtype as FloatType);
  return out.mul(upstream.sub(upstream.mul(out).sum(axis, true)));
}
