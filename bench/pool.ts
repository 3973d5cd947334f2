/** Max pooling at the course's size: x (100,3,32,32), 2x2 windows, stride 2, forward and backward. */

import { poolingComparisons } from '../src/node/commands/comparisons.ts';
import type { FloatName } from '../src/node/commands/comparisons.ts';
import { timeComparison } from './support/compare.ts';
import type { TimedComparison } from './support/compare.ts';

export function benchPooling(dtype: FloatName, milliseconds: number): TimedComparison[] {
  return poolingComparisons(dtype).map((comparison) => timeComparison(comparison, milliseconds));
}
