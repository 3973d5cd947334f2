/** Depthwise separable convolutions, as in MobileNet. */

import { checkInteger, checkNumber } from '../../runtime/check.ts';
import { sequential, type Sequential } from '../containers.ts';
import { Conv2d } from '../layers/convolution.ts';
import { Flatten, ReLU } from '../layers/elementwise.ts';
import { Linear } from '../layers/linear.ts';
import { BatchNorm2d } from '../layers/norm.ts';
import { AdaptiveAvgPool2d } from '../layers/pooling.ts';
import type { Module } from '../module.ts';
import { drawNormal, kaimingScale, zooOptions, type ZooOptions } from './options.ts';

export interface MobileNetLikeOptions extends ZooOptions {
  /** channels of an image, 3 unless given */
  inChannels?: number;
  /** multiplies the channels of every layer, 1 unless given; at least 8 are left */
  widthFactor?: number;
}

/** Output channels and stride of each separable convolution. */
const plan: ReadonlyArray<readonly [channels: number, stride: number]> = [
  [64, 1], [128, 2], [128, 1], [256, 2], [256, 1], [512, 2], [512, 1], [512, 1], [512, 1], [512, 1], [512, 1],
  [1024, 2], [1024, 1],
];

/**
 * conv 3x3 - {depthwise conv 3x3 - conv 1x1} x 13 - global average pool - affine, each convolution with batchnorm and
 * relu: Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision applications", 2017, with
 * stride 1 in the first layer, as is usual on CIFAR: (N, 3, 32, 32) -> (N, 32, 32, 32) -> ... -> (N, 1024, 2, 2) -> (N,
 * 10), 3,217,226 parameters. Takes images of any size.
 * Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range.
 */
export function mobileNetLike(options: MobileNetLikeOptions = {}): Sequential {
  const fn = 'mobileNetLike';
  const { numClasses, rng, layer } = zooOptions(fn, options, ['inChannels', 'widthFactor']);
  const inChannels = checkInteger(fn, 'inChannels', options.inChannels ?? 3, 1);
  const widthFactor = checkNumber(fn, 'widthFactor', options.widthFactor ?? 1, 0);
  const scaled = (channels: number): number => Math.max(8, Math.round(channels * widthFactor));
  const conv = (from: number, to: number, size: number, stride: number, groups: number): Module[] => [
    new Conv2d(from, to, size, { stride, padding: (size - 1) / 2, groups, bias: false, ...layer }),
    new BatchNorm2d(to, layer), new ReLU(),
  ];
  let channels = scaled(32);
  const layers = conv(inChannels, channels, 3, 1, 1);
  for (const [wanted, stride] of plan) {
    layers.push(...conv(channels, channels, 3, stride, channels), ...conv(channels, scaled(wanted), 1, 1, 1));
    channels = scaled(wanted);
  }
  const net = sequential(...layers, new AdaptiveAvgPool2d(1), new Flatten(), new Linear(channels, numClasses, layer));
  return drawNormal(fn, net, rng, kaimingScale);
}
