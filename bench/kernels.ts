/**
 * npm run bench:kernels -- [gemm] [convolution] [pooling] [normalisation] [elementwise] [update] [loss] [handoff]
 *   [--ways naive,js,simd1,simd2,relaxed1,relaxed2] [--relaxed] [--time MS] [--rounds N] [--peers DIR] [--save]
 *
 * Every kernel on every backend, on one thread and two. Results are compared with the definition (naive where that
 * takes about a second at most, else js) before anything is timed. Then, for each, a roofline line: what it reaches of
 * this machine's measured ceiling (see support/ceilings.ts), arithmetic for one kind of kernels, copying for the other.
 * With --peers the same work by PyTorch and ONNX Runtime Web, in turns with ours.
 */

import type { FloatArray } from '../src/kernels/contract.ts';
import { activeKernels } from '../src/kernels/registry.ts';
import { formatMilliseconds, formatTable } from '../src/node/commands/table.ts';
import { families } from './kernels/index.ts';
import { parseArgs } from './support/arguments.ts';
import { Arrays, scaledDifference } from './support/arrays.ts';
import { arithmeticPeak, copyBandwidth, handOffs } from './support/ceilings.ts';
import { announce, numberOption, pick, pickWays } from './support/command-line.ts';
import { tolerance } from './support/kernel-case.ts';
import type { KernelCase } from './support/kernel-case.ts';
import { PeerMedians, Peers, peerTitles } from './support/peers.ts';
import type { PeerName } from './support/peers.ts';
import { saveResults } from './support/results.ts';
import { acrossRounds, median, timeKernel } from './support/timing.ts';
import type { Timing } from './support/timing.ts';
import { enter, isRelaxed, isSimd, threadsOf } from './support/ways.ts';
import type { WayName } from './support/ways.ts';

type FamilyName = keyof typeof families;

/** Steps of a definition's innermost loop that take about a second. */
const naiveSteps = 3e8;

/** A relaxed kernel rounds differently; results may lie so many times further apart. */
const relaxedAllowance = 4;

/** What a SIMD kernel reaches of the machine's ceiling, in GFLOP/s or GB/s. */
interface Roofline {
  readonly way: WayName;
  readonly unit: 'GFLOP/s' | 'GB/s';
  readonly reached: number;
  readonly ceiling: number;
}

interface PeerTime {
  readonly peer: PeerName;
  readonly median: number;
  /** peer / ours, both on two threads */
  readonly ratio: number;
}

interface KernelResult {
  readonly family: FamilyName;
  readonly name: string;
  readonly dtype: string;
  readonly times: Partial<Record<WayName, Timing>>;
  readonly rooflines: readonly Roofline[];
  readonly peers: readonly PeerTime[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ways: { type: 'string' }, relaxed: { type: 'boolean', default: false }, time: { type: 'string', default: '150' },
    rounds: { type: 'string' }, peers: { type: 'string' }, save: { type: 'boolean', default: false },
  },
});
const milliseconds = numberOption('time', values.time, 1, 60_000);
const rounds = numberOption('rounds', values.rounds ?? (values.peers === undefined ? '1' : '2'), 1, 100);
const names = pick('bench', positionals, [...Object.keys(families) as FamilyName[], 'handoff']);
const ways = pickWays(values.ways, values.relaxed);
const peers = values.peers === undefined ? null : new Peers(values.peers);

/** Times by case and way, one entry a round. */
type Times = ReadonlyArray<Map<WayName, Timing[]>>;

async function referenceResults(cases: readonly KernelCase[]): Promise<Float64Array[][]> {
  const results: Float64Array[][] = [];
  for (const each of cases) {
    await enter(each.steps <= naiveSteps ? 'naive' : 'js');
    const arrays = new Arrays(each.dtype);
    const prepared = each.prepare(arrays);
    prepared.run(activeKernels());
    results.push(prepared.results.map((result) => Float64Array.from(result)));
    arrays.release();
  }
  return results;
}

function check(each: KernelCase, way: WayName, expected: readonly Float64Array[], actual: readonly FloatArray[]): void {
  const difference = scaledDifference(expected, actual);
  const allowed = tolerance(each) * (isRelaxed(way) ? relaxedAllowance : 1);
  if (!(difference <= allowed)) {
    throw new Error(`bench: ${each.name} (${each.dtype}) on ${way} differs from its definition by ` +
      `${difference.toExponential(2)} of the largest value, more than ${allowed.toExponential(0)}`);
  }
}

/** One round of ours: every case of a family in every way, compared with its definition before it is timed. */
async function timeFamily(
  cases: readonly KernelCase[], round: number, expected: Float64Array[][], times: Times,
): Promise<void> {
  for (const way of ways) {
    await enter(way);
    const kernels = activeKernels();
    cases.forEach((each, i) => {
      const slow = way === 'naive' || way === 'js';
      if ((way === 'naive' && each.steps > naiveSteps) || (slow && round > 0)) return;
      const arrays = new Arrays(each.dtype);
      const prepared = each.prepare(arrays);
      prepared.run(kernels);
      check(each, way, expected[i], prepared.results);
      times[i].set(way, [...(times[i].get(way) ?? []), timeKernel(() => prepared.run(kernels), milliseconds)]);
      arrays.release();
    });
  }
}

