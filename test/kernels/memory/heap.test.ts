import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';

import { BlockList } from '../../../src/kernels/memory/blocks.ts';
import { Heap, maximumPages, pageBytes, sharedHeap } from '../../../src/kernels/memory/heap.ts';

const mebibyte = 2 ** 20;

describe('BlockList', () => {
  it('agrees with a model that keeps every free unit, over random takes and releases', () => {
    const command = fc.oneof(
      fc.record({ take: fc.integer({ min: 1, max: 1500 }) }), fc.record({ release: fc.nat() }),
      fc.constant('grow' as const),
    );
    fc.assert(fc.property(fc.array(command, { maxLength: 80 }), (commands) => {
      const blocks = new BlockList();
      const free: boolean[] = []; // one entry a unit of 64 bytes
      const used: Array<{ start: number; units: number }> = [];
      const run = (): number => Math.max(0, ...free.map((_, i) => {
        const end = free.indexOf(false, i);
        return (end === -1 ? free.length : end) - i;
      }));
      for (const each of commands) {
        if (each === 'grow') {
          blocks.add(free.length * 64, 640);
          free.push(...new Array<boolean>(10).fill(true));
        } else if ('take' in each) {
          const units = Math.ceil(each.take / 64);
          const start = blocks.take(each.take);
          expect(start !== -1).toBe(run() >= units); // free neighbours have been joined, or this would fail
          if (start === -1) continue;
          expect(start % 64).toBe(0);
          for (let i = start / 64; i < start / 64 + units; i++) {
            expect(free[i]).toBe(true);
            free[i] = false;
          }
          used.push({ start, units });
        } else if (used.length > 0) {
          const [{ start, units }] = used.splice(each.release % used.length, 1);
          expect(blocks.release(start)).toBe(64 * units);
          free.fill(true, start / 64, start / 64 + units);
        }
      }
      expect(blocks.free).toBe(64 * free.filter((unit) => unit).length);
      expect(blocks.largest).toBe(64 * run());
    }));
  });

  it('refuses to free what is not in use', () => {
    const blocks = new BlockList();
    blocks.add(0, 128);
    const start = blocks.take(64);
    blocks.release(start);
    expect(() => blocks.release(start)).toThrow(RangeError);
  });

  it('takes the free range that fits best', () => {
    const blocks = new BlockList();
    blocks.add(0, 640);
    blocks.add(1024, 128);
    expect(blocks.take(100)).toBe(1024);
  });
});

