import { describe, expect, it } from 'vitest';
import { constantSchedule, cosineSchedule, oneCycleSchedule, stepSchedule } from '../../src/train/index.ts';
import type { Schedule } from '../../src/train/index.ts';

function expectFactors(schedule: Schedule, iterations: number, expected: readonly number[]): void {
  expected.forEach((factor, i) => expect(schedule(i, iterations)).toBeCloseTo(factor, 14));
}

describe('schedules', () => {
  it('constant', () => {
    expectFactors(constantSchedule(), 3, [1, 1, 1, 1]);
  });

  it('step', () => {
    expectFactors(stepSchedule(), 8, [1, 1, 1, 1, 0.1, 0.1, 0.01, 0.01, 0.01]);
    expectFactors(stepSchedule({ at: [0.25], factor: 0.5 }), 8, [1, 1, 0.5, 0.5]);
    expectFactors(stepSchedule({ at: [] }), 2, [1, 1]);
  });

  it('cosine as PyTorch has it', () => {
    expectFactors(cosineSchedule({ end: 0.1 }), 8, [
      1, 0.9657457896300791, 0.8681980515339464, 0.7222075445642905, 0.55, 0.3777924554357097, 0.2318019484660537,
      0.134254210369921, 0.1, 0.1,
    ]);
  });

  it('cosine with a rise before it', () => {
    const schedule = cosineSchedule({ warmup: 0.4 });
    expectFactors(schedule, 10, [0.25, 0.5, 0.75, 1, 1, 0.5 * (1 + Math.cos(Math.PI / 6))]);
    expect(schedule(10, 10)).toBe(0);
    expect(cosineSchedule({ warmup: 1 })(1, 2)).toBe(1);
  });

  it('one cycle as PyTorch has it', () => {
    expectFactors(oneCycleSchedule(), 10, [
      0.040000000000000036, 0.52, 1.0, 0.9504846320134737, 0.8117456539497631, 0.6112620219362893, 0.38874197806371075,
      0.18825834605023697, 0.049519367986526286, 4e-06, 4e-06,
    ]);
    expectFactors(oneCycleSchedule({ rise: 0.5, shape: 'linear' }), 7, [
      0.04, 0.424, 0.808, 0.8571434285714286, 0.5714302857142857, 0.2857171428571429, 4.000000000004e-06,
    ]);
  });

  it('one cycle without a rise, without a fall, in a single step', () => {
    expect(oneCycleSchedule({ rise: 0 })(0, 10)).toBe(1);
    expect(oneCycleSchedule({ rise: 1 })(9, 10)).toBe(1);
    expect(oneCycleSchedule()(0, 1)).toBe(1);
  });

  it.each<[string, () => unknown, string]>([
    ['an unknown option', () => cosineSchedule({ warmUp: 1 } as never), 'unknown option "warmUp"'],
    ['a share above 1', () => oneCycleSchedule({ rise: 1.5 }), 'oneCycleSchedule: rise must be'],
    ['shares that fall', () => stepSchedule({ at: [0.5, 0.2] }), 'stepSchedule: at must rise, got 0.5, 0.2'],
    ['at that is a number', () => stepSchedule({ at: 0.5 as never }), 'stepSchedule: at must be an array'],
    ['an unknown shape', () => oneCycleSchedule({ shape: 'square' as never }), 'must be one of cosine, linear'],
    ['a negative factor', () => stepSchedule({ factor: -1 }), 'stepSchedule: factor must be'],
  ])('refuse %s', (_, call, message) => {
    expect(call).toThrow(message);
  });
});
