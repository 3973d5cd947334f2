/** One update: gather a batch, compute loss and gradients, apply the update rule. */

import { inStep, type TypedArray } from '../kernels/memory/allocate.ts';
import { undoneOnError } from '../layers/undo.ts';
import type { TrainableModel } from '../models/model.ts';
import { describe } from '../runtime/check.ts';
import { checkTensor, shapeText } from '../tensor/check.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { BatchType, Dataset } from './dataset.ts';
import { DivergenceError } from './divergence.ts';
import { Optimizer } from './optimizer.ts';
import type { ResolvedOptions } from './solver-options.ts';

/** Which examples a step learns from, and how. */
export interface StepPlan {
  /** the order of the examples, of which this step takes `count` from `start` */
  readonly order: TypedArray;
  readonly start: number;
  readonly count: number;
  /** epochs before this one */
  readonly epoch: number;
  /** counted from 1, for messages */
  readonly iteration: number;
  /** undefined for a custom rule that was given none */
  readonly learningRate: number | undefined;
}

export class TrainingStep {
  readonly optimizer: Optimizer;
  readonly #model: TrainableModel;
  readonly #data: Dataset;
  readonly #options: ResolvedOptions;

  constructor(model: TrainableModel, data: Dataset, options: ResolvedOptions) {
    this.#model = model;
    this.#data = data;
    this.#options = options;
    this.optimizer = new Optimizer(options);
  }

  /**
   * Makes the update and returns the loss before it. Batch, activations, gradients and update share the memory of one
   * step. Throws, before any parameter changes, when the loss is not finite (unless options say otherwise) and when the
   * model or transform return something unusable; then running averages stay as they were, too.
   */
  run(plan: StepPlan): number {
    return undoneOnError(() => this.#run(plan));
  }

  #run(plan: StepPlan): number {
    const { rule } = this.#options;
    this.optimizer.own(this.#model);
    let kept: Record<string, Tensor> | null = null;
    const loss = inStep(() => {
      const [X, y] = this.#data.gather(plan.order, plan.start, plan.count, batchType(this.#model));
      const [value, grads] = this.#lossAndGradients(this.#transformed(X, y, plan), y, plan);
      if (rule !== null) this.optimizer.update(this.#model, grads, plan.learningRate);
      // A rule of the user's own may keep what it is given, and what it computes must outlive the step.
      else kept = Object.fromEntries(Object.entries(grads).map(([name, gradient]) => [name, gradient.clone()]));
      return value;
    });
    if (kept !== null) this.optimizer.update(this.#model, kept, plan.learningRate);
    return loss;
  }

  #lossAndGradients(X: Tensor, y: Tensor, plan: StepPlan): [loss: number, grads: Record<string, Tensor>] {
    const result: unknown = this.#model.loss(X, y);
    const usable = Array.isArray(result) && typeof result[0] === 'number' && isObject(result[1]);
    if (!usable) {
      throw new TypeError(`Solver: model.loss(X, y) must return [loss, grads], got ${describe(result)}`);
    }
    const [loss, grads] = result as [number, Record<string, Tensor>];
    if (!Number.isFinite(loss) && this.#options.stopWhenDiverged) {
      throw new DivergenceError(`the loss became ${loss}`, plan.iteration, plan.learningRate);
    }
    return [loss, grads];
  }

  #transformed(X: Tensor, y: Tensor, { order, start, count, epoch }: StepPlan): Tensor {
    const { transform, rng } = this.#options;
    if (transform === null) return X;
    const batch = { indices: order.subarray(start, start + count), epoch, labels: y.data as Int32Array };
    const changed = checkTensor('Solver', 'the result of transform', transform(X, rng, { batch }));
    if (changed.ndim === 0 || changed.shape[0] !== X.shape[0]) {
      throw new RangeError(
        `Solver: transform made ${shapeText(changed.shape)} of a batch of shape ${shapeText(X.shape)}`,
      );
    }
    return changed;
  }
}

/** The element type that batches for a model come in: that of its widest parameter. */
export function batchType(model: TrainableModel): BatchType {
  return Object.keys(model.params).some((name) => model.params[name].dtype === 'float64') ? 'float64' : 'float32';
}

function isObject(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}
