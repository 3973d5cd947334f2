/**
 * The engine: an instance of the kernel module on the heap, with everything that launches need. The SIMD backend makes
 * it and installs it here, which is all there is to install; launches run their jobs on it, steps take its memory, and
 * the team's workers make instances of the same module on the same memory.
 */

import { installStepMemory, type StepMemory } from '../memory/allocate.ts';
import type { Heap } from '../memory/heap.ts';
import { ScratchStack } from '../memory/scratch.ts';
import { HeapStepMemory } from '../memory/step.ts';
import { argumentFrames } from './control.ts';
import type { TeamExports } from './loop.ts';

/** What a module's builder knows of it. */
export interface EmittedKernels {
  /** position of every kernel in the function table, by the value that stands for it */
  readonly indexes: ReadonlyMap<object, number>;
  /** emitted with fused multiply-add, with which some kernels are built in another shape */
  readonly relaxed: boolean;
}

/** What all engines on a heap share. */
interface HeapUse {
  readonly heap: Heap;
  readonly steps: StepMemory;
  readonly scratch: ScratchStack;
  /** the first page, up to the end of the arguments: there from the start, so these views never need renewing */
  readonly words: Int32Array;
  readonly floats: Float64Array;
}

export interface Engine extends EmittedKernels, HeapUse {
  readonly module: WebAssembly.Module;
  /** the import object, which holds nothing but the heap's memory */
  readonly imports: Record<string, Record<string, WebAssembly.Memory>>;
  readonly exports: TeamExports;
}

const uses: WeakMap<Heap, HeapUse> = new WeakMap();

function useOf(heap: Heap): HeapUse {
  const known = uses.get(heap);
  if (known !== undefined) return known;
  const bytes = argumentFrames.address + argumentFrames.count * argumentFrames.bytes;
  const use = {
    heap, steps: new HeapStepMemory(heap), scratch: new ScratchStack(heap),
    words: new Int32Array(heap.buffer, 0, bytes / 4), floats: new Float64Array(heap.buffer, 0, bytes / 8),
  };
  uses.set(heap, use);
  return use;
}

/** An instance of a module with the exports of `emitTeam`. Throws as WebAssembly.Instance does. */
export function createEngine(
  module: WebAssembly.Module, heap: Heap, imports: Engine['imports'],
  { indexes, relaxed }: EmittedKernels = { indexes: new Map(), relaxed: false },
): Engine {
  const { exports } = new WebAssembly.Instance(module, imports);
  return { module, imports, exports: exports as unknown as TeamExports, indexes, relaxed, ...useOf(heap) };
}

let current: Engine | null = null;
const listeners: Array<(engine: Engine | null) => void> = [];

/** Makes launches run on this engine, and steps use its memory (null: none). Not inside a launch. */
export function installEngine(engine: Engine | null): void {
  installStepMemory(engine === null ? null : engine.steps);
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
