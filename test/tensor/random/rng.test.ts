import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { arange, Rng } from '../../../src/index.ts';
import type { GeneratorState, Tensor } from '../../../src/index.ts';
import { checkRandomSource } from '../../../src/tensor/random/source.ts';

describe('Rng', () => {
  it('is xoshiro128**: the words follow the published recurrence, computed here with big integers', () => {
    const state = [1n, 2n, 3n, 4n];
    const word = (x: bigint): bigint => BigInt.asUintN(32, x);
    const rotate = (x: bigint, by: bigint): bigint => word(x << by) | (x >> (32n - by));
    const rng = new Rng(0);
    rng.setState({ algorithm: 'xoshiro128**', words: [1, 2, 3, 4], position: 0, spare: null });
    for (let i = 0; i < 1000; i++) {
      expect(rng.next32()).toBe(Number(word(rotate(word(state[1] * 5n), 7n) * 9n)));
      const shifted = word(state[1] << 9n);
      state[2] ^= state[0];
      state[3] ^= state[1];
      state[1] ^= state[2];
      state[0] ^= state[3];
      state[2] ^= shifted;
      state[3] = rotate(state[3], 11n);
    }
  });

  it('gives the same numbers for the same seed and others for any other', () => {
    const firsts = (seed: number): number[] => Array.from({ length: 4 }, ((rng) => () => rng.random())(new Rng(seed)));
    expect(firsts(7)).toEqual(firsts(7));
    const seeds = [0, 1, 2, 3, 2 ** 32, 2 ** 32 + 1, Number.MAX_SAFE_INTEGER];
    expect(new Set(seeds.map((seed) => firsts(seed)[0])).size).toBe(seeds.length);
  });

  it('draws uniform numbers in [0, 1): moments, bins and neighbours as they should be', () => {
    for (const dtype of ['float32', 'float64'] as const) {
      const n = 200_000;
      const x = new Rng(11).random([n], dtype);
      expect(x.dtype).toBe(dtype);
      expect(x.min().item()).toBeGreaterThanOrEqual(0);
      expect(x.max().item()).toBeLessThan(1);
      // Five standard errors.
      expect(Math.abs(x.mean().item() - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / n));
      expect(Math.abs(x.var().item() - 1 / 12)).toBeLessThan(5 * Math.sqrt(1 / 180 / n));
      const bins = new Float64Array(100);
      for (const value of x.data) bins[Math.floor(value * 100)]++;
      // Chi-squared with 99 degrees of freedom: mean 99, standard deviation 14.
      const chi = bins.reduce((total, count) => total + (count - n / 100) ** 2 / (n / 100), 0);
      expect(chi).toBeGreaterThan(50);
      expect(chi).toBeLessThan(169);
      const centered = x.sub(0.5);
      const correlation = centered.slice([1]).mul(centered.slice([null, -1])).mean().item() * 12;
      expect(Math.abs(correlation)).toBeLessThan(5 / Math.sqrt(n));
    }
  });

  it('draws normal numbers with the moments and the tail of a normal', () => {
    const n = 200_000;
    const x = new Rng(12).normal(3, 2, [n], 'float64').sub(3).div(2);
    expect(Math.abs(x.mean().item())).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(x.var().item() - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(x.pow(3).mean().item())).toBeLessThan(5 * Math.sqrt(15 / n));
    expect(Math.abs(x.pow(4).mean().item() - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
    const outside = x.abs().greater(2).mean().item();
    expect(Math.abs(outside - 0.0455)).toBeLessThan(5 * Math.sqrt(0.0455 / n));
  });

  it('draws integers without bias, also where the range is no power of two', () => {
    const rng = new Rng(13);
    const n = 60_000;
    const counts = new Float64Array(6);
    for (const value of rng.integers(-2, 4, [n]).data) counts[value + 2]++;
    const chi = counts.reduce((total, count) => total + (count - n / 6) ** 2 / (n / 6), 0);
    expect(chi).toBeLessThan(20.5);
    // Three quarters of 2^32: a modulo would favour the lower third two to one.
    const large = rng.integers(0, 3 * 2 ** 30, [n]);
    expect(Math.abs(large.less(2 ** 30).mean().item() - 1 / 3)).toBeLessThan(5 * Math.sqrt(2 / 9 / n));
    const huge = rng.integers(0, 2 ** 53 - 1, [1000]);
    expect(huge.dtype).toBe('float64');
    expect(Math.abs(huge.mean().item() / 2 ** 53 - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / 1000));
  });

  it('permutes: every order of three is equally likely, and nothing is lost', () => {
    const rng = new Rng(14);
    const seen = new Map<string, number>();
    const n = 6000;
    for (let i = 0; i < n; i++) {
      const order = String(rng.permutation(3).toArray());
      seen.set(order, (seen.get(order) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const count of seen.values()) expect(Math.abs(count - n / 6)).toBeLessThan(5 * Math.sqrt(n * 5 / 36));
    fc.assert(fc.property(fc.nat(200), fc.nat(), (length, seed) => {
      const sorted = (new Rng(seed).permutation(length).toArray() as number[]).sort((a, b) => a - b);
      expect(sorted).toEqual(Array.from({ length }, (_, i) => i));
    }), { numRuns: 30 });
  });

  it('shuffles rows together', () => {
    const t = arange(20).reshape(10, 2);
    new Rng(15).shuffle(t);
    const rows = t.toArray() as number[][];
    expect(rows.every(([a, b]) => b === a + 1)).toBe(true);
    expect(rows.map(([a]) => a / 2)).not.toEqual([...Array(10).keys()]);
    expect(new Rng(15).permutation(arange(20).reshape(10, 2)).toArray()).toEqual(rows);
  });

  it('goes on exactly from a saved state, through JSON', () => {
    const rng = new Rng(16);
    rng.normal();
    const saved = JSON.parse(JSON.stringify(rng.getState())) as GeneratorState;
    const expected = [rng.normal(), rng.random(), rng.integers(1000)];
    const other = new Rng(0);
    other.setState(saved);
    expect([other.normal(), other.random(), other.integers(1000)]).toEqual(expected);
    expect(() => other.setState({ ...saved, words: [0, 0, 0, 0] })).toThrow('Rng.setState: state.words must not all be 0');
    expect(() => other.setState({ ...saved, algorithm: 'mt19937' })).toThrow(RangeError);
    expect(() => other.setState({ ...saved, seed: 3 } as never)).toThrow('Rng.setState: state has an unknown entry "seed"');
  });

  it('gives one number without a shape and a tensor with one', () => {
    const rng = new Rng(17);
    expect([rng.random(), rng.uniform(), rng.normal(), rng.integers(5)].every((value) => typeof value === 'number')).toBe(true);
    expect((rng.uniform(-1, 1, [2, 3]) as Tensor).shape).toEqual([2, 3]);
    expect(rng.integers(5, null, [4]).dtype).toBe('int32');
    expect(rng.normal(0, 1, 3).dtype).toBe('float32');
  });

  it('refuses wrong arguments', () => {
    expect(() => new Rng(-1)).toThrow('Rng: seed must be an integer >= 0, got -1');
    expect(() => new Rng(1.5)).toThrow(RangeError);
    expect(() => new Rng('1' as unknown as number)).toThrow(TypeError);
    expect(() => new Rng(1).integers(3, 3)).toThrow(RangeError);
    expect(() => new Rng(1).normal(0, 1, [2], 'int32' as 'float32')).toThrow('normal: dtype must be one of float32, float64');
    expect(() => checkRandomSource('f', 'rng', Math)).toThrow('f: rng must be an Rng or a RandomState, got');
    expect(checkRandomSource('f', 'rng', new Rng(1))).toBeInstanceOf(Rng);
  });
});
