/**
 * Losses on class scores (N, C), averaged over the examples, with their gradients. The scores stay readable after the
 * way back: metrics are computed from them. A loss is a float64 scalar whatever
 * the type of the scores: it is the number that the layers of the same name return.
 */

import { softmaxLoss, svmLoss, type Labels } from '../../layers/loss.ts';
import { checkTensorShape } from '../../tensor/check.ts';
import { where } from '../../tensor/comparison.ts';
import { Tensor } from '../../tensor/tensor.ts';
import type { Forward, Operation } from '../operation.ts';

/** A loss with the gradient that came with it. */
function withGradient(loss: number, dx: Tensor): Forward {
  return {
    out: new Tensor(Float64Array.of(loss), []),
    saved: [],
    keepsInputs: true,
    back: (dout) => [dout.item() === 1 ? dx : dx.mul(dout.item())],
  };
}

/** Mean of -log softmax(x)[y] for integer labels y. */
export const softmaxCrossEntropy: Operation<[y: Labels]> = ([x], y) => withGradient(...softmaxLoss(x, y));

/** Mean multiclass hinge loss with margin 1. */
export const hinge: Operation<[y: Labels]> = ([x], y) => withGradient(...svmLoss(x, y));

/**
 * Mean over the examples of -sum over the classes of target log softmax(x): the targets (N, C) are any distributions,
 * such as mixed or smoothed labels; an example whose targets are all 0 does not count. dx = (softmax(x) sum(target) -
 * target) / n.
 */
export const softCrossEntropy: Operation<[targets: Tensor, counted: number]> = ([x], targets, counted) => {
  const shifted = x.sub(x.max(1, true));
  const exps = shifted.exp();
  const sums = exps.sum(1, true);
  // a class that is not wanted adds nothing, were its probability 0: 0 * -Infinity would be NaN
  const logSoftmax = where(targets.equal(0), 0, shifted.sub(sums.log()));
  const loss = -logSoftmax.mul(targets).astype('float64').sum().item() / counted;
  const dx = exps.div(sums).mul(targets.sum(1, true)).sub(targets).div(counted);
  return withGradient(loss, dx.dtype === x.dtype ? dx : dx.astype(x.dtype));
};

/** Mean over all elements of (a - b)^2. */
export const meanSquaredError: Operation = ([a, b]) => {
  checkTensorShape('mse', 'b', b, a.shape);
  const difference = a.sub(b);
  return {
    out: new Tensor(Float64Array.of(difference.square().astype('float64').sum().item() / difference.size), []),
    saved: [],
    keepsInputs: true,
    back: (dout, [wantA, wantB]) => {
      const gradient = difference.mul((2 * dout.item()) / difference.size);
      return [wantA ? gradient : null, wantB ? gradient.neg() : null];
    },
  };
};
