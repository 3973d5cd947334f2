/**
 * FullyConnectedNet: {affine - [batchnorm or layernorm] - relu - [dropout]} x (L - 1) - affine - softmax.
 *
 *   X (N, D)  ->  W1 (D, H1), b1, gamma1, beta1 (H1)  ->  ...  ->  WL (H, C), bL (C)  ->  scores (N, C)
 */

import { checkSizes } from '../layers/image-network.ts';
import { checkDropout } from '../layers/dropout.ts';
import { normalInit } from '../layers/initialize.ts';
import type { LayerRecord } from '../layers/record.ts';
import { affineRecord } from '../layers/records/affine.ts';
import { dropoutRecord, reluRecord } from '../layers/records/elementwise.ts';
import { batchnormRecord, layernormRecord } from '../layers/records/normalization.ts';
import { checkInteger, checkNumber, checkOneOf, checkOptions } from '../runtime/check.ts';
import { Rng } from '../tensor/random/rng.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';
import { Network } from './network.ts';
import { checkInputSize, checkNetworkOptions, networkOptions } from './options.ts';
import type { NetworkOptions } from './options.ts';

export interface FullyConnectedNetOptions extends NetworkOptions {
  /** as the first argument: it may be repeated here, so that a network's config rebuilds the network */
  hiddenDims?: readonly number[];
  /** numbers an example, or the shape of one: 3072 unless given */
  inputDim?: number | readonly number[];
  /** before each ReLU: null (none) unless given */
  normalization?: null | 'batchnorm' | 'layernorm';
  /** the probability that dropout keeps an element, 1 (no dropout) unless given */
  dropoutKeep?: number;
  /** instead of it, the probability that dropout drops an element (see dropoutForward: the same draws, other masks) */
  dropoutDrop?: number;
  /**
   * where masks are drawn from, a generator of the network's own unless given. One that is given is not part of the
   * network's state. Where it is the Solver's too, in checkpoints by that, masks and batches come from one stream.
   */
  dropoutRng?: RandomSource;
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

  /**
   * A network with hidden layers of the given sizes; an empty list makes it a linear classifier.
   * Throws TypeError for options that are unknown or of the wrong kind, RangeError for values out of range.
   */
  constructor(hiddenDims: readonly number[], options: FullyConnectedNetOptions = {}) {
    const fn = 'FullyConnectedNet';
    checkOptions(fn, options, [
      'hiddenDims', 'inputDim', 'normalization', 'dropoutKeep', 'dropoutDrop', 'dropoutRng', 'seed', 'weightScale',
      ...networkOptions,
    ]);
    const { inputDim = 3072, normalization = null, dropoutDrop, dropoutRng, seed, weightScale = 1e-2 } = options;
    const dropoutKeep = options.dropoutKeep ?? (dropoutDrop === undefined ? 1 : undefined);
    const hidden = checkSizes(fn, 'hiddenDims', hiddenDims);
    const repeated = checkSizes(fn, 'options.hiddenDims', options.hiddenDims ?? hidden);
    if (String(repeated) !== String(hidden)) {
      throw new RangeError(
        `${fn}: options.hiddenDims must repeat the first argument, got [${repeated}] and [${hidden}]`,
      );
    }
    const inputSize = checkInputSize(fn, inputDim);
    if (normalization !== null) checkOneOf(fn, 'normalization (or null)', normalization, ['batchnorm', 'layernorm']);
    const probability = { keepProb: dropoutKeep, dropProb: dropoutDrop };
    checkDropout(fn, probability, ['dropoutKeep', 'dropoutDrop']);
    const drops = dropoutDrop === undefined ? dropoutKeep! < 1 : dropoutDrop > 0;
    if (dropoutRng !== undefined) checkRandomSource(fn, 'dropoutRng', dropoutRng);
    if (seed !== undefined) checkInteger(fn, 'seed', seed, 0, 0xffffffff);
    checkNumber(fn, 'weightScale', weightScale, 0);
    const shared = checkNetworkOptions(fn, options);
    const { rng, dtype, numClasses } = shared;
    const sizes = [inputSize, ...hidden];
    let masks: RandomSource = dropoutRng ?? rng;
    const layers = hidden.flatMap((size, i): LayerRecord[] => [
      affineRecord(sizes[i], size),
      ...(normalization === 'batchnorm' ? [batchnormRecord(size)] : []),
      ...(normalization === 'layernorm' ? [layernormRecord(size)] : []),
      reluRecord(),
      ...(drops ? [dropoutRecord(probability, () => masks, seed)] : []),
    ]);
    const dropout = dropoutDrop === undefined ? { dropoutKeep } : { dropoutDrop };
    super(fn, shared, { hiddenDims: hidden, inputDim, normalization, ...dropout, seed, weightScale }, {
      input: [inputSize],
      layers: [...layers, affineRecord(sizes[hidden.length], numClasses)],
      initialWeights: (shape) => normalInit(fn, shape, weightScale, rng, dtype),
    });
    // A generator of its own: what else is drawn from the given one does not change the masks.
    if (drops && seed === undefined && dropoutRng === undefined) {
      masks = this.dropoutRng = new Rng(Math.floor(rng.random() * 2 ** 32));
    }
  }
}
