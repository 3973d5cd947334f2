/** A worker whose thread neither works nor ends, as one that a debugger has stopped. */

import { afterAll, expect, it, vi } from 'vitest';

import { activeKernels, selection } from '../../../src/kernels/registry.ts';
import { info, ready } from '../../../src/kernels/status.ts';
import { argumentFrames } from '../../../src/kernels/team/control.ts';
import type { Crew } from '../../../src/kernels/team/crew.ts';
import { installEngine } from '../../../src/kernels/team/engine.ts';
import type { startPiscinaCrew } from '../../../src/kernels/team/piscina.ts';
import { runJob } from '../../../src/kernels/team/run.ts';
import { currentTeam, shutdown } from '../../../src/kernels/team/team.ts';
import { configure } from '../../../src/runtime/settings.ts';
import { Heap } from '../../../src/kernels/memory/heap.ts';
import { kernels, testEngine } from './engine.ts';

/** Threads that are told to end, but do not. */
const untold: Array<() => void> = [];
vi.mock('../../../src/kernels/team/piscina.ts', async (original) => {
  const { startPiscinaCrew: start } = await original<{ startPiscinaCrew: typeof startPiscinaCrew }>();
  const startFrozen = (threads: number): Crew => {
    const crew = start(threads);
    return {
      ...crew,
      run(task, signal) {
        const later = new AbortController();
        signal.addEventListener('abort', () => untold.push(() => later.abort()));
        return crew.run(task, later.signal);
      },
    };
  };
  return { startPiscinaCrew: startFrozen };
});

afterAll(async () => {
  vi.restoreAllMocks();
  for (const end of untold) end();
  await shutdown();
});

it('ends the call with an error, and nothing computes in memory that the worker may still write to', async () => {
  expect(selection().name).toBe('simd');
  const heap = new Heap(1024);
  installEngine(testEngine(heap));
  configure({ threads: 2 });
  currentTeam();
  while (currentTeam().joined < 1) await new Promise((resolve) => setTimeout(resolve, 2));

  const { now } = performance;
  const began = now.call(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => began + 50 * (now.call(performance) - began));
  const counters = heap.array('int32', heap.allocate(64, 'test'), 16);
  counters.set([1, 0]);
  new Int32Array(heap.buffer, argumentFrames.address, 3).set([counters.byteOffset, counters.byteOffset + 4, 2]);
  expect(() => runJob(kernels.hang, argumentFrames.address, 2, true)).toThrow(/result of an operation is lost/);
  vi.restoreAllMocks();

  expect(selection().name).toBe('js');
  expect(info().why.join()).toMatch(/a worker thread stopped in the middle of an operation/);
  await ready();
  expect(selection().name).toBe('js');
  const out = new Float32Array(3);
  activeKernels().reluForward(Float32Array.of(-1, 2, 3), out);
  expect(Array.from(out)).toEqual([0, 2, 3]);
});
