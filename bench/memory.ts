/**
 * npm run bench:memory -- [--steps N] [--warm N] [--threads N] [--save]
 *
 * A long training run of network c: resident memory before and after, and the longest pause of the garbage collector
 * in the step loop. Both count after a few hundred steps to warm up (--warm): all that training needs has been
 * allocated in the first one, but the engine goes on compiling, and widens its heap for new objects, for some hundreds
 * more.
 */

import { PerformanceObserver } from 'node:perf_hooks';
import { sharedHeap } from '../src/kernels/memory/heap.ts';
import { parseArgs } from './support/arguments.ts';
import { announce, numberOption } from './support/command-line.ts';
import { networks } from './support/networks.ts';
import { saveResults } from './support/results.ts';
import { median, turn } from './support/timing.ts';
import { solverFor } from './support/trained.ts';
import { enter } from './support/ways.ts';

/** Steps between two looks at memory. */
const stepsPerLook = 10;

const { values } = parseArgs({
  options: {
    steps: { type: 'string', default: '1000' }, warm: { type: 'string', default: '300' },
    threads: { type: 'string', default: '2' },
    save: { type: 'boolean', default: false },
  },
});
const steps = numberOption('steps', values.steps, 10, 1_000_000);
const warmSteps = numberOption('warm', values.warm, 1, 1_000_000);
const threads = numberOption('threads', values.threads, 1, 2);

interface Pause {
  readonly start: number;
  readonly duration: number;
}

const pauses: Pause[] = [];
const observer = new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries()) pauses.push({ start: startTime, duration });
});

const mebibyte = 2 ** 20;
const mebibytes = (bytes: number): string => `${(bytes / mebibyte).toFixed(1)} MiB`;

announce();
await enter(threads === 1 ? 'simd1' : 'simd2');
const network = networks.find(({ key }) => key === 'c')!;
const solver = solverFor(network, 100);

async function train(count: number, look: (time: number) => void): Promise<void> {
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    solver.step();
    look(performance.now() - start);
    if (i % stepsPerLook === 0) await turn();
  }
}

await train(warmSteps, () => undefined);
observer.observe({ entryTypes: ['gc'] });
const began = performance.now();
const before = process.memoryUsage();
let highest = before.rss;
const times: number[] = [];
await train(steps, (time) => {
  times.push(time);
  if (times.length % stepsPerLook === 0) highest = Math.max(highest, process.memoryUsage.rss());
});
const after = process.memoryUsage();
const ended = performance.now();
for (let i = 0; i < 3; i++) await turn(); // the observer reports late
observer.disconnect();

const within = pauses.filter(({ start }) => start >= began && start <= ended);
const heap = sharedHeap();
const result = {
  network: network.key, batch: 100, threads, warmSteps, steps,
  medianStep: median(times), slowestStep: Math.max(...times),
  residentBefore: before.rss, residentAfter: after.rss, residentHighest: highest,
  growth: after.rss / before.rss - 1,
  javascriptHeap: after.heapUsed, kernelHeap: typeof heap === 'string' ? 0 : heap.size,
  collections: within.length, longestPause: Math.max(0, ...within.map(({ duration }) => duration)),
  pausedShare: within.reduce((sum, { duration }) => sum + duration, 0) / (ended - began),
};
console.log(`${steps} steps of network c, batch 100, ${threads} ${threads === 1 ? 'thread' : 'threads'}: ` +
  `median ${result.medianStep.toFixed(2)} ms, slowest ${result.slowestStep.toFixed(2)} ms`);
console.log(`resident memory ${mebibytes(before.rss)} before, ${mebibytes(after.rss)} after ` +
  `(${(100 * result.growth).toFixed(2)}%), at most ${mebibytes(highest)}; the kernels' heap has ` +
  mebibytes(result.kernelHeap));
console.log(`garbage collection: ${result.collections} times, longest pause ${result.longestPause.toFixed(2)} ms, ` +
  `${(100 * result.pausedShare).toFixed(2)}% of the time`);
if (values.save) console.log(`saved ${saveResults('memory', result)}`);
