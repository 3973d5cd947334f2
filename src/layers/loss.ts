/**
 * Losses on class scores, averaged over the examples.
 *
 *   x    (N, C)   score of each class
 *   y    (N)      the right class of each example, 0..C-1
 *
 *   softmax  loss = average of -log(p[y]), p = e^(x - max x) / sum of e^(x - max x)    dx = (p - [class = y]) / N
 *   svm      loss = average of the sum over j != y of max(0, x[j] - x[y] + 1)          dx: +1/N for each j whose margin
 *                                                                                      is positive, minus as many for y
 *
 * Subtracting the largest score changes nothing but keeps e^x finite. A NaN among the scores makes the loss NaN, as a
 * diverged network should show. Multiclass SVM: Weston, Watkins, "Support vector machines for multi-class pattern
 * recognition", 1999.
 */

import { activeKernels } from '../kernels/registry.ts';
import type { LossKernels } from '../kernels/contract.ts';
import { checkRank } from '../tensor/check.ts';
import { emptyTensor } from '../tensor/internal.ts';
import { checkLabels } from '../tensor/labels.ts';
import type { Labels } from '../tensor/labels.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asFloat, checkNotEmpty, floats, floatTypeOf } from './arguments.ts';

export type { Labels };

/**
 * Mean softmax cross-entropy of x (N, C) against y (N), and its gradient dx (N, C).
 * Throws TypeError for arguments of the wrong kind, RangeError for an empty batch, a y of another length and labels
 * that are not integers in 0..C-1.
 */
export function softmaxLoss(x: Tensor, y: Labels): [loss: number, dx: Tensor] {
  return lossAndGradient('softmaxLoss', x, y);
}

/** Mean multiclass SVM (hinge) loss with margin 1 of x (N, C) against y (N), and dx (N, C). Throws as softmaxLoss. */
export function svmLoss(x: Tensor, y: Labels): [loss: number, dx: Tensor] {
  return lossAndGradient('svmLoss', x, y);
}

function lossAndGradient(kernel: keyof LossKernels, x: Tensor, y: Labels): [loss: number, dx: Tensor] {
  checkRank(kernel, 'x', x, 2);
  checkNotEmpty(kernel, 'x', x);
  const [n, classes] = x.shape;
  const labels = checkLabels(kernel, 'y', y, n, classes);
  const type = floatTypeOf(x);
  const dx = emptyTensor(x.shape, type);
  const loss = activeKernels()[kernel](floats(asFloat(x, type)), labels, floats(dx), n, classes);
  return [loss, dx];
}
