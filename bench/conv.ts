/** Convolution at the course's size: x (100,3,31,31), 25 filters 3x3, stride 2, pad 1, forward and backward. */

import { convolutionComparisons } from '../src/node/commands/comparisons.ts';
import type { FloatName } from '../src/node/commands/comparisons.ts';
import { timeComparison } from './support/compare.ts';
import type { TimedComparison } from './support/compare.ts';

export function benchConvolution(dtype: FloatName, milliseconds: number): TimedComparison[] {
  return convolutionComparisons(dtype).map((comparison) => timeComparison(comparison, milliseconds));
}
