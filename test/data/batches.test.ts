/** Batches and shuffling: every example comes once, with its own label. */

import { describe, expect, it } from 'vitest';
import { batches, randomFlip, shuffled } from '../../src/data/index.ts';
import { flip, Rng, Tensor } from '../../src/tensor/index.ts';

/** Examples that carry their own number in every pixel, and labels that can be told from it. */
const count = 23;
const X = new Tensor(Float64Array.from({ length: count * 12 }, (_, i) => Math.floor(i / 12)), [count, 3, 2, 2]);
const y = Int32Array.from({ length: count }, (_, i) => 100 + i);

describe('batches', () => {
  it('goes through the data in order without a generator', () => {
    const found = [...batches(X, y, { batchSize: 10 })];
    expect(found.map(([batch, labels]) => [batch.shape[0], labels.length])).toEqual([[10, 10], [10, 10], [3, 3]]);
    expect(found.flatMap(([, labels]) => Array.from(labels))).toEqual(Array.from(y));
    expect(found[1][0].dtype).toBe('float64');
    expect(found[1][0].toArray()).toEqual(X.slice([10, 20]).toArray());
  });

  it('brings every example once, with its label, in an order of the generator', () => {
    const rng = new Rng(4);
    const orders = [1, 2].map(() => {
      const order: number[] = [];
      for (const [batch, labels] of batches(X, y, { batchSize: 4, rng })) {
        labels.forEach((label, i) => {
          expect(batch.slice(i).toArray()).toEqual(X.slice(label - 100).toArray());
          order.push(label);
        });
      }
      return order;
    });
    for (const order of orders) {
      expect([...order].sort((a, b) => a - b)).toEqual(Array.from(y));
      expect(order).not.toEqual(Array.from(y));
    }
    expect(orders[0]).not.toEqual(orders[1]);
    const again = [...batches(X, y, { batchSize: 4, rng: new Rng(4) })].flatMap(([, labels]) => Array.from(labels));
    expect(again).toEqual(orders[0]);
  });

  it('leaves out the last batch on request, and transforms the others', () => {
    const seen = [...batches(X, [...y], {
      batchSize: 10, dropLast: true, rng: new Rng(1),
      transform: (batch, rng) => randomFlip(batch, rng, { probability: 1 }),
    })];
    expect(seen.length).toBe(2);
    expect(seen[0][0].toArray()).toEqual(flip(seen[0][0], -1).toArray());
    expect([...batches(X, y, { batchSize: 24, dropLast: true })]).toEqual([]);
  });

  it('takes views and labels in a tensor', () => {
    const labels = new Tensor(y.slice(), [count]);
    const found = [...batches(X.transpose(0, 2, 3, 1), labels, { batchSize: count })];
    expect(found[0][0].shape).toEqual([count, 2, 2, 3]);
    expect(Array.from(found[0][1])).toEqual(Array.from(y));
    const wide = [...batches(X, BigInt64Array.from(y, BigInt), { batchSize: count })];
    expect(wide[0][1]).toEqual(y);
  });

  it('refuses bad arguments at the call, before the first batch', () => {
    expect(() => batches(X, y.slice(1))).toThrow('batches: y must have 23 labels, one an example, got 22');
    expect(() => batches(X, 5 as unknown as number[])).toThrow(TypeError);
    expect(() => batches(X, Array.from(y, (label) => label + 0.5))).toThrow('batches: y[0] must be an integer from 0, got 100.5');
    expect(() => shuffled(null as never, new Rng(0))).toThrow('shuffled: set must have images and labels, got null');
    expect(() => shuffled({ images: X, labels: y.slice(2) }, new Rng(0))).toThrow('shuffled: y must have 23 labels');
    expect(() => batches([1] as unknown as Tensor, y)).toThrow(TypeError);
    expect(() => batches(X, y, { batchSize: 0 })).toThrow(RangeError);
    expect(() => batches(X, y, { shuffle: true } as object)).toThrow(/unknown option "shuffle"/);
    expect(() => batches(X, y, { transform: randomFlip })).toThrow('batches: transform needs rng to draw from');
    expect(() => batches(X, y, { rng: 3 as unknown as Rng })).toThrow(TypeError);
  });
});

describe('shuffled', () => {
  it('keeps images and labels together and leaves the original alone', () => {
    const before = X.toArray();
    const result = shuffled({ images: X, labels: y }, new Rng(2));
    result.labels.forEach((label, i) => expect(result.images.slice(i).toArray())
      .toEqual(X.slice(label - 100).toArray()));
    expect(Array.from(result.labels).sort((a, b) => a - b)).toEqual(Array.from(y));
    expect(result.labels).not.toEqual(y);
    expect(X.toArray()).toEqual(before);
  });
});
