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
import { describe } from '../runtime/check.ts';
import { checkRank } from '../tensor/check.ts';
import { contiguousData, emptyTensor } from '../tensor/internal.ts';
import { Tensor } from '../tensor/tensor.ts';
import { asFloat, checkNotEmpty, floats, floatTypeOf } from './arguments.ts';

/** One class number an example: an array, a typed array (of 64-bit integers too) or a tensor of one axis. */
export type Labels = ArrayLike<number> | BigInt64Array | BigUint64Array | Tensor;

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
  const labels = toLabels(kernel, y, n, classes);
  const type = floatTypeOf(x);
  const dx = emptyTensor(x.shape, type);
  const loss = activeKernels()[kernel](floats(asFloat(x, type)), labels, floats(dx), n, classes);
  return [loss, dx];
}

/**
 * The labels as kernels take them. Throws TypeError or RangeError, naming y, unless it holds n integers in
 * 0..classes-1; with classes Infinity, any that int32 holds from 0 on.
 */
export function toLabels(fn: string, y: Labels, n: number, classes: number, name: string = 'y'): Int32Array {
  const values = labelValues(fn, y, name);
  if (values.length !== n) {
    throw new RangeError(`${fn}: ${name} must have ${n} labels, one an example, got ${values.length}`);
  }
  const end = Math.min(classes, 2 ** 31);
  const labels = new Int32Array(n);
  for (let i = 0; i < n; i++) {
    const given = values[i];
    const label = typeof given === 'bigint' ? Number(given) : given;
    if (typeof label !== 'number') {
      throw new TypeError(`${fn}: ${name}[${i}] must be an integer, got ${describe(label)}`);
    }
    if (!Number.isInteger(label) || label < 0 || label >= end) {
      const to = classes === Infinity ? '' : ` to ${classes - 1}`;
      throw new RangeError(`${fn}: ${name}[${i}] must be an integer from 0${to}, got ${label}`);
    }
    labels[i] = label;
  }
  return labels;
}

function labelValues(fn: string, y: Labels, name: string): ArrayLike<number | bigint> {
  if (y instanceof Tensor) return contiguousData(checkRank(fn, name, y, 1));
  if (Array.isArray(y) || (ArrayBuffer.isView(y) && !(y instanceof DataView))) return y as ArrayLike<number | bigint>;
  throw new TypeError(`${fn}: ${name} must be an array, a typed array or a Tensor of labels, got ${describe(y)}`);
}