async function rooflinesOf({ work, dtype }: KernelCase, times: KernelResult['times']): Promise<Roofline[]> {
  const found: Roofline[] = [];
  for (const way of ways.filter(isSimd)) {
    const time = times[way];
    if (time === undefined) continue;
    const threads = threadsOf(way);
    if (work.limit === 'arithmetic') {
      const ceiling = await arithmeticPeak(dtype, threads, isRelaxed(way));
      found.push({ way, unit: 'GFLOP/s', reached: work.operations / time.median / 1e6, ceiling });
    } else {
      const ceiling = await copyBandwidth(work.workingSet, threads);
      found.push({ way, unit: 'GB/s', reached: work.bytes / time.median / 1e6, ceiling });
    }
  }
  return found;
}

function peersOf({ peer }: KernelCase, dtype: string, times: KernelResult['times'], medians: PeerMedians): PeerTime[] {
  const ours = times.simd2 ?? times.simd1;
  if (peer === undefined || dtype !== 'float32' || ours === undefined) return [];
  return (['torch', 'ort'] as const).flatMap((name) => {
    const found = medians.rounds(name, 2, peer.case, peer.operation);
    return found.length === 0 ? [] : [{ peer: name, median: median(found), ratio: median(found) / ours.median }];
  });
}

async function benchFamily(family: FamilyName): Promise<KernelResult[]> {
  const cases: readonly KernelCase[] = families[family];
  const times: Times = cases.map(() => new Map());
  const medians = new PeerMedians();
  const workloads = [...new Set(cases.flatMap(({ peer }) => (peer === undefined ? [] : [peer.workload])))];
  const expected = await referenceResults(cases);
  for (let round = 0; round < rounds; round++) {
    await timeFamily(cases, round, expected, times);
    if (peers === null || workloads.length === 0) continue;
    medians.add('torch', peers.torch(workloads, 2));
    medians.add('ort', peers.ort(workloads, 2));
  }
  const results: KernelResult[] = [];
  for (const [i, each] of cases.entries()) {
    const own: KernelResult['times'] = Object.fromEntries([...times[i]].map(([way, all]) => [way, acrossRounds(all)]));
    const rooflines = await rooflinesOf(each, own);
    const { name, dtype } = each;
    results.push({ family, name, dtype, times: own, rooflines, peers: peersOf(each, dtype, own, medians) });
  }
  return results;
}

function print(results: readonly KernelResult[]): void {
  const right = 'right' as const;
  console.log(formatTable(
    ['kernel', 'type', ...ways], results.map(({ name, dtype, times }) => [
      name, dtype, ...ways.map((way) => (times[way] === undefined ? '' : formatMilliseconds(times[way].median))),
    ]), ['left', 'left', ...ways.map(() => right)],
  ));
  const shown = ways.filter(isSimd);
  console.log(formatTable(
    ['roofline', 'type', ...shown.flatMap((way) => [way, 'ceiling', 'share'])],
    results.map(({ name, dtype, rooflines }) => [name, dtype, ...shown.flatMap((way) => {
      const line = rooflines.find((each) => each.way === way);
      if (line === undefined) return ['', '', ''];
      const { reached, ceiling, unit } = line;
      return [`${reached.toFixed(1)} ${unit}`, ceiling.toFixed(1), `${((100 * reached) / ceiling).toFixed(0)}%`];
    })]), ['left', 'left', ...shown.flatMap(() => [right, right, right])],
  ));
  const compared = results.filter((result) => result.peers.length > 0);
  if (compared.length === 0) return;
  console.log(formatTable(
    ['two threads', 'tilegrad', 'peer', '', 'ratio'],
    compared.flatMap(({ name, times, peers: found }) => found.map((other) => [
      name, formatMilliseconds((times.simd2 ?? times.simd1)!.median), peerTitles[other.peer],
      formatMilliseconds(other.median), other.ratio.toFixed(2),
    ])), ['left', right, 'left', right, right],
  ));
}

announce();
const results: KernelResult[] = [];
for (const name of names) {
  if (name === 'handoff') continue;
  const found = await benchFamily(name);
  print(found);
  results.push(...found);
}
const handOff = names.includes('handoff') ? await handOffs() : [];
if (handOff.length > 0) {
  console.log(formatTable(
    ['handing work to a second thread', 'median', 'p99'],
    handOff.map(({ name, median: middle, p99 }) => [name, `${middle.toFixed(2)} µs`, `${p99.toFixed(1)} µs`]),
    ['left', 'right', 'right'],
  ));
}
if (values.save) console.log(`saved ${saveResults('kernels', { kernels: results, handOff })}`);
