/** The SIMD backend: probes, the heap, the engine, and the host functions of every family. */

import { features } from '../../runtime/features.ts';
import { settings } from '../../runtime/settings.ts';
import type { Kernels } from '../contract.ts';
import { type Heap, HeapExhausted, sharedHeap } from '../memory/heap.ts';
import { Engine, installEngine } from '../team/engine.ts';
import { emitTeam } from '../team/loop.ts';
import type { KernelForm } from '../team/part.ts';
import { whyGivenUp } from '../team/team.ts';
import { augmentKernels } from './augment/index.ts';
import { convolutionKernels } from './conv/index.ts';
import { pooledConvolutionKernels } from './conv/pooled.ts';
import { elementwiseKernels } from './elementwise/index.ts';
import { gemmKernels } from './gemm/gemm.ts';
import { lossKernels } from './loss/index.ts';
import { normalisationKernels } from './norm/index.ts';
import { poolKernels } from './pool/index.ts';
import { kernelSource } from './module.ts';
import { whyNotWide } from './wide.ts';

/** Adding a family is one line here. */
const kernels: Partial<Kernels> = {
  ...gemmKernels,
  ...convolutionKernels,
  ...pooledConvolutionKernels,
  ...normalisationKernels,
  ...poolKernels,
  ...elementwiseKernels,
  ...lossKernels,
  ...augmentKernels,
};

/** An engine for each form of the kernels that has been asked for. */
const loaded: Map<string, Engine> = new Map();
/** The team's loops, compiled. */
let loops: WebAssembly.Module | null = null;
/** Why they cannot be compiled in the background either; null until that has been tried in vain. */
let refusal: string | null = null;

/** Where a thread may not block, compiling at once may be limited too; larger than any kernel that is emitted alone. */
const largestPart = 64 * 1024;

/** Where the backend can run, and in which form; else why it cannot. */
function requirements(): { heap: Heap; form: KernelForm } | string {
  const found = features();
  if (!found.webAssembly) return 'simd: this runtime has no WebAssembly';
  if (!found.simd) return 'simd: the WebAssembly of this runtime has no 128-bit vectors';
  if (!found.threads) return 'simd: the WebAssembly of this runtime has no shared memory';
  const unusable = whyGivenUp();
  if (unusable !== null) return unusable;
  const heap = sharedHeap();
  if (typeof heap === 'string') return `simd: ${heap}`;
  const wide = whyNotWide() === null;
  const form = { relaxed: settings().relaxedSimd && found.relaxedSimd, wide, five: found.keepsLoads && !wide };
  return { heap, form };
}

/**
 * Makes the SIMD backend ready and gives its kernels, or says why this machine cannot run them. What is compiled at
 * once is only the team's loops, kernels when they are launched; later calls follow the settings (relaxedSimd,
 * wideSimd).
 */
export function loadSimd(): Partial<Kernels> | string {
  const required = requirements();
  if (typeof required === 'string') return required;
  const { heap, form } = required;
  if (loops === null && refusal !== null) return refusal;
  try {
    loops ??= new WebAssembly.Module(emitTeam(heap.initialPages, features().mayBlock ? 0 : largestPart));
    installEngine(engineOn(heap, loops, form));
  } catch (error) {
    // main threads of some browsers compile large modules only in the background
    return mayCompile() ? `simd: the kernels cannot be compiled here at once (${String(error)}); await ready() tries ` +
      'it in the background' : refused(error);
  }
  return kernels;
}

/** Compiles all kernels in the background, so that loadSimd finds them. Where that fails, loadSimd will say why. */
export async function prepareSimd(): Promise<void> {
  const required = requirements();
  if (typeof required === 'string') return;
  const { heap, form } = required;
  try {
    heap.warm();
    loops ??= await WebAssembly.compile(emitTeam(heap.initialPages));
    await engineOn(heap, loops, form).addAll();
  } catch (error) {
    if (!(error instanceof HeapExhausted)) refusal = refused(error);
  }
}

/** The engine for kernels of a form. */
function engineOn(heap: Heap, module: WebAssembly.Module, form: KernelForm): Engine {
  const key = JSON.stringify(form);
  const known = loaded.get(key);
  if (known !== undefined) return known;
  const engine = new Engine(module, heap, kernelSource(form));
  loaded.set(key, engine);
  return engine;
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
