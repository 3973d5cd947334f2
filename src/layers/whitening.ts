/**
 * The whitening convolution: a first layer that need not be learnt. Its filters are the principal directions of small
 * patches of the training images, each scaled so that its answers have variance 1, and each with its negative, since
 * what follows usually cuts at 0. Neighbouring pixels are nearly equal; after such a layer nothing is correlated any
 * more, which lets the rest learn at a far higher rate. Frozen, it also costs no way back.
 *
 * Coates, Ng, "Learning feature representations with k-means", 2012 (whitened patches); Page, "How to train your
 * ResNet", 2018, part 8, and Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024 (as a frozen first layer).
 */

import type { FloatArray } from '../kernels/contract.ts';
import { allocateCollected } from '../kernels/memory/allocate.ts';
import { checkInteger, checkNumber, checkOptions } from '../runtime/check.ts';
import { checkRank, shapeText } from '../tensor/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { eigh } from '../tensor/symmetric-eigen.ts';
import { Tensor } from '../tensor/tensor.ts';

export interface WhiteningOptions {
  /** the side of the filters, 2 unless given */
  size?: number;
  /** filters, an even number of at most 2 C size^2, which they are unless given; fewer keep the strongest directions */
  filters?: number;
  /** images to look at, from the first on; 5000 unless given, or all where there are fewer */
  images?: number;
  /** added to the variance of each direction, so that the weakest are not blown up; 5e-4 unless given */
  epsilon?: number;
}

/**
 * The filters (filters, C, size, size), float32, for images (N, C, H, W) as they go into the network. The second half
 * of them is the first, negated. Throws TypeError for arguments of the wrong kind and unknown options, RangeError for
 * values out of range and for images that are smaller than a filter or of which there are none.
 */
export function whiteningFilters(images: Tensor, options: WhiteningOptions = {}): Tensor {
  return whitening('whiteningFilters', images, options);
}

/** whiteningFilters under the caller's name. */
export function whitening(fn: string, images: Tensor, options: WhiteningOptions): Tensor {
  const [count, channels, height, width] = checkRank(fn, 'images', images, 4).shape;
  checkOptions(fn, options, ['size', 'filters', 'images', 'epsilon']);
  const size = checkInteger(fn, 'size', options.size ?? 2, 1);
  if (images.size === 0 || height < size || width < size) {
    throw new RangeError(`${fn}: images must hold images of ${size}x${size} pixels or more, got ${shapeText(images.shape)}`);
  }
  const dimensions = channels * size * size;
  const filters = checkInteger(fn, 'filters', options.filters ?? 2 * dimensions, 2, 2 * dimensions);
  if (filters % 2 !== 0) throw new RangeError(`${fn}: filters must be even, got ${filters}`);
  const epsilon = checkNumber(fn, 'epsilon', options.epsilon ?? 5e-4, 0);
  const looked = Math.min(count, checkInteger(fn, 'images', options.images ?? 5000, 1));
  const [variances, directions] = eigh(patchCovariance(images.slice([0, looked]), size));
  const half = (filters / 2) * dimensions;
  const out = allocateCollected('float32', filters * dimensions) as FloatArray;
  for (let f = 0; f < filters / 2; f++) {
    const column = dimensions - 1 - f; // eigh's values rise
    const scale = 1 / Math.sqrt(Math.max(0, variances.get(column)) + epsilon);
    for (let i = 0; i < dimensions; i++) {
      const weight = scale === Infinity ? 0 : directions.get(i, column) * scale;
      out[f * dimensions + i] = weight;
      out[half + f * dimensions + i] = -weight;
    }
  }
  return new Tensor(out, [filters, channels, size, size]);
}

/** Mean products (C size^2, C size^2) of the pixels of patches side by side: their covariance where the mean is 0. */
function patchCovariance(images: Tensor, size: number): Tensor {
  const [count, channels, height, width] = images.shape;
  const pixels = contiguousData(images);
  const dimensions = channels * size * size;
  const offsets = Int32Array.from({ length: dimensions }, (_, i) => {
    const [c, y, x] = [Math.floor(i / size ** 2), Math.floor(i / size) % size, i % size];
    return (c * height + y) * width + x;
  });
  const sums = new Float64Array(dimensions * dimensions);
  const patch = new Float64Array(dimensions);
  for (let n = 0; n < count; n++) {
    for (let y = 0; y + size <= height; y += size) {
      for (let x = 0; x + size <= width; x += size) {
        const start = (n * channels * height + y) * width + x;
        for (let i = 0; i < dimensions; i++) patch[i] = pixels[start + offsets[i]];
        for (let i = 0; i < dimensions; i++) {
          for (let j = 0; j <= i; j++) sums[i * dimensions + j] += patch[i] * patch[j];
        }
      }
    }
  }
  const patches = count * Math.floor(height / size) * Math.floor(width / size);
  return new Tensor(sums.map((sum) => sum / patches), [dimensions, dimensions]);
}
