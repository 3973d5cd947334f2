/**
 * What a worker thread runs: one call that lasts as long as the team. Everything that matters happens inside it, in
 * WebAssembly (see loop.ts), which comes back to JavaScript only to learn kernels that it does not know yet. This file
 * must stay free of imports that survive compilation, because it travels as text.
 */

import type { WorkerTask } from './crew.ts';
import type { TeamExports } from './loop.ts';

/**
 * Joins the team and returns when it is dissolved. Throws what a kernel trapped with, after saying so in the worker's
 * record, which the leader looks at.
 */
export function join(task: WorkerTask): number {
  const { memory } = task;
  if (!(memory.buffer instanceof SharedArrayBuffer)) throw new Error('this runtime gave the worker a copy of the memory');
  const words = new Int32Array(memory.buffer);
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  const threads = process?.getBuiltinModule?.('node:worker_threads') as { threadId?: number } | undefined;
  Atomics.store(words, task.threadWord, threads?.threadId ?? 0);
  const { table, participant, known, work } = instantiate(task.module, { memory, learn }) as unknown as TeamExports;
  try {
    return work(task.record, task.generation, task.spins);
  } catch (error) {
    Atomics.store(words, task.stateWord, task.trapped);
    throw error;
  }

  function instantiate(module: WebAssembly.Module, imports: Record<string, WebAssembly.ImportValue>): object {
    return new WebAssembly.Instance(module, { [task.imports]: imports }).exports;
  }

  /** Instantiates all parts from the latest back to the one that is known, and gives the address of the latest. */
  function learn(): number {
    const latest = Atomics.load(words, task.partsWord);
    for (let part = latest; part !== known.value && part !== 0;) {
      const address = part >>> 0;
      const [previous, length] = new Int32Array(memory.buffer, address, 2);
      const bytes = new Uint8Array(memory.buffer, address + 8, length).slice();
      instantiate(new WebAssembly.Module(bytes), { memory, table, participant });
      part = previous;
    }
    return latest;
  }
}
