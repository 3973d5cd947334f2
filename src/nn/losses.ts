/** Losses of a network's output, as variables to go back from. Each is a mean over the examples. */

import * as operations from '../autograd/operations/loss.ts';
import { apply, Variable, type VariableLike } from '../autograd/variable.ts';
import type { Labels } from '../layers/loss.ts';
import { checkNotEmpty } from '../layers/arguments.ts';
import { isSoftmax } from '../layers/softmax.ts';
import { checkInteger, checkNumber, checkOptions, describe } from '../runtime/check.ts';
import { checkRank, checkTensorShape } from '../tensor/check.ts';
import { zeros } from '../tensor/creation.ts';
import { checkLabels, labelValues } from '../tensor/labels.ts';
import { Tensor } from '../tensor/tensor.ts';

export interface CrossEntropyOptions {
  /** the share of each label that is spread evenly over all classes, 0 unless given (Szegedy et al. 2016) */
  labelSmoothing?: number;
  /** examples with this label do not count; none unless given */
  ignoreIndex?: number;
}

/**
 * Mean softmax cross-entropy of logits (N, C). The targets y are labels (N), integers from 0 to C - 1, or
 * distributions over the classes (N, C), such as one-hot or mixed labels. The mean is over the examples that count.
 * Throws TypeError for arguments of the wrong kind, RangeError for labels out of range, shapes that do not fit, an
 * empty batch, a labelSmoothing outside of 0..1, and where no example counts.
 */
export function crossEntropy(logits: Variable, y: Labels, options: CrossEntropyOptions = {}): Variable {
  const fn = 'crossEntropy';
  const scores = checkRank(fn, 'logits', checkVariable(fn, 'logits', logits).value, 2);
  checkNotEmpty(fn, 'logits', scores);
  checkOptions(fn, options, ['labelSmoothing', 'ignoreIndex']);
  const smoothing = checkNumber(fn, 'labelSmoothing', options.labelSmoothing ?? 0, 0, 1);
  const { ignoreIndex } = options;
  if (ignoreIndex !== undefined) checkInteger(fn, 'ignoreIndex', ignoreIndex, -(2 ** 31));
  const soft = y instanceof Tensor && y.ndim === 2;
  if (!soft && smoothing === 0 && ignoreIndex === undefined) {
    return apply(fn, operations.softmaxCrossEntropy, [logits], checkLabels(fn, 'y', y, ...scores.shape));
  }
  const wanted = soft ? checkTensorShape(fn, 'y', y, scores.shape) : oneHot(fn, 'y', y, scores, ignoreIndex);
  const counted = soft ? scores.shape[0] : wanted.sum().item();
  if (counted === 0) throw new RangeError(`${fn}: y must hold a label that counts, all are ${ignoreIndex}`);
  const classes = scores.shape[1];
  const smoothed = smoothing === 0
    ? wanted
    : wanted.mul(1 - smoothing).add(wanted.sum(1, true).mul(smoothing / classes));
  return apply(fn, operations.softCrossEntropy, [logits], smoothed.astype(scores.dtype), counted);
}

/**
 * Mean cross-entropy of probabilities (N, C), as a Softmax layer gives them and as Keras has it: rows are divided by
 * their sum and kept within epsilon and 1 - epsilon, so that a probability of 0 gives a finite loss. The targets are as
 * for crossEntropy, which takes logits, keeps more digits and is what to prefer. Throws as crossEntropy does.
 */
export function categoricalCrossEntropy(
  probabilities: Variable, targets: Labels, options: { epsilon?: number } = {},
): Variable {
  const fn = 'categoricalCrossEntropy';
  const { value } = checkVariable(fn, 'probabilities', probabilities);
  checkNotEmpty(fn, 'probabilities', checkRank(fn, 'probabilities', value, 2));
  checkOptions(fn, options, ['epsilon']);
  const epsilon = checkNumber(fn, 'epsilon', options.epsilon ?? 1e-7, 0, 0.5);
  const soft = targets instanceof Tensor && targets.ndim === 2;
  const wanted = soft ? checkTensorShape(fn, 'targets', targets, value.shape) : oneHot(fn, 'targets', targets, value, undefined);
  const kept = probabilities.div(probabilities.sum(1, true)).clip(epsilon, 1 - epsilon);
  return kept.log().mul(wanted.astype(value.dtype)).sum().mul(-1 / value.shape[0]);
}

/**
 * The loss of networks that were told none: crossEntropy of scores, and where a softmax gave the output,
 * categoricalCrossEntropy, as the softmax of a softmax hardly learns. Throws as crossEntropy does.
 */
export function classLoss(out: Variable, y: Labels): Variable {
  const isProbability = out instanceof Variable && isSoftmax(out.value);
  return isProbability ? categoricalCrossEntropy(out, y) : crossEntropy(out, y);
}

/** Mean multiclass hinge loss (SVM) of scores (N, C) against labels (N), with margin 1. Throws as svmLoss does. */
export function hingeLoss(scores: Variable, y: Labels): Variable {
  const fn = 'hingeLoss';
  const value = checkRank(fn, 'scores', checkVariable(fn, 'scores', scores).value, 2);
  checkNotEmpty(fn, 'scores', value);
  return apply(fn, operations.hinge, [scores], checkLabels(fn, 'y', y, ...value.shape));
}

/** Mean of (a - b)^2 over all elements. Throws RangeError where the shapes differ. */
export function mse(a: VariableLike, b: VariableLike): Variable {
  return apply('mse', operations.meanSquaredError, [a, b]);
}

/** Rows with a 1 at their label; without one where the label is ignored. */
function oneHot(fn: string, name: string, y: Labels, scores: Tensor, ignoreIndex: number | undefined): Tensor {
  const [n, classes] = scores.shape;
  const labels = labelValues(fn, name, y);
  const rows = zeros([n, classes], scores.dtype);
  if (labels.length !== n) throw new RangeError(`${fn}: ${name} must hold ${n} labels, one an example, got ${labels.length}`);
  for (let i = 0; i < n; i++) {
    const label = typeof labels[i] === 'bigint' ? Number(labels[i]) : labels[i];
    if (label !== ignoreIndex) rows.set(1, i, checkInteger(fn, `${name}[${i}]`, label, 0, classes - 1));
  }
  return rows;
}

function checkVariable(fn: string, name: string, value: unknown): Variable {
  if (!(value instanceof Variable)) throw new TypeError(`${fn}: ${name} must be a Variable, got ${describe(value)}`);
  return value;
}
