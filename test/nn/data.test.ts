/** Batches and metrics: what a training loop asks for beside the network. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arange, Rng, tensor, type Tensor } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';

const list = (t: Tensor): number[] => Array.from(t.contiguous().data);
const x = arange(10).reshape(10, 1);
const y = Int32Array.from({ length: 10 }, (_, i) => 9 - i);

describe('DataLoader', () => {
  it('goes through the examples in order, the last batch what is left', () => {
    const loader = new nn.DataLoader(x, y, { batchSize: 4 });
    const passes = [1, 2].map(() => [...loader].map(([inputs, targets]) => [list(inputs), list(targets)]));
    expect([loader.length, loader.size]).toEqual([3, 10]);
    expect(passes[0]).toEqual([[[0, 1, 2, 3], [9, 8, 7, 6]], [[4, 5, 6, 7], [5, 4, 3, 2]], [[8, 9], [1, 0]]]);
    expect(passes[1]).toEqual(passes[0]);
    expect([...new nn.DataLoader(x, y, { batchSize: 4, dropLast: true })]).toHaveLength(2);
  });

  it('draws each example of a subset once a pass, in an order of its own, with its target', () => {
    fc.assert(fc.property(
      fc.uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1 }), fc.integer({ min: 1, max: 11 }), fc.nat(),
      (indices, batchSize, seed) => {
        const loader = new nn.DataLoader(x, y, { indices, batchSize, shuffle: true, rng: new Rng(seed) });
        const batches = [...loader];
        expect(batches).toHaveLength(loader.length);
        const drawn = batches.flatMap(([inputs]) => list(inputs));
        expect([...drawn].sort()).toEqual([...indices].sort());
        expect(batches.flatMap(([, targets]) => list(targets))).toEqual(drawn.map((i) => 9 - i));
      },
    ));
    const loader = new nn.DataLoader(x, y, { shuffle: true, rng: new Rng(1) });
    const [first, second] = [1, 2].map(() => list([...loader][0][0]));
    expect(first).not.toEqual(second);
  });

  it('goes on where its generator was, and leaves other generators alone', () => {
    const [rng, other] = [new Rng(3), new Rng(8)];
    nn.manualSeed(1);
    const augment = (batch: Tensor, source: { random(): number }): Tensor => batch.mul(source.random());
    const pass = (source: Rng): number[] => {
      const loader = new nn.DataLoader(x, y, { batchSize: 3, shuffle: true, rng: source, augment });
      return [...loader].flatMap(([inputs]) => list(inputs));
    };
    pass(rng);
    const state = rng.getState();
    const expected = pass(rng);
    other.setState(state);
    expect(pass(other)).toEqual(expected);
    const drawn = new nn.Linear(2, 2).weight.toArray();
    nn.manualSeed(1);
    expect(new nn.Linear(2, 2).weight.toArray()).toEqual(drawn);
  });

  it('takes several inputs, and changes them together', () => {
    const loader = new nn.DataLoader([x, x.mul(-1)], y, { batchSize: 5, augment: ([a, b]) => [b, a] });
    const [[inputs]] = loader;
    expect(inputs.map(list)).toEqual([[0, -1, -2, -3, -4], [0, 1, 2, 3, 4]]);
  });

  it('refuses what does not fit', () => {
    expect(() => new nn.DataLoader(x, y.subarray(1))).toThrow('DataLoader: y must have a target for each of 10 examples, got 9');
    expect(() => new nn.DataLoader(x, y, { indices: [0, 10] })).toThrow(/^DataLoader: indices\[1\] must be/);
    const cut = new nn.DataLoader(x, y, { augment: (batch) => batch.slice([1, null]) });
    expect(() => [...cut]).toThrow(/made 9 examples of a batch of 10/);
  });
});

describe('metrics', () => {
  const scores = tensor([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3], [0.3, 0.3, 0.4], [NaN, 1, 0]]);

  it('gather over batches, and start anew when reset', () => {
    const [first, second] = [new nn.Accuracy(), new nn.TopKAccuracy(2)];
    expect([first.name, second.name, first.result()]).toEqual(['accuracy', 'top2Accuracy', NaN]);
    for (const metric of [first, second]) {
      metric.update(scores.slice([0, 2]), [1, 2]);
      metric.update(scores.slice([2, 4]), [0, 0]);
    }
    expect([first.result(), second.result()]).toEqual([0.25, 0.75]); // a score that is no number is never right
    first.reset();
    first.update(scores.slice([0, 1]), tensor([[0, 0.9, 0.1]]));
    expect(first.result()).toBe(1);
    expect(() => first.update(scores, [0, 1, 2, 3])).toThrow(/^accuracy: targets\[3\]/);
  });

  it('weigh by how often each number counts', () => {
    const mean = new nn.Mean();
    mean.add(1, 3);
    mean.add(5);
    expect(mean.result()).toBe(2);
    mean.reset();
    expect(mean.result()).toBeNaN();
  });
});
