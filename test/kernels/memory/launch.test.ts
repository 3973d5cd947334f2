import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import type { DType, TypedArray } from '../../../src/kernels/memory/allocate.ts';
import { Heap, HeapExhausted } from '../../../src/kernels/memory/heap.ts';
import { ScratchStack } from '../../../src/kernels/memory/scratch.ts';
import { Kernel } from '../../../src/kernels/simd/kernel.ts';
import { launch, launched, scratch, staged } from '../../../src/kernels/simd/launch.ts';
import { argumentFrames } from '../../../src/kernels/team/control.ts';
import { installEngine } from '../../../src/kernels/team/engine.ts';
import { shutdown } from '../../../src/kernels/team/team.ts';
import { configure } from '../../../src/runtime/settings.ts';
import { declared, testEngine } from '../team/engine.ts';

const heap = new Heap(4096);
const mebibyte = 2 ** 20;

beforeAll(() => {
  configure({ threads: 1 });
  installEngine(testEngine(heap));
});
afterAll(async () => {
  await shutdown();
  installEngine(null);
  configure({ threads: 'auto' });
});

function inHeap(dtype: DType, length: number): TypedArray {
  return heap.array(dtype, heap.allocate(8 * length, 'test'), length);
}

const double = launched((x: TypedArray, out: TypedArray) => {
  launch(declared.double).x(x).out(out).size(7).total(x.length).run(Math.ceil(x.length / 7));
});

const increment = launched((x: TypedArray) => {
  launch(declared.increment).x(x, true).size(10).total(x.length).rounds(1).run(Math.ceil(x.length / 10));
});

const values = Float32Array.from({ length: 100 }, (_, i) => i - 3.5);

describe('launch', () => {
  it.each([
    ['in the heap, to the heap', true, true], ['in the heap, to an ordinary array', true, false],
    ['in an ordinary array, to the heap', false, true], ['in an ordinary array, to another', false, false],
  ])('computes from an array %s', (_, fromHeap, toHeap) => {
    const x = fromHeap ? inHeap('float32', 100) : new Float32Array(100);
    x.set(values);
    const out = toHeap ? inHeap('float32', 100) : new Float32Array(100);
    double(x, out);
    expect(Array.from(out)).toEqual(Array.from(values, (value) => 2 * value));
    expect(Array.from(x)).toEqual(Array.from(values));
  });

  it('takes arrays that are part of others', () => {
    const storage = new Float32Array(300).fill(-1);
    storage.set(values, 50);
    double(storage.subarray(50, 150), storage.subarray(180, 280));
    expect(Array.from(storage.subarray(180, 280))).toEqual(Array.from(values, (value) => 2 * value));
    expect(storage[179] + storage[280]).toBe(-2);
  });

  it('lets one array be input and output', () => {
    for (const x of [inHeap('float32', 100), new Float32Array(100)]) {
      x.set(values);
      double(x, x);
      expect(Array.from(x)).toEqual(Array.from(values, (value) => 2 * value));
    }
  });

  it('updates arrays in place', () => {
    for (const x of [inHeap('int32', 95), new Int32Array(95)]) {
      increment(x);
      increment(x);
      expect(Array.from(x)).toEqual(new Array<number>(95).fill(2 + (x.length - 95)));
    }
  });

  it('stages every element type', launched(() => {
    const arrays = [Float64Array.of(1.5, -2), Int32Array.of(-7, 8), Uint8Array.of(200, 1), Float32Array.of(0.5, 3)];
    for (const array of arrays) expect(heap.arrayLike(array, staged(array))).toEqual(array);
  }));

  it('passes float64 arguments', () => {
    const out = inHeap('float64', 3);
    launched(() => launch(declared.number).out(out).number(Math.PI).run(3))();
    expect(Array.from(out)).toEqual([Math.PI, Math.PI + 1, Math.PI + 2]);
  });

  it('stages an array once for all jobs, with what the one before has made of it', () => {
    const [x, between, out] = [values, new Float32Array(100), new Float32Array(100)];
    launched(() => {
      launch(declared.double).x(x).out(between).size(7).total(100).run(15);
      const at = staged(between);
      launch(declared.double).out(out).x(between).total(100).size(9).run(12);
      expect(staged(between)).toBe(at);
      launch(declared.double).x(out).out(out).size(50).total(100).run(2);
    })();
    expect(between).toEqual(values.map((value) => 2 * value));
    expect(out).toEqual(values.map((value) => 8 * value));
  });

  it('gives a part of the arguments from an object', () => {
    const sizes = { size: 'i32', total: 'i32' } as const;
    const out = new Float32Array(100);
    launched(() => launch(declared.double).from(sizes, { size: 8, total: 100 }).x(values).out(out).run(13))();
    expect(out).toEqual(values.map((value) => 2 * value));
  });

  it('takes jobs that lack an argument, or have one that is misspelt or of the wrong type, for errors when compiled', () => {
    launched(() => {
      const job = launch(declared.double);
      // @ts-expect-error total and run: one is missing, so the job cannot be run
      expect(job.x(values).out(values).size(1).run).toBeTypeOf('function');
      // @ts-expect-error the kernel has no argument of this name
      expect(job.width).toBeUndefined();
      // @ts-expect-error a number is no array, and no address of scratch either
      job.x(12);
      // @ts-expect-error given twice
      expect(job.x(values).x).toBeTypeOf('function');
    })();
  });

  it('refuses kernels that the engine lacks, and work outside a launched function', () => {
    const other = new Kernel('other', { count: 'i32' });
    expect(launched(() => launch(other).count(1).run)).not.toThrow();
    expect(launched(() => launch(other).count(1).run(1))).toThrow(/no kernel other/);
  });

  it('passes addresses of the upper half of a 4 GiB heap', () => {
    const large = new Heap();
    installEngine(testEngine(large));
    large.allocate(3 * 1024 * mebibyte, 'test');
    const x = large.array('float32', large.allocate(400, 'test'), 100);
    expect(x.byteOffset).toBeGreaterThan(2 ** 31);
    x.set(values);
    const out = new Float32Array(100);
    double(x, out); // the scratch for out lies up there as well
    expect(Array.from(out)).toEqual(Array.from(values, (value) => 2 * value));
    installEngine(testEngine(heap));
  });

  it('nests, with arguments and scratch of each level its own', () => {
    const x = Float32Array.from(values);
    const [inner, outer] = [new Float32Array(100), new Float32Array(100)];
    launched(() => {
      const job = launch(declared.double).x(x).out(outer);
      const room = heap.array('float32', scratch(4000), 1000).fill(3) as Float32Array;
      double(x, inner);
      job.size(50).total(100).run(2);
      expect(room.every((value) => value === 3)).toBe(true);
    })();
    expect(outer).toEqual(inner);
    const deep = (level: number): void => launched(() => {
      if (level > 0) deep(level - 1);
    })();
    expect(() => deep(argumentFrames.count)).toThrow(RangeError);
    expect(() => deep(argumentFrames.count - 1)).not.toThrow();
  });

  it('leaves outputs as they were when the job fails, and is good for the next', () => {
    const x = Float32Array.from(values);
    const out = new Float32Array(100).fill(-1);
    expect(launched(() => {
      launch(declared.double).x(x).out(out).size(100).total(100).run(1);
      launch(declared.trap).counter(scratch(4)).victim(0).run(2);
    })).toThrow(WebAssembly.RuntimeError);
    expect(out.every((value) => value === -1)).toBe(true);
    double(x, out);
    expect(out[99]).toBe(2 * values[99]);
  });

  it('uses the same scratch again, however often', () => {
    const held = heap.heldBy('kernel scratch');
    const addresses = new Set<number>();
    for (let call = 0; call < 1000; call++) launched(() => addresses.add(scratch(1000)))();
    expect(addresses.size).toBe(1);
    expect(heap.heldBy('kernel scratch')).toBe(held);
  });
});

