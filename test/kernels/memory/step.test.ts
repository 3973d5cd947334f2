import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, it } from 'vitest';

import {
  allocate, allocateCollected, currentLease, type DType, inStep, insideStep, installStepMemory, type Lease, lend,
  type Loan, residentArray, type TypedArray,
} from '../../../src/kernels/memory/allocate.ts';
import { Heap, HeapExhausted } from '../../../src/kernels/memory/heap.ts';
import { residentHolder } from '../../../src/kernels/memory/resident.ts';
import { HeapStepMemory, stepHolder } from '../../../src/kernels/memory/step.ts';

const mebibyte = 2 ** 20;

afterEach(() => {
  installStepMemory(null);
});

function install(pages: number = 4096): Heap {
  const heap = new Heap(pages);
  installStepMemory(new HeapStepMemory(heap));
  return heap;
}

/** What a step of a network allocates: activations, gradients, argmax, masks. */
function networkStep(batch: number): TypedArray[] {
  const sizes: Array<[DType, number]> = [
    ['float32', 3072 * batch], ['float32', 8192 * batch], ['int32', 2048 * batch], ['uint8', 100],
    ['float64', 10 * batch], ['float32', 0], ['float32', 8192 * batch],
  ];
  return inStep(() => sizes.map(([dtype, length]) => allocate(dtype, length)));
}

describe('step memory', () => {
  it('hands out arrays that do not overlap, each aligned and of the size asked for', () => {
    install();
    inStep(() => {
      const arrays = Array.from({ length: 50 }, (_, i) => allocate(i % 2 === 0 ? 'float32' : 'uint8', 1 + i * 37));
      arrays.forEach((array, i) => array.fill(i));
      arrays.forEach((array, i) => {
        expect(array.length).toBe(1 + i * 37);
        expect(array.byteOffset % 64).toBe(0);
        expect(array.every((value) => value === i)).toBe(true);
      });
    });
  });

  it('gives the next equal step the same typed arrays', () => {
    install();
    const first = networkStep(10);
    const second = networkStep(10);
    second.forEach((array, i) => expect(array).toBe(first[i]));
  });

  it('remembers the arrays of steps that alternate', () => {
    install();
    const [train, evaluate, last] = [networkStep(10), networkStep(50), networkStep(3)];
    for (let round = 0; round < 3; round++) {
      networkStep(10).forEach((array, i) => expect(array).toBe(train[i]));
      networkStep(50).forEach((array, i) => expect(array).toBe(evaluate[i]));
      networkStep(3).forEach((array, i) => expect(array).toBe(last[i]));
    }
  });

  it('stays flat over a thousand steps', () => {
    const heap = install();
    networkStep(40);
    networkStep(100);
    const [size, held] = [heap.size, heap.heldBy(stepHolder)];
    for (let step = 0; step < 1000; step++) networkStep(step % 50 === 0 ? 40 : 100);
    expect(heap.size).toBe(size);
    expect(heap.heldBy(stepHolder)).toBe(held);
  });

  it('grows in the middle of a step without moving what it has handed out', () => {
    install();
    inStep(() => {
      const small = allocate('float32', 1000);
      small.fill(1);
      const large = allocate('float32', 20 * mebibyte);
      large.fill(2);
      const after = allocate('float32', 1000);
      after.fill(3);
      expect(small.every((value) => value === 1)).toBe(true);
      expect(large[0] + large[large.length - 1]).toBe(4);
    });
  });

  it('ends its lease with the step, also with one that throws', () => {
    install();
    const leases: Array<Lease | null> = [];
    inStep(() => {
      leases.push(currentLease());
      inStep(() => expect(currentLease()).toBe(leases[0])); // an inner step is part of the outer
      expect(leases[0]?.valid).toBe(true);
    });
    expect(leases[0]?.valid).toBe(false);
    expect(() => inStep(() => {
      leases.push(currentLease());
      throw new Error('out of the step');
    })).toThrow('out of the step');
    expect(leases[1]?.valid).toBe(false);
    expect(insideStep()).toBe(false);
    inStep(() => {
      expect(currentLease()?.valid).toBe(true);
      expect(leases[0]?.valid).toBe(false); // for good: a later step has a lease of its own
    });
  });

  it('refuses functions that go on after they have returned, and is good for the next step', async () => {
    const heap = install();
    let began = false;
    const later = async (): Promise<number> => {
      began = true;
      return Promise.resolve(1);
    };
    expect(() => inStep(later)).toThrow(/^inStep: fn must be a function that has finished when it returns/);
    expect(began).toBe(false);
    for (const outcome of [Promise.resolve(1), Promise.reject(new Error('later')), { then: () => undefined }]) {
      expect(() => inStep(() => outcome)).toThrow(TypeError);
      expect(insideStep()).toBe(false);
      expect(currentLease()).toBeNull();
      expect(() => inStep(() => inStep(() => outcome))).toThrow(TypeError);
    }
    expect(inStep(() => heap.owns(allocate('float32', 10)))).toBe(true);
    expect(inStep(() => null)).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, 5)); // for a rejection that nobody has heard
  });

  it('gives collected arrays outside steps and without a backend', () => {
    const heap = install();
    expect(heap.owns(allocate('float32', 10))).toBe(false);
    expect(currentLease()).toBeNull();
    inStep(() => {
      expect(heap.owns(allocate('float32', 10))).toBe(true);
      expect(heap.owns(allocateCollected('float32', 10))).toBe(false);
    });
    installStepMemory(null);
    inStep(() => {
      expect(heap.owns(allocate('float32', 10))).toBe(false);
      expect(currentLease()).toBeNull();
    });
  });

  it('takes a backend installed in the middle of a step into use with the next', () => {
    const heap = new Heap(1024);
    inStep(() => {
      installStepMemory(new HeapStepMemory(heap));
      expect(heap.owns(allocate('float32', 10))).toBe(false);
      expect(currentLease()).toBeNull();
    });
    inStep(() => expect(heap.owns(allocate('float32', 10))).toBe(true));
  });

  it('takes what is left when the heap is almost full, and then says what holds it', () => {
    const heap = install(640); // 40 MiB
    inStep(() => {
      allocate('float32', 6 * mebibyte); // 24 MiB
      allocate('float32', 2 * mebibyte); // 8 MiB, where a chunk of 16 would no longer fit
      expect(() => allocate('float32', 4 * mebibyte)).toThrow(
        /out of memory: 16\.0 MiB asked for the training step, .*held by the training step 32\.0 MiB/,
      );
    });
    expect(heap.heldBy(stepHolder)).toBe(32 * mebibyte);
    inStep(() => expect(allocate('float32', 6 * mebibyte)).toHaveLength(6 * mebibyte));
  });

  it('leaves its memory, but not in the middle of a step, to whoever else finds no room', () => {
    const heap = install(640); // 40 MiB
    const step = (): TypedArray => inStep(() => {
      const array = allocate('float32', 6 * mebibyte); // 24 MiB
      expect(() => heap.allocate(20 * mebibyte, 'others')).toThrow(HeapExhausted);
      expect(heap.heldBy(stepHolder)).toBe(24 * mebibyte);
      return array;
    });
    const first = step();
    const [others, bytes] = heap.allocateAtLeast(8 * mebibyte, 32 * mebibyte, 'others'); // 8 are there without
    expect(bytes).toBe(8 * mebibyte);
    expect(step()).toBe(first);
    heap.free(others);
    const large = heap.allocate(20 * mebibyte, 'others');
    expect(heap.heldBy(stepHolder)).toBe(0);
    expect(() => inStep(() => allocate('float32', 6 * mebibyte))).toThrow(/held by others 20\.0 MiB/);
    heap.free(large);
    expect(heap.owns(step())).toBe(true);
  });

  it('gives its chunks back when asked to', () => {
    const heap = new Heap(1024);
    const memory = new HeapStepMemory(heap);
    installStepMemory(memory);
    networkStep(10);
    memory.release();
    expect(heap.heldBy(stepHolder)).toBe(0);
    networkStep(10).forEach((array) => expect(heap.owns(array)).toBe(true));
  });
});

