/**
 * ThreeLayerConvNet: conv - relu - 2x2 max pool - affine - relu - affine - softmax.
 *
 *   X (N, C, H, W)  ->  W1 (F, C, K, K), b1 (F), padded so that H and W stay  ->  relu  ->  pool (N, F, H/2, W/2)
 *   ->  W2 (F H/2 W/2, M), b2 (M)  ->  relu  ->  W3 (M, classes), b3 (classes)  ->  scores (N, classes)
 */

import { checkImageShape } from '../layers/image-network.ts';
import { normalInit } from '../layers/initialize.ts';
import { affineRecord } from '../layers/records/affine.ts';
import { convRecord } from '../layers/records/convolution.ts';
import { reluRecord } from '../layers/records/elementwise.ts';
import { maxPoolRecord } from '../layers/records/pooling.ts';
import { checkInteger, checkNumber, checkOptions } from '../runtime/check.ts';
import { shapeText } from '../tensor/shape.ts';
import { Network } from './network.ts';
import { checkNetworkOptions, networkOptions } from './options.ts';
import type { NetworkOptions } from './options.ts';

export interface ThreeLayerConvNetOptions extends NetworkOptions {
  /** [channels, height, width] of an image, [3, 32, 32] unless given */
  inputDim?: readonly number[];
  /** 32 unless given */
  numFilters?: number;
  /** the side of the filters, odd, 7 unless given */
  filterSize?: number;
  /** 100 unless given */
  hiddenDim?: number;
  /** standard deviation of the initial weights, 1e-3 unless given; biases start at 0 */
  weightScale?: number;
}

export class ThreeLayerConvNet extends Network {
  readonly name: string = 'ThreeLayerConvNet';

  /** Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range. */
  constructor(options: ThreeLayerConvNetOptions = {}) {
    const fn = 'ThreeLayerConvNet';
    checkOptions(fn, options, ['inputDim', 'numFilters', 'filterSize', 'hiddenDim', 'weightScale', ...networkOptions]);
    const {
      inputDim = [3, 32, 32], numFilters = 32, filterSize = 7, hiddenDim = 100, weightScale = 1e-3,
    } = options;
    const imageShape = checkImageShape(fn, inputDim);
    checkInteger(fn, 'numFilters', numFilters, 1);
    checkInteger(fn, 'filterSize', filterSize, 1);
    if (filterSize % 2 === 0) {
      throw new RangeError(`${fn}: filterSize must be odd, so that padding keeps the size, got ${filterSize}`);
    }
    checkInteger(fn, 'hiddenDim', hiddenDim, 1);
    checkNumber(fn, 'weightScale', weightScale, 0);
    const [channels, height, width] = imageShape;
    if (height < 2 || width < 2) {
      throw new RangeError(`${fn}: inputDim must leave room for 2x2 pooling, got ${shapeText(imageShape)}`);
    }
    const shared = checkNetworkOptions(fn, options);
    const { rng, dtype, numClasses } = shared;
    const features = numFilters * Math.floor(height / 2) * Math.floor(width / 2);
    super(fn, shared, { inputDim: imageShape, numFilters, filterSize, hiddenDim, weightScale }, {
      input: imageShape,
      layers: [
        convRecord(channels, numFilters, [filterSize, filterSize], { stride: 1, pad: (filterSize - 1) / 2 }),
        reluRecord(), maxPoolRecord({ poolHeight: 2, poolWidth: 2, stride: 2 }),
        affineRecord(features, hiddenDim), reluRecord(),
        affineRecord(hiddenDim, numClasses),
      ],
      initialWeights: (shape) => normalInit(fn, shape, weightScale, rng, dtype),
    });
  }
}