describe('ScratchStack', () => {
  it('overflows into new chunks and keeps one of them', () => {
    const own = new Heap(1024);
    const stack = new ScratchStack(own);
    const arrays = [100, 300_000, 500_000, 2 * mebibyte, 10].map((bytes, i) => {
      const height = stack.height;
      const array = own.array('uint8', stack.push(bytes), bytes).fill(i) as Uint8Array;
      return { array, height };
    });
    arrays.forEach(({ array }, i) => expect(array.every((value) => value === i)).toBe(true));
    const middle = arrays[2].height;
    stack.pop(middle);
    expect(stack.height).toBe(middle);
    expect(arrays[0].array.every((value) => value === 0)).toBe(true);
    own.array('uint8', stack.push(2 * mebibyte), 2 * mebibyte).fill(9);
    expect(arrays[1].array.every((value) => value === 1)).toBe(true);
    const call = (): number => {
      stack.pop(0);
      for (const bytes of [100, 300_000, 500_000, 2 * mebibyte]) stack.push(bytes);
      return own.heldBy('kernel scratch');
    };
    call();
    const held = call();
    for (let i = 0; i < 10; i++) expect(call()).toBe(held);
  });

  it('gives large chunks back when they are popped, and asks for what it needs where double does not fit', () => {
    const own = new Heap(2048); // 128 MiB
    const stack = new ScratchStack(own);
    for (let call = 0; call < 3; call++) {
      stack.push(70 * mebibyte);
      stack.push(50 * mebibyte);
      expect(() => stack.push(20 * mebibyte)).toThrow(HeapExhausted);
      stack.pop(0);
      expect(own.heldBy('kernel scratch')).toBe(0);
    }
    stack.push(mebibyte);
    stack.push(100 * mebibyte);
    stack.pop(0);
    expect(own.heldBy('kernel scratch')).toBe(mebibyte);
    expect(() => own.allocate(110 * mebibyte, 'others')).not.toThrow();
  });
});
