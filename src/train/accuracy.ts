/** The share of examples that a model classifies right, computed in batches, with a pause possible after each. */

import { inStep } from '../kernels/memory/allocate.ts';
import { activeKernels } from '../kernels/registry.ts';
import type { TrainableModel } from '../models/model.ts';
import { checkInteger } from '../runtime/check.ts';
import { checkRank } from '../tensor/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { BatchType, Dataset } from './dataset.ts';
import type { ExampleDraw } from './example-draw.ts';

export interface AccuracyPlan {
  /** examples to look at; fewer than there are means a random sample, null all */
  readonly numSamples: number | null;
  readonly batchSize: number;
  readonly type: BatchType;
  /** draws the sample, which may depend on the steps made */
  readonly draw: Pick<ExampleDraw, 'sample'>;
  readonly step: number;
  /** told, or asked to throw, when a score is NaN or infinitely high, which ranks nothing */
  readonly diverged: (what: string) => void;
}

/**
 * Computes the accuracy, 0 to 1, yielding after every batch: drain it at once for a synchronous answer, or let other
 * work run in between. A prediction is the first of the highest scores.
 */
export function* accuracySteps(model: TrainableModel, data: Dataset, plan: AccuracyPlan): Generator<void, number> {
  const sampled = plan.numSamples !== null && plan.numSamples < data.size;
  const count = sampled ? plan.numSamples : data.size;
  const order = sampled ? plan.draw.sample(data.size, count, plan.step) : null;
  activeKernels(); // a backend brings its memory when it is selected, which must come before the step
  let correct = 0;
  for (let start = 0; start < count; start += plan.batchSize) {
    const end = Math.min(count, start + plan.batchSize);
    correct += inStep(() => {
      const [X, y] = data.gather(order, start, end - start, plan.type);
      const scores = scoresOf('checkAccuracy', model, X);
      const values = contiguousData(scores);
      // Minus infinity is the logarithm of a probability of 0.
      const bad = values.findIndex((score) => !(score < Infinity));
      if (bad >= 0) plan.diverged(`a score became ${values[bad]}`);
      return countCorrect(values, scores.shape[1], contiguousData(y));
    });
    yield;
  }
  return correct / count;
}

/** The model's scores (N, classes) for the examples X (N, ...). Throws unless they are that, in fn's name. */
export function scoresOf(fn: string, model: TrainableModel, X: Tensor): Tensor {
  const scores = checkRank(fn, 'the result of model.loss(X)', inName(fn, () => model.loss(X)), 2);
  if (scores.shape[0] === X.shape[0]) return scores;
  throw new RangeError(`${fn}: model.loss(X) gave ${scores.shape[0]} rows of scores for ${X.shape[0]} examples`);
}

/** What compute returns; the examples that a model refuses were given to fn, so the refusal begins with its name. */
function inName<T>(fn: string, compute: () => T): T {
  try {
    return compute();
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) error.message = `${fn}: ${error.message}`;
    throw error;
  }
}

/** The number of classes of a model: what it says, else how many scores it gives for an example. */
export function classCount(fn: string, model: TrainableModel, data: Dataset, type: BatchType): number {
  if (model.numClasses !== undefined) return checkInteger(fn, 'model.numClasses', model.numClasses, 1);
  activeKernels();
  // Two examples: batchnorm that has seen no training yet takes its statistics from them.
  return inStep(() => scoresOf(fn, model, data.gather(null, 0, Math.min(2, data.size), type)[0]).shape[1]);
}

function countCorrect(scores: ArrayLike<number>, classes: number, labels: ArrayLike<number>): number {
  let correct = 0;
  for (let i = 0; i < labels.length; i++) {
    let best = 0;
    for (let j = 1; j < classes; j++) if (scores[i * classes + j] > scores[i * classes + best]) best = j;
    if (best === labels[i]) correct++;
  }
  return correct;
}

/** Runs a generator to its end and returns what it returns. */
export function drain<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}
