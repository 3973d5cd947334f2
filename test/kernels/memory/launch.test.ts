import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { Heap } from '../../../src/kernels/memory/heap.ts';
import { beginLaunch } from '../../../src/kernels/simd/launch.ts';
import { installEngine } from '../../../src/kernels/team/engine.ts';
import { kernels, testEngine } from '../team/engine.ts';

const heap = new Heap(1024);

beforeAll(() => {
  installEngine(testEngine(heap));
});
afterAll(() => {
  installEngine(null);
});

function double(x: Float32Array, out: Float32Array): void {
  const launch = beginLaunch();
  try {
    launch.arg(0, launch.input(x));
    launch.arg(1, launch.output(out));
    launch.arg(2, 7);
    launch.arg(3, x.length);
    launch.run(kernels.double, Math.ceil(x.length / 7));
  } finally {
    launch.finish();
  }
}

describe('launch', () => {
  it('computes on arrays in the heap where they lie', () => {
    const x = heap.array('float32', heap.allocate(400, 'test'), 100) as Float32Array;
    const out = heap.array('float32', heap.allocate(400, 'test'), 100) as Float32Array;
    x.forEach((_, i) => (x[i] = i));
    double(x, out);
    expect(Array.from(out)).toEqual(Array.from({ length: 100 }, (_, i) => 2 * i));
  });

  it('copies other arrays in and out', () => {
    const x = Float32Array.from({ length: 50 }, (_, i) => i - 3);
    const out = new Float32Array(50);
    double(x, out);
    expect(out).toEqual(x.map((value) => 2 * value));
  });
});
