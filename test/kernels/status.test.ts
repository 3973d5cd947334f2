import { afterEach, describe, expect, it, vi } from 'vitest';
import { currentLease, inStep, residentArray } from '../../src/kernels/memory/allocate.ts';
import { type Heap, sharedHeap } from '../../src/kernels/memory/heap.ts';
import type { KernelName } from '../../src/kernels/contract.ts';
import { naiveKernels } from '../../src/kernels/naive/index.ts';
import { activeKernels } from '../../src/kernels/registry.ts';
import { rehearse } from '../../src/kernels/rehearsal.ts';
import { info, ready } from '../../src/kernels/status.ts';
import { existingTeam, shutdown } from '../../src/kernels/team/team.ts';
import { features } from '../../src/runtime/features.ts';
import { configure } from '../../src/runtime/settings.ts';
import { arraysAmong } from './compare/case.ts';

const { cores, relaxedSimd, version } = features();

/** What WebAssembly has, as properties that spread. */
const wasm = Object.fromEntries(
  Object.getOwnPropertyNames(WebAssembly).map((name) => [name, WebAssembly[name as keyof typeof WebAssembly]]),
);

afterEach(async () => {
  configure({ backend: 'auto', threads: 'auto', relaxedSimd: false });
  await shutdown();
});

describe('info', () => {
  it('tells backend, threads and machine', () => {
    expect(info()).toEqual({
      backend: 'simd', threads: cores, simd: true, relaxedSimd: false, wideSimd: false, sharedMemory: true, runtime: 'node', version,
      cores, fallbacks: expect.any(Array) as string[], why: expect.any(Array) as string[],
    });
    expect(version).toBe(process.versions.node);
  });

  it('starts no thread', () => {
    configure({ threads: 3 });
    expect(info().threads).toBe(3);
    expect(existingTeam()).toBeNull();
  });

  it('says what is off and how to turn it on', () => {
    configure({ backend: 'js' });
    expect(info()).toMatchObject({ backend: 'js', simd: false, threads: 1 });
    expect(info().why.join()).toContain("configure({ backend: 'auto' })");
    configure({ backend: 'auto', threads: 1 });
    expect(info().threads).toBe(1);
    expect(info().why.some((line) => line.includes("configure({ threads: 'auto' })"))).toBe(cores > 1);
    expect(info().why.some((line) => line.includes('configure({ relaxedSimd: true })'))).toBe(relaxedSimd);
    configure({ relaxedSimd: true });
    expect(info().relaxedSimd).toBe(relaxedSimd);
    expect(info().why.some((line) => line.includes('Node 22'))).toBe(!relaxedSimd);
  });
});

describe('info, where something is forbidden', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  /** A program of its own, in which nothing has been loaded yet. */
  async function fresh(): Promise<{ info: typeof info; ready: typeof ready }> {
    vi.resetModules();
    return import('../../src/kernels/status.ts');
  }

  it('names the content security policy, before and after ready()', async () => {
    const refuse = function (): never {
      throw new Error('Wasm code generation disallowed by embedder');
    };
    vi.stubGlobal('WebAssembly', { ...wasm, Module: refuse, compile: () => Promise.resolve().then(refuse) });
    const program = await fresh();
    expect(program.info().backend).toBe('js');
    expect(program.info().why.join()).toMatch(/Content-Security-Policy.* 'wasm-unsafe-eval'/);
    await program.ready();
    expect(program.info().why.join()).toMatch(/Content-Security-Policy.* 'wasm-unsafe-eval'/);
    expect(program.info().why.join()).not.toContain('await ready()');
  });

  it('advises ready() only as long as it has not been tried', async () => {
    let refusing = true;
    const { Module, compile } = WebAssembly;
    const large = (bytes: Uint8Array): boolean => refusing && bytes.length > 100;
    vi.stubGlobal('WebAssembly', {
      ...wasm,
      Module: function (bytes: Uint8Array<ArrayBuffer>) {
        if (large(bytes)) throw new RangeError('WebAssembly.Module is disallowed on the main thread');
        return new Module(bytes);
      },
      compile: (bytes: Uint8Array<ArrayBuffer>) => large(bytes) ? Promise.reject(new Error('too large')) : compile(bytes),
    });
    (WebAssembly.Module as { prototype: unknown }).prototype = Module.prototype;
    const program = await fresh();
    expect(program.info().why.join()).toContain('await ready()');
    await program.ready();
    expect(program.info().why.join()).toMatch(/the kernels cannot be compiled \(Error: too large\)/);
    expect(program.info().why.join()).not.toContain('await ready()');
    refusing = false;
  });

  it("names Node's flag where the memory's addresses are not to be had", async () => {
    const refuse = function (): never {
      throw new RangeError('WebAssembly.Memory(): could not allocate memory');
    };
    vi.stubGlobal('WebAssembly', { ...wasm, Memory: refuse });
    const program = await fresh();
    expect(program.info().backend).toBe('js');
    expect(program.info().why.join()).toMatch(/could not allocate memory.*--disable-wasm-trap-handler/);
  });

  it("counts no threads that Node's permission model forbids", async () => {
    vi.stubGlobal('process', { ...process, versions: process.versions, permission: { has: () => false } });
    const program = await fresh();
    expect(program.info().threads).toBe(1);
    expect(program.info().why.join()).toMatch(/forbids worker threads.*--allow-worker/);
  });
});

describe('ready', () => {
  it('has the worker threads there when it is done', async () => {
    configure({ threads: 3 });
    await ready();
    expect(existingTeam()?.joined).toBe(2);
  });

  it('has memory laid out and the kernels of networks run once, in both float types', async () => {
    await ready();
    expect((sharedHeap() as Heap).size).toBeGreaterThanOrEqual(2 ** 24);
    const seen = new Set<string>();
    rehearse(new Proxy(naiveKernels, {
      get: (kernels, name: KernelName) => (...parameters: unknown[]) => {
        const [first] = arraysAmong(parameters);
        seen.add(`${name} ${first.constructor.name}`);
        return (kernels[name] as (...parameters: unknown[]) => unknown)(...parameters);
      },
    }));
    for (const name of ['conv', 'affine', 'relu', 'maxPool'] as const) {
      for (const type of ['Float32Array', 'Float64Array']) {
        expect(seen).toContain(`${name}Forward ${type}`);
        expect(seen).toContain(`${name}Backward ${type}`);
      }
    }
  });

  it('starts nothing for a backend without threads', async () => {
    configure({ backend: 'naive' });
    await ready();
    expect(existingTeam()).toBeNull();
  });
});

describe('memory', () => {
  it('belongs to the configured backend from the first step on, whatever came before', () => {
    const heap = sharedHeap() as Heap;
    configure({ backend: 'simd' }); // nothing has asked for its kernels yet
    expect(inStep(() => currentLease())).not.toBeNull();
    configure({ backend: 'js' });
    expect(inStep(() => currentLease())).toBeNull();
    expect(heap.owns(residentArray('float32', 5))).toBe(false);
    configure({ backend: 'auto' });
    expect(heap.owns(residentArray('float32', 5))).toBe(true);
  });

  it('follows a backend that is changed in the middle of a step', () => {
    inStep(() => {
      const lease = currentLease();
      configure({ backend: 'js' });
      activeKernels().reluForward(new Float32Array(3), new Float32Array(3));
      expect(currentLease()).toBe(lease);
    });
    expect(inStep(() => currentLease())).toBeNull();
  });
});
