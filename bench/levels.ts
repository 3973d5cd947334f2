/**
 * npm run bench:levels -- [--rounds N] [--time MS] [--steps N] [--memory] [--save]
 *
 * What the levels cost: a training step of network c (batch 100, Adam) by the course's class and its Solver, by
 * `sequential`, by a Module that calls its layers one by one, and by functions of variables; then steps of reference
 * networks, batch 100. With --memory instead: resident memory and the kernels' heap over five windows of so many steps
 * of each level, and by how much what a collection leaves grew from the first window to the last. A leak shows there;
 * what is resident also settles, with the engine's idea of how large its heap should be. Then the same after each of
 * three synchronous loops in which 300 networks were made and dropped.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { inStep } from '../src/kernels/memory/allocate.ts';
import { sharedHeap } from '../src/kernels/memory/heap.ts';
import { formatMilliseconds, formatTable as alignTable } from '../src/node/commands/table.ts';
import * as nn from '../src/nn/index.ts';
import { Rng } from '../src/tensor/index.ts';
import { parseArgs } from './support/arguments.ts';
import { announce, numberOption } from './support/command-line.ts';
import { networks } from './support/networks.ts';
import { saveResults } from './support/results.ts';
import { median, medianOfMany, turn } from './support/timing.ts';
import { images, solverFor } from './support/trained.ts';
import { enter } from './support/ways.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '3' }, time: { type: 'string', default: '1000' },
    steps: { type: 'string', default: '1000' }, memory: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const rounds = numberOption('rounds', values.rounds, 1, 100);
const milliseconds = numberOption('time', values.time, 1, 60_000);
const steps = numberOption('steps', values.steps, 10, 1_000_000);

const networkC = networks.find(({ key }) => key === 'c')!;
const [X, y] = images(100);
const x = nn.variable(X);

function sequential(): nn.Sequential {
  return nn.deepConvNet({
    numFilters: [16, 32, 32, 64, 64], maxPools: [0, 1, 2, 3, 4], batchnorm: true, weightScale: 'kaiming',
    rng: new Rng(1),
  });
}

/** Its layers, called one by one: nothing is fused. */
class OneByOne extends nn.Module {
  readonly layers: readonly nn.Module[] = Object.values(sequential()).filter((each) => each instanceof nn.Module);

  forward(input: nn.Variable): nn.Variable {
    return this.layers.reduce((out, layer) => layer.forward(out), input);
  }
}

/** A training step of a function of x with these parameters, in the memory of one step. */
function stepOf(forward: (x: nn.Variable) => nn.Variable, parameters: readonly nn.Variable[]): () => void {
  const optimizer = new nn.Adam(parameters, { lr: 1e-4 });
  return () => inStep(() => {
    optimizer.zeroGrad();
    nn.crossEntropy(forward(x), y).backward();
    optimizer.step();
    optimizer.zeroGrad();
  });
}

function moduleStep(net: nn.Module): () => void {
  return stepOf((input) => net.forward(input), net.parameters());
}

/** Variables of one's own and functions of them. */
function barebones(): () => void {
  const p = sequential().parameters();
  const score = (input: nn.Variable): nn.Variable => {
    let out = input;
    for (let i = 0; i < 20; i += 4) {
      out = nn.maxPool2d(nn.batchNorm(nn.conv2d(out, p[i], p[i + 1], { padding: 1 }), p[i + 2], p[i + 3]).relu(), 2);
    }
    return nn.linear(out, p[20], p[21]);
  };
  return stepOf(score, p);
}

/** A table whose first column is text and whose others are figures. */
function formatTable(heads: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  return alignTable(heads, rows, heads.map((_, i) => (i === 0 ? 'left' : 'right')));
}

await enter('simd2');
announce();
const solver = solverFor(networkC, 100);
const levels: Readonly<Record<string, () => unknown>> = {
  'by hand, Solver': () => solver.step(), sequential: moduleStep(sequential()),
  'Module, one by one': moduleStep(new OneByOne()),
  'functions of variables': barebones(),
};
const references: Readonly<Record<string, () => unknown>> = {
  'ResNet-20': moduleStep(nn.resNet20({ rng: new Rng(1) })), 'MobileNet-like': moduleStep(nn.mobileNetLike({ rng: new Rng(1) })),
  'MobileNet-like, half as wide': moduleStep(nn.mobileNetLike({ widthFactor: 0.5, rng: new Rng(1) })),
};

const heapBytes = (): number => {
  const heap = sharedHeap();
  return typeof heap === 'string' ? 0 : heap.size;
};
const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

async function run(step: () => unknown, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    step();
    if (i % 10 === 0) await turn();
  }
}

/** Bytes of JavaScript's objects and arrays after a collection. */
async function reachable(): Promise<number> {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let i = 0; i < 3; i++) {
    collect();
    await turn();
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

if (values.memory) {
  const windows = 5;
  const growth = (from: number, to: number): string => `${(100 * (to / from - 1)).toFixed(2)}%`;
  const rows: string[][] = [];
  for (const [name, step] of Object.entries(levels)) {
    await run(step, 300);
    const heapBefore = heapBytes();
    const reached: number[] = [];
    const resident = [process.memoryUsage.rss()];
    for (let window = 0; window < windows; window++) {
      await run(step, steps);
      resident.push(process.memoryUsage.rss());
      if (window === 0 || window === windows - 1) reached.push(await reachable());
    }
    rows.push([name, mebibytes(resident[0]), ...resident.slice(1).map((after, i) => growth(resident[i], after)),
      `${((reached[1] - reached[0]) / 1024).toFixed(0)} KiB`,
      mebibytes(heapBytes() - heapBefore)]);
  }
  const heads = Array.from({ length: windows }, (_, i) => `window ${i + 1}`);
  console.log(formatTable([`windows of ${steps} steps`, 'resident', ...heads, 'growth of what is reachable', "growth of the kernels' heap"], rows));
  const lines: string[][] = [];
  const note = (name: string): unknown =>
    lines.push([name, mebibytes(process.memoryUsage.rss()), mebibytes(heapBytes())]);
  note('before');
  for (let loop = 1; loop <= 3; loop++) {
    for (let i = 0; i < 300; i++) moduleStep(sequential())();
    note(`after loop ${loop}`);
    for (let i = 0; i < 20; i++) await turn();
    note('a moment later');
  }
  console.log(formatTable(['300 networks made, stepped and dropped', 'resident', "the kernels' heap"], lines));
} else {
  const all = { ...levels, ...references };
  const times: Record<string, number[]> = {};
  for (let round = 0; round < rounds; round++) {
    for (const [name, step] of Object.entries(all)) {
      const timing = await medianOfMany(step, { warmMilliseconds: milliseconds / 2, milliseconds });
      (times[name] ??= []).push(timing.median);
    }
  }
  const byHand = median(times['by hand, Solver']);
  const rows = Object.keys(all).map((name) => [
    name, formatMilliseconds(median(times[name])), formatMilliseconds(Math.min(...times[name])),
    name in levels ? `${(100 * (median(times[name]) / byHand - 1)).toFixed(1)}%` : '',
  ]);
  console.log(formatTable(['training step, batch 100', 'median', 'best round', 'over by hand'], rows));
  if (values.save) console.log(`saved ${saveResults('levels', times)}`);
}
