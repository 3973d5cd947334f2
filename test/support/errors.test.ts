import { describe, expect, it } from 'vitest';
import { relError } from '../../src/train/rel-error.ts';
import { largest, worstError } from './errors.ts';

const expected = [1, 2, 4, -8];
const places = expected.map((_, i) => i);
/** The expected numbers with one of them replaced. */
const broken = (place: number, value: number): number[] => expected.map((each, i) => (i === place ? value : each));
const beyondNumbers = [NaN, Infinity, -Infinity];

describe('worstError', () => {
  it('is the largest difference, as a share of the scale', () => {
    expect(worstError(expected, expected)).toBe(0);
    for (const place of places) {
      expect(worstError(broken(place, expected[place] + 0.5), expected)).toBe(0.5);
      expect(worstError(broken(place, expected[place] - 0.5), expected, 2)).toBe(0.25);
      expect(worstError(broken(place, expected[place] + 1), expected, expected.map(Math.abs))).toBe(
        1 / Math.abs(expected[place]),
      );
    }
    expect(worstError([], [])).toBe(0);
  });

  it.each(beyondNumbers)('sees a %s in every place, on either side and in the scale', (bad) => {
    for (const place of places) {
      expect(worstError(broken(place, bad), expected), `actual ${place}`).toBeNaN();
      expect(worstError(expected, broken(place, bad)), `expected ${place}`).toBeNaN();
      expect(worstError(broken(place, bad), expected, expected.map(Math.abs)), `scaled ${place}`).toBeNaN();
      // every element is wrong, and one has no scale that could tell how much
      const wrong = expected.map((value) => value + 1);
      if (bad > 0) expect(worstError(wrong, expected, broken(place, bad)), `scale ${place}`).toBeNaN();
    }
  });

  it('counts what is equal as no error, beyond numbers too, but not the other infinity', () => {
    for (const place of places) {
      for (const bad of beyondNumbers) expect(worstError(broken(place, bad), broken(place, bad))).toBe(0);
      expect(worstError(broken(place, Infinity), broken(place, -Infinity))).toBeNaN();
    }
  });

  it('refuses lengths that differ', () => {
    expect(() => worstError([1], [1, 2])).toThrow(RangeError);
    expect(() => worstError([1, 2], [1, 2], [1])).toThrow(RangeError);
  });
});

describe('largest', () => {
  it('is the largest size, and sees what is beyond numbers in every place', () => {
    expect(largest(expected)).toBe(8);
    for (const place of places) for (const bad of beyondNumbers) expect(largest(broken(place, bad))).toBeNaN();
  });
});

describe('relError', () => {
  it('sees NaN and infinity in every place, on either side', () => {
    for (const place of places) {
      for (const bad of beyondNumbers) {
        expect(relError(broken(place, bad), expected)).toBeNaN();
        expect(relError(expected, broken(place, bad))).toBeNaN();
      }
      expect(relError(broken(place, Infinity), broken(place, -Infinity))).toBeNaN();
      expect(relError(broken(place, Infinity), broken(place, Infinity))).toBe(0);
    }
  });
});
