/** The course's deep network as a chain of modules. */

import { checkImageShape, checkPools, checkSizes, possiblePools, shapesAlong } from '../../layers/image-network.ts';
import { checkBoolean, checkNumber, describe } from '../../runtime/check.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { sequential, type Sequential } from '../containers.ts';
import { Conv2d } from '../layers/convolution.ts';
import { Flatten, ReLU } from '../layers/elementwise.ts';
import { Linear } from '../layers/linear.ts';
import { BatchNorm2d } from '../layers/norm.ts';
import { MaxPool2d } from '../layers/pooling.ts';
import { drawNormal, kaimingScale, zooOptions, type ZooOptions } from './options.ts';

export interface DeepOptions extends ZooOptions {
  /** [channels, height, width] of an image, [3, 32, 32] unless given */
  inputDim?: readonly number[];
  /** filters of each convolution, five times 8 unless given */
  numFilters?: readonly number[];
  /** which convolutions a pool follows, counted from 0; the first ones, as far as the image goes, unless given */
  maxPools?: readonly number[];
  /** a batchnorm after each convolution; false unless given */
  batchnorm?: boolean;
  /** standard deviation of the initial weights, or 'kaiming'; 1e-3 unless given; biases start at 0 */
  weightScale?: number | 'kaiming';
}

/**
 * {conv 3x3 - [batchnorm] - relu - [2x2 max pool]} x L - affine: (N, 3, 32, 32) -> five times (N, 8, h / 2, w / 2) ->
 * (N, 10), 2,650 parameters unless options say otherwise. The twin of DeepConvNet: the same parameters in the same
 * order, the same initial ones from the same rng; its chains are fused as that network fuses them.
 * Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range.
 */
export function deepConvNet(options: DeepOptions = {}): Sequential {
  const fn = 'deepConvNet';
  const { numClasses, rng, layer } = zooOptions(
    fn, options, ['inputDim', 'numFilters', 'maxPools', 'batchnorm', 'weightScale'],
  );
  const {
    inputDim = [3, 32, 32], numFilters = [8, 8, 8, 8, 8], maxPools, batchnorm = false, weightScale = 1e-3,
  } = options;
  const image = checkImageShape(fn, inputDim);
  const filters = checkSizes(fn, 'numFilters', numFilters);
  if (filters.length === 0) throw new RangeError(`${fn}: numFilters must name at least one convolution, got none`);
  const pooled = checkPools(fn, maxPools ?? possiblePools(image, filters.length), filters.length);
  checkBoolean(fn, 'batchnorm', batchnorm);
  if (typeof weightScale !== 'string') checkNumber(fn, 'weightScale', weightScale, 0);
  else if (weightScale !== 'kaiming') {
    throw new RangeError(`${fn}: weightScale must be "kaiming" or a number, got ${describe(weightScale)}`);
  }
  const shapes = shapesAlong(fn, image, filters, pooled);
  const net = sequential(
    ...filters.flatMap((count, i) => [
      new Conv2d(shapes[i][0], count, 3, { padding: 1, ...layer }),
      ...(batchnorm ? [new BatchNorm2d(count, layer)] : []), new ReLU(), ...(pooled.has(i) ? [new MaxPool2d(2)] : []),
    ]),
    new Flatten(), new Linear(sizeOf(shapes[filters.length]), numClasses, layer),
  );
  return drawNormal(fn, net, rng, weightScale === 'kaiming' ? kaimingScale : () => weightScale);
}
