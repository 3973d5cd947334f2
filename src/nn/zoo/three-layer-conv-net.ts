/** The course's three-layer network as a chain of modules. */

import { checkImageShape } from '../../layers/image-network.ts';
import { checkInteger, checkNumber } from '../../runtime/check.ts';
import { sequential, type Sequential } from '../containers.ts';
import { Conv2d } from '../layers/convolution.ts';
import { Flatten, ReLU } from '../layers/elementwise.ts';
import { Linear } from '../layers/linear.ts';
import { MaxPool2d } from '../layers/pooling.ts';
import { drawNormal, zooOptions, type ZooOptions } from './options.ts';

export interface ThreeLayerOptions extends ZooOptions {
  /** [channels, height, width] of an image, [3, 32, 32] unless given */
  inputDim?: readonly number[];
  /** 32 unless given */
  numFilters?: number;
  /** the side of the filters, 7 unless given */
  filterSize?: number;
  /** 100 unless given */
  hiddenDim?: number;
  /** standard deviation of the initial weights, 1e-3 unless given; biases start at 0 */
  weightScale?: number;
}

/**
 * conv - relu - 2x2 max pool - affine - relu - affine: (N, 3, 32, 32) -> (N, 32, 16, 16) -> (N, 100) -> (N, 10),
 * 825,046 parameters. The twin of ThreeLayerConvNet: the same parameters in the same order, the same initial ones from
 * the same rng, the same bits in training.
 * Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range.
 */
export function threeLayerConvNet(options: ThreeLayerOptions = {}): Sequential {
  const fn = 'threeLayerConvNet';
  const { numClasses, rng, layer } = zooOptions(
    fn, options, ['inputDim', 'numFilters', 'filterSize', 'hiddenDim', 'weightScale'],
  );
  const { inputDim = [3, 32, 32], numFilters = 32, filterSize = 7, hiddenDim = 100, weightScale = 1e-3 } = options;
  const [channels, height, width] = checkImageShape(fn, inputDim);
  checkInteger(fn, 'numFilters', numFilters, 1);
  checkInteger(fn, 'filterSize', filterSize, 1);
  checkInteger(fn, 'hiddenDim', hiddenDim, 1);
  checkNumber(fn, 'weightScale', weightScale, 0);
  if (height < 2 || width < 2) {
    throw new RangeError(`${fn}: inputDim must leave room for 2x2 pooling, got ${channels}x${height}x${width}`);
  }
  const net = sequential(
    new Conv2d(channels, numFilters, filterSize, { padding: 'same', ...layer }), new ReLU(), new MaxPool2d(2), new Flatten(),
    new Linear(numFilters * Math.floor(height / 2) * Math.floor(width / 2), hiddenDim, layer), new ReLU(),
    new Linear(hiddenDim, numClasses, layer),
  );
  return drawNormal(fn, net, rng, () => weightScale);
}
