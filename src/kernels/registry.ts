/**
 * Which backend computes: the table of kernels by backend, the choice between them and the fallback to naive.
 * Adding a backend is one line in `backends`.
 */

import { onConfigure, settings } from '../runtime/settings.ts';
import type { BackendName, KernelName, Kernels } from './contract.ts';
import { jsKernels } from './js/index.ts';
import { installStepMemory, onMemoryNeeded } from './memory/allocate.ts';
import { HeapExhausted } from './memory/heap.ts';
import { naiveKernels } from './naive/index.ts';
import { loadSimd } from './simd/backend.ts';

interface Backend {
  /** the kernels, or a reason why this machine cannot run them */
  load(): Partial<Kernels> | string;
}

const backends: Record<Exclude<BackendName, 'naive'>, Backend> = {
  simd: { load: loadSimdOverJs },
  js: { load: () => jsKernels },
};

/** The SIMD kernels, and those of js where there is no SIMD one, or not the memory for a call. */
function loadSimdOverJs(): Partial<Kernels> | string {
  const simd = loadSimd();
  if (typeof simd === 'string') return simd;
  const names = Object.keys(simd) as KernelName[];
  const guarded = names.map((name) => [name, withinMemory(simd[name]!, jsKernels[name]!)]);
  return { ...jsKernels, ...Object.fromEntries(guarded) as Partial<Kernels> };
}

/**
 * A SIMD kernel whose place js takes in calls that the heap cannot hold. That is possible because a kernel asks for all
 * of its memory before it overwrites anything that it reads.
 */
function withinMemory(simd: Kernels[KernelName], js: Kernels[KernelName]): (...parameters: unknown[]) => unknown {
  return (...parameters) => {
    try {
      return (simd as (...parameters: unknown[]) => unknown)(...parameters);
    } catch (error) {
      if (!(error instanceof HeapExhausted) || settings().strict) throw error;
      return (js as (...parameters: unknown[]) => unknown)(...parameters);
    }
  };
}

/** Says which kernels of the SIMD backend are those of js. */
function standIns(kernels: Partial<Kernels>): string[] {
  const names = (Object.keys(jsKernels) as KernelName[]).filter((name) => kernels[name] === jsKernels[name]);
  return names.length === 0 ? [] : [`computed in JavaScript, because they have no SIMD form: ${names.join(', ')}`];
}

interface Selection {
  readonly name: BackendName;
  readonly kernels: Kernels;
  /** kernels that the backend lacks and naive provides */
  readonly fallbacks: readonly KernelName[];
  /** why a faster backend was passed over, and what is slower than it could be */
  readonly why: readonly string[];
}

let selected: Selection | null = null;
onConfigure(reselect);
onMemoryNeeded(() => {
  selected ??= select();
});

/** Chooses again at the next call: the settings have changed, or a backend has become ready. */
export function reselect(): void {
  selected = null;
  installStepMemory(null); // a backend with memory of its own installs that when it is loaded
}

function complete(name: BackendName, partial: Partial<Kernels>, why: readonly string[]): Selection {
  const fallbacks = (Object.keys(naiveKernels) as KernelName[]).filter((kernel) => partial[kernel] === undefined);
  const kernels: Kernels = { ...naiveKernels, ...partial };
  if (settings().strict) {
    for (const missing of fallbacks) {
      Object.assign(kernels, {
        [missing]: () => {
          throw new Error(`${missing}: backend ${name} has no such kernel, and strict forbids the naive one`);
        },
      });
    }
  }
  return { name, kernels, fallbacks, why };
}

function select(): Selection {
  const wanted = settings().backend;
  const why: string[] = [];
  if (wanted !== 'naive') {
    const order: Array<Exclude<BackendName, 'naive'>> = wanted === 'auto' ? ['simd', 'js'] : [wanted];
    for (const name of order) {
      const loaded = backends[name].load();
      if (typeof loaded === 'string') {
        why.push(loaded);
        continue;
      }
      if (name === 'simd') why.push(...standIns(loaded));
      return complete(name, loaded, why);
    }
    if (wanted !== 'auto') throw new Error(`configure: backend ${wanted} cannot run here: ${why.join('; ')}`);
  }
  return { name: 'naive', kernels: naiveKernels, fallbacks: [], why };
}

/** The kernels of the configured backend, completed by the naive ones. */
export function activeKernels(): Kernels {
  selected ??= select();
  return selected.kernels;
}

/** The same, but js where the configured backend is naive: what the layers called ...Fast compute with. */
export function activeFastKernels(): Kernels {
  selected ??= select();
  return selected.name === 'naive' ? { ...naiveKernels, ...jsKernels } : selected.kernels;
}

/** What was selected and why, for info(). */
export function selection(): Pick<Selection, 'name' | 'fallbacks' | 'why'> {
  selected ??= select();
  return selected;
}
