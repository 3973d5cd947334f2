/** Batches of a data set, in an order drawn anew for every pass, changed at random where wanted. */

import { toTensorLabels } from './targets.ts';
import type { Labels } from '../layers/loss.ts';
import { checkBoolean, checkInteger, checkOptions, describe } from '../runtime/check.ts';
import { checkTensor, shapeText } from '../tensor/check.ts';
import { take } from '../tensor/indexing.ts';
import { contiguousData } from '../tensor/internal.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { BatchInfo, TransformOptions } from '../runtime/batch-info.ts';
import { defaultRng } from './defaults.ts';

/** What a network takes: one tensor (N, ...), or one for each of its inputs. */
export type Inputs = Tensor | readonly Tensor[];

/** One batch: inputs (n, ...) and targets (n, ...). */
export type Batch<X extends Inputs = Tensor> = readonly [x: X, y: Tensor];

export interface DataLoaderOptions<X extends Inputs = Tensor> {
  /** examples a batch, 100 unless given; the last may have fewer */
  batchSize?: number;
  /** draws a new order for every pass; false unless given */
  shuffle?: boolean;
  /** leaves out a last batch that is not full; false unless given */
  dropLast?: boolean;
  /** takes a last example that is left alone into the batch before: batchnorm needs two; false unless given */
  joinLast?: boolean;
  /** the examples to use, in this order (before shuffling): a subset; all unless given */
  indices?: ArrayLike<number>;
  /** what orders and augmentation draw from; the generator that manualSeed sets unless given */
  rng?: RandomSource;
  /** changes every batch of inputs, as randomFlip does; keeps the number of examples; may replace labels, as mixup */
  augment?: (x: X, rng: RandomSource, options: Required<TransformOptions>) => X;
}

/** The batches of a data set: every `for (const [x, y] of loader)` is one pass, in a new order if shuffled. */
export class DataLoader<X extends Inputs = Tensor> implements Iterable<Batch<X>> {
  /** examples a pass */
  readonly size: number;
  /** batches a pass */
  readonly length: number;
  readonly #x: X;
  readonly #y: Tensor;
  readonly #rows: Int32Array;
  readonly #batchSize: number;
  readonly #joinsLast: boolean;
  readonly #shuffle: boolean;
  readonly #rng: RandomSource;
  readonly #augment: NonNullable<DataLoaderOptions<X>['augment']> | null;
  /** passes made; a training that goes on sets those before it */
  _passes: number = 0;

  /**
   * Over inputs x (N, ...) of any element type, or several of them, and targets y: N labels, or a tensor (N, ...).
   * Throws TypeError for arguments of the wrong kind, RangeError for lengths that differ, indices outside and a batch
   * size below 1.
   *
   * @param fn what the errors name: the function that was called, where that makes the loader
   */
  constructor(x: X, y: Labels, options: DataLoaderOptions<X> = {}, fn: string = 'DataLoader') {
    checkOptions(fn, options, ['batchSize', 'shuffle', 'dropLast', 'joinLast', 'indices', 'rng', 'augment']);
    const examples = countExamples(fn, x);
    this.#x = x;
    this.#y = toTensorLabels(fn, 'y', y);
    if (this.#y.shape[0] !== examples) {
      throw new RangeError(`${fn}: y must have a target for each of ${examples} examples, got ${shapeText(this.#y.shape)}`);
    }
    const { augment, indices } = options;
    this.#batchSize = checkInteger(fn, 'batchSize', options.batchSize ?? 100, 1);
    this.#shuffle = checkBoolean(fn, 'shuffle', options.shuffle ?? false);
    this.#rng = checkRandomSource(fn, 'rng', options.rng ?? defaultRng());
    if (augment !== undefined && typeof augment !== 'function') {
      throw new TypeError(`${fn}: augment must be a function, got ${describe(augment)}`);
    }
    this.#augment = augment ?? null;
    const all = indices ?? Int32Array.from({ length: examples }, (_, i) => i);
    this.#rows = Int32Array.from(all, (index, i) => checkInteger(fn, `indices[${i}]`, index, 0, examples - 1));
    this.size = this.#rows.length;
    const dropLast = checkBoolean(fn, 'dropLast', options.dropLast ?? false);
    const joinLast = checkBoolean(fn, 'joinLast', options.joinLast ?? false);
    const full = Math.floor(this.size / this.#batchSize);
    const left = this.size - full * this.#batchSize;
    this.#joinsLast = joinLast && !dropLast && left === 1 && full > 0;
    this.length = full + (left === 0 || dropLast || this.#joinsLast ? 0 : 1);
  }

  /** One pass. Orders are drawn when it begins, augmentation as each batch is made. */
  * [Symbol.iterator](): Generator<Batch<X>, void> {
    const epoch = this._passes++;
    const order = this.#shuffle ? contiguousData(this.#rng.permutation(this.size)) : null;
    for (let b = 0; b < this.length; b++) {
      const all = this.#joinsLast && b === this.length - 1;
      const count = Math.min(all ? Infinity : this.#batchSize, this.size - b * this.#batchSize);
      const rows = Array.from({ length: count }, (_, i) => {
        const place = b * this.#batchSize + i;
        return this.#rows[order === null ? place : order[place]];
      });
      const x = mapInputs(this.#x, (t) => take(t, rows));
      const y = take(this.#y, rows);
      yield [this.#augmented(x, y, { indices: rows, epoch }), y];
    }
  }

  #augmented(x: X, y: Tensor, batch: BatchInfo): X {
    if (this.#augment === null) return x;
    const labels = y.ndim === 1 && y.data instanceof Int32Array ? { labels: y.data } : {};
    const changed = this.#augment(x, this.#rng, { batch: { ...batch, ...labels } });
    const [before, after] = [countExamples('DataLoader', x), countExamples('DataLoader', changed, 'the result of augment')];
    if (after !== before) throw new RangeError(`DataLoader: augment made ${after} examples of a batch of ${before}`);
    return changed;
  }
}

/** The inputs as a list. */
function listInputs(x: Inputs): readonly Tensor[] {
  return Array.isArray(x) ? x as readonly Tensor[] : [x as Tensor];
}

/** The same of every input. */
export function mapInputs<X extends Inputs>(x: X, change: (t: Tensor) => Tensor): X {
  return (Array.isArray(x) ? listInputs(x).map(change) : change(x as Tensor)) as X;
}

/** How many examples inputs have. Throws TypeError for what are no tensors, RangeError for numbers that differ. */
function countExamples(fn: string, x: Inputs, name: string = 'x'): number {
  const counts = listInputs(x).map((t, i) => {
    const { shape } = checkTensor(fn, Array.isArray(x) ? `${name}[${i}]` : name, t);
    if (shape.length === 0) throw new RangeError(`${fn}: ${name} must have at least one axis, the examples, got a scalar`);
    return shape[0];
  });
  if (counts.length === 0 || counts.some((count) => count !== counts[0])) {
    throw new RangeError(`${fn}: ${name} must hold inputs of as many examples each, got ${counts.join(', ') || 'none'}`);
  }
  return counts[0];
}

/** countExamples, where there must be some: throws RangeError for none. */
export function someExamples(fn: string, x: Inputs): number {
  const examples = countExamples(fn, x);
  if (examples === 0) throw new RangeError(`${fn}: x must hold at least one example, got none`);
  return examples;
}
