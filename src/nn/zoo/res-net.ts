/** Residual networks in their form for small images: a 3x3 stem without pool. */

import type { Variable } from '../../autograd/variable.ts';
import { checkInteger, checkOneOf } from '../../runtime/check.ts';
import type { Settings } from '../architecture/types.ts';
import { checkModule, sequential, type Sequential } from '../containers.ts';
import type { LayerOptions } from '../defaults.ts';
import { Conv2d } from '../layers/convolution.ts';
import { Flatten, ReLU } from '../layers/elementwise.ts';
import { Linear } from '../layers/linear.ts';
import { BatchNorm2d } from '../layers/norm.ts';
import { AdaptiveAvgPool2d } from '../layers/pooling.ts';
import { Module } from '../module.ts';
import { residualEnd } from '../residual-end.ts';
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
export class PadShortcut extends Module {
  readonly #added: number;
  override readonly _settings: Settings;

  constructor(added: number) {
    super();
    this.#added = checkInteger('PadShortcut', 'added', added, 0);
    this._settings = { added };
  }

  forward(x: Variable): Variable {
    return x.slice(null, null, [null, null, 2], [null, null, 2]).pad([[0, 0], [0, this.#added], [0, 0], [0, 0]]);
  }
}

/** relu(x + bn(conv(relu(bn(conv(x)))))), both convolutions 3x3, the first with the stride. */
export class BasicBlock extends Module {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly relu: ReLU = new ReLU();
  readonly conv2: Conv2d;
  readonly bn2: BatchNorm2d;
  /** null where x keeps its shape */
  readonly downsample: Module | null;
  override readonly _settings: Settings;
  /** the layers as they were made: what was put in their places since belongs to the architecture */
  readonly _made: Readonly<Record<string, Module>>;
  /** the first half of the block, whose layers have a common form */
  readonly #first: Sequential;

  constructor(from: number, to: number, stride: number, downsample: Module | null, options: LayerOptions) {
    super();
    this.conv1 = new Conv2d(from, to, 3, { stride, padding: 1, bias: false, ...options });
    this.bn1 = new BatchNorm2d(to, options);
    this.conv2 = new Conv2d(to, to, 3, { padding: 1, bias: false, ...options });
    this.bn2 = new BatchNorm2d(to, options);
    this.downsample = downsample === null ? null : checkModule('BasicBlock', 'downsample', downsample);
    this.#first = sequential(this.conv1, this.bn1, this.relu);
    const { conv1, bn1, relu, conv2, bn2 } = this;
    this._made = { conv1, bn1, relu, conv2, bn2 };
    this._settings = { from, to, stride, dtype: this.conv1.weight.dtype };
  }

  forward(x: Variable): Variable {
    Object.assign(this.#first, [this.conv1, this.bn1, this.relu]); // which may be others by now
    const out = this.conv2.forward(this.#first.forward(x));
    return residualEnd(this.bn2, out, this.downsample === null ? x : this.downsample.forward(x));
  }
}

/** Fields and state have torchvision's names: conv1, bn1, layer1.0.conv1, layer2.0.downsample.0, fc. */
export class ResNet extends Trainable {
  readonly conv1: Conv2d;
  readonly bn1: BatchNorm2d;
  readonly relu: ReLU = new ReLU();
  readonly avgpool: AdaptiveAvgPool2d = new AdaptiveAvgPool2d(1);
  readonly flatten: Flatten = new Flatten();
  /** made after the stages, whose names come first in the state */
  declare readonly fc: Module;
  override readonly _settings: Settings;
  readonly _made: Readonly<Record<string, Module>>;
  readonly #stem: Sequential;
  readonly #stages: number;

  constructor(inChannels: number, width: number, stages: readonly Module[], fc: Module, options: LayerOptions) {
    super();
    this.conv1 = new Conv2d(inChannels, width, 3, { padding: 1, bias: false, ...options });
    this.bn1 = new BatchNorm2d(width, options);
    this.#stem = sequential(this.conv1, this.bn1, this.relu);
    const { conv1, bn1, relu, avgpool, flatten } = this;
    this._made = { conv1, bn1, relu, avgpool, flatten };
    this.#stages = stages.length;
    Object.assign(this, Object.fromEntries(stages.map((stage, s) => [`layer${s + 1}`, stage])));
    void this.stages; // refuses what is no module
    Object.assign(this, { fc: checkModule('ResNet', 'fc', fc) });
    this._settings = { inChannels, width, dtype: this.conv1.weight.dtype };
  }

  /** layer1, layer2, ... */
  get stages(): readonly Module[] {
    const fields = this as unknown as Readonly<Record<string, unknown>>;
    return Array.from({ length: this.#stages }, (_, s) => checkModule('ResNet', `layer${s + 1}`, fields[`layer${s + 1}`]));
  }

  forward(x: Variable): Variable {
    Object.assign(this.#stem, [this.conv1, this.bn1, this.relu]); // which may be others by now
    const features = this.stages.reduce((out, stage) => stage.forward(out), this.#stem.forward(x));
    return this.fc.forward(this.flatten.forward(this.avgpool.forward(features)));
  }
}

/** The residual network of so many stages of so many blocks, drawn as the paper draws it. */
function resNet(fn: string, blocks: number, stages: number, options: ResNetOptions, defaultWidth: number): ResNet {
  const { numClasses, rng, layer } = zooOptions(fn, options, ['inChannels', 'width', 'shortcut']);
  const inChannels = checkInteger(fn, 'inChannels', options.inChannels ?? 3, 1);
  const width = checkInteger(fn, 'width', options.width ?? defaultWidth, 1);
  const shortcut = checkOneOf(fn, 'shortcut', options.shortcut ?? 'projection', ['projection', 'pad']);
  const downsample = (from: number, to: number, stride: number): Module | null => {
    if (stride === 1 && from === to) return null;
    if (shortcut === 'pad') return new PadShortcut(to - from);
    return sequential(new Conv2d(from, to, 1, { stride, bias: false, ...layer }), new BatchNorm2d(to, layer));
  };
  const body = Array.from({ length: stages }, (_, s) => sequential(...Array.from({ length: blocks }, (_, b) => {
    const [from, stride] = b > 0 ? [width * 2 ** s, 1] : [width * 2 ** Math.max(s - 1, 0), s > 0 ? 2 : 1];
    const to = width * 2 ** s;
    return new BasicBlock(from, to, stride, downsample(from, to, stride), layer);
  })));
  const fc = new Linear(width * 2 ** (stages - 1), numClasses, layer);
  return drawNormal(fn, new ResNet(inChannels, width, body, fc, layer), rng, kaimingScale);
}

/**
 * ResNet-20 for 32x32 images (He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2015, section 4.2):
 * conv 3x3, three stages of three blocks, global average pool, affine: (N, 3, 32, 32) -> (N, 16, 32, 32) ->
 * (N, 32, 16, 16) -> (N, 64, 8, 8) -> (N, 10). 272,474 parameters; 269,722 with the shortcut 'pad', the paper's choice.
 * Takes images of any size.
 * Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range.
 */
export function resNet20(options: ResNetOptions = {}): Trainable {
  return resNet('resNet20', 3, 3, options, 16);
}

/**
 * ResNet-18 in its form for 32x32 images (as above, table 1, with a 3x3 stem of stride 1 and no pool behind it): four
 * stages of two blocks, (N, 3, 32, 32) -> (N, 64, 32, 32) -> (N, 128, 16, 16) -> (N, 256, 8, 8) -> (N, 512, 4, 4) ->
 * (N, 10), 11,173,962 parameters. Its state has torchvision's names.
 * Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range.
 */
export function resNet18(options: ResNetOptions = {}): Trainable {
  return resNet('resNet18', 2, 4, options, 64);
}
