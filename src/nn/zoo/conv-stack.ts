/** The family of convolutional networks that one searches through: blocks of convolutions, then affine layers. */

import { checkImageShape, checkSizes } from '../../layers/image-network.ts';
import { checkInteger, checkNumber, checkOneOf, describe } from '../../runtime/check.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { Rng } from '../../tensor/random/rng.ts';
import { sequential, type Sequential } from '../containers.ts';
import { Conv2d } from '../layers/convolution.ts';
import { Dropout, Flatten, ReLU } from '../layers/elementwise.ts';
import { Linear } from '../layers/linear.ts';
import { BatchNorm1d, BatchNorm2d } from '../layers/norm.ts';
import { MaxPool2d } from '../layers/pooling.ts';
import type { Module } from '../module.ts';
import { drawNormal, kaimingScale, zooOptions, type ZooOptions } from './options.ts';

export interface ConvStackOptions extends ZooOptions {
  /** [channels, height, width] of an image, [3, 32, 32] unless given */
  inputDim?: readonly number[];
  /** filters of the convolutions, a list a block; [[32, 32], [64, 64]] unless given */
  blocks?: ReadonlyArray<readonly number[]>;
  /** side of the filters, odd, so that padding keeps the size; 3 unless given */
  filterSize?: number;
  /** what halves the image after a block: a 2x2 max 'pool' (the default), 'stride' 2 in its last convolution, null */
  downsample?: 'pool' | 'stride' | null;
  /** batchnorm 'beforeRelu' (the usual place) or 'afterRelu' of every hidden layer; none (null) unless given */
  batchnorm?: 'beforeRelu' | 'afterRelu' | null;
  /** features of the hidden affine layers; none unless given */
  hiddenDims?: readonly number[];
  /** probability of dropping an input of each affine layer, 0 unless given */
  dropout?: number;
}

/**
 * {{conv - [batchnorm] - relu} x n - [2x2 max pool]} x N - {affine - [batchnorm] - relu - [dropout]} x M - affine:
 * (N, 3, 32, 32) -> scores (N, numClasses), for crossEntropy (softmax) or hingeLoss (SVM).
 * Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range, and for more
 * blocks than the image can be halved.
 */
export function convStack(options: ConvStackOptions = {}): Sequential {
  const fn = 'convStack';
  const { numClasses, rng, layer } = zooOptions(
    fn, options, ['inputDim', 'blocks', 'filterSize', 'downsample', 'batchnorm', 'hiddenDims', 'dropout'],
  );
  const { inputDim = [3, 32, 32], blocks = [[32, 32], [64, 64]], hiddenDims = [], downsample = 'pool' } = options;
  const [inChannels, inHeight, inWidth] = checkImageShape(fn, inputDim);
  if (!Array.isArray(blocks)) throw new TypeError(`${fn}: blocks must be an array of blocks, got ${describe(blocks)}`);
  const filters = blocks.map((block: readonly number[], i) => checkSizes(fn, `blocks[${i}]`, block));
  const hidden = checkSizes(fn, 'hiddenDims', hiddenDims);
  const filterSize = checkInteger(fn, 'filterSize', options.filterSize ?? 3, 1);
  if (filterSize % 2 === 0) throw new RangeError(`${fn}: filterSize must be odd, got ${filterSize}`);
  if (downsample !== null) checkOneOf(fn, 'downsample', downsample, ['pool', 'stride']);
  const batchnorm = options.batchnorm ?? null;
  if (batchnorm !== null) checkOneOf(fn, 'batchnorm', batchnorm, ['beforeRelu', 'afterRelu']);
  const dropout = checkNumber(fn, 'dropout', options.dropout ?? 0, 0, 1);

  const activated = (norm: () => Module): Module[] => {
    if (batchnorm === null) return [new ReLU()];
    return batchnorm === 'beforeRelu' ? [norm(), new ReLU()] : [new ReLU(), norm()];
  };
  const dropped = (): Module[] =>
    (dropout === 0 ? [] : [new Dropout(dropout, { rng: new Rng(Math.floor(rng.random() * 2 ** 32)) })]);
  const modules: Module[] = [];
  let [channels, height, width] = [inChannels, inHeight, inWidth];
  for (const [i, block] of filters.entries()) {
    if (block.length === 0) throw new RangeError(`${fn}: blocks[${i}] must name at least one convolution, got none`);
    if (downsample !== null && Math.min(height, width) < 2) {
      throw new RangeError(`${fn}: blocks must halve an image of ${height}x${width} no more, got block ${i}`);
    }
    for (const [j, count] of block.entries()) {
      const stride = downsample === 'stride' && j === block.length - 1 ? 2 : 1;
      modules.push(
        new Conv2d(channels, count, filterSize, { stride, padding: (filterSize - 1) / 2, ...layer }),
        ...activated(() => new BatchNorm2d(count, layer)),
      );
      channels = count;
      [height, width] = [Math.ceil(height / stride), Math.ceil(width / stride)];
    }
    if (downsample === 'pool') {
      modules.push(new MaxPool2d(2));
      [height, width] = [Math.floor(height / 2), Math.floor(width / 2)];
    }
  }
  modules.push(new Flatten());
  let features = sizeOf([channels, height, width]);
  for (const count of hidden) {
    modules.push(...dropped(), new Linear(features, count, layer), ...activated(() => new BatchNorm1d(count, layer)));
    features = count;
  }
  modules.push(...dropped(), new Linear(features, numClasses, layer));
  return drawNormal(fn, sequential(...modules), rng, kaimingScale);
}
