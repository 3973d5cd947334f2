/** Gradient checks at a sample of elements, for tensors too big to check whole. */

import { checkFunction, checkInteger, checkNumber, checkOptions } from '../runtime/check.ts';
import { checkTensorShape } from '../tensor/check.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';
import { Rng } from '../tensor/random/rng.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { centralDifference, checkFloatTensor, numberFrom, positionOf, slopeAt } from './numeric-gradient.ts';
import { relError } from './rel-error.ts';

export interface GradCheckSparseOptions {
  /** elements to check, drawn with repetition; 10 by default */
  numChecks?: number;
  /** how far an element is moved to either side; 1e-5 by default */
  h?: number;
  /** draws the elements; new Rng(0) by default */
  rng?: RandomSource;
}

/** One element's gradient, by both ways. */
export interface GradCheck {
  /** the element, in row-major order */
  index: number;
  numeric: number;
  analytic: number;
  relError: number;
}

/**
 * Compares analyticGrad with the numeric gradient of f(x) -> number at random elements of x, and returns one comparison
 * a check. Throws TypeError or RangeError for unusable arguments; x is left as it was.
 */
export function gradCheckSparse(
  f: (x: Tensor) => number | Tensor, x: Tensor, analyticGrad: Tensor, options: GradCheckSparseOptions = {},
): GradCheck[] {
  const fn = 'gradCheckSparse';
  checkFunction(fn, 'f', f);
  if (checkFloatTensor(fn, x).size === 0) throw new RangeError(`${fn}: x must have elements to check`);
  checkTensorShape(fn, 'analyticGrad', analyticGrad, x.shape);
  checkOptions(fn, options, ['numChecks', 'h', 'rng']);
  const numChecks = checkInteger(fn, 'numChecks', options.numChecks ?? 10, 1);
  const h = checkNumber(fn, 'h', options.h ?? 1e-5, Number.MIN_VALUE);
  const rng = checkRandomSource(fn, 'rng', options.rng ?? new Rng(0));
  const evaluate = (): number => numberFrom(fn, f(x));
  return Array.from({ length: numChecks }, () => {
    const index = Math.floor(rng.random() * x.size);
    const numeric = slopeAt(fn, x, positionOf(x, index), h, evaluate, centralDifference);
    const analytic = analyticGrad.data[positionOf(analyticGrad, index)];
    return { index, numeric, analytic, relError: relError(numeric, analytic) };
  });
}
