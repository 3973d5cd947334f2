import { afterEach, describe, expect, it } from 'vitest';

import { currentLease, inStep, residentArray } from '../../src/kernels/memory/allocate.ts';
import { type Heap, sharedHeap } from '../../src/kernels/memory/heap.ts';
import { activeKernels } from '../../src/kernels/registry.ts';
import { info, ready } from '../../src/kernels/status.ts';
import { existingTeam, shutdown } from '../../src/kernels/team/team.ts';
import { features } from '../../src/runtime/features.ts';
import { configure } from '../../src/runtime/settings.ts';

const { cores, relaxedSimd, version } = features();

afterEach(async () => {
  configure({ backend: 'auto', threads: 'auto', relaxedSimd: false });
  await shutdown();
});

describe('info', () => {
  it('tells backend, threads and machine', () => {
    expect(info()).toEqual({
      backend: 'simd', threads: cores, simd: true, relaxedSimd: false, sharedMemory: true, runtime: 'node', version,
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

describe('ready', () => {
  it('has the worker threads there when it is done', async () => {
    configure({ threads: 3 });
    await ready();
    expect(existingTeam()?.joined).toBe(2);
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
