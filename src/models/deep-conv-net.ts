/**
 * DeepConvNet: {conv 3x3 - [batchnorm] - relu - [2x2 max pool]} x (L - 1) - affine - softmax.
 *
 *   X (N, C, H, W)  ->  W1 (F1, C, 3, 3), b1, gamma1, beta1 (F1), padded so that H and W stay  ->  ...
 *   ->  WL (F h w, classes), bL (classes)  ->  scores (N, classes)
 */

import { checkImageShape, checkPools, checkSizes, possiblePools, shapesAlong } from '../layers/image-network.ts';
import { normalInit, scaledByFanIn } from '../layers/initialize.ts';
import { affineRecord } from '../layers/records/affine.ts';
import { convRecord } from '../layers/records/convolution.ts';
import { reluRecord } from '../layers/records/elementwise.ts';
import { batchnormRecord } from '../layers/records/normalization.ts';
import { maxPoolRecord } from '../layers/records/pooling.ts';
import { checkBoolean, checkNumber, checkOptions, describe } from '../runtime/check.ts';
import { sizeOf } from '../tensor/shape.ts';
import { Network } from './network.ts';
import { checkNetworkOptions, networkOptions } from './options.ts';
import type { NetworkOptions } from './options.ts';

export interface DeepConvNetOptions extends NetworkOptions {
  /** [channels, height, width] of an image, [3, 32, 32] unless given */
  inputDim?: readonly number[];
  /** filters of each convolution, five times 8 unless given */
  numFilters?: readonly number[];
  /**
   * which convolutions are followed by a pool, counted from 0; unless given, the first ones, as many as there are and
   * as the image can be halved: [0, 1, 2, 3, 4] for five or more convolutions on 32x32
   */
  maxPools?: readonly number[];
  /** a batchnorm after each convolution; false unless given */
  batchnorm?: boolean;
  /** standard deviation of the initial weights, or 'kaiming'; 1e-3 unless given; biases start at 0 */
  weightScale?: number | 'kaiming';
}

export class DeepConvNet extends Network {
  readonly name: string = 'DeepConvNet';

  /** Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range. */
  constructor(options: DeepConvNetOptions = {}) {
    const fn = 'DeepConvNet';
    checkOptions(fn, options, ['inputDim', 'numFilters', 'maxPools', 'batchnorm', 'weightScale', ...networkOptions]);
    const {
      inputDim = [3, 32, 32], numFilters = [8, 8, 8, 8, 8], maxPools, batchnorm = false, weightScale = 1e-3,
    } = options;
    const imageShape = checkImageShape(fn, inputDim);
    const filters = checkSizes(fn, 'numFilters', numFilters);
    if (filters.length === 0) throw new RangeError(`${fn}: numFilters must name at least one convolution, got none`);
    const pooled = checkPools(fn, maxPools ?? possiblePools(imageShape, filters.length), filters.length);
    checkBoolean(fn, 'batchnorm', batchnorm);
    if (typeof weightScale !== 'string') checkNumber(fn, 'weightScale', weightScale, 0);
    else if (weightScale !== 'kaiming') {
      throw new RangeError(`${fn}: weightScale must be "kaiming" or a number, got ${describe(weightScale)}`);
    }
    const shapes = shapesAlong(fn, imageShape, filters, pooled);
    const shared = checkNetworkOptions(fn, options);
    const { rng, dtype, numClasses } = shared;
    const features = sizeOf(shapes[filters.length]);
    super(fn, shared, { inputDim: imageShape, numFilters: filters, maxPools: [...pooled], batchnorm, weightScale }, {
      input: imageShape,
      layers: [
        ...filters.flatMap((count, i) => [
          convRecord(shapes[i][0], count, [3, 3], { stride: 1, pad: 1 }),
          ...(batchnorm ? [batchnormRecord(count)] : []), reluRecord(),
          ...(pooled.has(i) ? [maxPoolRecord({ poolHeight: 2, poolWidth: 2, stride: 2 })] : []),
        ]),
        affineRecord(features, numClasses),
      ],
      initialWeights: (shape) => {
        if (weightScale !== 'kaiming') return normalInit(fn, shape, weightScale, rng, dtype);
        return shape.length === 4
          ? scaledByFanIn(fn, shape[1], shape[0], 2, { k: 3, rng, dtype })
          : scaledByFanIn(fn, features, numClasses, 1, { rng, dtype });
      },
    });
  }
}