describe('Heap', () => {
  it('grows as needed, and leaves earlier arrays valid and its own', () => {
    const heap = new Heap(1024);
    expect(heap.size).toBe(pageBytes);
    const first = heap.array('float64', heap.allocate(80, 'test'), 10);
    first.fill(7);
    const sizeBefore = heap.size;
    const address = heap.allocate(sizeBefore, 'test');
    const second = heap.array('uint8', address, sizeBefore);
    second.fill(1);
    expect(heap.size).toBeGreaterThan(sizeBefore);
    expect(first.buffer).not.toBe(second.buffer);
    expect(Array.from(first)).toEqual(new Array<number>(10).fill(7));
    expect(heap.owns(first)).toBe(true);
    expect(heap.owns(second)).toBe(true);
    expect(heap.owns(new Float32Array(3))).toBe(false);
    expect(heap.owns(new Heap(1).array('uint8', 0, 8))).toBe(false);
    expect(first.byteOffset).toBeGreaterThanOrEqual(pageBytes); // the first page is the team's
  });

  it('uses freed memory again before it grows', () => {
    const heap = new Heap(1024);
    const size = 5 * mebibyte;
    const addresses = [0, 1, 2].map(() => heap.allocate(size, 'test'));
    const grown = heap.size;
    for (const address of addresses) heap.free(address);
    expect(heap.heldBy('test')).toBe(0);
    expect(heap.allocate(3 * size, 'test')).toBe(addresses[0]);
    expect(heap.size).toBe(grown);
  });

  it('says how much was asked, and what holds the memory, when it is exhausted', () => {
    const heap = new Heap(512); // 32 MiB
    const parameters = heap.allocate(20 * mebibyte, 'parameters');
    heap.allocate(4 * mebibyte, 'scratch');
    expect(() => heap.allocate(10 * mebibyte, 'a step')).toThrow(RangeError);
    expect(() => heap.allocate(10 * mebibyte, 'a step')).toThrow(
      'out of memory: 10.0 MiB asked for a step, but of the limit of 32.0 MiB only 7.9 MiB are free ' +
      '(largest piece 7.9 MiB); held by parameters 20.0 MiB, scratch 4.0 MiB. A smaller batch needs less',
    );
    heap.free(parameters);
    expect(() => heap.allocate(10 * mebibyte, 'a step')).not.toThrow();
  });

  it('says how much the engine grants, where that is less than the limit', () => {
    const heap = new Heap(1024); // 64 MiB
    heap.allocate(10 * mebibyte, 'parameters'); // grown by 16 MiB
    const refusal = vi.spyOn(heap.memory, 'grow').mockImplementation(() => {
      throw new RangeError('Unable to grow instance memory');
    });
    expect(() => heap.allocate(10 * mebibyte, 'a step')).toThrow(
      'out of memory: 10.0 MiB asked for a step, but of the 16.1 MiB that the engine grants only 6.0 MiB are free',
    );
    refusal.mockRestore();
    expect(() => heap.allocate(10 * mebibyte, 'a step')).not.toThrow();
  });

  it('fills its limit to the last page', () => {
    const heap = new Heap(400);
    heap.allocate(399 * pageBytes, 'test');
    expect(heap.size).toBe(400 * pageBytes);
    expect(() => heap.allocate(1, 'test')).toThrow(/out of memory: 0\.000 MiB asked for test/);
  });

  it('reaches 4 GiB and no further', () => {
    const heap = new Heap();
    expect(heap.limit).toBe(2 ** 32);
    const third = 1365 * mebibyte; // pages that nobody touches cost nothing
    const addresses = [0, 1, 2].map(() => heap.allocate(third, 'test'));
    const last = heap.array('float32', addresses[2] + third - 16, 4);
    expect(last.byteOffset).toBeGreaterThan(2 ** 32 - 2 ** 21);
    last[3] = 5;
    expect(heap.array('float32', addresses[2] + third - 4, 1)[0]).toBe(5);
    expect(() => heap.allocate(mebibyte, 'test')).toThrow(/of the limit of 4096\.0 MiB only 0\.938 MiB are free/);
    expect(() => new Heap(maximumPages + 1)).toThrow();
  });

  it('may lie in a memory that is made whole, and grows in it as any other', () => {
    const heap = new Heap(1024, true);
    expect([heap.initialPages, new Heap(1024).initialPages]).toEqual([1024, 1]);
    expect([heap.buffer.byteLength, heap.size]).toEqual([64 * mebibyte, pageBytes]);
    const first = heap.array('float64', heap.allocate(80, 'test'), 10);
    expect(heap.size).toBe(pageBytes + 16 * mebibyte);
    const second = heap.array('uint8', heap.allocate(47 * mebibyte, 'test'), 47 * mebibyte);
    expect(first.buffer).toBe(second.buffer);
    expect([first, second].every((array) => heap.owns(array))).toBe(true);
    expect(() => heap.allocate(17 * mebibyte, 'a step')).toThrow(/of the limit of 64\.0 MiB only 16\.9 MiB are free/);
    expect(() => heap.allocate(16 * mebibyte, 'a step')).not.toThrow();
  });

  it('exists once for a program', () => {
    expect(sharedHeap()).toBeInstanceOf(Heap);
    expect(sharedHeap()).toBe(sharedHeap());
  });
});
