/** Several models that answer together: the mean of their probabilities. */

import { inStep } from '../kernels/memory/allocate.ts';
import { activeKernels } from '../kernels/registry.ts';
import { isSoftmax } from '../layers/softmax.ts';
import type { TrainableModel } from '../models/model.ts';
import type { Module } from '../nn/module.ts';
import { checkInteger, checkOptions, describe } from '../runtime/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { Tensor } from '../tensor/tensor.ts';
import { scoresOf } from './accuracy.ts';
import { checkModel } from './check-model.ts';
import { Dataset } from './dataset.ts';
import { modelOf } from './module-model.ts';
import { batchType } from './training-step.ts';

export interface EnsembleOptions {
  /** examples to classify at a time; 100 by default */
  batchSize?: number;
}

/**
 * The mean over the models of the probabilities that each gives the examples X (N, ...): softmax of the scores, or what
 * a module that ends in a Softmax gives; float64 (N, classes). Models that err in different places do better together
 * than the best of them (Hansen & Salamon, "Neural network ensembles", IEEE PAMI 1990). Throws TypeError or RangeError
 * for an empty list, things that are no models, models whose numbers of classes differ, and X with no examples or with
 * values that are not finite.
 */
export function ensemble(
  models: ReadonlyArray<TrainableModel | Module>, X: Tensor, options: EnsembleOptions = {},
): Tensor {
  const fn = 'ensemble';
  checkOptions(fn, options, ['batchSize']);
  const batchSize = checkInteger(fn, 'batchSize', options.batchSize ?? 100, 1);
  if (!Array.isArray(models)) throw new TypeError(`${fn}: models must be an array, got ${describe(models)}`);
  if (models.length === 0) throw new RangeError(`${fn}: models must hold a model at least, got none`);
  const members = (models as readonly unknown[]).map((model) => checkModel(fn, modelOf(model)));
  const count = X instanceof Tensor && X.ndim > 0 ? X.shape[0] : 0;
  const data = new Dataset(fn, X, new Int32Array(count));
  activeKernels(); // a backend brings its memory when it is selected, which must come before the step
  let mean: Float64Array | null = null;
  let classes = 0;
  for (const model of members) {
    for (let start = 0; start < count; start += batchSize) {
      inStep(() => {
        const length = Math.min(batchSize, count - start);
        const scores = scoresOf(fn, model, data.gather(null, start, length, batchType(model))[0]);
        const found = scores.shape[1];
        if (mean !== null && found !== classes) {
          throw new RangeError(`${fn}: models must have the same classes, got models of ${classes} and of ${found}`);
        }
        mean ??= new Float64Array(count * (classes = found));
        const add = isSoftmax(scores) ? addShare : addSoftmax;
        add(contiguousData(scores), classes, members.length, mean.subarray(start * classes));
      });
    }
  }
  return new Tensor(mean!, [count, classes]);
}

/** Adds the softmax of each row of scores, divided by count, to out. */
function addSoftmax(scores: ArrayLike<number>, classes: number, count: number, out: Float64Array): void {
  for (let row = 0; row < scores.length; row += classes) {
    let highest = -Infinity;
    for (let j = 0; j < classes; j++) highest = Math.max(highest, scores[row + j]);
    let sum = 0;
    for (let j = 0; j < classes; j++) sum += Math.exp(scores[row + j] - highest);
    for (let j = 0; j < classes; j++) out[row + j] += Math.exp(scores[row + j] - highest) / sum / count;
  }
}

/** Adds probabilities, divided by count, to out. */
function addShare(probabilities: ArrayLike<number>, _classes: number, count: number, out: Float64Array): void {
  for (let i = 0; i < probabilities.length; i++) out[i] += probabilities[i] / count;
}
