import type { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';

import { Heap } from '../../../src/kernels/memory/heap.ts';
import {
  argumentFrames, claimBits, control, mostClaimed, readClaim, record, recordAddress, states,
} from '../../../src/kernels/team/control.ts';
import { installEngine } from '../../../src/kernels/team/engine.ts';
import { runJob } from '../../../src/kernels/team/run.ts';
import { currentTeam, existingTeam, shutdown, Team } from '../../../src/kernels/team/team.ts';
import { configure } from '../../../src/runtime/settings.ts';
import { kernels, testEngine } from './engine.ts';

vi.mock('../../../src/runtime/features.ts', () => import('./many-cores.ts'));

const heap = new Heap(1024);
const args = argumentFrames.address;
const slots = new Int32Array(heap.buffer, args, 16);
const words = new Int32Array(heap.buffer, 0, 4096);
const counters = heap.array('int32', heap.allocate(64, 'test'), 16) as Int32Array;
const length = 50_000;
const x = heap.array('float32', heap.allocate(4 * length, 'test'), length) as Float32Array;
const out = heap.array('float32', heap.allocate(4 * length, 'test'), length) as Float32Array;
const integers = heap.array('int32', heap.allocate(4 * length, 'test'), length) as Int32Array;

/** Worker threads as Node reports them, Piscina's among them. */
const threads: Worker[] = [];
const remember = (worker: Worker): void => void threads.push(worker);

beforeAll(() => {
  process.on('worker', remember);
  installEngine(testEngine(heap));
});
afterEach(async () => {
  vi.restoreAllMocks();
  await shutdown();
  threads.length = 0;
});
afterAll(() => {
  process.off('worker', remember);
  installEngine(null);
  configure({ threads: 'auto' });
});

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2));

/** Waits until so many workers are there; the test's own time limit ends a wait in vain. */
async function joined(count: number): Promise<void> {
  currentTeam();
  do await turn(); while (currentTeam().joined !== count); // at least one turn, for news of threads that have ended
}

async function teamOf(count: number): Promise<void> {
  configure({ threads: count });
  await joined(count - 1);
}

/** Three tasks that end only when three threads meet in them. */
function meet(tasks: number): void {
  counters[0] = 0;
  slots.set([counters.byteOffset, tasks]);
  runJob(kernels.barrier, args, tasks, true);
  expect(counters[0]).toBe(tasks);
}

function double(share: number, total: number): void {
  slots.set([x.byteOffset, out.byteOffset, share, total]);
  runJob(kernels.double, args, Math.ceil(total / share), true);
}

function increment(share: number, total: number, rounds: number): void {
  slots.set([integers.byteOffset, share, total, rounds]);
  runJob(kernels.increment, args, Math.ceil(total / share), false);
}

function workerStates(): number[] {
  const found: number[] = [];
  for (let index = 1; index < 16; index++) found.push(words[(recordAddress(index) + record.state) / 4]);
  return found.filter((state) => state !== states.free);
}

