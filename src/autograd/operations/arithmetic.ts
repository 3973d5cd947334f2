/** Arithmetic between two tensors, with broadcasting, and its gradients. */

import * as arithmetic from '../../tensor/arithmetic.ts';
import { greater, greaterEqual, less, lessEqual, where as choose } from '../../tensor/comparison.ts';
import { log } from '../../tensor/unary.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Forward, Operation } from '../operation.ts';
import { unbroadcast } from './broadcast.ts';

/** dout, cut to the elements where the condition holds. */
function masked(condition: Tensor, dout: Tensor): Tensor {
  return choose(condition, dout, 0);
}

/** A binary operation from its value and the gradients at either side, before they are summed over stretched axes. */
function binary(
  compute: (a: Tensor, b: Tensor) => Tensor,
  toA: (dout: Tensor, a: Tensor, b: Tensor) => Tensor,
  toB: (dout: Tensor, a: Tensor, b: Tensor) => Tensor,
  saves: boolean = true,
): Operation {
  return ([a, b]): Forward => ({
    out: compute(a, b),
    saved: saves ? [a, b] : [],
    back: (dout, [wantA, wantB]) => [
      wantA ? unbroadcast(toA(dout, a, b), a) : null,
      wantB ? unbroadcast(toB(dout, a, b), b) : null,
    ],
  });
}

/** a + b */
export const add: Operation = binary(arithmetic.add, (dout) => dout, (dout) => dout, false);

/** a - b */
export const sub: Operation = binary(arithmetic.sub, (dout) => dout, (dout) => dout.neg(), false);

/** a b */
export const mul: Operation = binary(arithmetic.mul, (dout, _, b) => dout.mul(b), (dout, a) => dout.mul(a));

/** a / b; d/db = -a / b^2 */
export const div: Operation = binary(
  arithmetic.div, (dout, _, b) => dout.div(b), (dout, a, b) => dout.mul(a).div(b.square()).neg(),
);

/** a - b floor(a / b); d/db = -floor(a / b), the floor that goes with the remainder */
export const mod: Operation = binary(
  arithmetic.mod, (dout) => dout, (dout, a, b) => dout.mul(arithmetic.wholeQuotient(a, b)).neg(),
);

/**
 * a^b; d/da = b a^(b - 1), d/db = a^b ln a, which is 0 where a is 0 and b is not negative. The power is computed again
 * where the exponent wants a gradient: for all other exponents the output stays free to be changed.
 */
export const pow: Operation = binary(
  arithmetic.pow,
  (dout, a, b) => choose(b.equal(0), 0, dout.mul(b).mul(a.pow(b.sub(1)))),
  (dout, a, b) => choose(a.equal(0).mul(greaterEqual(b, 0)), 0, dout.mul(a.pow(b)).mul(log(a))),
);

/** The larger; where both are equal each gets half of the gradient, as in PyTorch. */
export const maximum: Operation = binary(
  arithmetic.maximum,
  (dout, a, b) => masked(greaterEqual(a, b), dout).sub(masked(a.equal(b), dout.mul(0.5))),
  (dout, a, b) => masked(greaterEqual(b, a), dout).sub(masked(a.equal(b), dout.mul(0.5))),
);

/** The smaller; where both are equal each gets half of the gradient. */
export const minimum: Operation = binary(
  arithmetic.minimum,
  (dout, a, b) => masked(lessEqual(a, b), dout).sub(masked(a.equal(b), dout.mul(0.5))),
  (dout, a, b) => masked(lessEqual(b, a), dout).sub(masked(a.equal(b), dout.mul(0.5))),
);

/** a where the condition is not 0, else b. */
export const where: Operation<[condition: Tensor]> = ([a, b], condition) => ({
  out: choose(condition, a, b),
  saved: [condition],
  back: (dout, [wantA, wantB]) => [
    wantA ? unbroadcast(choose(condition, dout, 0), a) : null,
    wantB ? unbroadcast(choose(condition, 0, dout), b) : null,
  ],
});

/** Limited to low..high (null: no limit); the gradient passes where the element was inside, ends included. */
export const clip: Operation<[low: number | null, high: number | null]> = ([x], low, high) => ({
  out: x.clip(low, high),
  saved: [x],
  back: (dout) => {
    let inside = dout;
    if (low !== null) inside = choose(less(x, low), 0, inside);
    if (high !== null) inside = choose(greater(x, high), 0, inside);
    return [inside];
  },
});
