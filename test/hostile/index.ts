/**
 * npm run test:hostile -- [kills] [files] [calls] [threads] [--minutes N] [--seed N]
 *
 * Attacks the library at random for so many minutes in all (10 unless told), an equal share for each attack:
 * kills of training processes, damaged files, wrong calls, dying and frozen worker threads. Prints what was tried and
 * how it ended; exit code 1 when anything failed. A seed gives the same damages and calls; kills fall where they fall.
 */

import { parseArgs } from 'node:util';
import { Rng } from '../../src/index.ts';
import { wrongCalls } from './calls.ts';
import { damagedFiles } from './damage.ts';
import { kills } from './kills.ts';
import { Tally } from './tally.ts';
import { failingThreads } from './threads.ts';

const attacks = { kills, files: damagedFiles, calls: wrongCalls, threads: failingThreads };
type AttackName = keyof typeof attacks;

const { values, positionals } = parseArgs({
  allowPositionals: true, options: { minutes: { type: 'string', default: '10' }, seed: { type: 'string' } },
});
const minutes = Number(values.minutes);
if (!(minutes > 0 && minutes <= 600)) {
  throw new RangeError(`hostile: --minutes must be 0 to 600, got ${values.minutes}`);
}
const seed = Number(values.seed ?? Date.now() % 1_000_000);
if (!Number.isSafeInteger(seed) || seed < 0) {
  throw new RangeError(`hostile: --seed must be a count, got ${values.seed}`);
}
for (const name of positionals) {
  if (!Object.hasOwn(attacks, name)) {
    throw new RangeError(`hostile: unknown attack "${name}", there are ${Object.keys(attacks).join(', ')}`);
  }
}
const names = (positionals.length > 0 ? positionals : Object.keys(attacks)) as AttackName[];

let failed = 0;
console.log(`hostile: ${names.join(', ')}; ${minutes} minutes, --seed ${seed}`);
for (const [i, name] of names.entries()) {
  const end = performance.now() + (60_000 * minutes) / names.length;
  const tally = await attacks[name]({ rng: new Rng(seed + i), end }).catch((error: unknown) => {
    const broken = new Tally();
    broken.fail(`ended early: ${error instanceof Error ? error.stack : String(error)}`);
    return broken;
  });
  failed += tally.failed;
  for (const line of tally.failures) console.log(`FAILED ${name}: ${line}`);
  console.log(`${name}: ${tally.toString()}`);
}
console.log(failed === 0 ? 'hostile: nothing failed' : `hostile: ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
