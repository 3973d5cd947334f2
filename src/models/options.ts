/** The options that all networks share, and their checks. */

import type { FloatType } from '../layers/arguments.ts';
import { checkSizes } from '../layers/image-network.ts';
import { checkInteger, checkNumber, checkOneOf } from '../runtime/check.ts';
import { Rng } from '../tensor/random/rng.ts';
import { checkRandomSource } from '../tensor/random/source.ts';
import type { RandomSource } from '../tensor/random/source.ts';
import { sizeOf } from '../tensor/shape.ts';
import { testTimeViews, type TestTimeViews } from './views.ts';

export interface NetworkOptions {
  /** 10 unless given */
  numClasses?: number;
  /** L2 strength: the loss gains l2Factor * reg * sum(W^2) over the weight matrices; 0 unless given */
  reg?: number;
  /** the convention for the above: 0.5 (the default) makes the gradient reg * W, 1 makes it 2 * reg * W */
  l2Factor?: number;
  /** the share of each label that training spreads evenly over all classes, 0 unless given (Szegedy et al. 2016) */
  labelSmoothing?: number;
  /** views of an image that scores are the mean of (networks on images); 'none' unless given */
  testTimeViews?: TestTimeViews;
  /** element type of the parameters, in which everything is computed; float32 unless given */
  dtype?: FloatType;
  /** where initial weights (and dropout's own generator) are drawn from; `new Rng(0)` unless given */
  rng?: RandomSource;
}

/** The names of the options above. */
export const networkOptions: readonly string[] = [
  'numClasses', 'reg', 'l2Factor', 'labelSmoothing', 'testTimeViews', 'dtype', 'rng',
];

/** The shared options with their defaults. Throws TypeError or RangeError, under the network's name. */
export function checkNetworkOptions(fn: string, options: NetworkOptions): Required<NetworkOptions> {
  return {
    numClasses: checkInteger(fn, 'numClasses', options.numClasses ?? 10, 1),
    reg: checkNumber(fn, 'reg', options.reg ?? 0, 0),
    l2Factor: checkNumber(fn, 'l2Factor', options.l2Factor ?? 0.5, 0),
    labelSmoothing: checkNumber(fn, 'labelSmoothing', options.labelSmoothing ?? 0, 0, 1),
    testTimeViews: checkOneOf(fn, 'testTimeViews', options.testTimeViews ?? 'none', testTimeViews),
    dtype: checkOneOf(fn, 'dtype', options.dtype ?? 'float32', ['float32', 'float64']),
    rng: checkRandomSource(fn, 'rng', options.rng ?? new Rng(0)),
  };
}

/** The number of inputs, given as such or as the shape of one example. */
export function checkInputSize(fn: string, inputDim: number | readonly number[]): number {
  if (typeof inputDim === 'number') return checkInteger(fn, 'inputDim', inputDim, 1);
  return sizeOf(checkSizes(fn, 'inputDim', inputDim));
}
