/** What a trained network says of the test images. */

import { inStep } from '../../kernels/memory/allocate.ts';
import type { Tensor } from '../../tensor/index.ts';
import { contiguousData } from '../../tensor/internal.ts';
import type { Network } from '../../models/index.ts';

export interface Predictions {
  /** the class with the highest score, the first of equals */
  readonly classes: Int32Array;
  /** its probability (softmax), 0 to 1 */
  readonly confidence: Float64Array;
}

const batchSize = 100;

/**
 * Classifies X (N, ...) batch by batch. Between batches the event loop runs, so that a signal is heard, and onProgress
 * is told how many are done.
 */
export async function predict(
  model: Network,
  X: Tensor,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<Predictions> {
  const total = X.shape[0];
  const classes = new Int32Array(total);
  const confidence = new Float64Array(total);
  for (let start = 0; start < total; start += batchSize) {
    const end = Math.min(total, start + batchSize);
    inStep(() => {
      const scores = model.loss(X.slice([start, end]));
      const rows = [classes.subarray(start, end), confidence.subarray(start, end)] as const;
      readScores(contiguousData(scores), scores.shape[1], ...rows);
    });
    onProgress(end, total);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return { classes, confidence };
}

function readScores(
  scores: ArrayLike<number>, numClasses: number, classes: Int32Array, confidence: Float64Array,
): void {
  for (let i = 0; i < classes.length; i++) {
    const row = i * numClasses;
    let best = 0;
    for (let j = 1; j < numClasses; j++) if (scores[row + j] > scores[row + best]) best = j;
    let sum = 0;
    for (let j = 0; j < numClasses; j++) sum += Math.exp(scores[row + j] - scores[row + best]);
    classes[i] = best;
    confidence[i] = 1 / sum;
  }
}

/** The share of predictions that equal the labels. */
export function accuracyOf(classes: ArrayLike<number>, labels: ArrayLike<number>): number {
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (classes[i] === labels[i]) right++;
  return right / labels.length;
}
