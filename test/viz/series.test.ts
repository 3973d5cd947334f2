import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decimate, smooth, smoothingSpan, spread } from '../../src/viz/smoothing.ts';
import { formatNumber, formatPercent, niceTicks } from '../../src/viz/ticks.ts';
import { confusionMatrix } from '../../src/viz/index.ts';

describe('smooth', () => {
  it('is the bias-corrected exponential average', () => {
    // beta is 1/2: weights 1/2 for the latest value, 1/4 for the one before, divided by their sum.
    const out = smooth([4, 2, 8], 2);
    expect(out[0]).toBe(4);
    expect(out[1]).toBeCloseTo((0.25 * 4 + 0.5 * 2) / 0.75, 12);
    expect(out[2]).toBeCloseTo((0.125 * 4 + 0.25 * 2 + 0.5 * 8) / 0.875, 12);
  });

  it('refuses values that are no numbers, and a span that is none', () => {
    expect(() => smooth([1, 2], 'abc' as never)).toThrow('smooth: span must be a number, got "abc"');
    expect(() => smooth([1, 2], -1)).toThrow(RangeError);
    expect(() => smooth([1, null] as never, 2)).toThrow('smooth: values[1] must be a number, got null');
    expect(() => smooth('abc' as never, 2)).toThrow('smooth: values must be a list of numbers, got "abc"');
  });

  it('leaves a constant alone, steps over what is not finite, and does nothing with span 1', () => {
    expect([...smooth([3, 3, 3, 3], 10)]).toEqual([3, 3, 3, 3]);
    expect([...smooth([3, NaN, 3, Infinity], 10)]).toEqual([3, NaN, 3, Infinity]);
    expect([...smooth([5, 1, 7], 1)]).toEqual([5, 1, 7]);
    expect([smoothingSpan(0), smoothingSpan(49), smoothingSpan(980)]).toEqual([1, 1, 20]);
  });
});

describe('decimate', () => {
  it('keeps ends, extremes and gaps, in order, within its limit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.double({ min: -5, max: 5, noNaN: true }), fc.constant(NaN)), {
          minLength: 1,
          maxLength: 400,
        }),
        fc.integer({ min: 1, max: 20 }),
        (values, buckets) => {
          const kept = decimate(values, buckets);
          expect(kept).toEqual([...new Set(kept)].sort((a, b) => a - b));
          expect(kept.length).toBeLessThanOrEqual(Math.max(5 * buckets, 0));
          expect(kept[0]).toBe(0);
          expect(kept[kept.length - 1]).toBe(values.length - 1);
          const finite = values.filter(Number.isFinite);
          const drawn = kept.map((i) => values[i]);
          if (finite.length > 0) {
            expect(drawn).toContain(Math.max(...finite));
            expect(drawn).toContain(Math.min(...finite));
          }
          expect(drawn.some(Number.isNaN)).toBe(values.some(Number.isNaN));
        },
      ),
      { numRuns: 200 },
    );
  });

  it('spread takes both ends', () => {
    expect(spread(3, 5)).toEqual([0, 1, 2]);
    expect(spread(101, 5)).toEqual([0, 25, 50, 75, 100]);
  });
});

describe('ticks', () => {
  it('are multiples of 1, 2 or 5 within the range', () => {
    expect(niceTicks(0, 3.2, 5)).toEqual({ values: [0, 0.5, 1, 1.5, 2, 2.5, 3], step: 0.5 });
    expect(niceTicks(-1, 1, 4).values).toEqual([-1, -0.5, 0, 0.5, 1]);
    expect(niceTicks(1, 980, 6, true).values).toEqual([200, 400, 600, 800]);
    expect(niceTicks(0, 2, 6, true)).toEqual({ values: [0, 1, 2], step: 1 });
    expect(niceTicks(2, 2, 5).values).toEqual([2]);
    expect(niceTicks(0, 0.3, 3).values.map((v) => formatNumber(v, 0.1))).toEqual(['0.0', '0.1', '0.2', '0.3']);
    expect(Object.is(niceTicks(-0.01, 5, 5).values[0], 0)).toBe(true);
  });

  it('are written with the decimals that the step needs', () => {
    expect([
      formatNumber(12345.678, 0.1),
      formatNumber(2000, 500),
      formatNumber(0.05, 0.025),
      formatNumber(NaN, 1),
    ]).toEqual(['12,345.7', '2,000', '0.05', 'NaN']);
    expect([formatPercent(0.469), formatPercent(0.5, 0), formatPercent(NaN)]).toEqual(['46.9%', '50%', 'NaN']);
  });
});

describe('confusionMatrix', () => {
  it('counts true rows and predicted columns', () => {
    expect(confusionMatrix([0, 0, 1, 2, 2], [0, 1, 1, 0, 2], 3)).toEqual([
      [1, 1, 0],
      [0, 1, 0],
      [1, 0, 1],
    ]);
    expect(() => confusionMatrix([0], [0, 1], 2)).toThrow(
      'confusionMatrix: predicted must have 1 labels as actual has, got 2',
    );
    expect(() => confusionMatrix([2], [0], 2)).toThrow(
      'confusionMatrix: actual[0] must be an integer >= 0 and <= 1, got 2',
    );
    expect(() => confusionMatrix([0], [0.5], 2)).toThrow(RangeError);
  });
});
