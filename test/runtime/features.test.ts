import { describe, expect, it } from 'vitest';
import { features, missingFeatures, probe, type RuntimeGlobals } from '../../src/runtime/features.ts';
import { type ValueType, ModuleBuilder } from '../../src/wasm/index.ts';

/** The probes' text forms, assembled; the bytes in the source must be these, less the name section. */
function assembled(build: (module: ModuleBuilder) => void): number[] {
  const module = new ModuleBuilder();
  build(module);
  const bytes = [...module.build()];
  return bytes.slice(0, bytes.length - 13);
}

/** Every module that a probe hands to the engine. */
function probedModules(globals: RuntimeGlobals = {}): number[][] {
  const seen: number[][] = [];
  probe({ ...globals, WebAssembly: { validate: (bytes) => seen.push([...bytes]) > 0 } });
  return seen;
}

describe('probes', () => {
  it('are the modules that their text says', () => {
    const [simd, threads, relaxed] = probedModules();
    expect(simd).toEqual(assembled((module) => {
      module.function('p', [], ['v128']).op('i32.const', 0).op('i8x16.splat').op('i8x16.popcnt').op('end');
    }));
    expect(threads).toEqual(assembled((module) => {
      module.memory({ initial: 1, maximum: 1, shared: true });
      module.function('p', [], []).op('i32.const', 0).op('i32.atomic.load').op('drop').op('end');
    }));
    const three: ValueType[] = ['v128', 'v128', 'v128'];
    expect(relaxed).toEqual(assembled((module) => {
      module.function('p', three, ['v128']).op('local.get', 0).op('local.get', 1).op('local.get', 2).op('f32x4.relaxed_madd').op('end');
    }));
  });

  it('are accepted here', () => {
    const found = features();
    expect(found).toMatchObject({ webAssembly: true, simd: true, threads: true, sharedMemory: true, mayBlock: true });
    expect(found.cores).toBeGreaterThanOrEqual(1);
    expect(found.relaxedSimd).toBe(WebAssembly.validate(Uint8Array.from(probedModules()[2])));
    expect(missingFeatures(found)).toEqual([]);
    expect(features()).toBe(found);
  });
});

describe('runtimes', () => {
  const node = { process: { versions: { node: '24.1.0' } } };
  it('are told apart', () => {
    expect(probe(node)).toMatchObject({ runtime: 'node', version: '24.1.0' });
    expect(probe({ ...node, Deno: { version: { deno: '2.9.0' } } })).toMatchObject({ runtime: 'deno', version: '2.9.0' });
    expect(probe({ ...node, Bun: { version: '1.2.0' } })).toMatchObject({ runtime: 'bun', version: '1.2.0' });
    expect(probe({ document: {}, navigator: { userAgent: 'Any/1' } })).toMatchObject({ runtime: 'browser', version: 'Any/1', mayBlock: false });
    expect(probe({ WorkerGlobalScope: {} })).toMatchObject({ runtime: 'browser', mayBlock: true });
    expect(probe({})).toMatchObject({ runtime: 'unknown', version: '', webAssembly: false, simd: false, threads: false });
  });

  it('compare addresses with the size of the memory, or do not', () => {
    const deno = (os: string): RuntimeGlobals => ({ ...node, Deno: { version: { deno: '2.9.0' }, build: { os } } });
    expect(probe(deno('linux')).checksAddresses).toBe(true);
    expect(probe(deno('windows')).checksAddresses).toBe(false);
    for (const globals of [node, { Bun: {} }, { document: {} }]) expect(probe(globals).checksAddresses).toBe(false);
  });

  it('keep loads where they were written, if their V8 is new enough', () => {
    const v8 = (version: string): RuntimeGlobals => ({ process: { versions: { node: '24.1.0', v8: version } } });
    const chrome = (userAgent: string): RuntimeGlobals => ({ document: {}, navigator: { userAgent } });
    for (const globals of [v8('13.6.233.17-node.63'), v8('14.0.1'), chrome('Mozilla/5.0 Chrome/136.0.0.0 Safari/537.36')]) {
      expect(probe(globals).keepsLoads).toBe(true);
    }
    const others = [v8('12.4.254.21-node.57'), v8('11.3.244.8-node.38'), { ...v8('13.6.233'), Bun: {} },
      chrome('Mozilla/5.0 Chrome/135.0.0.0 Safari/537.36'), chrome('Mozilla/5.0 Gecko/20100101 Firefox/140.0'), {}];
    for (const globals of others) expect(probe(globals).keepsLoads).toBe(false);
    const { v8: version } = process.versions;
    expect(features().keepsLoads).toBe(Number.parseFloat(version) >= 13.6);
  });

  it('give their cores, from navigator or from the os module, at least one', () => {
    expect(probe({ navigator: { hardwareConcurrency: 6 } }).cores).toBe(6);
    const process = { getBuiltinModule: (): unknown => ({ availableParallelism: () => 3 }) };
    expect(probe({ process }).cores).toBe(3);
    expect(probe({ navigator: { hardwareConcurrency: 0 } }).cores).toBe(1);
    expect(probe({ navigator: { hardwareConcurrency: NaN } }).cores).toBe(1);
    expect(probe({}).cores).toBe(1);
  });

  it('say why shared memory is off', () => {
    const page = { document: {}, WebAssembly: { validate: () => true }, SharedArrayBuffer, crossOriginIsolated: false };
    expect(probe(page).sharedMemory).toBe(false);
    expect(missingFeatures(probe(page))).toEqual([expect.stringContaining('Cross-Origin-Opener-Policy: same-origin')]);
    expect(missingFeatures(probe({ ...page, crossOriginIsolated: true }))).toEqual([]);
    expect(missingFeatures(probe({}))).toEqual([expect.stringMatching(/^WebAssembly is missing/), 'SharedArrayBuffer is missing: one thread computes']);
    const old = { ...page, WebAssembly: { validate: () => false } };
    expect(missingFeatures(probe(old))).toEqual([
      expect.stringMatching(/SIMD is missing/),
      expect.stringMatching(/threads are missing/),
    ]);
  });
});
