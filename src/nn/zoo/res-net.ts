/** Residual networks in their form for small images: a 3x3 stem without pool. */

import type { Variable } from '../../autograd/variable.ts';
import { checkInteger, checkOneOf } from '../../runtime/check.ts';
import { sequential, type Sequential } from '../containers.ts';
import type { LayerOptions } from '../defaults.ts';
import { Conv2d } from '../layers/convolution.ts';
import { Flatten, ReLU } from '../layers/elementwise.ts';
import { Linear } from '../layers/linear.ts';
import { BatchNorm2d } from '../layers/norm.ts';
import { AdaptiveAvgPool2d } from '../layers/pooling.ts';
import { Module } from '../module.ts';
import { Trainable } from '../trainable.ts';
import { drawNormal, kaimingScale, zooOptions, type ZooOptions } from './options.ts';

export interface ResNetOptions extends ZooOptions {
  /** channels of an image, 3 unless given */
  inChannels?: number;
  /** channels of the first stage, doubled in each further one; 16 for resNet20, 64 for resNet18 unless given */
  width?: number;
  /**
   * what x goes through where a block changes its shape: a 1x1 convolution with batchnorm (the paper's option B), or
   * every other pixel with channels of zeros beside (option A); 'projection' unless given
   */
  shortcut?: 'projection' | 'pad';
}

/** Every other pixel of x (N, C, H, W), with as many channels of zeros behind as are wanted: no parameters. */
class PadShortcut extends Module {
  readonly #added: number;

  constructor(added: number) {
    super();
    this.#added = added;
  }

  forward(x: Variable): Variable {
    return x.slice(null, null, [null, null, 2], [null, null, 2]).pad([[0, 0], [0, this.#added], [0, 0], [0, 0]]);
  }
}

/** relu(x + bn(conv(relu(bn(conv(x)))))), both convolutions 3x3, the first with the stride. */
class BasicBlock extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly relu: ReLU = new ReLU();
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  /** null where x keeps its shape */
  readonly downsample: Module | null;
  /** the first half of the block, whose layers have a common form */
  readonly #first: Sequential;

  constructor(from: number, to: number, stride: number, shortcut: 'projection' | 'pad', options: LayerOptions) {
    super();
    this.conv1 = new Conv2d(from, to, 3, { stride, padding: 1, bias: false, ...options });
    this.bn1 = new BatchNorm2d(to, options);
    this.conv2 = new Conv2d(to, to, 3, { padding: 1, bias: false, ...options });
    this.bn2 = new BatchNorm2d(to, options);
    if (stride === 1 && from === to) this.downsample = null;
    else if (shortcut === 'pad') this.downsample = new PadShortcut(to - from);
    else {
      const conv = new Conv2d(from, to, 1, { stride, bias: false, ...options });
      this.downsample = sequential(conv, new BatchNorm2d(to, options));
    }
    this.#first = sequential(this.conv1, this.bn1, this.relu);
  }

  forward(x: Variable): Variable {
    const out = this.bn2.forward(this.conv2.forward(this.#first.forward(x)));
    return out.add(this.downsample === null ? x : this.downsample.forward(x)).relu();
  }
}

/** Fields and state have torchvision's names: conv1, bn1, layer1.0.conv1, layer2.0.downsample.0, fc. */
class ResNet extends Trainable {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly relu: ReLU = new ReLU();
  readonly avgpool: AdaptiveAvgPool2d = new AdaptiveAvgPool2d(1);
  readonly #stem: Sequential;
  readonly #stages: Sequential[];
  readonly #head: Sequential;

  constructor(fn: string, blocks: number, stages: number, options: ResNetOptions, defaultWidth: number) {
    super();
    const { numClasses, rng, layer } = zooOptions(fn, options, ['inChannels', 'width', 'shortcut']);
    const inChannels = checkInteger(fn, 'inChannels', options.inChannels ?? 3, 1);
    const width = checkInteger(fn, 'width', options.width ?? defaultWidth, 1);
    const shortcut = checkOneOf(fn, 'shortcut', options.shortcut ?? 'projection', ['projection', 'pad']);
    this.conv1 = new Conv2d(inChannels, width, 3, { padding: 1, bias: false, ...layer });
    this.bn1 = new BatchNorm2d(width, layer);
    this.#stem = sequential(this.conv1, this.bn1, this.relu);
    this.#stages = Array.from({ length: stages }, (_, s) => sequential(...Array.from({ length: blocks }, (_, b) => {
      const [from, stride] = b > 0 ? [width * 2 ** s, 1] : [width * 2 ** Math.max(s - 1, 0), s > 0 ? 2 : 1];
      return new BasicBlock(from, width * 2 ** s, stride, shortcut, layer);
    })));
    const fc = new Linear(width * 2 ** (stages - 1), numClasses, layer);
    Object.assign(this, Object.fromEntries(this.#stages.map((stage, s) => [`layer${s + 1}`, stage])), { fc });
    this.#head = sequential(this.avgpool, new Flatten(), fc);
    drawNormal(fn, this, rng, kaimingScale);
  }

  forward(x: Variable): Variable {
    return this.#head.forward(this.#stages.reduce((out, stage) => stage.forward(out), this.#stem.forward(x)));
  }
}

/**
 * ResNet-20 for 32x32 images (He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015, section 4.2):
 * conv 3x3, three stages of three blocks, global average pool, affine: (N, 3, 32, 32) -> (N, 16, 32, 32) ->
 * (N, 32, 16, 16) -> (N, 64, 8, 8) -> (N, 10). 272,474 parameters; 269,722 with the shortcut 'pad', the paper's choice.
 * Takes images of any size.
 * Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range.
 */
export function resNet20(options: ResNetOptions = {}): Trainable {
  return new ResNet('resNet20', 3, 3, options, 16);
}

/**
 * ResNet-18 in its form for 32x32 images (as above, table 1, with a 3x3 stem of stride 1 and no pool behind it): four
 * stages of two blocks, (N, 3, 32, 32) -> (N, 64, 32, 32) -> (N, 128, 16, 16) -> (N, 256, 8, 8) -> (N, 512, 4, 4) ->
 * (N, 10), 11,173,962 parameters. Its state has torchvision's names.
 * Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range.
 */
export function resNet18(options: ResNetOptions = {}): Trainable {
  return new ResNet('resNet18', 2, 4, options, 64);
}
