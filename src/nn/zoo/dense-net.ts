/** Densely connected convolutions: every layer sees the outputs of all before it. */

import type { Variable } from '../../autograd/variable.ts';
import { checkSizes } from '../../layers/image-network.ts';
import { checkInteger } from '../../runtime/check.ts';
import { checkModule, joined, sequential, type Sequential } from '../containers.ts';
import { Conv2d } from '../layers/convolution.ts';
import { Flatten, ReLU } from '../layers/elementwise.ts';
import { Linear } from '../layers/linear.ts';
import { BatchNorm2d } from '../layers/norm.ts';
import { AdaptiveAvgPool2d, AvgPool2d } from '../layers/pooling.ts';
import { Module } from '../module.ts';
import { drawNormal, kaimingScale, zooOptions, type ZooOptions } from './options.ts';

export interface DenseNetOptions extends ZooOptions {
  /** channels of an image, 3 unless given */
  inChannels?: number;
  /** layers of each block, [6, 6, 6] unless given; [12, 12, 12] is the paper's smallest, of 40 layers */
  depths?: readonly number[];
  /** channels that each layer adds, 12 unless given */
  growth?: number;
}

/** x, and beside it along the channels what batchnorm - relu - conv 3x3 makes of x. */
export class DenseLayer extends Module {
  readonly body: Module;

  constructor(body: Module) {
    super();
    this.body = checkModule('DenseLayer', 'body', body);
  }

  forward(x: Variable): Variable {
    return joined('DenseLayer', 'x and its body', [x, this.body.forward(x)]);
  }
}

/**
 * conv 3x3 - dense block - {batchnorm - relu - conv 1x1 - 2x2 average pool - dense block} ... - batchnorm - relu -
 * global average pool - affine: Huang, Liu, van der Maaten, Weinberger, "Densely connected convolutional networks",
 * 2016: (N, 3, 32, 32) -> (N, 88, 32, 32) -> (N, 160, 16, 16) -> (N, 232, 8, 8) -> (N, 10), 270,706 parameters; with
 * the depths [12, 12, 12] 1,019,722. Takes images of any size that the pools can halve.
 * Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range.
 */
export function denseNet(options: DenseNetOptions = {}): Sequential {
  const fn = 'denseNet';
  const { numClasses, rng, layer } = zooOptions(fn, options, ['inChannels', 'depths', 'growth']);
  const inChannels = checkInteger(fn, 'inChannels', options.inChannels ?? 3, 1);
  const growth = checkInteger(fn, 'growth', options.growth ?? 12, 1);
  const depths = checkSizes(fn, 'depths', options.depths ?? [6, 6, 6]);
  if (depths.length === 0) throw new RangeError(`${fn}: depths must name at least one block, got none`);
  let channels = 16;
  const layers: Module[] = [new Conv2d(inChannels, channels, 3, { padding: 1, bias: false, ...layer })];
  for (const [block, depth] of depths.entries()) {
    if (block > 0) {
      layers.push(
        new BatchNorm2d(channels, layer), new ReLU(),
        new Conv2d(channels, channels, 1, { bias: false, ...layer }), new AvgPool2d(2),
      );
    }
    for (let i = 0; i < depth; i++, channels += growth) {
      layers.push(new DenseLayer(sequential(
        new BatchNorm2d(channels, layer), new ReLU(),
        new Conv2d(channels, growth, 3, { padding: 1, bias: false, ...layer }),
      )));
    }
  }
  const net = sequential(
    ...layers, new BatchNorm2d(channels, layer), new ReLU(), new AdaptiveAvgPool2d(1), new Flatten(),
    new Linear(channels, numClasses, layer),
  );
  return drawNormal(fn, net, rng, kaimingScale);
}
