/**
 * TwoLayerNet: affine - relu - affine - softmax.
 *
 *   X (N, D)  ->  W1 (D, H), b1 (H)  ->  relu  ->  W2 (H, C), b2 (C)  ->  scores (N, C)
 */

import { normalInit } from '../layers/initialize.ts';
import { affineRecord } from '../layers/records/affine.ts';
import { reluRecord } from '../layers/records/elementwise.ts';
import { checkInteger, checkNumber, checkOptions } from '../runtime/check.ts';
import { Network } from './network.ts';
import { checkInputSize, checkNetworkOptions, networkOptions } from './options.ts';
import type { NetworkOptions } from './options.ts';

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

  /** Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range. */
  constructor(options: TwoLayerNetOptions = {}) {
    const fn = 'TwoLayerNet';
    checkOptions(fn, options, ['inputDim', 'hiddenDim', 'weightScale', ...networkOptions]);
    const { inputDim = 3072, hiddenDim = 100, weightScale = 1e-3 } = options;
    const inputSize = checkInputSize(fn, inputDim);
    checkInteger(fn, 'hiddenDim', hiddenDim, 1);
    checkNumber(fn, 'weightScale', weightScale, 0);
    const shared = checkNetworkOptions(fn, options);
    const { rng, dtype, numClasses } = shared;
    super(fn, shared, { inputDim, hiddenDim, weightScale }, {
      input: [inputSize],
      layers: [affineRecord(inputSize, hiddenDim), reluRecord(), affineRecord(hiddenDim, numClasses)],
      initialWeights: (shape) => normalInit(fn, shape, weightScale, rng, dtype),
    });
  }
}
