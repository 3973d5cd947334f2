/**
 * The kernel calls of a training step, each repeated by itself: what was given is written down as sizes, and given
 * anew, with other numbers, in another thread (lone-worker.ts).
 */

import { Worker } from 'node:worker_threads';
import type { Kernels } from '../../src/kernels/contract.ts';
import { watchKernels } from './profile.ts';
import type { FloatName } from './arrays.ts';

/** An argument of a kernel: an array of floats by its size, the same one with the same number; or what it is. */
export type GivenSize =
  | { readonly floats: FloatName; readonly length: number; readonly number: number }
  | { readonly list: readonly GivenSize[] }
  | { readonly fields: Readonly<Record<string, GivenSize>> }
  | { readonly value: unknown };

/** A kernel call, and how often a step makes it. */
export interface LoneCall {
  readonly kernel: keyof Kernels;
  readonly args: readonly GivenSize[];
  calls: number;
}

function sizesOf(args: readonly unknown[]): GivenSize[] {
  const known = new Map<unknown, number>();
  const sizeOf = (given: unknown): GivenSize => {
    if (given instanceof Float32Array || given instanceof Float64Array) {
      if (!known.has(given)) known.set(given, known.size);
      const floats = given instanceof Float32Array ? 'float32' : 'float64';
      return { floats, length: given.length, number: known.get(given)! };
    }
    if (ArrayBuffer.isView(given)) return { value: (given as Int32Array).slice() };
    if (Array.isArray(given)) return { list: given.map(sizeOf) };
    if (typeof given !== 'object' || given === null) return { value: given };
    return { fields: Object.fromEntries(Object.entries(given).map(([name, field]) => [name, sizeOf(field)])) };
  };
  return args.map(sizeOf);
}

/** The kernel calls that `step` makes; equal ones once, with their number. */
export function callsOf(step: () => void): LoneCall[] {
  const found = new Map<string, LoneCall>();
  watchKernels(step, (kernel, args, run) => {
    const result = run();
    const call: LoneCall = { kernel, args: sizesOf(args), calls: 1 };
    const key = JSON.stringify(call, (_, value: unknown) => ArrayBuffer.isView(value) ? 'integers' : value);
    const same = found.get(key);
    if (same === undefined) found.set(key, call);
    else same.calls++;
    return result;
  });
  return [...found.values()];
}

/** What a thread is asked: to repeat a call for so many milliseconds, and answer with the median of its times. */
export interface LoneRequest {
  readonly call: LoneCall;
  readonly milliseconds: number;
}

/** Threads with a heap, kernels and arrays of their own, which share nothing. */
export class LoneThreads {
  readonly #workers: readonly Worker[];

  constructor(count: number) {
    const script = new URL('./lone-worker.ts', import.meta.url);
    this.#workers = Array.from({ length: count }, () => new Worker(script));
  }

  /**
   * Milliseconds that the call takes where the threads divide such calls among themselves: each repeats it at the same
   * time as the others.
   */
  async time(call: LoneCall, milliseconds: number): Promise<number> {
    const times = await Promise.all(this.#workers.map((worker) => answer(worker, { call, milliseconds })));
    return 1 / times.reduce((sum, time) => sum + 1 / time, 0);
  }

  async end(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}

function answer(worker: Worker, request: LoneRequest): Promise<number> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (time: number) => {
      worker.off('error', reject);
      resolve(time);
    });
    worker.postMessage(request);
  });
}
