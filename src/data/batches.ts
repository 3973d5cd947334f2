/** Walking through a data set batch by batch, for loops that one writes oneself; the Solver draws its own. */

import { allocateCollected } from '../kernels/memory/allocate.ts';
import { checkBoolean, checkFunction, checkInteger, checkOptions } from '../runtime/check.ts';
import { checkTensor, shapeText } from '../tensor/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { checkLabels, type Labels } from '../tensor/labels.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Transform } from './augment.ts';
import { checkLabelledImages } from './cifar10.ts';
import type { LabelledImages } from './cifar10.ts';

export interface BatchOptions {
  /** examples a batch; default 100 */
  batchSize?: number;
  /** draws the order, anew at every call, and is handed to transform; without it the order is that of the data */
  rng?: RandomSource;
  /** leave out a last batch that is not full; default false */
  dropLast?: boolean;
  /** changes every batch, such as randomFlip; needs rng */
  transform?: Transform;
}

/**
 * One pass over the examples: `for (const [X, y] of batches(XTrain, yTrain, { batchSize: 50, rng }))`.
 *
 * @param X (N, ...), of any element type
 * @param y N labels, integers from 0
 * @returns batches of X (n, ...), in memory of their own, with their labels, an Int32Array of n; n is batchSize, or
 * less in the last one
 * @throws TypeError and RangeError, at the call, for lengths that differ, labels that are no classes and bad options
 */
export function batches(X: Tensor, y: Labels, options: BatchOptions = {}): Generator<[X: Tensor, y: Int32Array], void> {
  const labels = checkExamples('batches', X, y);
  const count = labels.length;
  checkOptions('batches', options, ['batchSize', 'rng', 'dropLast', 'transform']);
  const { rng, transform } = options;
  const batchSize = checkInteger('batches', 'batchSize', options.batchSize ?? 100, 1);
  const dropLast = checkBoolean('batches', 'dropLast', options.dropLast ?? false);
  if (rng !== undefined) checkRandomSource('batches', 'rng', rng);
  if (transform !== undefined) checkFunction('batches', 'transform', transform);
  if (transform !== undefined && rng === undefined) throw new TypeError('batches: transform needs rng to draw from');
  const rowsOf = rowGatherer(X);

  function* walk(): Generator<[X: Tensor, y: Int32Array], void> {
    const order = rng === undefined ? null : contiguousData(rng.permutation(count));
    const end = dropLast ? count - (count % batchSize) : count;
    for (let start = 0; start < end; start += batchSize) {
      const length = Math.min(batchSize, end - start);
      const rows = Int32Array.from({ length }, (_, i) => order?.[start + i] ?? start + i);
      const batch = rowsOf(rows);
      yield [transform === undefined ? batch : transform(batch, rng!), rows.map((row) => labels[row])];
    }
  }
  return walk();
}

/** The same images in an order drawn from rng, with their labels; copies, the argument is not changed. */
export function shuffled(set: LabelledImages, rng: RandomSource): LabelledImages {
  const { images, labels: given } = checkLabelledImages('shuffled', 'set', set);
  const labels = checkExamples('shuffled', images, given);
  const order = Int32Array.from(contiguousData(checkRandomSource('shuffled', 'rng', rng).permutation(labels.length)));
  return { images: rowGatherer(images)(order), labels: order.map((row) => labels[row]) };
}

/** The labels of the examples X. Throws unless there are examples along an axis, and a label for each. */
function checkExamples(fn: string, X: Tensor, y: Labels): Int32Array {
  const { shape } = checkTensor(fn, 'X', X);
  if (shape.length === 0) throw new RangeError(`${fn}: X must have at least one axis, got ${shapeText(shape)}`);
  return checkLabels(fn, 'y', y, shape[0]);
}

/** A function that copies the given examples of X, along its first axis, into collected memory. */
function rowGatherer(X: Tensor): (rows: Int32Array) => Tensor {
  const from = contiguousData(X);
  const size = X.shape[0] === 0 ? 0 : X.size / X.shape[0];
  return (rows) => {
    const to = allocateCollected(X.dtype, rows.length * size);
    rows.forEach((row, i) => to.set(from.subarray(row * size, (row + 1) * size), i * size));
    return new Tensor(to, [rows.length, ...X.shape.slice(1)]);
  };
}
