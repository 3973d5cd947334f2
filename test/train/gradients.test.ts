import { describe, expect, it, vi } from 'vitest';
import fc from 'fast-check';
import { evalNumericalGradient, evalNumericalGradientArray, gradCheckSparse, relError } from '../../src/train/index.ts';
import { arange, full, linspace, RandomState, tensor, Tensor, zeros } from '../../src/tensor/index.ts';

const values = (t: Tensor): number[] => Array.from(t.clone().data);

/** sum of i * x_i^3, whose gradient is 3 i x_i^2 */
const cubes = (x: Tensor): number => values(x).reduce((sum, value, i) => sum + (i + 1) * value ** 3, 0);
const cubesGradient = (x: Tensor): Tensor => tensor(values(x).map((value, i) => 3 * (i + 1) * value ** 2), x.shape, 'float64');

describe('evalNumericalGradient', () => {
  it('finds the gradient of a polynomial and leaves x as it was', () => {
    const x = linspace(-1, 2, 12).reshape(3, 4);
    const before = x.toArray();
    const gradient = evalNumericalGradient(cubes, x);
    expect(gradient.shape).toEqual([3, 4]);
    expect(gradient.dtype).toBe('float64');
    expect(relError(gradient, cubesGradient(x))).toBeLessThan(1e-8);
    expect(x.toArray()).toEqual(before);
  });

  it('sees x through whatever refers to it, views included', () => {
    const whole = linspace(-1, 2, 12).reshape(3, 4);
    const view = whole.transpose().slice([1, 3]);
    const gradient = evalNumericalGradient(() => cubes(whole), view);
    expect(relError(gradient, cubesGradient(whole).transpose().slice([1, 3]))).toBeLessThan(1e-8);
  });

  it('divides by the distance that float32 really moved', () => {
    const x = tensor([1, 1000]);
    const slope = evalNumericalGradient((t) => 3 * t.get(0) + 2 * t.get(1), x, { h: 1e-3 });
    expect(relError(slope, [3, 2])).toBeLessThan(1e-9);
    expect(() => evalNumericalGradient(cubes, x, { h: 1e-5 })).toThrow('h 0.00001 is lost in rounding at the element 1000');
    expect(x.toArray()).toEqual([1, 1000]);
  });

  it('prints each element where asked to', () => {
    const lines: unknown[] = [];
    const log = vi.spyOn(console, 'log').mockImplementation((line) => { lines.push(line); });
    evalNumericalGradient((t) => t.sum(), tensor([[1, 2]], null, 'float64'), { verbose: true, h: 0.5 });
    log.mockRestore();
    expect(lines).toEqual(['(0, 0) 1', '(0, 1) 1']);
  });

  it('works on a scalar and on nothing', () => {
    expect(evalNumericalGradient((x) => x.item() ** 2, tensor(3, [], 'float64')).item()).toBeCloseTo(6, 8);
    expect(evalNumericalGradient(() => 0, zeros([0], 'float64')).shape).toEqual([0]);
  });

  it('takes a tensor of one element for a number', () => {
    const x = linspace(-1, 2, 6).reshape(2, 3);
    expect(relError(evalNumericalGradient((t) => t.mul(t).sum(), x), x.mul(2))).toBeLessThan(1e-8);
  });

  it('leaves x as it was when f throws', () => {
    const x = linspace(0, 1, 3);
    expect(() => evalNumericalGradient(() => { throw new Error('no'); }, x)).toThrow('no');
    expect(x.toArray()).toEqual([0, 0.5, 1]);
  });

  it.each<[string, () => unknown, string]>([
    ['f that is none', () => evalNumericalGradient(1 as never, zeros(1)), 'evalNumericalGradient: f must be a function, got 1'],
    ['integers', () => evalNumericalGradient(cubes, arange(3)), 'x must be float32 or float64, got int32'],
    ['h 0', () => evalNumericalGradient(cubes, zeros(1), { h: 0 }), 'evalNumericalGradient: h must be'],
    ['a tensor from f', () => evalNumericalGradient((x) => x, zeros(2)), 'f must return a number, got a Tensor'],
    ['an unknown option', () => evalNumericalGradient(cubes, zeros(1), { eps: 1 } as never), 'unknown option "eps"'],
    ['dout of another shape', () => evalNumericalGradientArray((x) => x, zeros(2), zeros(3)), 'the result of f must have shape 3, got 2'],
    ['dout that is none', () => evalNumericalGradientArray((x) => x, zeros(2), 1 as never), 'evalNumericalGradientArray: dout must be a Tensor'],
  ])('refuses %s', (_, call, message) => {
    expect(call).toThrow(message);
  });
});

