/** What becomes of calls that the heap cannot hold. */

import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';

import { allocate, allocateCollected, inStep } from '../../../src/kernels/memory/allocate.ts';
import { type Heap, HeapExhausted, sharedHeap } from '../../../src/kernels/memory/heap.ts';
import { ScratchStack } from '../../../src/kernels/memory/scratch.ts';
import { activeKernels } from '../../../src/kernels/registry.ts';
import { shutdown } from '../../../src/kernels/team/team.ts';
import { configure } from '../../../src/runtime/settings.ts';
import { add, matmul, ones } from '../../../src/tensor/index.ts';
import { allCases, runCase } from '../compare.ts';
import type { Allocator } from '../compare/workbench.ts';

configure({ backend: 'simd', threads: 2 });
const kernels = activeKernels();
const heap = sharedHeap() as Heap;
const mebibyte = 2 ** 20;

afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  configure({ backend: 'auto', threads: 'auto' });
  await shutdown();
});

const inHeap: Allocator = (type, length) =>
  heap.array(type, heap.allocate(8 * length, 'test'), length) as ReturnType<Allocator>;
const collected: Allocator = (type, length) => allocateCollected(type, length) as ReturnType<Allocator>;

describe('a call for which the heap has no room', () => {
  const { push } = ScratchStack.prototype;

  describe.each([['in ordinary arrays', collected], ['in the heap', inHeap]])('%s', (_, allocate) => {
    it.each(allCases.map((one) => [`${one.kernel} ${one.title}`.trim(), one] as const))(
      '%s gives the same numbers, wherever in it the memory runs out', (_name, one) => {
        let failed = true;
        for (let room = 0; failed; room++) {
          failed = false;
          let calls = 0;
          vi.spyOn(ScratchStack.prototype, 'push').mockImplementation(function (this: ScratchStack, bytes) {
            if (calls++ < room) return push.call(this, bytes);
            failed = true;
            throw new HeapExhausted('no more');
          });
          runCase(one, 'float32', kernels, { runs: 2, seed: 7, allocate, around: (run) => { calls = 0; run(); } });
        }
      },
    );
  });

  it('is computed by js (under strict an error), frees what it had taken, and leaves room for others', () => {
    const [x, w] = [ones([4096, 2048]), ones([2048, 8])]; // 32 MiB
    const taken: number[] = []; // all but pieces of less than 4 MiB; pages that nobody touches cost nothing
    for (let bytes = 1024 * mebibyte; bytes >= 4 * mebibyte; bytes /= 2) {
      expect(() => {
        for (;;) taken.push(heap.allocate(bytes, 'test'));
      }).toThrow(HeapExhausted);
    }
    try {
      const product = matmul(x, w);
      expect(product.data.every((value) => value === 2048)).toBe(true);
      expect(add(x, x).data.every((value) => value === 2)).toBe(true);
      expect(heap.heldBy('kernel scratch')).toBeLessThanOrEqual(32 * mebibyte);
      configure({ strict: true });
      expect(() => matmul(x, w)).toThrow(/out of memory: .* asked for kernel scratch/);
    } finally {
      configure({ strict: false });
      for (const address of taken) heap.free(address);
    }
    const scores = matmul(ones([100, 2048]), w);
    expect(scores.data.every((value) => value === 2048)).toBe(true);
  });

  it('has it again after a step that ran out of memory', () => {
    expect(() => inStep(() => {
      for (;;) allocate('float32', 2 * mebibyte);
    })).toThrow(/out of memory: .* asked for the training step/);
    configure({ strict: true });
    try {
      expect(matmul(ones([4096, 2048]), ones([2048, 8])).data.every((value) => value === 2048)).toBe(true); // 32 MiB
      expect(heap.heldBy('the training step')).toBe(0);
    } finally {
      configure({ strict: false });
    }
  });
});
