/**
 * FullyConnectedNet: {affine - [batchnorm or layernorm] - relu - [dropout]} x (L - 1) - affine - softmax.
 *
 *   X (N, D)  ->  W1 (D, H1), b1, gamma1, beta1 (H1)  ->  ...  ->  WL (H, C), bL (C)  ->  scores (N, C)
 */

import { affineBackward, affineForward } from '../layers/affine.ts';
import {
  affineBatchnormReluBackward, affineBatchnormReluForward, affineLayernormReluBackward, affineLayernormReluForward,
  affineReluBackward, affineReluForward,
} from '../layers/affine-sandwich.ts';
import { dropoutBackward, dropoutForward } from '../layers/dropout.ts';
import type { DropoutParam } from '../layers/dropout.ts';
import { normalInit } from '../layers/initialize.ts';
import { checkInteger, checkNumber, checkOneOf, checkOptions } from '../runtime/check.ts';
import { ones, zeros } from '../tensor/creation.ts';
import { Rng } from '../tensor/random/rng.ts';
import type { RandomSource } from '../tensor/random/source.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkFlatInput, Network, testTimeParam } from './network.ts';
import type { LayerBackward } from './network.ts';
import { checkInputSize, checkNetworkOptions, checkSizes, networkOptions } from './options.ts';
import type { NetworkOptions } from './options.ts';
import { affineRow, batchnormRow, dropoutRow, layernormRow, reluRow } from './summary.ts';
import type { LayerRow } from './summary.ts';

export interface FullyConnectedNetOptions extends NetworkOptions {
  /** as the first argument: it may be repeated here, so that a network's config rebuilds the network */
  hiddenDims?: readonly number[];
  /** numbers an example, or the shape of one: 3072 unless given */
  inputDim?: number | readonly number[];
  /** before each ReLU: null (none) unless given */
  normalization?: null | 'batchnorm' | 'layernorm';
  /** the probability that dropout keeps an element, 1 (no dropout) unless given */
  dropoutKeep?: number;
  /**
   * makes every dropout draw the same mask every time, as checking gradients needs; else each step draws anew. A
   * RandomState given as rng is what is seeded again (see dropoutForward): give it to nothing else then.
   */
  seed?: number;
  /** standard deviation of the initial weights, 1e-2 unless given; biases start at 0 */
  weightScale?: number;
}

export class FullyConnectedNet extends Network {
  readonly name: string = 'FullyConnectedNet';
  protected readonly depth: number;
  /** sizes from layer to layer: D, the hidden ones, C */
  private readonly sizes: readonly number[];
  private readonly normalization: null | 'batchnorm' | 'layernorm';
  private readonly dropoutKeep: number;
  private readonly seed: number | undefined;
  /** what dropout seeds again at every forward pass */
  private readonly seeded: RandomSource;

