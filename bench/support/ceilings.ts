/**
 * What this machine can do at most, measured in the same run as the kernels that are held against it: arithmetic in
 * registers, copying over arrays of a given size, and handing work to a second thread.
 */

import type { Heap } from '../../src/kernels/memory/heap.ts';
import { argumentFrames } from '../../src/kernels/team/control.ts';
import { installEngine } from '../../src/kernels/team/engine.ts';
import { runJob } from '../../src/kernels/team/run.ts';
import { currentTeam } from '../../src/kernels/team/team.ts';
import { configure } from '../../src/runtime/settings.ts';
import { features } from '../../src/runtime/features.ts';
import type { FloatName } from './arrays.ts';
import { operationsPerRound, type ProbeName, type Probes, probes, slotOffset, type SlotName } from './probe-module.ts';
import { median, quantile, turn } from './timing.ts';

/** Sets the arguments of the job that runs next. */
type SetArgument = (name: SlotName, value: number) => void;

interface Bench {
  readonly heap: Heap;
  readonly set: SetArgument;
  /** runs a job and returns its milliseconds */
  time(probe: ProbeName, tasks: number): number;
}

/** Runs measurements on the probes' engine with so many threads, then gives the library its own engine back. */
async function onProbes<T>(threads: number, measure: (bench: Bench) => T): Promise<T> {
  const found = probes();
  if (typeof found === 'string') throw new Error(`bench: the machine cannot be measured: ${found}`);
  configure({ backend: 'auto', threads });
  installEngine(found.engine);
  try {
    const team = currentTeam();
    for (const end = performance.now() + 10_000; team.joined < threads - 1;) {
      if (performance.now() > end) throw new Error(`bench: ${threads} threads were asked for: ${team.why.join('; ')}`);
      await turn();
    }
    return measure(benchOn(found));
  } finally {
    installEngine(null);
    configure({ threads: 'auto' }); // the backend installs its own engine at the next call
  }
}

function benchOn({ engine: { heap }, positions }: Probes): Bench {
  const words = new Int32Array(heap.buffer, argumentFrames.address, argumentFrames.bytes / 4);
  return {
    heap,
    set: (name, value) => {
      words[slotOffset(name) / 4] = value;
    },
    time: (probe, tasks) => {
      const kernel = positions.get(probe);
      if (kernel === undefined) throw new Error(`bench: there is no probe ${probe} here`);
      const start = performance.now();
      runJob(kernel, argumentFrames.address, tasks, true);
      return performance.now() - start;
    },
  };
}

const peaks: Map<string, number> = new Map();

/**
 * GFLOP/s of multiplications and additions in registers: the most that a kernel can reach whose operands always are
 * where they are needed. The best of many short runs, because whatever disturbs one only makes it slower.
 */
export async function arithmeticPeak(dtype: FloatName, threads: number, relaxed: boolean): Promise<number> {
  const key = `${dtype} ${threads} ${relaxed}`;
  const float = dtype === 'float32' ? 'f32' : 'f64';
  const tasks = 4 * threads;
  const rounds = 40_000;
  const known = peaks.get(key);
  if (known !== undefined) return known;
  const peak = await onProbes(threads, ({ heap, set, time }) => {
    const out = heap.allocate(64 * tasks, 'measurement');
    set('out', out);
    set('rounds', rounds);
    let best = Infinity;
    for (const end = performance.now() + 250; performance.now() < end;) {
      best = Math.min(best, time(relaxed ? `${float}_relaxed` : float, tasks));
    }
    heap.free(out);
    return (tasks * rounds * operationsPerRound(float)) / best / 1e6;
  });
  peaks.set(key, peak);
  return peak;
}

const bandwidths: Map<string, number> = new Map();

/**
 * GB/s, bytes read plus bytes written, of copying the first half of `workingSet` bytes to the second: what a kernel can
 * reach that does nothing but go through its arrays. The better of two ways of copying, vector by vector and by
 * memory.copy, each the median of many, in pieces of the size that elementwise kernels are cut into.
 */
export async function copyBandwidth(workingSet: number, threads: number): Promise<number> {
  const half = 64 * Math.ceil(workingSet / 128);
  const key = `${half} ${threads}`;
  const known = bandwidths.get(key);
  if (known !== undefined) return known;
  const perTask = 65_536;
  const rate = await onProbes(threads, ({ heap, set, time }) => {
    const from = heap.allocate(half, 'measurement');
    const to = heap.allocate(half, 'measurement');
    new Uint8Array(heap.buffer, from, half).fill(1);
    new Uint8Array(heap.buffer, to, half).fill(2);
    set('from', from);
    set('to', to);
    set('bytes', perTask);
    set('total', half);
    const times: Record<'copy_vectors' | 'copy_memory', number[]> = { copy_vectors: [], copy_memory: [] };
    const end = performance.now() + 300;
    while (times.copy_memory.length < 10 || performance.now() < end) {
      for (const probe of ['copy_vectors', 'copy_memory'] as const) {
        times[probe].push(time(probe, Math.ceil(half / perTask)));
      }
    }
    heap.free(from);
    heap.free(to);
    return (2 * half) / Math.min(median(times.copy_vectors), median(times.copy_memory)) / 1e6;
  });
  bandwidths.set(key, rate);
  return rate;
}

/** Microseconds that handing work to one worker takes. */
export interface HandOff {
  readonly name: string;
  readonly median: number;
  readonly p99: number;
  readonly n: number;
}

/** Waits without sleeping. */
function pause(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

/**
 * A job of two tasks, from the call until both are done. Empty, the caller may do both before the worker has come;
 * where the tasks wait for each other, the worker certainly has taken one.
 */
export async function handOffs(): Promise<HandOff[]> {
  if (features().cores < 2) return [];
  return onProbes(2, ({ heap, set, time }) => {
    const counter = heap.allocate(64, 'measurement');
    const word = heap.array('int32', counter, 1);
    set('counter', counter);
    const sample = (name: string, probe: 'nothing' | 'meet', gap: number, n: number): HandOff => {
      const times: number[] = [];
      for (let i = -Math.ceil(n / 10); i < n; i++) {
        word[0] = 0;
        pause(gap);
        const microseconds = 1000 * time(probe, 2);
        if (i >= 0) times.push(microseconds);
      }
      return { name, median: median(times), p99: quantile(times, 0.99), n };
    };
    const found = [
      sample('empty job, worker awake', 'nothing', 0.01, 20_000),
      sample('two tasks that meet, worker awake', 'meet', 0.01, 20_000),
      sample('two tasks that meet, worker asleep', 'meet', 2, 300),
    ];
    heap.free(counter);
    return found;
  });
}
