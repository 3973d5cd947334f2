/** Times naive against fast with tinybench; every kernel is validated before it is timed. */

import { Bench } from 'tinybench';
import type { Task } from 'tinybench';
import type { ComparisonResult } from '../../src/node/commands/bench.ts';
import { validate } from '../../src/node/commands/comparisons.ts';
import type { Comparison } from '../../src/node/commands/comparisons.ts';

/** A row of the table, with the number of calls and the spread (75th percentile) that the medians come from. */
export interface TimedComparison extends ComparisonResult {
  readonly samples: { readonly naive: number; readonly fast: number };
  readonly p75: { readonly naive: number; readonly fast: number };
}

/** Medians over `milliseconds` of calls each way. Throws Error where results differ or a call fails. */
export function timeComparison(comparison: Comparison, milliseconds: number): TimedComparison {
  const difference = validate(comparison);
  const bench = new Bench({
    time: milliseconds,
    iterations: 5,
    warmupTime: milliseconds / 5,
    warmupIterations: 2,
    throws: true,
  });
  // The results go somewhere visible, so that no engine can leave the work out.
  let sink: unknown;
  bench.add('naive', () => {
    sink = comparison.naive();
  });
  bench.add('fast', () => {
    sink = comparison.fast();
  });
  bench.runSync();
  if (!Array.isArray(sink)) throw new Error(`bench: ${comparison.name} returned nothing`);
  const [naive, fast] = ['naive', 'fast'].map((name) => statistics(comparison, bench.getTask(name)));
  return {
    name: comparison.name,
    shape: comparison.shape,
    dtype: comparison.dtype,
    difference,
    naive: naive.p50,
    fast: fast.p50,
    speedup: naive.p50 / fast.p50,
    samples: { naive: naive.samplesCount, fast: fast.samplesCount },
    p75: { naive: naive.p75, fast: fast.p75 },
  };
}

function statistics(
  comparison: Comparison,
  task: Task | undefined,
): { p50: number; p75: number; samplesCount: number } {
  const result = task?.result;
  if (result?.state !== 'completed')
    throw new Error(`bench: timing ${comparison.name} ended as ${result?.state ?? 'nothing'}`);
  return result.latency;
}
