/**
 * The engine: the team's loops on the heap, kernels that are added to them part by part, and all that launches need.
 * The SIMD backend makes it and installs it here, which is all there is to install; launches run their jobs on it,
 * steps take its memory, and the team's workers make instances of the same modules on the same memory.
 */

import { Pacer } from '../../runtime/pacer.ts';
import { installStepMemory, type StepMemory } from '../memory/allocate.ts';
import type { Heap } from '../memory/heap.ts';
import { ScratchStack } from '../memory/scratch.ts';
import { HeapStepMemory } from '../memory/step.ts';
import { argumentFrames, control } from './control.ts';
import type { TeamExports } from './loop.ts';
import { type KernelForm, type KernelSource, partBlock, type PartBytes, tableSize, teamImports } from './part.ts';

/** What the heap's error of exhaustion calls this memory. */
const partHolder = 'kernels';

/** Kernels of a part where all are added: more would take longer to emit than a page may stand still. */
const kernelsAtOnce = 16;

/** What all engines on a heap share. */
interface HeapUse {
  readonly steps: StepMemory;
  readonly scratch: ScratchStack;
  /** the first page, up to the end of the arguments: there from the start, so these views never need renewing */
  readonly words: Int32Array;
  readonly floats: Float64Array;
}

const uses: WeakMap<Heap, HeapUse> = new WeakMap();

function useOf(heap: Heap): HeapUse {
  const known = uses.get(heap);
  if (known !== undefined) return known;
  const bytes = argumentFrames.address + argumentFrames.count * argumentFrames.bytes;
  const use = {
    steps: new HeapStepMemory(heap), scratch: new ScratchStack(heap),
    words: new Int32Array(heap.buffer, 0, bytes / 4), floats: new Float64Array(heap.buffer, 0, bytes / 8),
  };
  uses.set(heap, use);
  return use;
}

export class Engine implements HeapUse {
  readonly heap: Heap;
  readonly steps: StepMemory;
  readonly scratch: ScratchStack;
  readonly words: Int32Array;
  readonly floats: Float64Array;
  /** the compiled module of `emitTeam` */
  readonly module: WebAssembly.Module;
  readonly exports: TeamExports;
  readonly form: KernelForm;
  readonly #source: KernelSource;
  readonly #positions: Map<object, number> = new Map();
  /** entries of the table that are taken */
  #taken: number = 0;
  /** the address of the latest part */
  #latest: number = 0;

  /** Throws as WebAssembly.Instance does. */
  constructor(module: WebAssembly.Module, heap: Heap, source: KernelSource) {
    this.heap = heap;
    ({ steps: this.steps, scratch: this.scratch, words: this.words, floats: this.floats } = useOf(heap));
    this.module = module;
    const imports = { [teamImports]: { memory: heap.memory, learn: () => this.#latest | 0 } };
    this.exports = new WebAssembly.Instance(module, imports).exports as unknown as TeamExports;
    this.form = source.form;
    this.#source = source;
  }

  /**
   * A kernel's position in the function table. It is emitted and compiled when it is first asked for. Throws
   * HeapExhausted where its code has no room, and Error for a kernel that there is not.
   */
  position(kernel: object): number {
    const known = this.#positions.get(kernel);
    if (known !== undefined) return known;
    const part = this.#emit([kernel]);
    const position = part.positions.get(kernel);
    if (position === undefined) throw new Error(`simd: there is no kernel ${(kernel as { name?: string }).name}`);
    const address = this.#keep(part);
    try {
      void new WebAssembly.Instance(new WebAssembly.Module(part.bytes), this.#imports); // fills its table entries
    } catch (error) {
      this.#taken -= part.positions.size;
      this.heap.free(address);
      throw error;
    }
    this.#link(part, address);
    return position;
  }

  /** Adds all kernels that are not there yet. It lets other work run now and then; compiling is in the background. */
  async addAll(): Promise<void> {
    const missing = this.#source.kernels.filter((kernel) => !this.#positions.has(kernel));
    const pacer = new Pacer();
    for (let i = 0; i < missing.length; i += kernelsAtOnce) {
      const part = this.#emit(missing.slice(i, i + kernelsAtOnce));
      const address = this.#keep(part);
      await WebAssembly.instantiate(part.bytes, this.#imports);
      this.#link(part, address);
      if (pacer.due) await pacer.pause();
    }
  }

  /** Tells workers which parts there are. */
  announce(): void {
    this.exports.known.value = this.#latest | 0;
    Atomics.store(this.words, control.parts / 4, this.#latest | 0);
  }

  get #imports(): Record<string, Record<string, WebAssembly.ImportValue>> {
    const { table, participant } = this.exports;
    return { [teamImports]: { memory: this.heap.memory, table, participant } };
  }

  #emit(kernels: readonly object[]): PartBytes {
    const part = this.#source.emit(kernels, this.#taken, this.heap.initialPages);
    if (this.#taken + part.positions.size > tableSize) {
      throw new RangeError(`engine: there is no room for more than ${tableSize} kernels`);
    }
    return part;
  }

  /** Takes a part's entries of the table, leaves its bytes where workers will look for them, gives their address. */
  #keep({ bytes, positions }: PartBytes): number {
    const { heap } = this;
    const address = heap.allocate(partBlock.bytes + bytes.length, partHolder);
    this.#taken += positions.size; // not before: a call that finds no room is made by js, and may be made often
    (heap.array('uint8', address + partBlock.bytes, bytes.length) as Uint8Array).set(bytes);
    return address;
  }

  /** Makes an instantiated part known. */
  #link({ bytes, positions }: PartBytes, address: number): void {
    const header = this.heap.array('int32', address, partBlock.bytes / 4);
    header[partBlock.previous / 4] = this.#latest;
    header[partBlock.length / 4] = bytes.length;
    this.#latest = address;
    for (const [kernel, position] of positions) this.#positions.set(kernel, position);
    if (current === this) this.announce();
  }
}

let current: Engine | null = null;
const listeners: Array<(engine: Engine | null) => void> = [];

/** Makes launches run on this engine, and steps use its memory (null: none). Not inside a launch. */
export function installEngine(engine: Engine | null): void {
  installStepMemory(engine === null ? null : engine.steps);
  if (engine === current) return;
  current = engine;
  for (const listener of listeners) listener(engine);
  engine?.announce(); // workers of another engine have been told to leave by now
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
