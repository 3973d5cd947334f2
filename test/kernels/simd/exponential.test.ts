/** exp in WebAssembly against Math.exp, over its whole range. */

import { describe, expect, it } from 'vitest';
import { exponential } from '../../../src/kernels/simd/loss/exponential.ts';
import { defineFunction, ModuleBuilder, splat } from '../../../src/wasm/index.ts';

function compile(): (x: number) => number {
  const module = new ModuleBuilder();
  defineFunction(module, 'exp', ['f64'], ['f64'], (f, x) => f.return(exponential(f, f.let(splat('f64x2', x))).lane(1)), 'exp');
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()));
  return exports.exp as (x: number) => number;
}

describe('exponential', () => {
  const exp = compile();

  it('is within two units in the last place of Math.exp', () => {
    for (let x = -708; x < 709; x += 0.0371) {
      expect(Math.abs(exp(x) - Math.exp(x)) / Math.exp(x), `exp(${x})`).toBeLessThan(4.5e-16);
    }
  });

  it('underflows gradually, to zero', () => {
    for (let x = -746; x <= -708; x += 0.37) expect(Math.abs(exp(x) - Math.exp(x))).toBeLessThanOrEqual(2 ** -1074);
    expect([-746.5, -1e5, -Infinity].map(exp)).toEqual([0, 0, 0]);
  });

  it('is exact where it must be, and passes NaN on', () => {
    expect([exp(0), exp(-0)]).toEqual([1, 1]);
    expect(exp(NaN)).toBeNaN();
  });
});
