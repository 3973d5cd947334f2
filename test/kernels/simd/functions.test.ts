/** The functions of vectors in WebAssembly against those of JavaScript and of the naive kernels, over all they take. */

import { describe, expect, it } from 'vitest';
import { sigmoid } from '../../../src/kernels/naive/activation.ts';
import { bellCurve, normalShare } from '../../../src/kernels/naive/normal.ts';
import {
  exponential, exponentialLessOne, hyperbolicTangent, type Keep, logarithm, logistic, normal,
} from '../../../src/kernels/simd/elementwise/functions.ts';
import { defineFunction, type FloatKind, ModuleBuilder, splat, type Value, vectorOf } from '../../../src/wasm/index.ts';

type Written = (keep: Keep, x: Value) => Value;

function compile(float: FloatKind, write: Written): (x: number) => number {
  const module = new ModuleBuilder();
  defineFunction(module, 'f', [float], [float], (f, x) => {
    const keep: Keep = (value) => f.let(value);
    f.return(keep(write(keep, keep(splat(vectorOf(float), x)))).lane(1));
  }, 'f');
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()));
  return exports.f as (x: number) => number;
}

interface Function {
  readonly name: string;
  readonly write: Written;
  readonly definition: (x: number) => number;
  /** where results are normal numbers, in float64 and float32 */
  readonly range: Readonly<Record<FloatKind, readonly [from: number, to: number]>>;
}

const everywhere = { f64: [-1000, 1000], f32: [-1000, 1000] } as const;

const functions: readonly Function[] = [
  {
    name: 'exponential', write: (keep, x) => exponential(keep, x), definition: Math.exp,
    range: { f64: [-708, 709.78], f32: [-87.3, 88.72] },
  },
  {
    name: 'exponentialLessOne', write: exponentialLessOne, definition: Math.expm1,
    range: { f64: [-1000, 60], f32: [-1000, 60] },
  },
  { name: 'hyperbolicTangent', write: hyperbolicTangent, definition: Math.tanh, range: everywhere },
  {
    name: 'logistic', write: (keep, x) => logistic(keep, x).here, definition: sigmoid,
    range: { f64: [-708, 1000], f32: [-87.3, 1000] },
  },
  {
    name: 'logistic of the opposite', write: (keep, x) => logistic(keep, x).opposite, definition: (x) => sigmoid(-x),
    range: { f64: [-1000, 708], f32: [-1000, 87.3] },
  },
  {
    name: 'normal curve', write: (keep, x) => normal(keep, x).curve, definition: bellCurve,
    range: { f64: [-37.6, 37.6], f32: [-13.2, 13.2] },
  },
  {
    name: 'normal share', write: (keep, x) => normal(keep, x).share, definition: normalShare,
    range: { f64: [-37.5, 1000], f32: [-13, 1000] },
  },
  {
    name: 'logarithm', write: logarithm, definition: Math.log,
    range: { f64: [0, Number.MAX_VALUE], f32: [0, 3.4e38] },
  },
  {
    name: 'logarithm of small numbers', write: logarithm, definition: Math.log,
    range: { f64: [2 ** -1074, 2 ** -1000], f32: [2 ** -149, 2 ** -100] },
  },
  { name: 'logarithm near 1', write: logarithm, definition: Math.log, range: { f64: [0.3, 3], f32: [0.3, 3] } },
];

const tolerance: Readonly<Record<FloatKind, number>> = { f64: 1.5e-15, f32: 7e-7 };

/** Numbers all over a range, many of them near 0, each as the type holds it. */
function points(float: FloatKind, [from, to]: readonly [number, number]): number[] {
  const all: number[] = [from, to];
  for (let i = 0; i <= 1000; i++) all.push(from + (to - from) * (i / 1000));
  for (let i = 0; i <= 500; i++) all.push(i / 62.5 - 4, 10 ** (i / 50 - 10), -(10 ** (i / 50 - 10)));
  const held = float === 'f32' ? all.map(Math.fround) : all;
  return held.filter((x) => x >= from && x <= to && Number.isFinite(x));
}

describe.each(['f64', 'f32'] as const)('in %s', (float) => {
  it.each(functions)('$name is what it is defined as', ({ write, definition, range }) => {
    const compiled = compile(float, write);
    for (const x of points(float, range[float])) {
      const expected = definition(x);
      if (expected === compiled(x)) continue;
      // at 0 the error is absolute: 0 / 0 is no measure
      const error = Math.abs(compiled(x) - expected) / (expected === 0 ? 1 : Math.abs(expected));
      expect(error, `at ${x}: ${compiled(x)}, expected ${expected}`).toBeLessThan(tolerance[float]);
    }
  });

  it.each(functions)('$name passes NaN on', ({ write }) => {
    expect(compile(float, write)(NaN)).toBeNaN();
  });

  it('they end where the type ends', () => {
    const [exp, less, tanh, logistics, share, log] = [0, 1, 2, 3, 6, 7].map((i) => compile(float, functions[i].write));
    const limit = float === 'f64' ? 709.7827128933841 : 88.72284;
    expect([exp(0), exp(-0), exp(Infinity), exp(limit), exp(1e30)]).toEqual([1, 1, Infinity, Infinity, Infinity]);
    expect([exp(-Infinity), exp(-1e5), exp(-746.5)]).toEqual([0, 0, 0]);
    expect([less(-Infinity), less(0), tanh(-Infinity), tanh(Infinity), tanh(0)]).toEqual([-1, 0, -1, 1, 0]);
    expect([logistics(-Infinity), logistics(Infinity), logistics(0)]).toEqual([0, 1, 0.5]);
    expect([log(0), log(-0), log(1), log(Infinity)]).toEqual([-Infinity, -Infinity, 0, Infinity]);
    for (const negative of [-1e-300, -1, -Infinity]) if (Math.fround(negative) !== 0) expect(log(negative)).toBeNaN();
    expect([share(-Infinity), share(Infinity), share(-1e300), share(1e300)]).toEqual([0, 1, 0, 1]);
  });
});

describe('exponential', () => {
  it('underflows gradually, to zero', () => {
    const [wide, narrow] = (['f64', 'f32'] as const).map((float) => compile(float, functions[0].write));
    for (let x = -746; x <= -708; x += 0.37) expect(Math.abs(wide(x) - Math.exp(x))).toBeLessThanOrEqual(2 ** -1074);
    for (let x = -105; x <= -87; x += 0.125) expect(Math.abs(narrow(x) - Math.exp(x))).toBeLessThanOrEqual(2 ** -149);
  });
});

describe('the normal distribution', () => {
  // from a table with 50 digits
  it.each([
    [0, 0.5], [0.5, 0.6914624612740131], [1, 0.841344746068543], [-1, 0.15865525393145705],
    [-2.5, 0.006209665325776135], [-5, 2.866515718791939e-7], [-10, 7.619853024160527e-24],
    [-37, 5.725571222524577e-300],
  ])('below %f is %f', (x, share) => {
    expect(Math.abs(normalShare(x) / share - 1)).toBeLessThan(1.5e-15);
    expect(normalShare(x) + normalShare(-x)).toBeCloseTo(1, 15);
  });
});