describe('evalNumericalGradientArray', () => {
  it('gives x^T dout for a matrix product, whatever memory f returns', () => {
    const rng = new RandomState(7);
    const [x, w, dout] = [rng.randn(3, 4), rng.randn(4, 2), rng.randn(3, 2)];
    const out = zeros([3, 2], 'float64');
    const product = (a: Tensor, b: Tensor): Tensor => {
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < 2; j++) {
          out.set([0, 1, 2, 3].reduce((sum, k) => sum + a.get(i, k) * b.get(k, j), 0), i, j);
        }
      }
      return out;
    };
    const dw = evalNumericalGradientArray((t) => product(x, t), w, dout);
    const expected = zeros([4, 2], 'float64');
    for (let k = 0; k < 4; k++) {
      for (let j = 0; j < 2; j++) {
        expected.set([0, 1, 2].reduce((sum, i) => sum + x.get(i, k) * dout.get(i, j), 0), k, j);
      }
    }
    expect(relError(dw, expected)).toBeLessThan(1e-8);
  });
});

describe('gradCheckSparse', () => {
  it('compares at random elements, the same for the same generator', () => {
    const x = linspace(0.5, 2, 30).reshape(5, 6).transpose();
    const checks = gradCheckSparse(cubes, x, cubesGradient(x), { numChecks: 7 });
    expect(checks).toHaveLength(7);
    for (const { index, numeric, analytic, relError: error } of checks) {
      expect(analytic).toBe(values(cubesGradient(x))[index]);
      expect(numeric).toBeCloseTo(analytic, 5);
      expect(error).toBeLessThan(1e-8);
    }
    expect(new Set(checks.map(({ index }) => index)).size).toBeGreaterThan(3);
    expect(gradCheckSparse(cubes, x, cubesGradient(x), { numChecks: 7 })).toEqual(checks);
  });

  it('shows a wrong gradient', () => {
    const x = linspace(1, 2, 8);
    const wrong = full([8], 5, 'float64');
    expect(Math.min(...gradCheckSparse(cubes, x, wrong).map((check) => check.relError))).toBeGreaterThan(1e-3);
  });

  it('refuses an empty tensor and a gradient of another shape', () => {
    expect(() => gradCheckSparse(cubes, zeros([0]), zeros([0]))).toThrow(RangeError);
    expect(() => gradCheckSparse(cubes, zeros(3), zeros(2))).toThrow('analyticGrad must have shape 3, got 2');
  });
});

describe('relError', () => {
  it('is the course\'s measure', () => {
    expect(relError([1, 2], [1, 2])).toBe(0);
    expect(relError([1, 2], [1, 3])).toBe(0.2);
    expect(relError(1e-10, 0)).toBe(1e-2);
    expect(relError(1, -1)).toBe(1);
    expect(relError(tensor([1, 2], null, 'float64'), [1, 2])).toBe(0);
    expect(relError(Float64Array.of(1), tensor([1]))).toBe(0);
    expect(relError([], [])).toBe(0);
  });

  it('is symmetric, and NaN wherever a NaN lies', () => {
    const list = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 3, maxLength: 3 });
    fc.assert(fc.property(list, list, fc.nat(2), (a, b, i) => {
      expect(relError(a, b)).toBe(relError(b, a));
      expect(relError(a, b)).toBeLessThanOrEqual(1);
      a[i] = NaN;
      expect(relError(a, b)).toBeNaN();
    }));
    expect(relError(Infinity, 1)).toBeNaN();
    expect(relError(Infinity, Infinity)).toBe(0);
  });

  it('refuses shapes that differ and other arguments', () => {
    expect(() => relError([1], [1, 2])).toThrow(new RangeError('relError: a and b must have one shape, got 1 and 2'));
    expect(() => relError('1' as never, 1)).toThrow(TypeError);
  });
});
