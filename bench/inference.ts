/**
 * npm run bench:inference -- [a] [c] [d]
 *   [--ways naive,js,simd1,simd2,...] [--relaxed] [--time MS] [--rounds N] [--peers DIR] [--profile] [--save]
 *
 * Class scores at test time, `loss(X)`, in batches of 1 to 1,000, after a training step, which gives the
 * batchnorms their running averages and moves the parameters to where kernels reach them. Scores are compared with
 * those of the js backend before anything is timed. With --peers ONNX Runtime, for the web and native, and PyTorch
 * classify in turns with us, batches of 100 and one by one, so many rounds.
 */

import { formatTable } from '../src/node/commands/table.ts';
import type { SolverModel } from '../src/train/index.ts';
import { parseArgs } from './support/arguments.ts';
import { scaledDifference } from './support/arrays.ts';
import { announce, numberOption, pick, pickWays } from './support/command-line.ts';
import { networks } from './support/networks.ts';
import type { NetworkCase, NetworkKey } from './support/networks.ts';
import { PeerMedians, Peers, peerTitles } from './support/peers.ts';
import type { PeerName } from './support/peers.ts';
import { profile, profileText } from './support/profile.ts';
import { saveResults } from './support/results.ts';
import { acrossRounds, median, medianOfMany } from './support/timing.ts';
import type { Timing } from './support/timing.ts';
import { images, solverFor } from './support/trained.ts';
import { enter, isSimd } from './support/ways.ts';
import type { WayName } from './support/ways.ts';

export interface InferenceResult {
  readonly network: NetworkKey;
  readonly name: string;
  readonly batch: number;
  readonly times: Partial<Record<WayName, Timing>>;
  /** images a second by way */
  readonly imagesPerSecond: Partial<Record<WayName, number>>;
  /** on two threads; ratio is our images a second / theirs */
  readonly peers: ReadonlyArray<{
    readonly peer: PeerName; readonly median: number; readonly imagesPerSecond: number; readonly ratio: number;
  }>;
}

/** Operations of a call that naive, and js, are still timed with. */
const most: Partial<Record<WayName, number>> = { naive: 1e9, js: 5e9 };

/** Scores may lie so far from the definition's, as a share of the largest. */
const allowed = 1e-4;

const comparedPeers = ['ort', 'ortNative', 'torch'] as const;

const served = networks.filter(({ inferenceBatches }) => inferenceBatches.length > 0);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    ways: { type: 'string' }, relaxed: { type: 'boolean', default: false }, time: { type: 'string', default: '1000' },
    rounds: { type: 'string' }, peers: { type: 'string' }, profile: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const milliseconds = numberOption('time', values.time, 1, 60_000);
const rounds = numberOption('rounds', values.rounds ?? (values.peers === undefined ? '1' : '3'), 1, 100);
const keys = pick('network', positionals, served.map(({ key }) => key));
const ways = pickWays(values.ways, values.relaxed);
const peers = values.peers === undefined ? null : new Peers(values.peers);

/** A network, trained for one step so that there are running averages, and its times by way, one a round. */
interface Entry {
  readonly network: NetworkCase;
  readonly model: SolverModel;
  readonly batch: number;
  readonly times: Map<WayName, Timing[]>;
}

async function prepare(network: NetworkCase): Promise<Entry[]> {
  await enter(ways.find(isSimd) ?? ways[0]);
  const solver = solverFor(network, 32);
  solver.step();
  const { model } = solver;
  const [X] = images(2);
  await enter('js');
  const expected = model.loss(X).data.slice();
  for (const way of ways) {
    await enter(way);
    const difference = scaledDifference([expected], [model.loss(X).data]);
    if (!(difference <= allowed)) {
      throw new Error(`bench: the scores of network ${network.key} on ${way} are ${difference.toExponential(2)} off`);
    }
  }
  return network.inferenceBatches.map((batch) => ({ network, model, batch, times: new Map() }));
}

async function timeRound({ network, model, batch, times }: Entry, round: number): Promise<void> {
  const [X] = images(batch);
  for (const way of ways) {
    const tooLong = batch * network.forwardOperations > (most[way] ?? Infinity);
    if (tooLong || (!isSimd(way) && round > 0)) continue;
    await enter(way);
    const few = { warmCalls: 1, warmMilliseconds: 0, calls: 3, milliseconds: 0 };
    const options = isSimd(way) ? { calls: 10, milliseconds } : few;
    times.set(way, [...(times.get(way) ?? []), await medianOfMany(() => model.loss(X), options)]);
  }
}

function resultOf({ network, batch, times }: Entry, medians: PeerMedians): InferenceResult {
  const own = Object.fromEntries([...times].map(([way, all]) => [way, acrossRounds(all)])) as InferenceResult['times'];
  const rate = (milli: number): number => (1000 * batch) / milli;
  const ours = own.simd2 ?? own.simd1;
  return {
    network: network.key, name: network.name, batch, times: own,
    imagesPerSecond: Object.fromEntries(Object.entries(own).map(([way, time]) => [way, rate(time.median)])),
    peers: comparedPeers.flatMap((peer) => {
      const found = medians.rounds(peer, 2, network.peer, 'infer', batch);
      if (found.length === 0 || ours === undefined) return [];
      const theirs = median(found);
      return [{ peer, median: theirs, imagesPerSecond: rate(theirs), ratio: theirs / ours.median }];
    }),
  };
}

function print(results: readonly InferenceResult[]): void {
  const present = new Set(results.flatMap((result) => result.peers.map(({ peer }) => peer)));
  const shown = comparedPeers.filter((peer) => present.has(peer));
  const heads = ['images a second', 'batch', ...ways, ...shown.flatMap((peer) => [peerTitles[peer], 'ratio'])];
  const rate = (value: number | undefined): string =>
    (value === undefined ? '' : value.toLocaleString('en', { maximumFractionDigits: 0 }));
  console.log(formatTable(heads, results.map(({ network, batch, imagesPerSecond, peers: found }) => [
    network, String(batch), ...ways.map((way) => rate(imagesPerSecond[way])),
    ...shown.flatMap((peer) => {
      const other = found.find((each) => each.peer === peer);
      return other === undefined ? ['', ''] : [rate(other.imagesPerSecond), other.ratio.toFixed(2)];
    }),
  ]), heads.map((_, i) => (i === 0 ? 'left' : 'right'))));
}

announce();
const entries: Entry[] = [];
for (const network of served.filter(({ key }) => keys.includes(key))) entries.push(...(await prepare(network)));
const medians = new PeerMedians();
for (let round = 0; round < rounds; round++) {
  for (const entry of entries) await timeRound(entry, round);
  if (peers === null) continue;
  for (const peer of ['ort', 'ortNative'] as const) medians.add(peer, peers.ort(['INF'], 2, peer));
  medians.add('torch', peers.torch(['INF'], 2, [...new Set(entries.map(({ network }) => network.peer))]));
}
if (values.profile) {
  for (const { network, model, batch } of entries) {
    const [X] = images(batch);
    const way = ways.filter(isSimd).at(-1);
    if (way === undefined) break;
    await enter(way);
    for (let i = 0; i < 3; i++) model.loss(X);
    const found = profile(() => void model.loss(X), 20);
    console.log(`network ${network.key}, batch ${batch}, ${way}:\n${profileText(found)}\n`);
  }
}
const results = entries.map((entry) => resultOf(entry, medians));
print(results);
if (values.save) console.log(`saved ${saveResults('inference', results)}`);
