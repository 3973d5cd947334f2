import { describe, expect, it } from 'vitest';
import { Rng } from '../../../src/index.ts';
import { preciseLog } from '../../../src/tensor/random/logarithm.ts';

/** log x in units of 2^-200: 2 atanh((x - 1) / (x + 1)) for x = p / 2^60, by its series in big integers. */
function exactLog(x: number): bigint {
  const one = 1n << 200n;
  const p = BigInt(x * 2 ** 60) << 140n;
  const s = ((p - one) * one) / (p + one);
  const squared = (s * s) / one;
  let power = 2n * s;
  let total = 0n;
  for (let n = 1n; power !== 0n; n += 2n) {
    total += power / n;
    power = (power * squared) / one;
  }
  return total;
}

function fixed(value: number): bigint {
  // Exact: every double here is a multiple of 2^-120.
  const high = Math.trunc(value * 2 ** 40);
  return (BigInt(high) << 160n) + (BigInt((value * 2 ** 40 - high) * 2 ** 80) << 80n);
}

describe('preciseLog', () => {
  it('is the double nearest to the logarithm, for numbers all over [1/16, 4) and close to 1', () => {
    const rng = new Rng(1);
    for (let i = 0; i < 1500; i++) {
      const scale = [4, 1, 0.25, 0][i % 4];
      const x = scale === 0 ? 1 + (rng.random() - 0.5) * 2 ** -(i % 20) : Math.max(1 / 16, rng.random() * scale);
      const rounded = Math.round(x * 2 ** 52) / 2 ** 52;
      const exact = exactLog(rounded);
      const got = preciseLog(rounded);
      const error = fixed(got) - exact;
      const magnitude = error < 0n ? -error : error;
      const ulp = 2 ** (Math.floor(Math.log2(Math.abs(got) || 2 ** -60)) - 52);
      expect(Number(magnitude) / 2 ** 200, `log ${rounded}`).toBeLessThanOrEqual(ulp * 0.5001);
    }
  });

  it('is exact where the logarithm is, and close to Math.log in the far ranges', () => {
    expect(preciseLog(1)).toBe(0);
    expect(preciseLog(2)).toBe(Math.LN2);
    expect(preciseLog(Math.E)).toBe(1);
    for (const x of [2 ** -1022, 1e-300, 1e-17, 1e17, 1e308]) {
      expect(Math.abs(preciseLog(x) / Math.log(x) - 1)).toBeLessThan(4e-16);
    }
  });
});
