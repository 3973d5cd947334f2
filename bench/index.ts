/**
 * npm run bench -- [conv] [pool] [batchnorm] [--time MS] [--save]
 *
 * Naive against fast at the course's sizes, as the course's table: naive, fast, speedup, difference; for batchnorm the
 * two forms of its backward pass. Kernels and threads are ready before anything is timed, and every way is warmed up.
 * float64 is what the course's NumPy computes in. --time is how long each way of each row is run (500 ms unless told),
 * in float64 and in float32; --save keeps the figures in bench/results with machine and commit.
 */

import { ready } from '../src/kernels/status.ts';
import { comparisonTable } from '../src/node/commands/bench.ts';
import { backendLine } from '../src/node/commands/info.ts';
import { batchnormComparisons, convolutionComparisons, poolingComparisons } from '../src/node/commands/comparisons.ts';
import { ArgumentError, parseArgs } from './support/arguments.ts';
import { pick } from './support/command-line.ts';
import { timeComparison } from './support/compare.ts';
import { machine } from './support/machine.ts';
import { saveResults } from './support/results.ts';
import type { TimedComparison } from './support/compare.ts';

const suites = { conv: convolutionComparisons, pool: poolingComparisons, batchnorm: batchnormComparisons };
type SuiteName = keyof typeof suites;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { time: { type: 'string', default: '500' }, save: { type: 'boolean', default: false } },
});
const milliseconds = Number(values.time);
if (!(milliseconds > 0 && milliseconds <= 60_000))
  throw new ArgumentError(`bench: --time must be 1 to 60000 ms, got ${values.time}`);
const names = pick('bench', positionals, Object.keys(suites) as SuiteName[]);

const { processor, cores, runtime, commit } = machine();
await ready();
console.log(`${processor}, ${cores} cores, ${runtime}, commit ${commit}; ${backendLine()}\n`);
const results: TimedComparison[] = [];
for (const name of names) {
  for (const dtype of ['float64', 'float32'] as const) {
    results.push(...suites[name](dtype).map((comparison) => timeComparison(comparison, milliseconds)));
  }
}
console.log(comparisonTable(results));
if (values.save) console.log(`saved ${saveResults(`comparisons-${names.join('-')}`, results)}`);
