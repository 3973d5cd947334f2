/** Series of numbers made fit for drawing: smoothed, and thinned out to what a screen can show. */

import { checkNumber, checkNumbers } from '../runtime/check.ts';

/**
 * Exponential moving average over about `span` values, corrected for its start as Adam corrects its moments
 * (Kingma & Ba 2015): s = beta s + (1 - beta) y, shown as s / (1 - beta^t), with beta = 1 - 1/span. The first value is
 * therefore y[0] itself and not pulled towards 0. Values that are not finite stay as they are and do not enter it. A
 * span of 1 or less changes nothing. Throws TypeError for values that are no numbers, RangeError for a negative span.
 */
export function smooth(values: ArrayLike<number>, span: number): Float64Array {
  checkNumbers('smooth', 'values', values);
  checkNumber('smooth', 'span', span, 0);
  const beta = 1 - 1 / Math.max(1, span);
  const out = new Float64Array(values.length);
  let average = 0;
  let weight = 0;
  for (let i = 0; i < values.length; i++) {
    if (!Number.isFinite(values[i])) {
      out[i] = values[i];
      continue;
    }
    weight = beta * weight + (1 - beta);
    // The corrected average itself is carried on, so that a constant series stays exactly what it is.
    average += ((values[i] - average) * (1 - beta)) / weight;
    out[i] = average;
  }
  return out;
}

/** A span that suits a series of this length: a fiftieth of it, so that a curve keeps its shape at any length. */
export function smoothingSpan(length: number): number {
  return Math.max(1, Math.round(length / 50));
}

/**
 * The indices of values that must be drawn so that the picture does not change: of every bucket its first, smallest,
 * largest and last value (and its first non-finite one, which breaks the line). At most 5 * buckets, ascending.
 */
export function decimate(values: ArrayLike<number>, buckets: number): number[] {
  const length = values.length;
  if (length <= 4 * buckets) return Array.from({ length }, (_, i) => i);
  const kept: number[] = [];
  for (let bucket = 0; bucket < buckets; bucket++) {
    const start = Math.floor((bucket * length) / buckets);
    const end = Math.floor(((bucket + 1) * length) / buckets);
    let low = start;
    let high = start;
    let broken = -1;
    for (let i = start; i < end; i++) {
      if (!Number.isFinite(values[i])) {
        if (broken < 0) broken = i;
        continue;
      }
      if (!(values[i] >= values[low])) low = i;
      if (!(values[i] <= values[high])) high = i;
    }
    const chosen = new Set([start, low, high, end - 1]);
    if (broken >= 0) chosen.add(broken);
    kept.push(...[...chosen].sort((a, b) => a - b));
  }
  return kept;
}

/** At most `count` indices of 0..length-1, evenly spread, the first and the last among them. */
export function spread(length: number, count: number): number[] {
  if (length <= count) return Array.from({ length }, (_, i) => i);
  return Array.from({ length: count }, (_, i) => Math.round((i * (length - 1)) / (count - 1)));
}
