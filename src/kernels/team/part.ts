/**
 * Parts: kernels come in WebAssembly modules of their own, which are emitted when the first of their kernels is
 * launched and share memory, function table and thread number with the loops of loop.ts. So a program pays only for
 * kernels that it uses, when it uses them.
 *
 * Every thread has a table of its own, in which a kernel has the same position everywhere. The leader instantiates a
 * part, leaves its bytes in the heap and its address in the control block, and only then publishes jobs that need it. A
 * worker that finds an address there which it does not know calls `learn` before it takes a task: out of the loop into
 * JavaScript, which instantiates all parts that are new to it (worker.ts). Compiling equal bytes again costs next to
 * nothing in V8, which keeps the code of a module once a process.
 */

import { type GlobalReference, ModuleBuilder } from '../../wasm/index.ts';
import { maximumPages } from '../memory/heap.ts';

/** Entries of the function table, many times the number of kernels that there are. */
export const tableSize = 2048;

/** The name of all that modules import. */
export const teamImports = 'team';

/** A module that is to hold kernels, placed in the table from a position on, and the number of the thread in it. */
export interface PartBuilder {
  readonly module: ModuleBuilder;
  /** a mutable i32: 0 in the leader */
  readonly participant: GlobalReference;
}

/**
 * Begins a part for a heap of so many initial pages. `addToTable` of its module gives a kernel's position in the table.
 */
export function beginPart(first: number, initialPages: number): PartBuilder {
  const module = new ModuleBuilder();
  importTeamMemory(module, initialPages);
  module.importTable(teamImports, 'table', tableSize, first);
  return { module, participant: module.importGlobal(teamImports, 'participant', 'i32', true) };
}

/** Takes a heap of at least so many initial pages. */
export function importTeamMemory(module: ModuleBuilder, initialPages: number): void {
  module.importMemory(teamImports, 'memory', { initial: initialPages, maximum: maximumPages, shared: true });
}

/** Where a part's bytes lie in the heap. */
export const partBlock = {
  /** the address of the part before, 0 for the first */
  previous: 0,
  /** how many bytes follow */
  length: 4,
  bytes: 8,
} as const;

/** How kernels are written. */
export interface KernelForm {
  /** with fused multiply-add, with which some kernels are built in another shape */
  readonly relaxed: boolean;
  /** in tiles of pairs of vectors, for an engine that makes one vector of two (see ../simd/wide.ts) */
  readonly wide: boolean;
  /** Winograd's products by five tiles, not four, for an engine that has registers for it (see conv/tile-product.ts) */
  readonly five: boolean;
}

/** Kernels, as the engine asks for them. The values that stand for them are the source's own. */
export interface KernelSource {
  readonly form: KernelForm;
  /** all that there are */
  readonly kernels: readonly object[];
  /**
   * A module of those of these kernels that there are, placed in the table from `first` on, for a heap of so many
   * initial pages.
   */
  emit(kernels: readonly object[], first: number, initialPages: number): PartBytes;
}

export interface PartBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** positions in the table */
  readonly positions: ReadonlyMap<object, number>;
}
