/** Scores of any size stay readable after the way back, so that metrics can be computed from them. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Rng, type Tensor } from '../../src/index.ts';
import { inStep } from '../../src/kernels/memory/allocate.ts';
import { type Heap, sharedHeap } from '../../src/kernels/memory/heap.ts';
import * as nn from '../../src/nn/index.ts';
import { configure } from '../../src/runtime/settings.ts';

beforeAll(() => configure({ backend: 'simd', threads: 1 }));
afterAll(() => configure({ backend: 'auto', threads: 'auto' }));

const [n, classes] = [256, 100]; // 100 KiB of scores
const x = nn.variable(new Rng(1).normal(0, 1, [n, 20]).astype('float32'));
const y = Int32Array.from({ length: n }, (_, i) => i % classes);
const target = new Rng(2).uniform(0, 1, [n, classes]).astype('float32');

const losses: Readonly<Record<string, (scores: nn.Variable) => nn.Variable>> = {
  crossEntropy: (scores) => nn.crossEntropy(scores, y),
  'crossEntropy of distributions': (scores) => nn.crossEntropy(scores, target),
  hingeLoss: (scores) => nn.hingeLoss(scores, y),
  mse: (scores) => nn.mse(scores, target),
  'mse of a view': (scores) => nn.mse(scores.reshape(n, 10, 10), target.reshape(n, 10, 10)),
};

describe.each(Object.entries(losses))('under %s', (_, lossOf) => {
  const linear = new nn.Linear(20, classes, { rng: new Rng(3) });
  const expected = nn.noGrad(() => linear.forward(x)).toArray();

  it('scores are read after backward, with all views of them', () => {
    const scores = linear.forward(x);
    const value = scores.value;
    const part = value.slice([1, 3]);
    lossOf(scores).backward();
    expect(scores.toArray()).toEqual(expected);
    expect(value.toArray()).toEqual(expected);
    expect(part.toArray()).toEqual((expected as number[][]).slice(1, 3));
    const accuracy = new nn.Accuracy();
    accuracy.update(scores.value, y);
    for (let i = 0; i < 3; i++) lossOf(linear.forward(x)).backward(); // which uses the memory again
    expect(scores.toArray()).toEqual(expected);
    value.set(5, 1, 0);
    expect([value.get(1, 0), part.get(0, 0)]).toEqual([5, 5]);
  });

  it('scores are read to the end of a step, and not longer', () => {
    let kept: Tensor | null = null;
    inStep(() => {
      const scores = linear.forward(x);
      kept = scores.value;
      lossOf(scores).backward();
      lossOf(linear.forward(x).mul(2)).backward();
      expect(scores.toArray()).toEqual(expected);
    });
    expect(() => kept!.toArray()).toThrow('its memory was recycled by a later step or by backward(); clone()');
  });
});

it('a gradient that came with the loss arrives, at a leaf and at a value whose gradient is kept', () => {
  const w = nn.parameter(new Rng(5).normal(0, 1, [n, classes]).astype('float32'));
  const scores = w.mul(2).retainGrad();
  nn.crossEntropy(scores, y).backward();
  const alone = nn.parameter(w.value.mul(2));
  nn.crossEntropy(alone, y).backward();
  for (let i = 0; i < 3; i++) nn.crossEntropy(w.mul(3), y).backward(1, { retainGraph: i === 1 }); // uses the memory
  const small = nn.parameter(w.value.slice([0, 4]).mul(2));
  nn.crossEntropy(small, y.subarray(0, 4)).backward();
  const expected = small.grad!.mul(4 / n).astype('float64');
  for (const { grad } of [scores, alone]) {
    const off = grad!.slice([0, 4]).sub(expected).abs().max().item();
    expect(off).toBeLessThan(1e-8);
  }
});

it('200 such steps in one turn of the event loop grow the heap by nothing after the first', () => {
  const net = nn.sequential(new nn.Linear(20, 2000), new nn.ReLU(), new nn.Linear(2000, classes));
  const optimizer = new nn.Adam(net.parameters());
  const accuracy = new nn.Accuracy();
  const step = (): void => {
    const scores = net.forward(x);
    optimizer.zeroGrad();
    nn.crossEntropy(scores, y).backward();
    optimizer.step();
    accuracy.update(scores.value, y);
  };
  for (let i = 0; i < 2; i++) step();
  const heap = sharedHeap() as Heap;
  const [size, held] = [heap.size, heap.heldBy('values waiting for their way back')];
  for (let i = 0; i < 200; i++) step();
  expect(heap.size).toBe(size);
  expect(heap.heldBy('values waiting for their way back')).toBe(held);
});

it('what lies between refuses to be read, and says why', () => {
  const hidden = x.mul(nn.parameter(new Rng(4).normal(0, 1, [20]).astype('float32'))).matmul(target.slice([0, 20]));
  const scores = hidden.relu();
  nn.crossEntropy(scores, y).backward();
  expect(() => hidden.toArray()).toThrow(
    'Tensor: this 256x100 tensor is gone: its memory was recycled by a later step or by backward(); ' +
    'clone() what should outlive that',
  );
});
