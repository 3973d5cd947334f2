/** What hundreds of small models and their graphs, made and dropped without a turn of the event loop, leave behind. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rng, zeros } from '../../src/index.ts';
import { inStep } from '../../src/kernels/memory/allocate.ts';
import { type Heap, sharedHeap } from '../../src/kernels/memory/heap.ts';
import * as nn from '../../src/nn/index.ts';
import { configure } from '../../src/runtime/settings.ts';

const mebibyte = 2 ** 20;

beforeAll(() => configure({ backend: 'simd', threads: 1 }));
afterAll(() => configure({ backend: 'auto', threads: 'auto' }));

/** By how many MiB the kernels' heap grows while fn runs so many times in one turn of the event loop. */
function growth(times: number, fn: () => void): number {
  const heap = sharedHeap() as Heap;
  const before = heap.size;
  for (let i = 0; i < times; i++) fn();
  return (heap.size - before) / mebibyte;
}

describe('a synchronous loop', () => {
  const x = nn.variable(new Rng(3).normal(0, 1, [4, 3000]));
  const y = [0, 1, 2, 3];

  it('of 150 models, stepped and dropped, grows the heap by a little, and the second by nothing', () => {
    const trainOne = (): void => {
      const net = nn.sequential(new nn.Linear(3000, 30), new nn.ReLU(), new nn.Linear(30, 4)); // 1 MiB with its moments
      const optimizer = new nn.Adam(net.parameters(), { lr: 1e-3 });
      inStep(() => {
        nn.crossEntropy(net.forward(x), y).backward();
        optimizer.step();
        optimizer.zeroGrad();
      });
    };
    growth(1, trainOne);
    expect(growth(150, trainOne)).toBeLessThanOrEqual(48);
    expect(growth(150, trainOne)).toBe(0);
  });

  it('of graphs that are dropped grows it by little more than 64 MiB', () => {
    const weight = nn.parameter(zeros([2 ** 18]));
    expect(growth(200, () => weight.relu())).toBeLessThanOrEqual(96); // 1 MiB each
  });
});
