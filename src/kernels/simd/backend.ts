/** The SIMD backend: probes, the heap, the module, and the host functions of every family. */

import { features } from '../../runtime/features.ts';
import { settings } from '../../runtime/settings.ts';
import type { Kernels } from '../contract.ts';
import { type Heap, sharedHeap } from '../memory/heap.ts';
import { createEngine, type Engine, installEngine } from '../team/engine.ts';
import { whyGivenUp } from '../team/team.ts';
import { convolutionKernels } from './conv/index.ts';
import { elementwiseKernels } from './elementwise/index.ts';
import { gemmKernels } from './gemm/gemm.ts';
import { lossKernels } from './loss/softmax.ts';
import { normalisationKernels } from './norm/index.ts';
import { poolKernels } from './pool/index.ts';
import { buildKernelModule, type KernelModule, memoryImport } from './module.ts';

/** Adding a family is one line here. */
const kernels: Partial<Kernels> = {
  ...gemmKernels,
  ...convolutionKernels,
  ...normalisationKernels,
  ...poolKernels,
  ...elementwiseKernels,
  ...lossKernels,
};

/** One module with multiply and add apart, one with both fused: made when they are asked for. */
const loaded: { plain: Engine | null; relaxed: Engine | null } = { plain: null, relaxed: null };

/** Where the backend can run, and in which variant; else why it cannot. */
function requirements(): { heap: Heap; variant: keyof typeof loaded } | string {
  const found = features();
  if (!found.webAssembly) return 'simd: this runtime has no WebAssembly';
  if (!found.simd) return 'simd: the WebAssembly of this runtime has no 128-bit vectors';
  if (!found.threads) return 'simd: the WebAssembly of this runtime has no shared memory';
  const unusable = whyGivenUp();
  if (unusable !== null) return unusable;
  const heap = sharedHeap();
  if (typeof heap === 'string') return `simd: ${heap}`;
  return { heap, variant: settings().relaxedSimd && found.relaxedSimd ? 'relaxed' : 'plain' };
}

/**
 * Makes the SIMD backend ready and gives its kernels, or says why this machine cannot run them. The module is emitted
 * and compiled at the first call; later calls follow the settings (relaxedSimd).
 */
export function loadSimd(): Partial<Kernels> | string {
  const required = requirements();
  if (typeof required === 'string') return required;
  const { heap, variant } = required;
  if (loaded[variant] === null) {
    const built = buildKernelModule(variant === 'relaxed');
    let module: WebAssembly.Module;
    try {
      module = new WebAssembly.Module(built.bytes);
    } catch (error) {
      // main threads of some browsers compile large modules only in the background, and pages may forbid it altogether
      return `simd: the kernels cannot be compiled here at once (${String(error)}); await ready() tries it in the background`;
    }
    loaded[variant] = instantiate(heap, built, module);
  }
  installEngine(loaded[variant]);
  return kernels;
}

/** Compiles the module in the background, so that loadSimd finds it. Leaves it be where that fails. */
export async function prepareSimd(): Promise<void> {
  const required = requirements();
  if (typeof required === 'string' || loaded[required.variant] !== null) return;
  const { heap, variant } = required;
  const built = buildKernelModule(variant === 'relaxed');
  const module = await WebAssembly.compile(built.bytes).catch(() => null);
  if (module !== null) loaded[variant] ??= instantiate(heap, built, module);
}

function instantiate(heap: Heap, built: KernelModule, module: WebAssembly.Module): Engine {
  const imports = { [memoryImport.module]: { [memoryImport.name]: heap.memory } };
  return createEngine(module, heap, imports, built);
}
