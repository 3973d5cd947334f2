/**
 * Which backend computes: the table of kernels by backend, the choice between them, and who stands in where a backend
 * lacks a kernel. Adding a backend is one line in `backends`, at its place by speed.
 */

import { onConfigure, settings } from '../runtime/settings.ts';
import { onSimdCode, simdCode, whyNoSimdCode } from './arrival.ts';
import type { BackendName, KernelName, Kernels } from './contract.ts';
import { jsKernels } from './js/index.ts';
import { installStepMemory, onMemoryNeeded } from './memory/allocate.ts';
import { naiveKernels } from './naive/index.ts';

interface Backend {
  readonly name: BackendName;
  /** the kernels, or a reason why this machine cannot run them */
  load(): Partial<Kernels> | string;
}

/** From the fastest to the definition: what one lacks, the next one that has it computes. */
const backends: readonly Backend[] = [
  { name: 'simd', load: loadSimdWithinMemory },
  { name: 'js', load: () => jsKernels },
  { name: 'naive', load: () => naiveKernels },
];

/** The SIMD kernels; unless strict, js takes their place in calls that the heap cannot hold. */
function loadSimdWithinMemory(): Partial<Kernels> | string {
  const code = simdCode();
  if (code === null) return whyNoSimdCode();
  const simd = code.loadSimd();
  if (typeof simd === 'string' || settings().strict) return simd;
  const names = Object.keys(simd) as KernelName[];
  return Object.fromEntries(
    names.map((name) => [name, withinMemory(simd[name]!, jsKernels[name]!, code.HeapExhausted)]));
}

/**
 * A SIMD kernel whose place js takes in calls that the heap cannot hold. That is possible because a kernel asks for all
 * of its memory before it overwrites anything that it reads.
 */
function withinMemory(
  simd: Kernels[KernelName], js: Kernels[KernelName], exhausted: new () => Error,
): (...parameters: unknown[]) => unknown {
  return (...parameters) => {
    try {
      return (simd as (...parameters: unknown[]) => unknown)(...parameters);
    } catch (error) {
      if (!(error instanceof exhausted)) throw error;
      return (js as (...parameters: unknown[]) => unknown)(...parameters);
    }
  };
}

interface Selection {
  readonly name: BackendName;
  readonly kernels: Kernels;
  /** whose kernel each one is: that of the chosen backend, or of the one that stands in for it */
  readonly computedBy: Readonly<Record<KernelName, BackendName>>;
  /** why a faster backend was passed over */
  readonly why: readonly string[];
}

let selected: Selection | null = null;
onConfigure(reselect);
onSimdCode(reselect);
onMemoryNeeded(() => {
  selected ??= select();
});

/** Chooses again at the next call: the settings have changed, or a backend has become ready. */
export function reselect(): void {
  selected = null;
  installStepMemory(null); // a backend with memory of its own installs that when it is loaded
}

/** A kernel that throws, for strict. */
function refused(kernel: KernelName, name: BackendName, other: BackendName): () => never {
  return () => {
    throw new Error(`${kernel}: backend ${name} has no such kernel, and strict forbids that ${other} stands in`);
  };
}

/** The backend at a place of the list, completed by those after it; under strict the others' kernels throw. */
function complete(place: number, own: Partial<Kernels>, why: readonly string[]): Selection {
  const { name } = backends[place];
  const computedBy: Partial<Record<KernelName, BackendName>> = {};
  const kernels: Partial<Kernels> = {};
  const tables = backends.slice(place).map((each) => [each.name, each.name === name ? own : each.load()] as const);
  for (const [by, table] of tables) {
    for (const kernel of Object.keys(table) as KernelName[]) {
      if (computedBy[kernel] !== undefined) continue;
      computedBy[kernel] = by;
      const provided = by === name || !settings().strict ? (table as Kernels)[kernel] : refused(kernel, name, by);
      Object.assign(kernels, { [kernel]: provided });
    }
  }
  return { name, kernels: kernels as Kernels, computedBy: computedBy as Selection['computedBy'], why };
}

function select(): Selection {
  const wanted = settings().backend;
  const why: string[] = [];
  for (const [place, { name, load }] of backends.entries()) {
    if (wanted !== 'auto' && wanted !== name) continue;
    const loaded = load();
    if (typeof loaded !== 'string') return complete(place, loaded, why);
    why.push(loaded);
  }
  throw new Error(`configure: backend ${wanted} cannot run here: ${why.join('; ')}`);
}

/** The kernels of the configured backend, completed by the naive ones. */
export function activeKernels(): Kernels {
  selected ??= select();
  return selected.kernels;
}

/** The same, but js where the configured backend is naive: what the layers called ...Fast compute with. */
export function activeFastKernels(): Kernels {
  selected ??= select();
  return selected.name === 'naive' ? jsKernels : selected.kernels;
}

/** The kernels that each backend has of its own, from the fastest to the definition; null where it cannot run here. */
export function ownKernels(): ReadonlyArray<readonly [backend: BackendName, kernels: readonly KernelName[] | null]> {
  return backends.map(({ name, load }) => {
    const loaded = load();
    return [name, typeof loaded === 'string' ? null : Object.keys(loaded) as KernelName[]];
  });
}

/** What was selected and why, for info(). */
export function selection(): Omit<Selection, 'kernels'> {
  selected ??= select();
  return selected;
}
