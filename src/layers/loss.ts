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
 * With label smoothing s the right class is to get the probability 1 - s + s / C and every other one s / C, which adds
 * s (x[y] - average of x) to the softmax loss of an example and s ([class = y] - 1 / C) / N to its dx.
 *
 * Subtracting the largest score changes nothing but keeps e^x finite. A NaN among the scores makes the loss NaN, as a
 * diverged network should show. Multiclass SVM: Weston, Watkins, "Support vector machines for multi-class pattern
 * recognition", 1999. Label smoothing: Szegedy and others, "Rethinking the Inception architecture", 2016.
 */

import { activeKernels } from '../kernels/registry.ts';
import type { LossKernels } from '../kernels/contract.ts';
import { checkNumber, checkOptions } from '../runtime/check.ts';
import { checkRank } from '../tensor/check.ts';
import { contiguousData, emptyTensor } from '../tensor/internal.ts';
import { readableLabels } from '../tensor/labels.ts';
import type { Labels } from '../tensor/labels.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asFloat, checkNotEmpty, floats, floatTypeOf } from './arguments.ts';

export type { Labels };

export interface SoftmaxLossOptions {
  /** the share of each label that is spread evenly over all classes, 0 unless given */
  labelSmoothing?: number;
}

/**
 * Mean softmax cross-entropy of x (N, C) against y (N), and its gradient dx (N, C).
 * Throws TypeError for arguments of the wrong kind, RangeError for an empty batch, a y of another length, labels that
 * are not integers in 0..C-1, and a labelSmoothing outside of 0..1.
 */
export function softmaxLoss(x: Tensor, y: Labels, options: SoftmaxLossOptions = {}): [loss: number, dx: Tensor] {
  checkOptions('softmaxLoss', options, ['labelSmoothing']);
  const smoothing = checkNumber('softmaxLoss', 'labelSmoothing', options.labelSmoothing ?? 0, 0, 1);
  const [loss, dx] = lossAndGradient('softmaxLoss', x, y);
  if (smoothing === 0) return [loss, dx];
  const [n, classes] = x.shape;
  const scores = contiguousData(x);
  const labels = readableLabels('softmaxLoss', 'y', y, n, classes);
  const gradients = floats(dx);
  let added = 0;
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      sum += scores[i * classes + c];
      gradients[i * classes + c] -= smoothing / (classes * n);
    }
    gradients[i * classes + labels[i]] += smoothing / n;
    added += scores[i * classes + labels[i]] - sum / classes;
  }
  return [loss + (smoothing * added) / n, dx];
}

/** Mean multiclass SVM (hinge) loss with margin 1 of x (N, C) against y (N), and dx (N, C). Throws as softmaxLoss. */
export function svmLoss(x: Tensor, y: Labels): [loss: number, dx: Tensor] {
  return lossAndGradient('svmLoss', x, y);
}

function lossAndGradient(kernel: keyof LossKernels, x: Tensor, y: Labels): [loss: number, dx: Tensor] {
  checkRank(kernel, 'x', x, 2);
  checkNotEmpty(kernel, 'x', x);
  const [n, classes] = x.shape;
  const labels = readableLabels(kernel, 'y', y, n, classes);
  const type = floatTypeOf(x);
  const dx = emptyTensor(x.shape, type);
  const loss = activeKernels()[kernel](floats(asFloat(x, type)), labels, floats(dx), n, classes);
  return [loss, dx];
}
