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
/** Why the kernels cannot be compiled in the background either; null until that has been tried in vain. */
let refusal: string | null = null;

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
    if (refusal !== null) return refusal;
    const built = buildKernelModule(variant === 'relaxed');
    try {
      loaded[variant] = instantiate(heap, built, new WebAssembly.Module(built.bytes));
    } catch (error) {
      // main threads of some browsers compile large modules only in the background
      return mayCompile() ? `simd: the kernels cannot be compiled here at once (${String(error)}); await ready() tries ` +
        'it in the background' : refused(error);
    }
  }
  installEngine(loaded[variant]);
  return kernels;
}

/** Compiles the module in the background, so that loadSimd finds it. Where that fails, loadSimd will say why. */
export async function prepareSimd(): Promise<void> {
  const required = requirements();
  if (typeof required === 'string' || loaded[required.variant] !== null) return;
  const { heap, variant } = required;
  const built = buildKernelModule(variant === 'relaxed');
  try {
    const module = await WebAssembly.compile(built.bytes);
    loaded[variant] ??= instantiate(heap, built, module);
  } catch (error) {
    refusal = refused(error);
  }
}

function refused(error: unknown): string {
  const policy = "the page's Content-Security-Policy, or what stands for it here, forbids WebAssembly: script-src must " +
    "have 'wasm-unsafe-eval'";
  return `simd: ${mayCompile() ? 'the kernels cannot be compiled' : policy} (${String(error)})`;
}

/** Whether an empty module is compiled: a policy forbids every one. */
function mayCompile(): boolean {
  try {
    return new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0)) instanceof WebAssembly.Module;
  } catch {
    return false;
  }
}

function instantiate(heap: Heap, built: KernelModule, module: WebAssembly.Module): Engine {
  const imports = { [memoryImport.module]: { [memoryImport.name]: heap.memory } };
  return createEngine(module, heap, imports, built);
}
