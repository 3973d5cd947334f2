/** All SIMD kernels and the team's loops in one WebAssembly module. */

import { ModuleBuilder } from '../../wasm/index.ts';
import { maximumPages } from '../memory/heap.ts';
import { emitTeam } from '../team/loop.ts';
import { emitConvolution } from './conv/index.ts';
import { emitElementwise } from './elementwise/index.ts';
import { emitGemm } from './gemm/kernels.ts';
import { KernelBuilder } from './kernel-builder.ts';
import { emitSoftmax } from './loss/softmax.ts';
import { emitNormalisation } from './norm/index.ts';
import { emitPoolings } from './pool/index.ts';

/** Adding a family is one line here. */
const families: ReadonlyArray<(kernels: KernelBuilder) => void> = [
  emitGemm,
  emitConvolution,
  emitNormalisation,
  emitPoolings,
  emitElementwise,
  emitSoftmax,
];

export interface KernelModule {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** emitted with fused multiply-add */
  readonly relaxed: boolean;
  /** position in the function table by kernel name */
  readonly indexes: ReadonlyMap<string, number>;
}

/** The name under which the module imports the heap. */
export const memoryImport = { module: 'heap', name: 'memory' } as const;

/** Emits the module; relaxed: with fused multiply-add, which not every engine has and which rounds differently. */
export function buildKernelModule(relaxed: boolean): KernelModule {
  const module = new ModuleBuilder();
  module.importMemory(memoryImport.module, memoryImport.name, { initial: 1, maximum: maximumPages, shared: true });
  const participant = module.global('participant', 'i32', true, 0);
  const kernels = new KernelBuilder(module, relaxed, participant);
  for (const emit of families) emit(kernels);
  emitTeam(module, participant);
  return { bytes: module.build(), relaxed, indexes: kernels.indexes };
}

let inUse: Pick<KernelModule, 'relaxed' | 'indexes'> = { relaxed: false, indexes: new Map() };

/** Makes the functions below answer for this module. Called by backend.ts when it loads one. */
export function useKernelModule(built: KernelModule): void {
  inUse = built;
}

/** True when the module in use has fused multiply-add, with which some kernels are built in another shape. */
export function usesRelaxed(): boolean {
  return inUse.relaxed;
}

/** The number by which a launch runs a kernel. Throws Error for a name that no family has defined. */
export function kernelIndex(name: string): number {
  const index = inUse.indexes.get(name);
  if (index === undefined) throw new Error(`simd: there is no kernel ${name}`);
  return index;
}
