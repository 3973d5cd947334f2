/**
 * The engine: an instance of the kernel module on the heap. The SIMD backend makes it and installs it here; launches
 * run their jobs on it, and the team's workers make instances of the same module on the same memory.
 */

import type { Heap } from '../memory/heap.ts';
import type { TeamExports } from './loop.ts';

export interface Engine {
  readonly module: WebAssembly.Module;
  /** the import object, which holds nothing but the heap's memory */
  readonly imports: Record<string, Record<string, WebAssembly.Memory>>;
  readonly exports: TeamExports;
  readonly heap: Heap;
}

/** An instance of a module with the exports of `emitTeam`. Throws as WebAssembly.Instance does. */
export function createEngine(module: WebAssembly.Module, heap: Heap, imports: Engine['imports']): Engine {
  const instance = new WebAssembly.Instance(module, imports);
  return { module, imports, heap, exports: instance.exports as unknown as TeamExports };
}

let current: Engine | null = null;
const listeners: Array<(engine: Engine | null) => void> = [];

/** Makes launches run on this engine (null: on none). Not inside a launch. */
export function installEngine(engine: Engine | null): void {
  if (engine === current) return;
  current = engine;
  for (const listener of listeners) listener(engine);
}

/** The engine in use. Throws Error when no backend has installed one. */
export function currentEngine(): Engine {
  if (current === null) throw new Error('launch: the simd backend has not been loaded');
  return current;
}

/** Calls listener whenever the engine changes. */
export function onEngine(listener: (engine: Engine | null) => void): void {
  listeners.push(listener);
}
