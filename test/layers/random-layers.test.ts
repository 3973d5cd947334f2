/** Dropout and the initialisers: what is drawn, and from where. */

import { describe, expect, it } from 'vitest';
import { dropoutBackward, dropoutForward, kaimingInit, xavierInit } from '../../src/layers/index.ts';
import { ones, RandomState, Rng } from '../../src/tensor/index.ts';
import { describeOnEveryBackend } from '../support/backends.ts';

describeOnEveryBackend('dropout', () => {
  it('drops by the probability of dropping where that is given, from the same draws', () => {
    const x = new Rng(3).normal(0, 1, [6, 5], 'float64');
    const u = new RandomState(7).rand(6, 5);
    const [out, cache] = dropoutForward(x, { dropProb: 0.4, mode: 'train', rng: new RandomState(7) });
    const mask = u.greaterEqual(0.4).astype('float64').div(1 - 0.4);
    expect(out.toArray()).toEqual(x.mul(mask).toArray());
    expect(dropoutBackward(x, cache).toArray()).toEqual(x.mul(mask).toArray());
    expect(dropoutForward(x, { dropProb: 0.4, mode: 'test' })[0]).toBe(x);
  });

  it('keeps what the generator says and scales it up', () => {
    const x = ones([4, 5], 'float64').mul(3);
    const [out, cache] = dropoutForward(x, { keepProb: 0.6, mode: 'train', rng: new RandomState(7) });
    const draws = new RandomState(7).rand(4, 5);
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 5; j++) expect(out.get(i, j)).toBe(draws.get(i, j) < 0.6 ? 3 * (1 / 0.6) : 0);
    }
    expect(dropoutBackward(x, cache).toArray()).toEqual(out.toArray());
  });

  it('draws anew from a generator and the same again from a seed', () => {
    const x = ones([10, 10]);
    const rng = new Rng(3);
    const draw = (): unknown => dropoutForward(x, { keepProb: 0.5, mode: 'train', rng })[0].toArray();
    expect(draw()).not.toEqual(draw());
    const seeded = (): unknown => dropoutForward(x, { keepProb: 0.5, mode: 'train', seed: 3 })[0].toArray();
    expect(seeded()).toEqual(seeded());
    const again = dropoutForward(x, { keepProb: 0.5, mode: 'train', rng: new RandomState(3) })[0];
    expect(seeded()).toEqual(again.toArray());
  });

  it('with a seed starts the RandomState that it is given anew, as numpy.random.seed does', () => {
    const x = ones([4, 4]);
    const rng = new RandomState(1);
    const [out] = dropoutForward(x, { keepProb: 0.5, mode: 'train', rng, seed: 3 });
    const fresh = new RandomState(3);
    expect(out.toArray()).toEqual(dropoutForward(x, { keepProb: 0.5, mode: 'train', rng: fresh })[0].toArray());
    expect(rng.random()).toBe(fresh.random());
    const other = new Rng(1);
    expect(dropoutForward(x, { keepProb: 0.5, mode: 'train', rng: other, seed: 3 })[0].toArray()).toEqual(out.toArray());
    expect(other.random()).toBe(new Rng(1).random());
  });

  it('is the identity at test time and leaves the generator alone', () => {
    const x = ones([3, 3]);
    const rng = new Rng(3);
    const before = rng.getState();
    const [out, cache] = dropoutForward(x, { keepProb: 0.5, mode: 'test', rng });
    expect(out.toArray()).toEqual(x.toArray());
    expect(dropoutBackward(x, cache).toArray()).toEqual(x.toArray());
    expect(rng.getState()).toEqual(before);
  });
});

describe('initialisers', () => {
  const std = (t: { std(): { item(): number } }): number => t.std().item();

  it('Kaiming: gain 2 over the fan-in before a ReLU, else 1', () => {
    const rng = new RandomState(0);
    const linear = kaimingInit(400, 300, { rng, dtype: 'float64' });
    expect([linear.shape, linear.dtype]).toEqual([[400, 300], 'float64']);
    expect(std(linear) / Math.sqrt(2 / 400)).toBeCloseTo(1, 1);
    expect(std(kaimingInit(400, 300, { rng, relu: false })) / Math.sqrt(1 / 400)).toBeCloseTo(1, 1);
    expect(kaimingInit(16, 50, { k: null, rng }).shape).toEqual([16, 50]);
    const conv = kaimingInit(16, 50, { k: 5, rng });
    expect([conv.shape, conv.dtype]).toEqual([[50, 16, 5, 5], 'float32']);
    expect(std(conv) / Math.sqrt(2 / (16 * 25))).toBeCloseTo(1, 1);
  });

  it('Xavier: gain 1', () => {
    const rng = new Rng(0);
    expect(std(xavierInit(400, 300, { rng })) / Math.sqrt(1 / 400)).toBeCloseTo(1, 1);
    expect(std(xavierInit(16, 50, { k: 5, rng })) / Math.sqrt(1 / 400)).toBeCloseTo(1, 1);
  });

  it('are scaled draws of the generator, in row-major order', () => {
    const w = kaimingInit(6, 4, { rng: new RandomState(9), dtype: 'float64' });
    expect(w.toArray()).toEqual(new RandomState(9).randn(6, 4).mul(Math.sqrt(2 / 6)).toArray());
  });
});