describe('loans of a step', () => {
  const length = mebibyte / 4;
  const borrow = (list: Loan[], count: number = 1): TypedArray[] =>
    lend(list, () => Array.from({ length: count }, () => allocate('float32', length)));

  it('come back to it: the next is given the same memory, where nothing else that is in use lies', () => {
    install();
    inStep(() => {
      const [kept, other, list] = [[] as Loan[], [] as Loan[], [] as Loan[]];
      const [first] = borrow(kept);
      const [second, third] = borrow(list, 2);
      const plain = allocate('float32', length);
      for (const loan of list) loan.release();
      const again = borrow(other, 3);
      expect(again.map(({ byteOffset }) => byteOffset).slice(0, 2)).toEqual([second.byteOffset, third.byteOffset]);
      const places = [first, plain, ...again].map(({ byteOffset }) => byteOffset).sort((a, b) => a - b);
      places.slice(1).forEach((place, i) => expect(place - places[i]).toBeGreaterThanOrEqual(4 * length));
    });
  });

  it('are of two that lie side by side, together, for one that is larger', () => {
    install();
    inStep(() => {
      const list: Loan[] = [];
      const [first] = borrow(list, 2);
      for (const loan of list) loan.release();
      expect(lend([], () => allocate('float64', length)).byteOffset).toBe(first.byteOffset);
    });
  });

  it('give the next equal step the same typed arrays', () => {
    install();
    const step = (): TypedArray[] => inStep(() => {
      const list: Loan[] = [];
      const arrays = borrow(list, 3);
      list[1].release();
      return [...arrays, ...borrow([], 2), allocate('int32', 5)];
    });
    const first = step();
    step().forEach((array, i) => expect(array).toBe(first[i]));
  });

  it('are not valid when they have come back, nor after the step, and then give nothing back', () => {
    install();
    const list: Loan[] = [];
    inStep(() => {
      borrow(list, 2);
      expect(list.map(({ valid }) => valid)).toEqual([true, true]);
      list[0].release();
      list[0].release();
      expect(list.map(({ valid }) => valid)).toEqual([false, true]);
    });
    expect(list[1].valid).toBe(false);
    inStep(() => {
      const [first] = borrow([]);
      list[1].release();
      expect(borrow([])[0].byteOffset).not.toBe(first.byteOffset);
    });
  });

  it('are none for small arrays, nor for what a step inside fn allocates', () => {
    install();
    const list: Loan[] = [];
    lend(list, () => inStep(() => allocate('float32', length)));
    inStep(() => lend(list, () => allocate('float32', 1000)));
    expect(list).toEqual([]);
  });
});