describe('team', () => {
  it.each([1, 2, 3])('does random jobs exactly with %i threads', async (count) => {
    await teamOf(count);
    x.forEach((_, i) => (x[i] = Math.sin(i)));
    fc.assert(fc.property(fc.integer({ min: 1, max: length }), fc.integer({ min: 1, max: 400 }), (total, tasks) => {
      const share = Math.ceil(total / tasks);
      out.fill(-1);
      double(share, total);
      for (let i = 0; i < total; i++) if (out[i] !== Math.fround(2 * x[i])) return false;
      return out.subarray(total).every((value) => value === -1);
    }), { numRuns: 150 });
  });

  it('hands out thousands of small jobs without losing or repeating a task', async () => {
    await teamOf(3);
    integers.fill(0);
    for (let job = 0; job < 20_000; job++) increment(1, 2 + (job % 7), 1);
    for (let i = 0; i < 8; i++) {
      const jobs = Array.from({ length: 20_000 }, (_, job) => 2 + (job % 7)).filter((total) => i < total).length;
      expect(integers[i]).toBe(jobs);
    }
  });

  it('works in threads that run at the same time', async () => {
    await teamOf(3);
    meet(3);
    meet(2);
  });

  it.each([2, 3])('gives every other one of %i threads the last tasks, the others the first', async (threads) => {
    await teamOf(threads);
    for (const tasks of [threads, 7, 100]) {
      counters[0] = 0;
      slots.set([counters.byteOffset, threads, integers.byteOffset]);
      runJob(kernels.whose, args, tasks, true);
      const whose = [...integers.subarray(0, tasks)];
      expect(new Set(whose).size).toBe(threads);
      const sides = whose.map((thread) => thread % 2);
      expect(sides).toEqual([...sides].sort());
    }
  });

  it('notes a claim as it reads it', () => {
    expect(readClaim(0n)).toEqual({ tasks: [], finished: 0 });
    expect(readClaim(1n)).toEqual({ tasks: [0], finished: 0 });
    expect(readClaim(5n | 2n << claimBits.rest | 3n << claimBits.finished)).toEqual({ tasks: [4, 5, 6], finished: 3 });
    const most = BigInt.asIntN(64, 0xffff_ffffn | 0xffffn << claimBits.finished);
    expect(readClaim(most)).toEqual({ tasks: [0xffff_fffe], finished: mostClaimed });
  });

  it('gives the last tasks to a worker also where the first record is still taken', async () => {
    for (let change = 0; change < 4; change++) {
      configure({ threads: 1 });
      await teamOf(2); // whose worker is given a record before that of the last team has left
      meet(2);
      expect(words[control.back / 4]).toBe(1);
    }
  });

  it('starts no thread for one thread, nor for a job of one task', async () => {
    configure({ threads: 1 });
    increment(10, 100, 1);
    configure({ threads: 3 });
    increment(100, 100, 1);
    expect(existingTeam()?.expected ?? 0).toBe(0);
    expect(threads).toHaveLength(0);
    increment(10, 100, 1);
    expect(existingTeam()?.expected).toBe(2);
  });

  it('computes before its workers have joined, without waiting for them', () => {
    configure({ threads: 3 });
    integers.fill(0);
    increment(10, 1000, 1); // no turn of the event loop since the team was put together
    expect(integers.subarray(0, 1000).every((value) => value === 1)).toBe(true);
  });

  it('lets idle workers sleep and wakes them for work', async () => {
    await teamOf(3);
    for (let round = 0; round < 20; round++) {
      while (workerStates().some((state) => state !== states.asleep)) await turn();
      expect(words[control.sleepers / 4]).toBe(2);
      meet(3);
    }
  });

  it('ends its threads at shutdown and starts others for the next job', async () => {
    await teamOf(3);
    let ended = 0;
    for (const thread of threads) thread.once('exit', () => ended++);
    await shutdown();
    expect(ended).toBe(2);
    expect(workerStates()).toEqual([]);
    expect(words[control.sleepers / 4]).toBe(0);
    await joined(2);
    meet(3);
  });

  it('waits at shutdown for threads that were told to end before', async () => {
    await teamOf(3);
    const running = new Set(threads);
    for (const thread of threads) thread.once('exit', () => running.delete(thread));
    configure({ threads: 2 });
    void shutdown();
    expect(running.size).toBe(2);
    await shutdown();
    expect(running.size).toBe(0);
  });

  it('follows the thread count through changes that come before its workers have joined', async () => {
    for (const count of [2, 3, 2, 4, 3]) {
      configure({ threads: count });
      integers.fill(0);
      increment(10, 1000, 1);
      expect(integers.subarray(0, 1000).every((value) => value === 1)).toBe(true);
    }
    await joined(2);
    meet(3);
    configure({ backend: 'js' });
    expect(existingTeam()).toBeNull();
    configure({ backend: 'auto' });
  });
});

describe('team, when a kernel traps', () => {
  it('throws from the call, whichever thread it happens in, and works on', async () => {
    await teamOf(3);
    for (let victim = 0; victim < 40; victim++) {
      counters[0] = 0;
      slots.set([counters.byteOffset, victim]);
      expect(() => runJob(kernels.trap, args, 40, true)).toThrow(WebAssembly.RuntimeError);
      expect(counters[0]).toBeLessThan(40);
      await joined(2);
      meet(3);
      if (currentTeam().why.length > 0 || victim % 6 === 5) await shutdown(); // a team replaces only so many workers
    }
  });

  it('throws from a job of one task', () => {
    slots.set([counters.byteOffset, 0]);
    expect(() => runJob(kernels.trap, args, 1, true)).toThrow(WebAssembly.RuntimeError);
  });

  it('does the task again where only the worker trapped, and replaces the worker, at last after a rest', async () => {
    await teamOf(2);
    const team = currentTeam();
    while (team.expected > 0) {
      counters[0] = 0;
      slots.set([counters.byteOffset, 2]);
      runJob(kernels.trapInWorker, args, 2, true);
      expect(counters[0]).toBe(3);
      expect(() => {
        counters[0] = 2;
        runJob(kernels.trapInWorker, args, 2, false); // the trapped worker has not been replaced yet
      }).not.toThrow();
      do await turn(); while (team.joined < team.expected);
    }
    expect(team.why.join()).toMatch(/1 worker thread\(s\) ended too often .*others are started/);
    integers.fill(0);
    increment(10, 1000, 1);
    expect(integers.subarray(0, 1000).every((value) => value === 1)).toBe(true);
    await joined(1); // after a rest, for the asking
    expect(currentTeam()).toBe(team);
    expect(team.why).toEqual([]);
    meet(2);
  });

  it('throws where the task cannot be done again', async () => {
    await teamOf(2);
    counters[0] = 0;
    slots.set([counters.byteOffset, 2]);
    expect(() => runJob(kernels.trapInWorker, args, 2, false)).toThrow(/cannot be done again/);
  });
});

