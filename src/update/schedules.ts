/**
 * Learning-rate schedules. A schedule is a plain function of the training's progress: it gets the iteration about to be
 * made (from 0) and the number of iterations in all, and returns what the learning rate is multiplied by. It keeps no
 * state, so a resumed run goes on where it was. Solver multiplies the result with lrDecay's share.
 */

import { checkNumber, checkOneOf, checkOptions, describe } from '../runtime/check.ts';

/** (iteration, iterations) -> factor of the learning rate; the iteration may pass the total, and then the end holds. */
export type Schedule = (iteration: number, iterations: number) => number;

/** The learning rate as it is, all the time. */
export function constantSchedule(): Schedule {
  return () => 1;
}

export interface StepScheduleOptions {
  /** shares of the training, rising, after each of which the rate falls; [0.5, 0.75] by default */
  at?: readonly number[];
  /** what each fall multiplies the rate by; 0.1 by default */
  factor?: number;
}

/** Falls in steps: multiplied by `factor` once each share in `at` of the training has passed. */
export function stepSchedule(options: StepScheduleOptions = {}): Schedule {
  const fn = 'stepSchedule';
  checkOptions(fn, options, ['at', 'factor']);
  const at = options.at ?? [0.5, 0.75];
  if (!Array.isArray(at)) throw new TypeError(`${fn}: at must be an array of numbers, got ${describe(at)}`);
  const shares = (at as readonly number[]).map((share, i) => checkNumber(fn, `at[${i}]`, share, 0, 1));
  shares.forEach((share, i) => {
    if (i > 0 && share <= shares[i - 1]) throw new RangeError(`${fn}: at must rise, got ${shares.join(', ')}`);
  });
  const factor = checkNumber(fn, 'factor', options.factor ?? 0.1, 0);
  return (iteration, iterations) => {
    let rate = 1;
    for (const share of shares) if (iteration >= share * iterations) rate *= factor;
    return rate;
  };
}

export interface CosineScheduleOptions {
  /** share of the training in which the rate first rises evenly from 0; 0 by default */
  warmup?: number;
  /** the factor at the end; 0 by default */
  end?: number;
}

/** Half a cosine from 1 down to `end` (Loshchilov & Hutter 2017, one cycle), after an optional even rise. */
export function cosineSchedule(options: CosineScheduleOptions = {}): Schedule {
  const fn = 'cosineSchedule';
  checkOptions(fn, options, ['warmup', 'end']);
  const warmup = checkNumber(fn, 'warmup', options.warmup ?? 0, 0, 1);
  const end = checkNumber(fn, 'end', options.end ?? 0, 0);
  return (iteration, iterations) => {
    const rising = warmup * iterations;
    // A first step at rate 0 would learn nothing, so the rise counts the step that is being made.
    if (iteration + 1 < rising) return (iteration + 1) / rising;
    return cosine(1, end, shareOf(iteration - rising, iterations - rising));
  };
}

export interface OneCycleScheduleOptions {
  /** share of the training in which the rate rises; 0.3 by default */
  rise?: number;
  /** the factor at the start; 1/25 by default */
  start?: number;
  /** the factor at the end; 4e-6 by default */
  end?: number;
  /** the curve of both parts; 'cosine' by default */
  shape?: 'cosine' | 'linear';
}

/**
 * One cycle (Smith & Topin 2018): up from `start` to the learning rate, then down to `end`, far below the start. The
 * defaults are PyTorch's OneCycleLR.
 */
export function oneCycleSchedule(options: OneCycleScheduleOptions = {}): Schedule {
  const fn = 'oneCycleSchedule';
  checkOptions(fn, options, ['rise', 'start', 'end', 'shape']);
  const rise = checkNumber(fn, 'rise', options.rise ?? 0.3, 0, 1);
  const start = checkNumber(fn, 'start', options.start ?? 1 / 25, 0);
  const end = checkNumber(fn, 'end', options.end ?? 4e-6, 0);
  const shape = checkOneOf(fn, 'shape', options.shape ?? 'cosine', ['cosine', 'linear']);
  const curve = shape === 'cosine' ? cosine : linear;
  return (iteration, iterations) => {
    const top = Math.max(0, rise * iterations - 1);
    if (iteration < top) return curve(start, 1, iteration / top);
    return curve(1, end, shareOf(iteration - top, iterations - 1 - top));
  };
}

/** part / whole, kept within 0 to 1. */
function shareOf(part: number, whole: number): number {
  return whole <= 0 ? 0 : Math.min(1, Math.max(0, part / whole));
}

function linear(from: number, to: number, progress: number): number {
  return from + (to - from) * progress;
}

function cosine(from: number, to: number, progress: number): number {
  return to + (from - to) * 0.5 * (1 + Math.cos(Math.PI * progress));
}