  /**
   * A network with hidden layers of the given sizes; an empty list makes it a linear classifier.
   * Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range.
   */
  constructor(hiddenDims: readonly number[], options: FullyConnectedNetOptions = {}) {
    const fn = 'FullyConnectedNet';
    checkOptions(fn, options, [
      'hiddenDims', 'inputDim', 'normalization', 'dropoutKeep', 'seed', 'weightScale', ...networkOptions,
    ]);
    const { inputDim = 3072, normalization = null, dropoutKeep = 1, seed, weightScale = 1e-2 } = options;
    const hidden = checkSizes(fn, 'hiddenDims', hiddenDims);
    const repeated = checkSizes(fn, 'options.hiddenDims', options.hiddenDims ?? hidden);
    if (String(repeated) !== String(hidden)) {
      throw new RangeError(
        `${fn}: options.hiddenDims must repeat the first argument, got [${repeated}] and [${hidden}]`,
      );
    }
    const inputSize = checkInputSize(fn, inputDim);
    if (normalization !== null) checkOneOf(fn, 'normalization (or null)', normalization, ['batchnorm', 'layernorm']);
    checkNumber(fn, 'dropoutKeep', dropoutKeep, 0, 1);
    if (dropoutKeep === 0) throw new RangeError(`${fn}: dropoutKeep must be above 0, got 0: nothing would be left`);
    if (seed !== undefined) checkInteger(fn, 'seed', seed, 0, 0xffffffff);
    checkNumber(fn, 'weightScale', weightScale, 0);
    const shared = checkNetworkOptions(fn, options);
    super(shared, { hiddenDims: hidden, inputDim, normalization, dropoutKeep, seed, weightScale });
    this.sizes = [inputSize, ...hidden, this.numClasses];
    this.depth = hidden.length + 1;
    this.normalization = normalization;
    this.dropoutKeep = dropoutKeep;
    this.seed = seed;
    this.seeded = shared.rng;

    const { rng, dtype } = shared;
    for (let l = 1; l <= this.depth; l++) {
      const [inputs, outputs] = [this.sizes[l - 1], this.sizes[l]];
      this.params[`W${l}`] = normalInit(fn, [inputs, outputs], weightScale, rng, dtype);
      this.params[`b${l}`] = zeros(outputs, dtype);
      if (normalization === null || l === this.depth) continue;
      this.params[`gamma${l}`] = ones(outputs, dtype);
      this.params[`beta${l}`] = zeros(outputs, dtype);
      if (normalization === 'batchnorm') this.bnParams.push({ mode: 'train' });
    }
    this.placeParams();
    // A generator of its own: what else is drawn from the given one does not change the masks.
    if (dropoutKeep < 1 && seed === undefined) this.dropoutRng = new Rng(Math.floor(rng.random() * 2 ** 32));
  }

  protected checkInput(fn: string, X: Tensor): void {
    checkFlatInput(fn, X, this.sizes[0]);
  }

  protected forwardLayer(l: number, x: Tensor): [out: Tensor, backward: LayerBackward] {
    const [hidden, backward] = this.denseLayer(l, x, 'train');
    if (this.dropoutKeep === 1 || l === this.depth) return [hidden, backward];
    const [out, cache] = dropoutForward(hidden, this.dropoutParam());
    return [out, (dout, inputGradient) => backward(dropoutBackward(dout, cache), inputGradient)];
  }

  protected inferLayer(l: number, x: Tensor): Tensor {
    return this.denseLayer(l, x, 'test')[0];
  }

  /** Layer l without its dropout. */
  private denseLayer(l: number, x: Tensor, mode: 'train' | 'test'): [out: Tensor, backward: LayerBackward] {
    const [W, b, gamma, beta] = this.layerParams(l);
    if (l === this.depth) {
      const [out, cache] = affineForward(x, W, b);
      return [out, (dout, inputGradient) => affineBackward(dout, cache, inputGradient)];
    }
    if (this.normalization === 'batchnorm') {
      const param = this.bnParams[l - 1];
      const [out, cache] =
        affineBatchnormReluForward(x, W, b, gamma, beta, mode === 'train' ? param : testTimeParam(param));
      return [out, (dout, inputGradient) => affineBatchnormReluBackward(dout, cache, inputGradient)];
    }
    if (this.normalization === 'layernorm') {
      const [out, cache] = affineLayernormReluForward(x, W, b, gamma, beta);
      return [out, (dout, inputGradient) => affineLayernormReluBackward(dout, cache, inputGradient)];
    }
    const [out, cache] = affineReluForward(x, W, b);
    return [out, (dout, inputGradient) => affineReluBackward(dout, cache, inputGradient)];
  }

  private dropoutParam(): DropoutParam {
    return { keepProb: this.dropoutKeep, mode: 'train', rng: this.dropoutRng ?? this.seeded, seed: this.seed };
  }

  protected layerRows(): LayerRow[] {
    const rows: LayerRow[] = [];
    for (let l = 1; l <= this.depth; l++) {
      const shape = [this.sizes[l]];
      rows.push(affineRow(this.sizes[l - 1], this.sizes[l]));
      if (l === this.depth) break;
      if (this.normalization === 'batchnorm') rows.push(batchnormRow(shape));
      if (this.normalization === 'layernorm') rows.push(layernormRow(shape));
      rows.push(reluRow(shape));
      if (this.dropoutKeep < 1) rows.push(dropoutRow(shape, this.dropoutKeep));
    }
    return rows;
  }
}
