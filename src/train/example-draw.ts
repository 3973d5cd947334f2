/** Which examples a step learns from, and which a measurement of accuracy looks at. */

import type { TypedArray } from '../kernels/memory/allocate.ts';
import { contiguousData } from '../tensor/internal.ts';
import { Rng } from '../tensor/random/rng.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ResolvedOptions } from './solver-options.ts';
import type { StepPlan } from './training-step.ts';

export class ExampleDraw {
  /** the order of the examples in the epoch under way, int32 (N), and that epoch's number; null before the first */
  order: Tensor | null = null;
  orderEpoch: number = -1;
  readonly #options: Pick<ResolvedOptions, 'rng' | 'choice'>;
  readonly #examples: number;
  readonly #batchSize: number;

  constructor(options: Pick<ResolvedOptions, 'rng' | 'choice'>, examples: number, batchSize: number) {
    this.#options = options;
    this.#examples = examples;
    this.#batchSize = batchSize;
  }

  /** Goes on in an epoch's order. */
  resume({ order, orderEpoch }: Pick<ExampleDraw, 'order' | 'orderEpoch'>): void {
    Object.assign(this, { order, orderEpoch });
  }

  /** The batch of a step: the next examples of the epoch's order, or some drawn with replacement. */
  batch(epoch: number, stepInEpoch: number): Pick<StepPlan, 'order' | 'start' | 'count'> {
    const { rng, choice } = this.#options;
    const count = this.#batchSize;
    if (choice !== null) return { order: choice(this.#examples, count), start: 0, count };
    if (this.order === null || this.orderEpoch !== epoch) {
      this.order = rng.permutation(this.#examples);
      this.orderEpoch = epoch;
    }
    return { order: this.order.data, start: stepInEpoch * count, count };
  }

  /**
   * So many of `size` examples, for accuracy after `iteration` steps. Drawn by a generator of its own, so that looking
   * at accuracy never changes the training; but from the one stream where batches are drawn with replacement.
   */
  sample(size: number, count: number, iteration: number): TypedArray {
    const { choice } = this.#options;
    return choice === null ? contiguousData(new Rng(iteration).permutation(size)) : choice(size, count);
  }
}
