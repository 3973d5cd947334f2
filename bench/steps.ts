/**
 * npm run bench:steps -- [a] [b] [c] [d] [e] [f] [resnet]
 *   [--ways naive,js,simd1,simd2,relaxed1,relaxed2,wide1,wide2] [--relaxed] [--time MS] [--rounds N] [--peers DIR]
 *   [--profile] [--save] [--readme]
 *
 * Whole training steps: draw a batch, forward, loss, backward, update, by Solver.step. Gradients are compared with the
 * definition's before anything is timed. With --peers PyTorch, as it comes and tuned, takes the same steps in turns
 * with us, ours first, plain, relaxed and wide on two threads unless --ways says otherwise, so many rounds; its images
 * are at hand, it draws no batch. --profile shows which kernels the time goes to; --readme puts the comparison into
 * README's table.
 *
 * Naive is timed where a step takes seconds at most, js where it does not take minutes.
 */

import { formatMilliseconds, formatTable } from '../src/node/commands/table.ts';
import type { Solver } from '../src/train/index.ts';
import { parseArgs } from './support/arguments.ts';
import { announce, numberOption, pick, pickWays } from './support/command-line.ts';
import { networkKeys, networks, stepOperations } from './support/networks.ts';
import type { NetworkCase, NetworkKey } from './support/networks.ts';
import { PeerMedians, Peers } from './support/peers.ts';
import { profile, profileText } from './support/profile.ts';
import { replaceInReadme, saveResults } from './support/results.ts';
import { acrossRounds, median, medianOfMany } from './support/timing.ts';
import type { ManyOptions, Timing } from './support/timing.ts';
import { solverFor, validateNetwork } from './support/trained.ts';
import { enter, isSimd } from './support/ways.ts';
import type { WayName } from './support/ways.ts';

export interface StepResult {
  readonly network: NetworkKey;
  readonly name: string;
  readonly title: string;
  readonly batch: number;
  readonly times: Partial<Record<WayName, Timing>>;
  /** GFLOP/s by the operations of the definition, on two threads (one, where two were not timed) */
  readonly rate: number;
  /** one thread's time / two threads' */
  readonly scaling: number | null;
  /** PyTorch on two threads, as it comes; null where it was not timed */
  readonly torch: Comparison | null;
  /** the same with channels innermost and an allocator that keeps its blocks */
  readonly tuned?: Comparison | null;
  /** multiply-add fused (relaxed): how many times as fast as apart */
  readonly relaxedGain?: number;
  /** pairs of vectors joined (wide): how many times as fast as single ones */
  readonly wideGain?: number;
}

/** A peer's milliseconds, peer / ours, and the lowest and highest of that ratio over the rounds. */
export interface Comparison {
  readonly median: number;
  readonly ratio: number;
  readonly range: readonly [number, number];
}

/** Operations of a step that naive, and js, are still timed with. */
const most: Partial<Record<WayName, number>> = { naive: 2e9, js: 1e10 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ways: { type: 'string' }, relaxed: { type: 'boolean', default: false }, time: { type: 'string', default: '1000' },
    rounds: { type: 'string' }, peers: { type: 'string' }, profile: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false }, readme: { type: 'boolean', default: false },
  },
});
const milliseconds = numberOption('time', values.time, 1, 60_000);
const rounds = numberOption('rounds', values.rounds ?? (values.peers === undefined ? '1' : '3'), 1, 100);
const keys = pick('network', positionals, networkKeys);
const ways = pickWays(values.ways ?? (values.peers === undefined ? undefined : 'simd2,relaxed2,wide2'), values.relaxed);
const peers = values.peers === undefined ? null : new Peers(values.peers);

function optionsOf(way: WayName): ManyOptions {
  if (way === 'naive') return { warmCalls: 0, warmMilliseconds: 0, calls: 2, milliseconds: 0 };
  if (way === 'js') return { warmCalls: 1, warmMilliseconds: 0, calls: 3, milliseconds: milliseconds / 2 };
  return { warmCalls: 3, warmMilliseconds: milliseconds / 2, calls: 5, milliseconds };
}

/** One batch size of a network: a solver a way, and its times, one a round. */
interface Entry {
  readonly batch: number;
  readonly solvers: Map<WayName, Solver>;
  readonly times: Map<WayName, Timing[]>;
}

async function timeRound(network: NetworkCase, { batch, solvers, times }: Entry, round: number): Promise<void> {
  for (const way of ways) {
    const tooLong = stepOperations(network, batch) > (most[way] ?? Infinity);
    if (tooLong || (!isSimd(way) && round > 0)) continue;
    await enter(way);
    const solver = solvers.get(way) ?? solverFor(network, batch);
    solvers.set(way, solver);
    times.set(way, [...(times.get(way) ?? []), await medianOfMany(() => solver.step(), optionsOf(way))]);
  }
}

/** The same seed must give the same losses on any number of threads, at the batch size that was timed. */
function checkLosses(network: NetworkCase, { batch, solvers }: Entry): void {
  const [one, two] = [solvers.get('simd1'), solvers.get('simd2')];
  if (one === undefined || two === undefined) return;
  for (let i = 0; i < Math.min(one.iteration, two.iteration); i++) {
    if (one.lossHistory[i] !== two.lossHistory[i]) {
      throw new Error(`bench: network ${network.key}, batch ${batch}: loss ${i + 1} depends on the number of threads`);
    }
  }
}

