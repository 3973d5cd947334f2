/** `tilegrad bench`: how much the fast layers gain over the readable ones on this machine, in a few seconds. */

import { ready } from '../../kernels/status.ts';
import { batchnormComparisons, convolutionComparisons, poolingComparisons, validate } from './comparisons.ts';
import type { Comparison, Difference, FloatName } from './comparisons.ts';
import { formatMilliseconds, formatTable } from './table.ts';

/** One row of the table; times are medians in milliseconds. */
export interface ComparisonResult extends Pick<Comparison, 'name' | 'shape' | 'dtype'> {
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
    ['operation', 'size', 'type', 'naive', 'fast', 'speedup', 'difference'],
    results.map((result) => [
      result.name,
      result.shape,
      result.dtype,
      formatMilliseconds(result.naive),
      formatMilliseconds(result.fast),
      `${result.speedup >= 10 ? result.speedup.toFixed(0) : result.speedup.toPrecision(2)}x`,
      (result.dtype === 'float64' ? result.difference.relative : result.difference.scaled).toExponential(1),
    ]),
    ['left', 'left', 'left', 'right', 'right', 'right', 'right'],
  );
  return `${table}difference: max |a - b| / max(1e-8, |a| + |b|) in float64, max |a - b| / max |a| in float32\n` +
    'max pooling backward only moves numbers to places known from the forward pass: the loops are as fast as anything\n';
}

/** Makes the kernels ready, validates every comparison and times it, `milliseconds` (and 3 calls at least) each way. */
export async function runComparisons(
  dtypes: readonly FloatName[], milliseconds: number,
): Promise<ComparisonResult[]> {
  await ready();
  const tables = [convolutionComparisons, poolingComparisons, batchnormComparisons];
  return compareAll(dtypes.flatMap((dtype) => tables.flatMap((make) => make(dtype))), milliseconds);
}

/** Validates and times comparisons, where kernels are ready; errors and times as for runComparisons. */
export function compareAll(comparisons: readonly Comparison[], milliseconds: number): ComparisonResult[] {
  return comparisons.map((comparison) => compare(comparison, milliseconds));
}

function compare(comparison: Comparison, milliseconds: number): ComparisonResult {
  const difference = validate(comparison);
  const [naive, fast] = [comparison.naive, comparison.fast].map((run) => median(run, milliseconds));
  const { name, shape, dtype } = comparison;
  return { name, shape, dtype, naive, fast, speedup: naive / fast, difference };
}

/** The first call, which also draws memory and lets the engine compile, is not timed. */
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
