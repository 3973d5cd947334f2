/**
 * npm run bench:ceiling -- [a] [b] [c] [d] [e] [f] [resnet] [--rounds N] [--time MS] [--peers DIR] [--save]
 *
 * What a training step loses between its kernels. In turns: the step on two threads; each kernel call of it by itself,
 * over and over, on two threads that share nothing, so that no work is handed out, no thread waits for another, no
 * JavaScript runs in between, and small arrays are in the caches; with --peers PyTorch tuned. Where even the kernels
 * alone take longer than PyTorch, only faster kernels or fewer of them would help. Weights of many megabytes are read
 * by each thread then: for networks a and f it is no bound.
 */

import { formatMilliseconds, formatTable } from '../src/node/commands/table.ts';
import { parseArgs } from './support/arguments.ts';
import { announce, numberOption, pick } from './support/command-line.ts';
import { callsOf, LoneThreads } from './support/lone-kernels.ts';
import { networkKeys, networks } from './support/networks.ts';
import type { NetworkCase, NetworkKey } from './support/networks.ts';
import { PeerMedians, Peers } from './support/peers.ts';
import { saveResults } from './support/results.ts';
import { median, medianOfMany } from './support/timing.ts';
import { solverFor } from './support/trained.ts';
import { enter } from './support/ways.ts';

/** Milliseconds, medians of the rounds. */
export interface CeilingResult {
  readonly network: NetworkKey;
  readonly batch: number;
  readonly step: number;
  /** of the kernels alone those of convolutions and products, and all others */
  readonly products: number;
  readonly others: number;
  readonly tuned: number | null;
  /** by round, PyTorch tuned / the step, and PyTorch tuned / the kernels alone */
  readonly reached: readonly number[];
  readonly reachable: readonly number[];
}

const threads = 2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '3' }, time: { type: 'string', default: '1000' }, peers: { type: 'string' },
    save: { type: 'boolean', default: false },
  },
});
const rounds = numberOption('rounds', values.rounds, 1, 100);
const milliseconds = numberOption('time', values.time, 1, 60_000);
const keys = pick('network', positionals, networkKeys);
const peers = values.peers === undefined ? null : new Peers(values.peers);

/** Kernels whose names begin so multiply matrices in one way or another. */
const isProduct = (kernel: string): boolean => /^(conv|affine|gemm)/.test(kernel);

async function measure(network: NetworkCase): Promise<CeilingResult[]> {
  const lone = new LoneThreads(threads);
  const medians = new PeerMedians();
  await enter('simd2');
  const entries = network.batches.map((batch) => {
    const solver = solverFor(network, batch);
    solver.step();
    return { batch, solver, calls: callsOf(() => void solver.step()), rows: [] as [number, number, number][] };
  });
  for (const { calls } of entries) for (const call of calls) await lone.time(call, 1); // compiles its kernel
  for (let round = 0; round < rounds; round++) {
    for (const { solver, calls, rows } of entries) {
      const step = await medianOfMany(() => solver.step(), { milliseconds });
      let [products, others] = [0, 0];
      for (const call of calls) {
        const all = call.calls * await lone.time(call, milliseconds / 20);
        if (isProduct(call.kernel)) products += all;
        else others += all;
      }
      rows.push([step.median, products, others]);
    }
    if (peers !== null) medians.add('tuned', peers.trainingStep('tuned', network.peer, threads));
  }
  await lone.end();
  return entries.map(({ batch, rows }) => {
    const theirs = medians.rounds('tuned', threads, network.peer, 'train', batch);
    const [step, products, others] = [0, 1, 2].map((i) => median(rows.map((row) => row[i])));
    return {
      network: network.key, batch, step, products, others, tuned: theirs.length === 0 ? null : median(theirs),
      reached: theirs.map((time, i) => time / rows[i][0]),
      reachable: theirs.map((time, i) => time / (rows[i][1] + rows[i][2])),
    };
  });
}

function ratioText(ratios: readonly number[]): string {
  if (ratios.length === 0) return '';
  const [middle, low, high] = [median(ratios), Math.min(...ratios), Math.max(...ratios)].map((x) => x.toFixed(2));
  return `${middle} (${low} to ${high})`;
}

announce();
const results: CeilingResult[] = [];
for (const network of networks.filter(({ key }) => keys.includes(key))) results.push(...await measure(network));
const heads = [
  'training step', 'batch', 'as it is', 'kernels alone', 'of them products', 'PyTorch tuned', 'tuned / as it is',
  'tuned / alone',
];
console.log(formatTable(heads, results.map((r) => [
  r.network, String(r.batch), formatMilliseconds(r.step), formatMilliseconds(r.products + r.others),
  formatMilliseconds(r.products), r.tuned === null ? '' : formatMilliseconds(r.tuned), ratioText(r.reached),
  ratioText(r.reachable),
]), heads.map((_, i) => (i === 0 ? 'left' : 'right'))));
if (values.save) console.log(`saved ${saveResults('ceiling', results)}`);
