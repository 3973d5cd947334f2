/**
 * Maxout: the largest of each k neighbouring channels (or features), so that k linear layers become one that is convex
 * and piecewise linear.
 *
 *   out[n, c, ...] = max over j < k of x[n, c k + j, ...]       dx = dout at the first of the largest, else 0
 *
 * Goodfellow, Warde-Farley, Mirza, Courville, Bengio, "Maxout networks", 2013.
 */

import { checkInteger } from '../runtime/check.ts';
import { checkTensor, shapeText } from '../tensor/check.ts';
import { equal, where } from '../tensor/comparison.ts';
import { arange } from '../tensor/creation.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asFloat, Cache, checkGradient, checkNotEmpty, floatTypeOf } from './arguments.ts';
import type { FloatType } from './arguments.ts';

export type MaxoutCache = Cache<'maxout', {
  /** (N, C, 1, ...): which of its k channels gave each output */
  readonly winner: Tensor;
  readonly grouped: readonly number[];
  readonly shape: readonly number[];
  readonly type: FloatType;
}>;

/** (N, C / k, k, ...) for x (N, C, ...). Throws RangeError unless x has channels and k divides them. */
function groupedShape(fn: string, x: readonly number[], k: number): number[] {
  if (x.length < 2 || x[1] % k !== 0) {
    throw new RangeError(`${fn}: k must divide the channels of x (N, C, ...), got ${k} (x ${shapeText(x)})`);
  }
  return [x[0], x[1] / k, k, ...x.slice(2)];
}

/** x (N, C, ...) -> (N, C / k, ...). Throws RangeError unless k divides the channels. */
export function maxoutForward(x: Tensor, k: number): [out: Tensor, cache: MaxoutCache] {
  return maxout('maxoutForward', x, k);
}

/** The forward pass under the caller's name. */
export function maxout(fn: string, x: Tensor, k: number): [out: Tensor, cache: MaxoutCache] {
  checkNotEmpty(fn, 'x', checkTensor(fn, 'x', x));
  const grouped = groupedShape(fn, x.shape, checkInteger(fn, 'k', k, 1));
  const type = floatTypeOf(x);
  const parts = asFloat(x, type).reshape(grouped);
  const winner = parts.argmax(2) as Tensor;
  return [parts.max(2), new Cache('maxout', { winner: winner.expandDims(2), grouped, shape: x.shape, type })];
}

/** dx of maxout. Throws RangeError unless dout has the shape of out. */
export function maxoutBackward(dout: Tensor, cache: MaxoutCache): Tensor {
  const { winner, grouped, shape, type } = Cache.open('maxoutBackward', cache, 'maxout');
  const [n, channels, k, ...rest] = grouped;
  const upstream = checkGradient('maxoutBackward', dout, [n, channels, ...rest], type);
  const places = arange(k).reshape([k, ...rest.map(() => 1)]);
  return where(equal(winner, places), upstream.expandDims(2), 0).reshape([...shape]).astype(type);
}
