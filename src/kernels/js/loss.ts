/** The softmax loss with one exp an element where its definition takes two; the hinge loss is its definition. */

import type { FloatArray, LossKernels } from '../contract.ts';
import { naiveLoss } from '../naive/loss.ts';

/** As the naive one, but exp(score - max) is kept in dscores and divided by the sum afterwards. */
export function softmaxLoss(
  scores: FloatArray, labels: Int32Array, dscores: FloatArray, n: number, classes: number,
): number {
  let loss = 0;
  for (let i = 0; i < n; i++) {
    const row = i * classes;
    let largest = -Infinity;
    for (let j = 0; j < classes; j++) largest = Math.max(largest, scores[row + j]);
    let sum = 0;
    for (let j = 0; j < classes; j++) {
      const e = Math.exp(scores[row + j] - largest);
      dscores[row + j] = e;
      sum += e;
    }
    const factor = 1 / (sum * n);
    for (let j = 0; j < classes; j++) dscores[row + j] *= factor;
    dscores[row + labels[i]] -= 1 / n;
    loss += Math.log(sum) - (scores[row + labels[i]] - largest);
  }
  return loss / n;
}

export const fastLoss: LossKernels = { ...naiveLoss, softmaxLoss };
