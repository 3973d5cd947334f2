/** A thread of LoneThreads: repeats a kernel call on arrays of its own, on this thread alone. */

import { parentPort } from 'node:worker_threads';
import { activeKernels } from '../../src/kernels/registry.ts';
import { Arrays } from './arrays.ts';
import type { GivenSize, LoneRequest } from './lone-kernels.ts';
import { median } from './timing.ts';
import { enter } from './ways.ts';

await enter('simd1');

parentPort!.on('message', ({ call, milliseconds }: LoneRequest) => {
  const made = new Map<number, unknown>();
  const arrays = new Arrays('float32');
  const doubles = new Arrays('float64');
  const build = (given: GivenSize): unknown => {
    if ('value' in given) return given.value;
    if ('list' in given) return given.list.map(build);
    if ('fields' in given) {
      return Object.fromEntries(Object.entries(given.fields).map(([name, field]) => [name, build(field)]));
    }
    if (!made.has(given.number)) {
      made.set(given.number, (given.floats === 'float32' ? arrays : doubles).uniform(given.length));
    }
    return made.get(given.number);
  };
  const args = call.args.map(build);
  const kernel = activeKernels()[call.kernel] as (...given: unknown[]) => unknown;
  const times: number[] = [];
  kernel(...args);
  const end = performance.now() + milliseconds;
  do {
    const start = performance.now();
    kernel(...args);
    times.push(performance.now() - start);
  } while (performance.now() < end);
  arrays.release();
  doubles.release();
  parentPort!.postMessage(median(times));
});
