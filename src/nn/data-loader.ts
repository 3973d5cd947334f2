/** Batches of a data set, in an order drawn anew for every pass, changed at random where wanted. */

import { toTensorLabels } from './targets.ts';
import type { Labels } from '../layers/loss.ts';
import { checkBoolean, checkInteger, checkOptions, describe } from '../runtime/check.ts';
import { checkTensor, shapeText } from '../tensor/check.ts';
import { take } from '../tensor/indexing.ts';
import { contiguousData } from '../tensor/internal.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { defaultRng } from './defaults.ts';

/** One batch: inputs (n, ...) and targets (n, ...). */
export type Batch = readonly [x: Tensor, y: Tensor];

export interface DataLoaderOptions {
  /** examples a batch, 100 unless given; the last may have fewer */
  batchSize?: number;
  /** draws a new order for every pass; false unless given */
  shuffle?: boolean;
  /** leaves out a last batch that is not full; false unless given */
  dropLast?: boolean;
  /** the examples to use, in this order (before shuffling): a subset; all unless given */
  indices?: ArrayLike<number>;
  /** what orders and augmentation draw from; the generator that manualSeed sets unless given */
  rng?: RandomSource;
  /** changes every batch of inputs, such as randomFlip; keeps the number of examples */
  augment?: (x: Tensor, rng: RandomSource) => Tensor;
}

export class DataLoader implements Iterable<Batch> {
  /** examples a pass */
  readonly size: number;
  /** batches a pass */
  readonly length: number;
  readonly #x: Tensor;
  readonly #y: Tensor;
  readonly #rows: Int32Array;
  readonly #batchSize: number;
  readonly #shuffle: boolean;
  readonly #rng: RandomSource;
  readonly #augment: ((x: Tensor, rng: RandomSource) => Tensor) | null;

  /**
   * Over inputs x (N, ...) of any element type and targets y: N labels, or a tensor (N, ...). Throws TypeError for
   * arguments of the wrong kind, RangeError for lengths that differ, indices outside and a batch size below 1.
   */
  constructor(x: Tensor, y: Labels, options: DataLoaderOptions = {}) {
    const fn = 'DataLoader';
    checkOptions(fn, options, ['batchSize', 'shuffle', 'dropLast', 'indices', 'rng', 'augment']);
    checkTensor(fn, 'x', x);
    if (x.ndim === 0) throw new RangeError(`${fn}: x must have at least one axis, the examples, got a scalar`);
    this.#x = x;
    this.#y = toTensorLabels(fn, 'y', y);
    if (this.#y.shape[0] !== x.shape[0]) {
      throw new RangeError(`${fn}: y must have a target for each of ${x.shape[0]} examples, got ${shapeText(this.#y.shape)}`);
    }
    const { augment, indices } = options;
    this.#batchSize = checkInteger(fn, 'batchSize', options.batchSize ?? 100, 1);
    this.#shuffle = checkBoolean(fn, 'shuffle', options.shuffle ?? false);
    this.#rng = checkRandomSource(fn, 'rng', options.rng ?? defaultRng());
    if (augment !== undefined && typeof augment !== 'function') {
      throw new TypeError(`${fn}: augment must be a function, got ${describe(augment)}`);
    }
    this.#augment = augment ?? null;
    const all = indices ?? Int32Array.from({ length: x.shape[0] }, (_, i) => i);
    this.#rows = Int32Array.from(all, (index, i) => checkInteger(fn, `indices[${i}]`, index, 0, x.shape[0] - 1));
    this.size = this.#rows.length;
    const dropLast = checkBoolean(fn, 'dropLast', options.dropLast ?? false);
    this.length = dropLast ? Math.floor(this.size / this.#batchSize) : Math.ceil(this.size / this.#batchSize);
  }

  /** One pass. Orders are drawn when it begins, augmentation as each batch is made. */
  * [Symbol.iterator](): Generator<Batch, void> {
    const order = this.#shuffle ? contiguousData(this.#rng.permutation(this.size)) : null;
    for (let b = 0; b < this.length; b++) {
      const count = Math.min(this.#batchSize, this.size - b * this.#batchSize);
      const rows = Array.from({ length: count }, (_, i) => {
        const place = b * this.#batchSize + i;
        return this.#rows[order === null ? place : order[place]];
      });
      const x = take(this.#x, rows);
      yield [this.#augment === null ? x : this.#augmented(this.#augment, x), take(this.#y, rows)];
    }
  }

  #augmented(augment: (x: Tensor, rng: RandomSource) => Tensor, x: Tensor): Tensor {
    const changed = checkTensor('DataLoader', 'the result of augment', augment(x, this.#rng));
    if (changed.shape[0] !== x.shape[0]) {
      throw new RangeError(`DataLoader: augment made ${shapeText(changed.shape)} of a batch of ${shapeText(x.shape)}`);
    }
    return changed;
  }
}
