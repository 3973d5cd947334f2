/**
 * What this machine and this runtime can do. Each WebAssembly probe is a tiny module that the engine is asked to
 * validate; its text form stands beside the bytes.
 */

/** (module (func (result v128) (i8x16.popcnt (i8x16.splat (i32.const 0))))) */
const simdProbe: readonly number[] = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
];

/** (module (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0))))) */
const threadsProbe: readonly number[] = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 5, 4, 1, 3, 1, 1,
  10, 11, 1, 9, 0, 65, 0, 254, 16, 2, 0, 26, 11,
];

/**
 * (module (func (param v128 v128 v128) (result v128) (f32x4.relaxed_madd (local.get 0) (local.get 1) (local.get 2))))
 */
const relaxedSimdProbe: readonly number[] = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 8, 1, 96, 3, 123, 123, 123, 1, 123, 3, 2, 1, 0,
  10, 13, 1, 11, 0, 32, 0, 32, 1, 32, 2, 253, 133, 2, 11,
];

export type RuntimeName = 'node' | 'deno' | 'bun' | 'browser' | 'unknown';

export interface Features {
  readonly webAssembly: boolean;
  /** 128-bit vectors in WebAssembly */
  readonly simd: boolean;
  /** atomic instructions and shared memories in WebAssembly */
  readonly threads: boolean;
  /** f32x4.relaxed_madd and its kin */
  readonly relaxedSimd: boolean;
  /** a SharedArrayBuffer can be made and handed to workers */
  readonly sharedMemory: boolean;
  /** worker threads may be started, as far as can be known beforehand */
  readonly workers: boolean;
  /** what the page says of itself; null outside browsers */
  readonly crossOriginIsolated: boolean | null;
  /** this thread may sleep in Atomics.wait: everywhere but on a browser's main thread */
  readonly mayBlock: boolean;
  /**
   * compiled WebAssembly compares every address with the memory's size, as Deno's does: other runtimes leave a gap
   * behind the memory and handle the fault. False on Windows, where a memory that is made whole (see heap.ts) takes
   * room for all of it.
   */
  readonly checksAddresses: boolean;
  /**
   * the engine's compiler leaves loads among the arithmetic where they were written, as V8's does from 13.6 on, the
   * first of which this was measured; those before make them all at the beginning, in more registers than there are
   */
  readonly keepsLoads: boolean;
  readonly runtime: RuntimeName;
  /** such as '24.1.0'; empty when the runtime does not say */
  readonly version: string;
  /** logical processors that the runtime reports, at least 1 */
  readonly cores: number;
}

/** The globals that tell runtimes apart; all of them may be absent. */
export interface RuntimeGlobals {
  readonly Deno?: { readonly version?: { readonly deno?: string }; readonly build?: { readonly os?: string } };
  readonly Bun?: { readonly version?: string };
  readonly process?: {
    readonly versions?: { readonly node?: string; readonly v8?: string };
    readonly getBuiltinModule?: (name: string) => unknown;
    readonly permission?: { has(scope: string): boolean };
  };
  readonly navigator?: { readonly hardwareConcurrency?: number; readonly userAgent?: string };
  readonly document?: unknown;
  readonly WorkerGlobalScope?: unknown;
  readonly crossOriginIsolated?: boolean;
  readonly SharedArrayBuffer?: unknown;
  readonly WebAssembly?: { validate(bytes: Uint8Array<ArrayBuffer>): boolean };
}

let probed: Features | null = null;

/** What this runtime offers, found out at the first call. */
export function features(): Features {
  probed ??= probe(globalThis as RuntimeGlobals);
  return probed;
}

/** The same for any set of globals. */
export function probe(globals: RuntimeGlobals): Features {
  const [runtime, version] = identify(globals);
  const wasm = globals.WebAssembly;
  const validates = (bytes: readonly number[]): boolean => wasm?.validate(Uint8Array.from(bytes)) ?? false;
  return {
    webAssembly: wasm !== undefined,
    simd: validates(simdProbe),
    threads: validates(threadsProbe),
    relaxedSimd: validates(relaxedSimdProbe),
    // Some browsers keep the constructor but refuse to send its buffers to workers unless the page is isolated.
    sharedMemory: globals.SharedArrayBuffer !== undefined && globals.crossOriginIsolated !== false,
    workers: globals.process?.permission?.has('worker') !== false,
    crossOriginIsolated: globals.crossOriginIsolated ?? null,
    mayBlock: globals.document === undefined,
    checksAddresses: runtime === 'deno' && globals.Deno?.build?.os !== 'windows',
    keepsLoads: versionOfV8(globals) >= 13.6,
    runtime,
    version,
    cores: coreCount(globals),
  };
}

/** For every missing feature, what it costs and how to get it: lines for info(). */
export function missingFeatures(found: Features): string[] {
  const lines: string[] = [];
  if (!found.webAssembly) lines.push('WebAssembly is missing: kernels run in JavaScript');
  else if (!found.simd) lines.push('WebAssembly SIMD is missing: kernels run in JavaScript; a newer engine has it');
  if (found.webAssembly && !found.threads) {
    lines.push('WebAssembly threads are missing: one thread computes; a newer engine has them');
  } else if (!found.sharedMemory) {
    lines.push(found.runtime === 'browser'
      ? 'SharedArrayBuffer is off because the page is not cross-origin isolated: one thread computes; serve the page '
      + 'with Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp'
      : 'SharedArrayBuffer is missing: one thread computes');
  }
  if (!found.workers) {
    lines.push("Node's permission model forbids worker threads: one thread computes; --allow-worker allows them");
  }
  return lines;
}

/** V8's version, such as 13.6: what the runtime says of it, or a tenth of Chrome's; 0 for other engines. */
function versionOfV8({ Bun, process, navigator }: RuntimeGlobals): number {
  if (Bun !== undefined) return 0; // tells of Node's, which it does not have
  const said = process?.versions?.v8 ?? '';
  return said !== '' ? Number.parseFloat(said) : Number(/ Chrome\/(\d+)/.exec(navigator?.userAgent ?? '')?.[1] ?? 0) / 10;
}

function identify(globals: RuntimeGlobals): [RuntimeName, string] {
  // Deno and Bun also define process, so they are asked first.
  if (globals.Deno?.version !== undefined) return ['deno', globals.Deno.version.deno ?? ''];
  if (globals.Bun !== undefined) return ['bun', globals.Bun.version ?? ''];
  if (globals.process?.versions?.node !== undefined) return ['node', globals.process.versions.node];
  if (globals.document !== undefined || globals.WorkerGlobalScope !== undefined) {
    return ['browser', globals.navigator?.userAgent ?? ''];
  }
  return ['unknown', ''];
}

/** Node has navigator from version 21; before that its os module is reached without an import. */
function coreCount(globals: RuntimeGlobals): number {
  const os = globals.process?.getBuiltinModule?.('node:os') as { availableParallelism?: () => number } | undefined;
  const cores = globals.navigator?.hardwareConcurrency ?? os?.availableParallelism?.() ?? 1;
  return Number.isInteger(cores) && cores > 0 ? cores : 1;
}
