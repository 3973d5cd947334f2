/** `tilegrad bench`: how much the fast layers gain over the readable ones on this machine, in a few seconds. */

import { convolutionComparisons, poolingComparisons, validate } from './comparisons.ts';
import type { Comparison, Difference, FloatName } from './comparisons.ts';
import { formatMilliseconds, formatTable } from './table.ts';

/** One row of the table; times are medians in milliseconds. */
export interface ComparisonResult {
  readonly name: string;
  readonly dtype: FloatName;
  readonly naive: number;
  readonly fast: number;
  readonly speedup: number;
  readonly difference: Difference;
}

/**
 * The table that the course prints: naive, fast, speedup, difference. The difference is the course's in float64; in
 * float32, where sums that cancel have few correct digits, it is the share of the largest value.
 */
export function comparisonTable(results: readonly ComparisonResult[]): string {
  const table = formatTable(
    ['operation', 'type', 'naive', 'fast', 'speedup', 'difference'],
    results.map((result) => [
      result.name,
      result.dtype,
      formatMilliseconds(result.naive),
      formatMilliseconds(result.fast),
      `${result.speedup >= 10 ? result.speedup.toFixed(0) : result.speedup.toPrecision(2)}x`,
      (result.dtype === 'float64' ? result.difference.relative : result.difference.scaled).toExponential(1),
    ]),
    ['left', 'left', 'right', 'right', 'right', 'right'],
  );
  return `${table}difference: max |a - b| / max(1e-8, |a| + |b|) in float64, max |a - b| / max |a| in float32\n`;
}

/**
 * Validates every comparison, then times it: one untimed call, then calls for `milliseconds` (at least 3) each way.
 * Calls onResult after each.
 */
export function runComparisons(
  dtypes: readonly FloatName[],
  milliseconds: number,
  onResult: (result: ComparisonResult) => void = () => undefined,
): ComparisonResult[] {
  const results: ComparisonResult[] = [];
  for (const dtype of dtypes) {
    for (const comparison of [...convolutionComparisons(dtype), ...poolingComparisons(dtype)]) {
      const result = compare(comparison, milliseconds);
      results.push(result);
      onResult(result);
    }
  }
  return results;
}

function compare(comparison: Comparison, milliseconds: number): ComparisonResult {
  const difference = validate(comparison);
  const naive = median(() => comparison.naive(), milliseconds);
  const fast = median(() => comparison.fast(), milliseconds);
  return { name: comparison.name, dtype: comparison.dtype, naive, fast, speedup: naive / fast, difference };
}

function median(run: () => void, milliseconds: number): number {
  run();
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  while (times.length < 3 || performance.now() < end) {
    const start = performance.now();
    run();
    times.push(performance.now() - start);
  }
  times.sort((a, b) => a - b);
  return times[times.length >> 1];
}