function resultOf(network: NetworkCase, { batch, times }: Entry, medians: PeerMedians): StepResult {
  const own = Object.fromEntries([...times].map(([way, all]) => [way, acrossRounds(all)])) as StepResult['times'];
  const oursByRound = times.get('simd2') ?? times.get('simd1');
  const ours = own.simd2 ?? own.simd1;
  const compared = (peer: 'torch' | 'tuned'): Comparison | null => {
    const theirs = medians.rounds(peer, 2, network.peer, 'train', batch);
    if (theirs.length === 0 || ours === undefined || oursByRound === undefined) return null;
    const ratios = theirs.map((milli, i) => milli / oursByRound[i].median);
    const middle = median(theirs);
    return { median: middle, ratio: middle / ours.median, range: [Math.min(...ratios), Math.max(...ratios)] };
  };
  const gain = (way: 'relaxed2' | 'wide2'): number | undefined =>
    own.simd2 === undefined || own[way] === undefined ? undefined : own.simd2.median / own[way].median;
  return {
    network: network.key, name: network.name, title: network.title, batch, times: own,
    torch: compared('torch'), tuned: compared('tuned'), relaxedGain: gain('relaxed2'), wideGain: gain('wide2'),
    rate: ours === undefined ? NaN : stepOperations(network, batch) / ours.median / 1e6,
    scaling: own.simd1 === undefined || own.simd2 === undefined ? null : own.simd1.median / own.simd2.median,
  };
}

async function benchNetwork(network: NetworkCase): Promise<StepResult[]> {
  await validateNetwork(network, ways);
  const entries: Entry[] = network.batches.map((batch) => ({ batch, solvers: new Map(), times: new Map() }));
  const medians = new PeerMedians();
  for (let round = 0; round < rounds; round++) {
    for (const entry of entries) await timeRound(network, entry, round);
    if (peers === null) continue;
    for (const peer of ['torch', 'tuned'] as const) medians.add(peer, peers.trainingStep(peer, network.peer, 2));
  }
  for (const entry of entries) {
    checkLosses(network, entry);
    if (values.profile) await printProfile(network, entry);
  }
  return entries.map((entry) => resultOf(network, entry, medians));
}

async function printProfile(network: NetworkCase, { batch, solvers }: Entry): Promise<void> {
  for (const way of ways.filter(isSimd)) {
    await enter(way);
    const solver = solvers.get(way)!;
    for (let i = 0; i < 3; i++) solver.step();
    const found = profile(() => void solver.step(), 20);
    console.log(`network ${network.key}, batch ${batch}, ${way}:\n${profileText(found)}\n`);
  }
}

/** "1.60 (1.59 to 2.09)" */
function ratioText(found: Comparison | null | undefined): string {
  if (!found) return '';
  const [low, high] = found.range.map((ratio) => ratio.toFixed(2));
  return `${found.ratio.toFixed(2)} (${low} to ${high})`;
}

function timeText(found: { readonly median: number } | null | undefined): string {
  return found ? formatMilliseconds(found.median) : '';
}

function gainText(gain: number | undefined): string {
  return gain === undefined ? '' : gain.toFixed(2);
}

function print(results: readonly StepResult[]): void {
  const compared = results.some(({ torch }) => torch !== null);
  const heads = ['training step', 'batch', ...ways, '1 to 2 threads', 'GFLOP/s'];
  const rows = results.map(({ network, batch, times, scaling, rate, torch, tuned }) => [
    network, String(batch), ...ways.map((way) => timeText(times[way])),
    scaling === null ? '' : `${scaling.toFixed(2)}x`, Number.isNaN(rate) ? '' : rate.toFixed(0),
    ...(compared ? [timeText(torch), ratioText(torch), timeText(tuned), ratioText(tuned)] : []),
  ]);
  const all = [...heads, ...(compared ? ['PyTorch', 'ratio (by round)', 'tuned', 'ratio (by round)'] : [])];
  console.log(formatTable(all, rows, all.map((_, i) => (i === 0 ? 'left' : 'right'))));
}

/** README's table of training steps. */
function readmeTable(results: readonly StepResult[]): string {
  const lines = results.map(({ network, title, batch, times, torch, tuned, relaxedGain, wideGain }) => [
    `${network}: ${title}, batch ${batch}`, timeText(times.simd2), timeText(torch), ratioText(torch),
    timeText(tuned), ratioText(tuned), gainText(relaxedGain), gainText(wideGain),
  ]);
  const heads = [
    'training step: forward, loss, backward, update', 'tilegrad', 'PyTorch', 'PyTorch / ours', 'PyTorch tuned',
    'tuned / ours', 'gain by relaxed', 'by wide',
  ];
  return [heads, heads.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

announce();
const results: StepResult[] = [];
for (const network of networks.filter(({ key }) => keys.includes(key))) {
  const found = await benchNetwork(network);
  print(found);
  results.push(...found);
}
if (keys.length > 1) print(results);
if (values.save) console.log(`saved ${saveResults('steps', results)}`);
if (values.readme) replaceInReadme('steps', readmeTable(results));
