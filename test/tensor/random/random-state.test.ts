/**
 * RandomState against NumPy. numpy-random.json holds programs: a seed, and calls on numpy.random.RandomState(seed) one
 * after another with the values that NumPy 1.24 returned. golden.json holds figures that the course material prints.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { arange, RandomState, tensor, Tensor } from '../../../src/index.ts';
import type { GeneratorState } from '../../../src/index.ts';

interface Call {
  call: string;
  args: unknown[];
  shape: number[] | null;
  values: number[] | null;
}

function read<T>(path: string): T {
  return JSON.parse(readFileSync(new URL(path, import.meta.url), 'utf8')) as T;
}

const { programs } = read<{ programs: Array<{ seed: number | number[]; calls: Call[] }> }>('numpy-random.json');

describe('the streams of NumPy', () => {
  it.each(programs.map((program, i) => [i, program] as const))('program %i, to the bit', (_, { seed, calls }) => {
    const generator = new RandomState(seed);
    for (const { call, args, shape, values } of calls) {
      const given = args.map((arg) => (typeof arg === 'object' && arg !== null && 'array' in arg
        ? tensor(arg.array as number[], undefined, 'float64') : arg));
      const method = generator[call as 'rand'] as unknown as (...all: unknown[]) => Tensor | number | undefined;
      const returned = method.apply(generator, given);
      if (values === null) continue;
      const result = call === 'shuffle' ? given[0] as Tensor : returned!;
      expect(typeof result === 'number' ? [result] : result.flatten().toArray(), call).toEqual(values);
      if (typeof result !== 'number') expect(result.shape).toEqual(shape);
    }
  });

  it('shuffles arrays with the same draws as tensors', () => {
    const list = ['a', 'b', 'c', 'd', 'e', 'f'];
    const t = arange(6);
    new RandomState(3).shuffle(list);
    new RandomState(3).shuffle(t);
    expect(list).toEqual((t.toArray() as number[]).map((i) => 'abcdef'[i]));
    const typed = Int32Array.of(0, 1, 2, 3, 4, 5);
    new RandomState(3).shuffle(typed);
    expect([...typed]).toEqual(t.toArray());
    expect(() => new RandomState(3).shuffle(new DataView(new ArrayBuffer(8)) as never)).toThrow(TypeError);
  });
});

interface Row {
  name: string;
  [key: string]: unknown;
}

const { seeded } = read<{ seeded: Row[] }>('../../fixtures/golden.json');

describe('figures that the course prints', () => {
  const row = (name: string): Row => seeded.find((candidate) => candidate.name === name)!;
  const expectNear = (t: Tensor, printed: unknown, digits: number): void => {
    for (const [i, value] of (printed as number[]).entries()) expect(t.get(i)).toBeCloseTo(value, digits);
  };

  it('batchnorm input', () => {
    const generator = new RandomState(231);
    const x = generator.randn(200, 50);
    const w1 = generator.randn(50, 60);
    const w2 = generator.randn(60, 3);
    const a = x.matmul(w1).maximum(0).matmul(w2);
    expectNear(a.mean(0), row('batchnorm input').means, 8);
    expectNear(a.std(0), row('batchnorm input').stds, 8);
  });

  it.each([231, 260])('spatial batchnorm input, seed %i', (seed) => {
    const x = new RandomState(seed).randn(2, 3, 4, 5).mul(4).add(10);
    expectNear(x.mean([0, 2, 3]), row(`spatial batchnorm input, seed ${seed}`).means, 8);
    expectNear(x.std([0, 2, 3]), row(`spatial batchnorm input, seed ${seed}`).stds, 8);
  });

  it('group norm input', () => {
    const rows = new RandomState(231).randn(2, 6, 4, 5).mul(4).add(10).reshape(4, -1);
    expectNear(rows.mean(1), row('group norm input').means, 8);
    expectNear(rows.std(1), row('group norm input').stds, 8);
  });

  it('dropout: the mean of the input to all digits, and the fractions dropped', () => {
    const generator = new RandomState(231);
    const x = generator.randn(500, 500).add(10);
    const printed = row('dropout') as Row & { meanOfInput: number; meanOfOutput: Record<string, number>; fractionZero: Record<string, number> };
    expect(x.mean().item()).toBeCloseTo(printed.meanOfInput, 13);
    for (const keep of [0.25, 0.4, 0.7]) {
      const out = x.mul(generator.rand(500, 500).less(keep).div(keep));
      expect(out.mean().item()).toBeCloseTo(printed.meanOfOutput[keep], 12);
      expect(out.equal(0).mean().item()).toBe(printed.fractionZero[keep]);
    }
  });
});

describe('state', () => {
  it('goes on exactly, through JSON, with the kept normal', () => {
    const generator = new RandomState(5);
    generator.randn(3);
    const saved = JSON.parse(JSON.stringify(generator.getState())) as GeneratorState;
    expect(saved.spare).not.toBeNull();
    const expected = [generator.randn(), generator.rand(), ...(generator.permutation(700).toArray() as number[])];
    const other = new RandomState(0);
    other.setState(saved);
    expect([other.randn(), other.rand(), ...(other.permutation(700).toArray() as number[])]).toEqual(expected);
  });

  it('that is damaged is refused and changes nothing', () => {
    const generator = new RandomState(5);
    const good = generator.getState();
    const next = generator.rand();
    generator.setState(good);
    const bad: unknown[] = [
      null, {}, { ...good, algorithm: 'xoshiro128**' }, { ...good, words: good.words.slice(1) }, { ...good, position: 625 },
      { ...good, words: good.words.with(3, -1) }, { ...good, words: good.words.map(() => 0) }, { ...good, spare: NaN }, { ...good, spare: '1' },
    ];
    for (const state of bad)
      expect(() => generator.setState(state as GeneratorState)).toThrow(/^RandomState.setState: state/);
    expect(generator.rand()).toBe(next);
  });
});

describe('arguments', () => {
  const generator = new RandomState(1);

  it('that are wrong are refused before anything is drawn', () => {
    const before = generator.getState();
    expect(() => new RandomState(-1)).toThrow('RandomState: seed must be an integer >= 0 and <= 4294967295, got -1');
    expect(() => new RandomState(undefined as unknown as number)).toThrow(TypeError);
    expect(() => new RandomState([])).toThrow(RangeError);
    expect(() => generator.seed([2 ** 32])).toThrow(RangeError);
    expect(() => generator.rand(-1)).toThrow('rand: shape[0] must be an integer >= 0, got -1');
    expect(() => generator.randn(1e6, 1e6)).toThrow(RangeError);
    expect(() => generator.randint(0)).toThrow('randint: high must be above low, got low 0, high 0');
    expect(() => generator.randint(5, 5)).toThrow(RangeError);
    expect(() => generator.randint(1.5)).toThrow(RangeError);
    expect(() => generator.choice(3, 4, false)).toThrow('choice: cannot take 4 of 3 elements without replacement');
    expect(() => generator.choice(arange(4).reshape(2, 2))).toThrow(RangeError);
    expect(() => generator.normal(0, -1)).toThrow(RangeError);
    expect(() => generator.shuffle('abc' as unknown as unknown[])).toThrow(TypeError);
    expect(() => generator.permutation(-1)).toThrow(RangeError);
    expect(generator.getState()).toEqual(before);
  });
});
