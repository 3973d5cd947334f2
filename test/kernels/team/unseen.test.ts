/** A runtime whose workers get a copy of the memory: one thread computes, and info() says why. */

import { afterAll, afterEach, expect, it, vi } from 'vitest';

import { Heap } from '../../../src/kernels/memory/heap.ts';
import { argumentFrames, states } from '../../../src/kernels/team/control.ts';
import type { Crew, WorkerTask } from '../../../src/kernels/team/crew.ts';
import { installEngine } from '../../../src/kernels/team/engine.ts';
import { runJob } from '../../../src/kernels/team/run.ts';
import { currentTeam, expectedThreads, shutdown } from '../../../src/kernels/team/team.ts';
import { join } from '../../../src/kernels/team/worker.ts';
import { configure } from '../../../src/runtime/settings.ts';
import { kernels, testEngine } from './engine.ts';

/** What a worker of this runtime does with its task; replaced by each test. */
let work: (task: WorkerTask) => Promise<void>;

vi.mock('../../../src/kernels/team/piscina.ts', () => ({
  startPiscinaCrew: (): Crew => ({ run: (task) => work(task), hasEnded: () => null, destroy: () => Promise.resolve() }),
}));

function copyOf(memory: WebAssembly.Memory, shared: boolean): WebAssembly.Memory {
  const pages = memory.buffer.byteLength / 65_536;
  const copy = new WebAssembly.Memory({ initial: pages, maximum: pages, shared });
  new Uint8Array(copy.buffer).set(new Uint8Array(memory.buffer));
  return copy;
}

const heap = new Heap(1024);
const length = 1000;
const x = heap.array('float32', heap.allocate(4 * length, 'test'), length) as Float32Array;
const out = heap.array('float32', heap.allocate(4 * length, 'test'), length) as Float32Array;
installEngine(testEngine(heap));

function doubleAll(): void {
  x.forEach((_, i) => (x[i] = i));
  out.fill(-1);
  new Int32Array(heap.buffer, argumentFrames.address, 4).set([x.byteOffset, out.byteOffset, 10, length]);
  runJob(kernels.double, argumentFrames.address, length / 10, true);
  expect(out.every((value, i) => value === 2 * i)).toBe(true);
}

afterEach(async () => {
  vi.restoreAllMocks();
  await shutdown();
});
afterAll(() => {
  installEngine(null);
  configure({ threads: 'auto' });
});

it('does the work of workers that write to a memory of their own', () => {
  let joined = 0;
  work = (task) => {
    const words = new Int32Array(copyOf(task.memory, true).buffer);
    Atomics.store(words, task.stateWord, states.awake);
    joined++;
    return new Promise(() => undefined);
  };
  configure({ threads: 3 });
  doubleAll();
  expect(joined).toBe(2);
  expect(currentTeam().joined).toBe(0);
  expect(expectedThreads()).toEqual({ threads: 3, why: ['2 worker thread(s) have not started yet'] });
  const now = performance.now();
  vi.spyOn(performance, 'now').mockImplementation(() => now + 6000);
  doubleAll();
  const { threads, why } = expectedThreads();
  expect(threads).toBe(1);
  expect(why).toEqual([expect.stringMatching(/^2 worker thread\(s\) .* nothing that they write .* is seen here/)]);
});

it('says that the memory was copied where a worker can tell', async () => {
  work = async (task) => {
    join({ ...task, memory: copyOf(task.memory, false) });
  };
  configure({ threads: 2 });
  doubleAll();
  await new Promise((resolve) => setTimeout(resolve, 20));
  doubleAll();
  const { threads, why } = expectedThreads();
  expect(threads).toBe(1);
  expect(why).toEqual(['worker threads cannot be started (this runtime gave the worker a copy of the memory)']);
});
