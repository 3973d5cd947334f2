/** Stages of 3x3 convolutions, as in VGG. */

import { checkImageShape, checkSizes, shapesAlong } from '../../layers/image-network.ts';
import { describe } from '../../runtime/check.ts';
import { sizeOf } from '../../tensor/shape.ts';
import { sequential, type Sequential } from '../containers.ts';
import { Conv2d } from '../layers/convolution.ts';
import { Flatten, ReLU } from '../layers/elementwise.ts';
import { Linear } from '../layers/linear.ts';
import { BatchNorm2d } from '../layers/norm.ts';
import { MaxPool2d } from '../layers/pooling.ts';
import { drawNormal, kaimingScale, zooOptions, type ZooOptions } from './options.ts';

export interface VggLikeOptions extends ZooOptions {
  /** [channels, height, width] of an image, [3, 32, 32] unless given */
  inputDim?: readonly number[];
  /** filters of the convolutions, a list a stage, with a 2x2 pool after each stage; 2x32, 2x64, 2x128 unless given */
  widths?: ReadonlyArray<readonly number[]>;
}

/**
 * {{conv 3x3 - batchnorm - relu} x n - 2x2 max pool} x stages - affine, after Simonyan & Zisserman, "Very deep
 * convolutional networks for large-scale image recognition", 2014, with batchnorm and one affine layer, as is usual on
 * CIFAR: (N, 3, 32, 32) -> (N, 32, 16, 16) -> (N, 64, 8, 8) -> (N, 128, 4, 4) -> (N, 10), 308,394 parameters; with the
 * sixteen-layer network's widths 14,728,266.
 * Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range.
 */
export function vggLike(options: VggLikeOptions = {}): Sequential {
  const fn = 'vggLike';
  const { numClasses, rng, layer } = zooOptions(fn, options, ['inputDim', 'widths']);
  const { inputDim = [3, 32, 32], widths = [[32, 32], [64, 64], [128, 128]] } = options;
  const image = checkImageShape(fn, inputDim);
  if (!Array.isArray(widths)) throw new TypeError(`${fn}: widths must be an array of stages, got ${describe(widths)}`);
  const stages = widths.map((stage: readonly number[], i) => checkSizes(fn, `widths[${i}]`, stage));
  const empty = stages.findIndex(({ length }) => length === 0);
  if (stages.length === 0 || empty >= 0) {
    throw new RangeError(`${fn}: ${empty >= 0 ? `widths[${empty}]` : 'widths'} must name at least one convolution, got none`);
  }
  let last = -1;
  const pooled = new Set(stages.map(({ length }) => { last += length; return last; }));
  const filters = stages.flat();
  const shapes = shapesAlong(fn, image, filters, pooled);
  const net = sequential(
    ...filters.flatMap((count, i) => [
      new Conv2d(shapes[i][0], count, 3, { padding: 1, ...layer }), new BatchNorm2d(count, layer), new ReLU(),
      ...(pooled.has(i) ? [new MaxPool2d(2)] : []),
    ]),
    new Flatten(), new Linear(sizeOf(shapes[filters.length]), numClasses, layer),
  );
  return drawNormal(fn, net, rng, kaimingScale);
}
