/**
 * Augmentation: changed copies of training images that keep their class. Each function is a `transform` as the Solver
 * takes it, draws only from the generator it is given, and makes the same draws for every batch of the same size, so
 * that a resumed run repeats an uninterrupted one. Flips and shifts are those of K. He et al., "Deep Residual Learning
 * for Image Recognition", 2015, section 4.2.
 */

import { checkFunction, checkInteger, checkNumber, checkOneOf, checkOptions, checkRecord, describe } from '../runtime/check.ts';
import { checkRank } from '../tensor/check.ts';
import { contiguousData, emptyTensor } from '../tensor/internal.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';
import { asElement } from './augment-pictures.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { BatchInfo, TransformOptions } from '../runtime/batch-info.ts';

/** Changes a batch (N,C,H,W), drawing from rng; gives a tensor of the same shape and never writes to its argument. */
export type Transform = (X: Tensor, rng: RandomSource, options?: TransformOptions) => Tensor;

export interface FlipOptions extends TransformOptions {
  probability?: number;
}

/**
 * Mirrors each image left to right with the given probability (default 0.5).
 *
 * @param X (N,C,H,W), of any element type
 * @returns a new tensor of the same shape and type
 */
export function randomFlip(X: Tensor, rng: RandomSource, options: FlipOptions = {}): Tensor {
  checkRank('randomFlip', 'X', X, 4);
  checkRandomSource('randomFlip', 'rng', rng);
  checkOptions('randomFlip', options, ['probability', 'batch']);
  const probability = checkNumber('randomFlip', 'probability', options.probability ?? 0.5, 0, 1);
  return flipped(X, () => rng.random() < probability);
}

/**
 * Mirrors each image in every other epoch: half of them, by a hash of their place, in the first, the other half in the
 * second, and so on. Of an image that is seen twice both forms are seen, which in few epochs teaches more than chance
 * (Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, section 3.6). Draws nothing.
 *
 * @param X (N,C,H,W), of any element type
 * @param options batch: the places of the N images in the data set, and the epoch, as the Solver gives them
 * @returns a new tensor of the same shape and type
 */
export function alternatingFlip(X: Tensor, rng: RandomSource, options: TransformOptions = {}): Tensor {
  const fn = 'alternatingFlip';
  checkRank(fn, 'X', X, 4);
  checkRandomSource(fn, 'rng', rng);
  checkOptions(fn, options, ['batch']);
  const { indices, epoch } = checkRecord(fn, 'batch', options.batch) as unknown as BatchInfo;
  if (typeof indices !== 'object' || indices === null || indices.length !== X.shape[0]) {
    throw new TypeError(`${fn}: batch.indices must hold ${X.shape[0]} numbers, one an image, got ${describe(indices)}`);
  }
  for (let n = 0; n < indices.length; n++) checkInteger(fn, `batch.indices[${n}]`, indices[n], 0);
  const half = checkInteger(fn, 'batch.epoch', epoch, 0) & 1;
  return flipped(X, (n) => (Math.imul(indices[n] + 1, 0x9e3779b1) >>> 31) !== half);
}

/** The images (N,C,H,W), those mirrored left to right for which mirrors(n) says so, asked in their order. */
function flipped(X: Tensor, mirrors: (n: number) => boolean): Tensor {
  const [count, channels, height, width] = X.shape;
  const from = contiguousData(X);
  const out = emptyTensor(X.shape, X.dtype);
  const to = out.data;
  const rows = channels * height;
  for (let n = 0; n < count; n++) {
    const start = n * rows * width;
    const end = start + rows * width;
    if (!mirrors(n)) {
      to.set(from.subarray(start, end), start);
      continue;
    }
    for (let row = start; row < end; row += width) {
      for (let x = 0; x < width; x++) to[row + x] = from[row + width - 1 - x];
    }
  }
  return out;
}

export interface ShiftOptions extends TransformOptions {
  maxShift?: number;
  fill?: number;
  border?: 'fill' | 'reflect';
}

/**
 * Moves each image by up to maxShift pixels (default 4) along each axis, every offset equally likely, and fills what
 * comes in with `fill` (default 0, which is the mean colour once the mean has been subtracted), or with the image
 * mirrored at its edge where border is 'reflect' (maxShift must then be below the image's sides). That is the same as
 * padding by maxShift and cropping at random.
 *
 * @param X (N,C,H,W), of any element type
 * @returns a new tensor of the same shape and type
 */
export function randomShift(X: Tensor, rng: RandomSource, options: ShiftOptions = {}): Tensor {
  const [count, channels, height, width] = checkRank('randomShift', 'X', X, 4).shape;
  checkRandomSource('randomShift', 'rng', rng);
  checkOptions('randomShift', options, ['maxShift', 'fill', 'border', 'batch']);
  const reflects = checkOneOf('randomShift', 'border', options.border ?? 'fill', ['fill', 'reflect']) === 'reflect';
  const most = reflects ? Math.min(height, width) - 1 : Math.max(height, width);
  const maxShift = checkInteger('randomShift', 'maxShift', options.maxShift ?? 4, 0, most);
  const out = emptyTensor(X.shape, X.dtype);
  const to = out.data;
  const fill = asElement(checkNumber('randomShift', 'fill', options.fill ?? 0), to);
  const from = contiguousData(X);
  const offset = (): number => Math.floor(rng.random() * (2 * maxShift + 1)) - maxShift;
  for (let n = 0; n < count; n++) {
    const down = offset();
    const right = offset();
    const first = Math.min(width, Math.max(0, right));
    const last = Math.max(first, Math.min(width, width + right));
    for (let plane = n * channels; plane < (n + 1) * channels; plane++) {
      for (let y = 0; y < height; y++) {
        const row = (plane * height + y) * width;
        const source = reflects ? mirrored(y - down, height) : y - down;
        if (source < 0 || source >= height) {
          to.fill(fill, row, row + width);
          continue;
        }
        const sourceRow = (plane * height + source) * width;
        to.set(from.subarray(sourceRow + first - right, sourceRow + last - right), row + first);
        if (reflects) {
          for (let x = 0; x < first; x++) to[row + x] = from[sourceRow + right - x];
          for (let x = last; x < width; x++) to[row + x] = from[sourceRow + mirrored(x - right, width)];
          continue;
        }
        to.fill(fill, row, row + first);
        to.fill(fill, row + last, row + width);
      }
    }
  }
  return out;
}

/** The place in 0..extent-1 of which the place i outside is the mirror image, the edge itself not repeated. */
function mirrored(i: number, extent: number): number {
  const inside = Math.abs(i);
  return inside < extent ? inside : 2 * extent - 2 - inside;
}

/** One transform that applies the given ones in order: `augment(randomFlip, randomShift)`. */
export function augment(...transforms: readonly Transform[]): Transform {
  for (const transform of transforms) checkFunction('augment', 'every transform', transform);
  return (X, rng, options) => transforms.reduce((changed, transform) => transform(changed, rng, options), X);
}
