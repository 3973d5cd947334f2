/**
 * What a worker thread runs: one call that lasts as long as the team. Everything that matters happens inside it, in
 * WebAssembly (see loop.ts); this file must stay free of imports that survive compilation, because it travels as text.
 */

import type { WorkerTask } from './crew.ts';
import type { TeamExports } from './loop.ts';

/**
 * Joins the team and returns when it is dissolved. Throws what a kernel trapped with, after saying so in the worker's
 * record, which the leader looks at.
 */
export function join(task: WorkerTask): number {
  const words = new Int32Array(task.memory.buffer);
  const { process } = globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } };
  const threads = process?.getBuiltinModule?.('node:worker_threads') as { threadId?: number } | undefined;
  Atomics.store(words, task.threadWord, threads?.threadId ?? 0);
  const instance = new WebAssembly.Instance(task.module, task.imports);
  const { work } = instance.exports as unknown as TeamExports;
  try {
    return work(task.record, task.generation, task.spins);
  } catch (error) {
    Atomics.store(words, task.stateWord, task.trapped);
    throw error;
  }
}
