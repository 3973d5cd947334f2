/** All SIMD kernels and the team's loops in one WebAssembly module. */

import { ModuleBuilder } from '../../wasm/index.ts';
import { maximumPages } from '../memory/heap.ts';
import type { EmittedKernels } from '../team/engine.ts';
import { emitTeam } from '../team/loop.ts';
import { emitConvolution } from './conv/index.ts';
import { emitElementwise } from './elementwise/index.ts';
import { emitGemm } from './gemm/gemm-kernels.ts';
import { KernelBuilder } from './kernel.ts';
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

export interface KernelModule extends EmittedKernels {
  readonly bytes: Uint8Array<ArrayBuffer>;
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
