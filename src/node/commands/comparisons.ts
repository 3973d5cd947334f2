/**
 * The course's comparison of readable loops with fast layers: the same inputs through both, results compared before
 * anything is timed. Sizes are the course's: convolution of x (100,3,31,31) with 25 filters 3x3, stride 2, pad 1; max
 * pooling of x (100,3,32,32) by 2x2 windows, stride 2; batchnorm of x (128,2048).
 */

import {
  batchnormBackward, batchnormBackwardAlt, batchnormForward, convBackwardFast, convBackwardNaive, convForwardFast,
  convForwardNaive, maxPoolBackwardFast, maxPoolBackwardNaive, maxPoolForwardFast, maxPoolForwardNaive,
} from '../../layers/index.ts';
import { RandomState } from '../../tensor/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { contiguousDataAs } from '../../tensor/internal.ts';
import { relError } from '../../train/rel-error.ts';

export type FloatName = 'float32' | 'float64';

/** One operation computed in two ways from the same inputs. */
export interface Comparison {
  readonly name: string;
  /** the input's shape and what else tells the size: "100x3x31x31, 25 of 3x3, stride 2" */
  readonly shape: string;
  readonly dtype: FloatName;
  /** the results, in one order for both */
  naive(): Tensor[];
  fast(): Tensor[];
}

/** How far two sets of results lie apart. */
export interface Difference {
  /** the course's measure: max |a - b| / max(1e-8, |a| + |b|) */
  readonly relative: number;
  /** max |a - b| / max |a|, which rounding in cancelled sums does not inflate */
  readonly scaled: number;
}

/** The course's seed. */
const courseSeed = 231;

/** How much is computed: the course's sizes unless told. */
export interface ComparisonSize {
  readonly images?: number;
  /** of a convolution */
  readonly filters?: number;
}

/** The convolutions, forward and backward, in one type. Inputs are drawn from a RandomState, as in the course. */
export function convolutionComparisons(
  dtype: FloatName, { images = 100, filters = 25 }: ComparisonSize = {},
): Comparison[] {
  const random = new RandomState(courseSeed);
  const draw = (...shape: number[]): Tensor => random.randn(...shape).astype(dtype);
  const x = draw(images, 3, 31, 31);
  const w = draw(filters, 3, 3, 3);
  const b = draw(filters);
  const dout = draw(images, filters, 16, 16);
  const param = { stride: 2, pad: 1 };
  const [, naiveCache] = convForwardNaive(x, w, b, param);
  const [, fastCache] = convForwardFast(x, w, b, param);
  const common = { shape: `${images}x3x31x31, ${filters} of 3x3, stride 2`, dtype };
  return [{
    ...common, name: 'convolution forward',
    naive: () => [convForwardNaive(x, w, b, param)[0]], fast: () => [convForwardFast(x, w, b, param)[0]],
  }, {
    ...common, name: 'convolution backward',
    naive: () => convBackwardNaive(dout, naiveCache), fast: () => convBackwardFast(dout, fastCache),
  }];
}

/** The poolings, forward and backward, in one type. */
export function poolingComparisons(dtype: FloatName, { images = 100 }: ComparisonSize = {}): Comparison[] {
  const random = new RandomState(courseSeed);
  const x = random.randn(images, 3, 32, 32).astype(dtype);
  const dout = random.randn(images, 3, 16, 16).astype(dtype);
  const param = { poolHeight: 2, poolWidth: 2, stride: 2 };
  const [, naiveCache] = maxPoolForwardNaive(x, param);
  const [, fastCache] = maxPoolForwardFast(x, param);
  const common = { shape: `${images}x3x32x32, 2x2, stride 2`, dtype };
  return [{
    ...common, name: 'max pooling forward',
    naive: () => [maxPoolForwardNaive(x, param)[0]], fast: () => [maxPoolForwardFast(x, param)[0]],
  }, {
    ...common, name: 'max pooling backward',
    naive: () => [maxPoolBackwardNaive(dout, naiveCache)], fast: () => [maxPoolBackwardFast(dout, fastCache)],
  }];
}

/** Batchnorm's two backward forms in one type: node after node of the graph, and the formula it simplifies to. */
export function batchnormComparisons(dtype: FloatName): Comparison[] {
  const random = new RandomState(courseSeed);
  const x = random.randn(128, 2048).mul(5).add(12).astype(dtype);
  const [gamma, beta] = [random.randn(2048).astype(dtype), random.randn(2048).astype(dtype)];
  const dout = random.randn(128, 2048).astype(dtype);
  const [, cache] = batchnormForward(x, gamma, beta, { mode: 'train' });
  return [{
    name: 'batchnorm backward, graph and formula', shape: '128x2048', dtype,
    naive: () => batchnormBackward(dout, cache), fast: () => batchnormBackwardAlt(dout, cache),
  }];
}

/**
 * Runs both ways once and compares. Throws Error where they disagree by more than the order of summation explains
 * (1e-9 relative in float64; 1e-5 of the largest value in float32): a wrong kernel is not worth timing.
 */
export function validate(comparison: Comparison): Difference {
  const naive = comparison.naive();
  const fast = comparison.fast();
  let relative = 0;
  let scaled = 0;
  naive.forEach((result, i) => {
    relative = Math.max(relative, relError(result, fast[i]));
    scaled = Math.max(scaled, scaledDifference(result, fast[i]));
  });
  const agrees = comparison.dtype === 'float64' ? relative <= 1e-9 : scaled <= 1e-5;
  if (!agrees) {
    throw new Error(
      `bench: ${comparison.name} in ${comparison.dtype} differs from its naive definition: ` +
      `${relative.toExponential(2)} relative, ${scaled.toExponential(2)} of the largest value`,
    );
  }
  return { relative, scaled };
}

function scaledDifference(a: Tensor, b: Tensor): number {
  const x = contiguousDataAs(a, 'float64');
  const y = contiguousDataAs(b, 'float64');
  let difference = 0;
  let largest = 0;
  for (let i = 0; i < x.length; i++) {
    // A NaN on either side makes the result NaN (Math.max hands it on), which passes no comparison.
    difference = Math.max(difference, Math.abs(x[i] - y[i]));
    largest = Math.max(largest, Math.abs(x[i]));
  }
  return difference === 0 ? 0 : difference / largest;
}
