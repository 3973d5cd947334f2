/** What the update rules remember never becomes subnormal in float32, however long a gradient stays zero. */

import { describe, expect, it } from 'vitest';
import { simdKernels } from './support.ts';

const simd = simdKernels();
const smallestNormal = 2 ** -126;
const length = 11;

function filled(value: number): Float32Array {
  return new Float32Array(length).fill(value);
}

/** Runs steps with a zero gradient and gives every state that was seen. */
function states(first: Float32Array[], step: (state: Float32Array[]) => void): number[] {
  const seen: number[] = [];
  for (let i = 0; i < 3000; i++) {
    step(first);
    for (const array of first) seen.push(...array);
  }
  return seen.map(Math.abs);
}

describe('update rules in float32', () => {
  const w = filled(1);
  const dw = filled(0);
  const cases: Record<string, () => number[]> = {
    momentum: () => states([filled(1e-3)], ([v]) => simd.momentumUpdate(w, dw, v, w, v, 1e-2, 0.9)),
    nesterov: () => states([filled(1e-3)], ([v]) => simd.nesterovUpdate(w, dw, v, w, v, 1e-2, 0.9)),
    rmsprop: () => states([filled(1e-16)], ([c]) => simd.rmspropUpdate(w, dw, c, w, c, 1e-2, 0.97, 1e-8)),
    adam: () => states([filled(1e-3), filled(1e-34)], ([m, v]) =>
      simd.adamUpdate(w, dw, m, v, w, m, v, 1e-3, 0.9, 0.99, 1e-8, 1, 1, 0)),
  };
  for (const [name, run] of Object.entries(cases)) {
    it(`${name} forgets without subnormal numbers`, () => {
      const seen = run();
      expect(seen.filter((value) => value > 0 && value < smallestNormal)).toEqual([]);
      expect(seen[seen.length - 1]).toBe(0);
      expect(seen[0]).toBeGreaterThan(0);
    });
  }

  it('passes NaN and infinity on', () => {
    for (const bad of [NaN, Infinity]) {
      const [next, m, v] = [filled(0), filled(0), filled(0)];
      simd.adamUpdate(filled(1), filled(bad), filled(0), filled(0), next, m, v, 1e-3, 0.9, 0.999, 1e-8, 0.1, 0.001, 0);
      expect(next.every(Number.isNaN)).toBe(true);
    }
    expect(simd.sumOfSquares(filled(NaN))).toBeNaN();
    expect(simd.sumOfSquares(filled(Infinity))).toBe(Infinity);
  });
});
