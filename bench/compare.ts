/**
 * npm run bench:compare -- COMMIT [gemm] [convolution] ... [steps] [--ways simd1,simd2] [--time MS] [--rounds N]
 *   [--margin PERCENT]
 *
 * Every kernel as it is now against how it was at a commit, in one run: each family of kernels (and `steps`, whole
 * training steps) is timed by both in turns, so many rounds, each time in a process of its own by its own bench. The
 * exit code is 1 where a kernel became slower by more than the margin, and did so in every round.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { formatMilliseconds, formatTable } from '../src/node/commands/table.ts';
import { families } from './kernels/index.ts';
import { ArgumentError, parseArgs } from './support/arguments.ts';
import { announce, numberOption, pick } from './support/command-line.ts';
import { median } from './support/timing.ts';

const { values, positionals: [commit, ...given] } = parseArgs({
  allowPositionals: true,
  options: {
    ways: { type: 'string', default: 'simd2' }, time: { type: 'string', default: '100' },
    rounds: { type: 'string', default: '3' }, margin: { type: 'string', default: '5' },
  },
});
if (commit === undefined) throw new ArgumentError('bench: name the commit to compare with');
const rounds = numberOption('rounds', values.rounds, 1, 100);
const margin = numberOption('margin', values.margin, 0, 1000) / 100;
const names = pick('bench', given, [...Object.keys(families), 'steps']);

/** What both benches save of a row. */
interface Row {
  readonly name?: string;
  readonly dtype?: string;
  readonly network?: string;
  readonly batch?: number;
  readonly times: Readonly<Record<string, { readonly median: number }>>;
}

/** Milliseconds of one side in each round, by what was timed. */
type Side = Map<string, number[]>;

function run(command: string, args: readonly string[], folder: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status !== 0) throw new Error(`bench: ${command} ${args.join(' ')} failed in ${folder}: ${stderr.trim() || stdout}`);
  return stdout;
}

/** Runs a checkout's own bench of a family, and adds what it saved to this side. */
function time(folder: string, name: string, side: Side): void {
  const [script, which] = name === 'steps' ? ['bench/steps.ts', []] : ['bench/kernels.ts', [name]];
  const options = ['--ways', values.ways, '--time', values.time, '--save'];
  const said = run(process.execPath, [...process.execArgv, script, ...which, ...options], folder);
  const file = join(folder, said.match(/saved (\S+)/)![1]);
  const { results } = JSON.parse(readFileSync(file, 'utf8')) as { results: Row[] | { kernels: Row[] } };
  rmSync(file);
  for (const row of Array.isArray(results) ? results : results.kernels) {
    const what = row.network === undefined ? `${row.name} ${row.dtype}` : `step ${row.network}, batch ${row.batch}`;
    for (const [way, timing] of Object.entries(row.times)) {
      const key = `${what} ${way}`;
      side.set(key, [...side.get(key) ?? [], timing.median]);
    }
  }
}

/** The rows that both sides have; prints them and returns how many became slower. */
function print(name: string, before: Side, now: Side): number {
  const rows = [...now].flatMap(([key, times]) => {
    const old = before.get(key);
    if (old === undefined) return [];
    const ratios = times.map((milliseconds, round) => milliseconds / old[round]);
    return [{ key, old: median(old), new: median(times), ratio: median(ratios), ratios }];
  });
  const slower = rows.filter(({ ratios }) => ratios.every((ratio) => ratio > 1 + margin));
  console.log(formatTable(
    [name, commit, 'now', 'now / then', 'by round', ''],
    rows.map(({ key, old, new: current, ratio, ratios }, i) => [
      key, formatMilliseconds(old), formatMilliseconds(current), ratio.toFixed(2),
      `${Math.min(...ratios).toFixed(2)}-${Math.max(...ratios).toFixed(2)}`, slower.includes(rows[i]) ? 'slower' : '',
    ]), ['left', 'right', 'right', 'right', 'right', 'left'],
  ));
  return slower.length;
}

announce();
const here = fileURLToPath(new URL('..', import.meta.url));
const there = mkdtempSync(join(tmpdir(), 'tilegrad-compare-'));
let slower = 0;
try {
  run('git', ['worktree', 'add', '--detach', there, commit], here);
  symlinkSync(join(here, 'node_modules'), join(there, 'node_modules'));
  for (const name of names) {
    const [before, now]: [Side, Side] = [new Map(), new Map()];
    for (let round = 0; round < rounds; round++) {
      // who goes first takes turns, too
      const order = [[there, before], [here, now]] as const;
      for (const [folder, side] of round % 2 === 0 ? order : [...order].reverse()) time(folder, name, side);
    }
    slower += print(name, before, now);
  }
} finally {
  spawnSync('git', ['worktree', 'remove', '--force', there], { cwd: here });
  rmSync(there, { recursive: true, force: true });
}
if (slower > 0) {
  console.log(`${slower} slower by more than ${values.margin}% in every round`);
  process.exitCode = 1;
}
