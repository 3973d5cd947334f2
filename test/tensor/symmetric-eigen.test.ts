/** The decomposition put together again, and what a decomposition of a symmetric matrix must be. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allClose, eigh, eye, matmul, Rng, tensor, zeros } from '../../src/index.ts';

describe('eigh', () => {
  it('gives rising values and orthonormal vectors that make up the matrix again', () => {
    const size = fc.integer({ min: 1, max: 24 });
    fc.assert(fc.property(size, fc.nat(), size, (n, seed, rank) => {
      // of any rank, so that equal eigenvalues (zeros) occur
      const factors = new Rng(seed).normal(0, 1, [n, rank]).astype('float64');
      const x = matmul(factors, factors.transpose());
      const [w, v] = eigh(x);
      expect(allClose(matmul(v.mul(w), v.transpose()), x, 1e-10, 1e-10)).toBe(true);
      expect(allClose(matmul(v.transpose(), v), eye(n, undefined, 0, 'float64'), 0, 1e-12)).toBe(true);
      expect(Array.from(w.data)).toEqual(Array.from(w.data).sort((a, b) => a - b));
    }), { numRuns: 40 });
  });

  it('reads the lower triangle only, and takes any element type', () => {
    const [w] = eigh(tensor([[2, 99], [1, 2]], null, 'int32'));
    expect(w.get(0)).toBeCloseTo(1, 14);
    expect(w.get(1)).toBeCloseTo(3, 14);
  });

  it('knows a diagonal matrix, zeros and the empty one', () => {
    expect(eigh(tensor([[3, 0], [0, -1]]))[0].toArray()).toEqual([-1, 3]);
    expect(eigh(zeros([3, 3]))[0].toArray()).toEqual([0, 0, 0]);
    expect(eigh(zeros([0, 0]))[1].shape).toEqual([0, 0]);
  });

  it('refuses what is no square matrix of finite numbers', () => {
    expect(() => eigh(zeros([2, 3]))).toThrow(/^eigh: x must be square, got 2x3/);
    expect(() => eigh(tensor([[1, NaN], [NaN, 1]]))).toThrow(/^eigh: x must be finite/);
  });
});
