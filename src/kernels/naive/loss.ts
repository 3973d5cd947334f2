/**
 * The two losses of the course, each with its gradient by the scores (n, classes); labels (n) hold class numbers.
 * Both are means over the n examples, so the gradient carries a factor 1 / n.
 */

import type { FloatArray, LossKernels } from '../contract.ts';

/**
 * Mean cross-entropy: with p = softmax(scores), the loss of an example is -log p[label].
 *
 * The largest score is subtracted first. That changes neither p nor the loss, but makes exp safe, and it leaves at
 * least one exp equal to 1, so the logarithm is safe too: log p_j = s_j - max - log(sum_k exp(s_k - max)).
 * The gradient is p - onehot(label): the derivative of log(sum exp) is p itself.
 */
export function softmaxLoss(
  scores: FloatArray, labels: Int32Array, dscores: FloatArray, n: number, classes: number,
): number {
  let loss = 0;
  for (let i = 0; i < n; i++) {
    const row = i * classes;
    let largest = -Infinity;
    for (let j = 0; j < classes; j++) largest = Math.max(largest, scores[row + j]);
    let sum = 0;
    for (let j = 0; j < classes; j++) sum += Math.exp(scores[row + j] - largest);
    const logSum = Math.log(sum);
    loss -= scores[row + labels[i]] - largest - logSum;
    for (let j = 0; j < classes; j++) {
      const probability = Math.exp(scores[row + j] - largest - logSum);
      dscores[row + j] = (probability - (j === labels[i] ? 1 : 0)) / n;
    }
  }
  return loss / n;
}

/**
 * Multiclass hinge loss (Weston & Watkins 1999) with margin 1: every class that is not at least 1 below the right one
 * costs what it lacks. A class that costs something pushes its own score down and the right score up by 1 / n.
 * A NaN score makes the loss NaN; the comparison `margin > 0` fails for it, so it adds nothing to the gradient.
 */
export function svmLoss(
  scores: FloatArray, labels: Int32Array, dscores: FloatArray, n: number, classes: number,
): number {
  let loss = 0;
  for (let i = 0; i < n; i++) {
    const row = i * classes;
    const right = scores[row + labels[i]];
    let violations = 0;
    for (let j = 0; j < classes; j++) {
      if (j === labels[i]) continue;
      const margin = scores[row + j] - right + 1;
      loss += Math.max(0, margin);
      dscores[row + j] = margin > 0 ? 1 / n : 0;
      if (margin > 0) violations++;
    }
    dscores[row + labels[i]] = -violations / n;
  }
  return loss / n;
}

export const naiveLoss: LossKernels = { softmaxLoss, svmLoss };