describe('team, when a worker dies', () => {
  function hang(tasks: number, repeatable: boolean): void {
    counters.set([1, 0]);
    slots.set([counters.byteOffset, counters.byteOffset + 4, tasks]);
    runJob(kernels.hang, args, tasks, repeatable);
  }

  it('does the tasks of a worker that does not answer again, then has another', async () => {
    await teamOf(3);
    hang(3, true);
    expect(counters[0]).toBe(0);
    expect(counters[1]).toBe(4); // three, and one again
    await joined(2);
    meet(3);
  });

  it('counts what it had finished of the tasks that it took together, and does the others', async () => {
    await teamOf(2);
    for (const victim of [13, 15, 19]) { // at first it takes the last 7 of 20
      counters.set([0, 1]);
      integers.fill(0);
      slots.set([counters.byteOffset, counters.byteOffset + 4, integers.byteOffset, victim]);
      runJob(kernels.stop, args, 20, true);
      expect(counters[1]).toBe(0);
      expect([...integers.subarray(0, 21)]).toEqual([...Array.from({ length: 20 }, () => 1), 0]);
      await joined(1);
    }
  });

  // again where a busy machine keeps the worker from a task for longer than the team waits
  it('is patient with a worker that takes long over many tasks, but goes on', { retry: 3 }, async () => {
    await teamOf(2);
    const began = performance.now();
    let asked = 0;
    vi.spyOn(performance, 'now').mockImplementation(() => began + 20 * asked++);
    const looks = vi.spyOn(Team.prototype, 'abandoned');
    counters[0] = 0;
    integers.fill(0);
    slots.set([counters.byteOffset, 300_000, integers.byteOffset]);
    runJob(kernels.slow, args, 200, false); // of which the worker takes 75 at first
    expect(asked).toBeGreaterThan(2000 / 20); // it has waited longer than for a worker that does not go on
    expect(looks).not.toHaveBeenCalledWith(true);
    expect([...integers.subarray(0, 201)]).toEqual([...Array.from({ length: 200 }, () => 1), 0]);
  });

  // again where a busy machine lets the thread live on for longer than the team waits for any worker
  it('does not wait in vain for a worker whose thread ends in the middle of a task', { retry: 3 }, async () => {
    for (const repeatable of [true, false]) {
      await teamOf(3);
      const looks = vi.spyOn(Team.prototype, 'abandoned');
      let ended: Array<Promise<number>> = [];
      vi.spyOn(Team.prototype, 'nap').mockImplementationOnce(() => {
        ended = threads.map((thread) => thread.terminate());
      });
      if (repeatable) hang(3, true);
      else expect(() => hang(3, false)).toThrow(/worker thread died .* cannot be done again/);
      expect(looks).not.toHaveBeenCalledWith(true);
      vi.restoreAllMocks();
      await Promise.all(ended);
      await joined(2);
      meet(3);
      await shutdown();
      threads.length = 0;
    }
  });

  it('says so when they cannot be done again', async () => {
    await teamOf(2);
    expect(() => hang(2, false)).toThrow(/worker thread died .* cannot be done again/);
    await joined(1);
    meet(2);
  });

  it('gives right answers while threads are killed', async () => {
    await teamOf(3);
    x.forEach((_, i) => (x[i] = i));
    for (const wait of [0, 0.2]) {
      const killed = threads.at(-1)!.terminate(); // takes effect some time during the jobs below
      const end = performance.now() + wait;
      do {
        out.fill(-1);
        double(100, length);
        expect(out.every((value, i) => value === 2 * i)).toBe(true);
      } while (performance.now() < end);
      await killed;
      await joined(2);
      meet(3);
    }
  });

  it('does not miss workers that die asleep', async () => {
    await teamOf(3);
    while (workerStates().some((state) => state !== states.asleep)) await turn();
    await Promise.all(threads.map((thread) => thread.terminate()));
    await joined(2);
    while (workerStates().some((state) => state !== states.asleep)) await turn();
    expect(words[control.sleepers / 4]).toBe(2);
    meet(3);
  });
});
