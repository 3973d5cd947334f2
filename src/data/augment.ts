/**
 * Augmentation: changed copies of training images that keep their class. Each function is a `transform` as the Solver
 * takes it, draws only from the generator it is given, and makes the same draws for every batch of the same size, so
 * that a resumed run repeats an uninterrupted one. Flips and shifts are those of K. He et al., "Deep Residual Learning
 * for Image Recognition", 2015, section 4.2.
 */

import { checkFunction, checkInteger, checkNumber, checkOptions } from '../runtime/check.ts';
import { checkRank } from '../tensor/check.ts';
import { contiguousData, emptyTensor } from '../tensor/internal.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Changes a batch (N,C,H,W), drawing from rng; gives a tensor of the same shape and never writes to its argument. */
export type Transform = (X: Tensor, rng: RandomSource) => Tensor;

/**
 * Mirrors each image left to right with the given probability (default 0.5).
 *
 * @param X (N,C,H,W), of any element type
 * @returns a new tensor of the same shape and type
 */
export function randomFlip(X: Tensor, rng: RandomSource, options: { probability?: number } = {}): Tensor {
  const [count, channels, height, width] = checkRank('randomFlip', 'X', X, 4).shape;
  checkRandomSource('randomFlip', 'rng', rng);
  checkOptions('randomFlip', options, ['probability']);
  const probability = checkNumber('randomFlip', 'probability', options.probability ?? 0.5, 0, 1);
  const from = contiguousData(X);
  const out = emptyTensor(X.shape, X.dtype);
  const to = out.data;
  const rows = channels * height;
  for (let n = 0; n < count; n++) {
    const start = n * rows * width;
    const end = start + rows * width;
    if (rng.random() >= probability) {
      to.set(from.subarray(start, end), start);
      continue;
    }
    for (let row = start; row < end; row += width) {
      for (let x = 0; x < width; x++) to[row + x] = from[row + width - 1 - x];
    }
  }
  return out;
}

/**
 * Moves each image by up to maxShift pixels (default 4) along each axis, every offset equally likely, and fills what
 * comes in with `fill` (default 0, which is the mean colour once the mean has been subtracted). That is the same as
 * padding by maxShift and cropping at random.
 *
 * @param X (N,C,H,W), of any element type
 * @returns a new tensor of the same shape and type
 */
export function randomShift(X: Tensor, rng: RandomSource, options: { maxShift?: number; fill?: number } = {}): Tensor {
  const [count, channels, height, width] = checkRank('randomShift', 'X', X, 4).shape;
  checkRandomSource('randomShift', 'rng', rng);
  checkOptions('randomShift', options, ['maxShift', 'fill']);
  const maxShift = checkInteger('randomShift', 'maxShift', options.maxShift ?? 4, 0, Math.max(height, width));
  const fill = checkNumber('randomShift', 'fill', options.fill ?? 0);
  const from = contiguousData(X);
  const out = emptyTensor(X.shape, X.dtype);
  const to = out.data;
  const offset = (): number => Math.floor(rng.random() * (2 * maxShift + 1)) - maxShift;
  for (let n = 0; n < count; n++) {
    const down = offset();
    const right = offset();
    const first = Math.min(width, Math.max(0, right));
    const last = Math.max(first, Math.min(width, width + right));
    for (let plane = n * channels; plane < (n + 1) * channels; plane++) {
      for (let y = 0; y < height; y++) {
        const row = (plane * height + y) * width;
        const source = y - down;
        if (source < 0 || source >= height) {
          to.fill(fill, row, row + width);
          continue;
        }
        const sourceRow = (plane * height + source) * width;
        to.fill(fill, row, row + first);
        to.set(from.subarray(sourceRow + first - right, sourceRow + last - right), row + first);
        to.fill(fill, row + last, row + width);
      }
    }
  }
  return out;
}

/** One transform that applies the given ones in order: `augment(randomFlip, randomShift)`. */
export function augment(...transforms: readonly Transform[]): Transform {
  for (const transform of transforms) checkFunction('augment', 'every transform', transform);
  return (X, rng) => transforms.reduce((changed, transform) => transform(changed, rng), X);
}
