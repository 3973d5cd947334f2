/**
 * TwoLayerNet: affine - relu - affine - softmax.
 *
 *   X (N, D)  ->  W1 (D, H), b1 (H)  ->  relu  ->  W2 (H, C), b2 (C)  ->  scores (N, C)
 */

import { affineBackward, affineForward } from '../layers/affine.ts';
import { affineReluBackward, affineReluForward } from '../layers/affine-sandwich.ts';
import { normalInit } from '../layers/initialize.ts';
import { checkInteger, checkNumber, checkOptions } from '../runtime/check.ts';
import { zeros } from '../tensor/creation.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkFlatInput, Network } from './network.ts';
import type { LayerBackward } from './network.ts';
import { checkInputSize, checkNetworkOptions, networkOptions } from './options.ts';
import type { NetworkOptions } from './options.ts';
import { affineRow, reluRow } from '../layers/summary.ts';
import type { LayerRow } from '../layers/summary.ts';

export interface TwoLayerNetOptions extends NetworkOptions {
  /** numbers an example, or the shape of one: 3072 unless given */
  inputDim?: number | readonly number[];
  /** 100 unless given */
  hiddenDim?: number;
  /** standard deviation of the initial weights, 1e-3 unless given; biases start at 0 */
  weightScale?: number;
}

export class TwoLayerNet extends Network {
  readonly name: string = 'TwoLayerNet';
  protected readonly depth: number = 2;
  private readonly inputSize: number;
  private readonly hiddenDim: number;

  /** Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range. */
  constructor(options: TwoLayerNetOptions = {}) {
    const fn = 'TwoLayerNet';
    checkOptions(fn, options, ['inputDim', 'hiddenDim', 'weightScale', ...networkOptions]);
    const { inputDim = 3072, hiddenDim = 100, weightScale = 1e-3 } = options;
    const inputSize = checkInputSize(fn, inputDim);
    checkInteger(fn, 'hiddenDim', hiddenDim, 1);
    checkNumber(fn, 'weightScale', weightScale, 0);
    const shared = checkNetworkOptions(fn, options);
    super(shared, { inputDim, hiddenDim, weightScale });
    this.inputSize = inputSize;
    this.hiddenDim = hiddenDim;
    const { rng, dtype } = shared;
    this.params.W1 = normalInit(fn, [inputSize, hiddenDim], weightScale, rng, dtype);
    this.params.b1 = zeros(hiddenDim, dtype);
    this.params.W2 = normalInit(fn, [hiddenDim, this.numClasses], weightScale, rng, dtype);
    this.params.b2 = zeros(this.numClasses, dtype);
    this.placeParams();
  }

  protected checkInput(fn: string, X: Tensor): void {
    checkFlatInput(fn, X, this.inputSize);
  }

  protected forwardLayer(l: number, x: Tensor): [out: Tensor, backward: LayerBackward] {
    const [W, b] = this.layerParams(l);
    if (l === 1) {
      const [out, cache] = affineReluForward(x, W, b);
      return [out, (dout, inputGradient) => affineReluBackward(dout, cache, inputGradient)];
    }
    const [out, cache] = affineForward(x, W, b);
    return [out, (dout, inputGradient) => affineBackward(dout, cache, inputGradient)];
  }

  protected inferLayer(l: number, x: Tensor): Tensor {
    return this.forwardLayer(l, x)[0];
  }

  protected layerRows(): LayerRow[] {
    return [
      affineRow(this.inputSize, this.hiddenDim), reluRow([this.hiddenDim]), affineRow(this.hiddenDim, this.numClasses),
    ];
  }
}