describe('residents', () => {
  it('live in the heap, zeroed, and outlive steps', () => {
    const heap = install();
    inStep(() => allocate('float32', 1000).fill(5)); // dirties memory
    const resident = inStep(() => residentArray('float32', 100));
    expect(heap.owns(resident)).toBe(true);
    expect(resident.every((value) => value === 0)).toBe(true);
    resident.fill(9);
    networkStep(20);
    expect(resident.every((value) => value === 9)).toBe(true);
  });

  it('are ordinary arrays without a backend, or when residents hold half of the heap', () => {
    expect(residentArray('float64', 10)).toEqual(new Float64Array(10));
    const heap = install(640);
    const first = residentArray('float32', 4 * mebibyte);
    const second = residentArray('float32', 4 * mebibyte); // 32 of 40 MiB
    expect([heap.owns(first), heap.owns(second)]).toEqual([true, false]);
    expect(second).toHaveLength(4 * mebibyte);
  });

  it('hold no more than 256 MiB when they are made and dropped in one turn of the event loop', async () => {
    const heap = install(32_768); // 2 GiB
    const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));
    for (let i = 0; i < 30; i++) {
      const made = residentArray('float32', 4 * mebibyte);
      expect(made).toHaveLength(4 * mebibyte);
      expect(heap.owns(made)).toBe(i < 16);
    }
    expect(heap.size).toBeLessThan(320 * mebibyte);
    await turn();
    expect(heap.owns(residentArray('float32', 4 * mebibyte))).toBe(true);
  });

  it('take in an array only while they hold less than 64 times as much, or 32 MiB', () => {
    const heap = install(32_768);
    const owned = (length: number, count: number): number =>
      Array.from({ length: count }, () => residentArray('float32', length)).filter((array) => heap.owns(array)).length;
    expect(owned(mebibyte / 16, 200)).toBe(128); // 256 KiB each: 32 MiB
    expect(owned(10, 1)).toBe(0);
    expect(owned(mebibyte / 4, 200)).toBe(32); // 1 MiB each, until 64 MiB are held
  });
});

describe('loans', () => {
  const lendOne = (): Loan | null => {
    const list: Loan[] = [];
    lend(list, () => allocate('float32', mebibyte)); // 4 MiB
    return list[0] ?? null;
  };
  const lendMany = (count: number): Loan[] => Array.from({ length: count }, lendOne).filter((loan) => loan !== null);

  it('hold 64 MiB while nothing goes back, and then twice what has come back in one go', () => {
    install(32_768);
    const graph = lendMany(100);
    expect(graph).toHaveLength(16);
    for (const loan of graph) loan.release();
    const next = lendMany(100);
    expect(next).toHaveLength(32);
    for (const loan of next) loan.release();
    expect(lendMany(100)).toHaveLength(64);
  });

  it('do not take small ways back, one after the other, for a large one', () => {
    install(32_768);
    for (let step = 0; step < 100; step++) for (const loan of lendMany(3)) loan.release();
    expect(lendMany(100)).toHaveLength(16);
  });
});

describe('collected residents', () => {
  it('give their memory back when they have been collected', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const heap = install();
    const kept = residentArray('float32', 1000);
    for (let i = 0; i < 100; i++) residentArray('float32', 1000);
    expect(heap.heldBy(residentHolder)).toBeGreaterThan(101 * 4000);
    for (let attempt = 0; attempt < 50 && heap.heldBy(residentHolder) > 4096; attempt++) {
      collect();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(heap.heldBy(residentHolder)).toBe(4032); // kept's, in whole cache lines
    expect(kept).toHaveLength(1000);
  });
});
