/** Every kernel on arrays where addresses change their sign, and where they end. */

import { afterAll, describe, expect, it } from 'vitest';

import { bytesOf, type Heap, sharedHeap } from '../../../src/kernels/memory/heap.ts';
import { activeKernels } from '../../../src/kernels/registry.ts';
import { shutdown } from '../../../src/kernels/team/team.ts';
import { configure } from '../../../src/runtime/settings.ts';
import { allCases, runCase } from '../compare.ts';
import type { Allocator } from '../compare/workbench.ts';

configure({ backend: 'simd', threads: 1 });
const kernels = activeKernels();
const heap = sharedHeap() as Heap;
const mebibyte = 2 ** 20;
const middle = 2 ** 31;
const end = 2 ** 32 - 64;

afterAll(async () => {
  configure({ backend: 'auto', threads: 'auto' });
  await shutdown();
});

// pages that nobody touches cost nothing; scratch lies between the two
const lower = heap.allocate(middle + 8 * mebibyte - heap.size, 'test');
const scratch = heap.allocate(64 * mebibyte, 'test');
const upper = heap.allocate(end - scratch - 64 * mebibyte, 'test');
heap.free(scratch);

/** Places arrays one behind the other from a start that moves with every run: each comes to lie across 2 GiB. */
function acrossTheMiddle(): { allocate: Allocator; around: (run: () => void) => void } {
  let next = middle;
  let run = 0;
  const allocate: Allocator = (type, length) => {
    const address = next;
    next += 64 * Math.ceil(bytesOf(type, length) / 64);
    return heap.array(type, address, length) as ReturnType<Allocator>;
  };
  return { allocate, around: (compare) => { next = middle - 1024 * 4 ** (run++ % 6); compare(); } };
}

/** Places arrays one before the other, the first of each run at the very end. */
function atTheEnd(): { allocate: Allocator; around: (run: () => void) => void } {
  let next = end;
  const allocate: Allocator = (type, length) => {
    next -= 64 * Math.ceil(bytesOf(type, length) / 64);
    return heap.array(type, next, length) as ReturnType<Allocator>;
  };
  return { allocate, around: (compare) => { next = end; compare(); } };
}

describe('the heap', () => {
  it('hands out all addresses to the last cache line of 4 GiB', () => {
    expect(heap.size).toBe(2 ** 32);
    expect(lower).toBeLessThan(middle - mebibyte);
    expect(upper).toBeLessThan(end - 64 * mebibyte);
    expect(() => heap.allocate(64 * mebibyte + 64, 'test')).toThrow(/out of memory/);
    heap.free(heap.allocate(64 * mebibyte, 'test'));
  });
});

describe.each([['across 2 GiB', acrossTheMiddle], ['at the end of 4 GiB', atTheEnd]])('kernels on arrays %s', (_, place) => {
  it.each(allCases.map((one) => [`${one.kernel} ${one.title}`.trim(), one] as const))('%s', (_name, one) => {
    runCase(one, 'float32', kernels, { runs: 12, ...place() });
  });
});
