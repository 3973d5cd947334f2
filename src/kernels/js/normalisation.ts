/**
 * Normalisation in as few passes over memory as the contract allows: two for the statistics (the mean must be known
 * before deviations can be summed), one to apply, two for the backward. ../naive/normalisation.ts derives the formulas.
 *
 * Per-channel constants are computed once, into scratch; a pass then walks the array in memory order. With inner = 1
 * neighbours in memory belong to different channels, so sums are kept for all channels at a time; otherwise a run of
 * `inner` elements shares its channel and is summed in four parts, so that additions need not wait for each other.
 */

import type { FloatArray, NormKernels } from '../contract.ts';
import type { ChannelGeometry, GroupGeometry } from '../geometry.ts';
import { letThrough } from '../naive/normalisation.ts';
import { reluBackward, reluForward } from './activation.ts';
import { float64Scratch } from './scratch.ts';

const firstSums = float64Scratch();
const secondSums = float64Scratch();
const factors = float64Scratch();
/** the two results of pairSums */
const pair = new Float64Array(2);

/** mean and variance (channels) of x (outer, channels, inner). */
export function batchnormStatistics(x: FloatArray, mean: FloatArray, variance: FloatArray, g: ChannelGeometry): void {
  const { channels } = g;
  const count = g.outer * g.inner;
  const sums = firstSums.take(channels);
  const means = factors.take(channels);
  sums.fill(0, 0, channels);
  eachRun(g, (start, c) => { sums[c] += runSum(x, start, g.inner); }, (start) => {
    for (let c = 0; c < channels; c++) sums[c] += x[start + c];
  });
  for (let c = 0; c < channels; c++) {
    means[c] = sums[c] / count;
    mean[c] = means[c];
  }
  sums.fill(0, 0, channels);
  eachRun(g, (start, c) => { sums[c] += runSquares(x, start, g.inner, means[c]); }, (start) => {
    for (let c = 0; c < channels; c++) {
      const deviation = x[start + c] - means[c];
      sums[c] += deviation * deviation;
    }
  });
  for (let c = 0; c < channels; c++) variance[c] = sums[c] / count;
}

/** Calls run for every run of a channel, in memory order; where runs are single elements, row for every row. */
function eachRun(
  g: ChannelGeometry, run: (start: number, channel: number) => void, row: (start: number) => void,
): void {
  for (let o = 0; o < g.outer; o++) {
    const start = o * g.channels * g.inner;
    if (g.inner === 1) row(start);
    else for (let c = 0; c < g.channels; c++) run(start + c * g.inner, c);
  }
}

/** out = (x - mean) (gamma / sqrt(variance + eps)) + beta per channel, plus added, then relu if asked. */
export function batchnormApply(
  x: FloatArray, gamma: FloatArray, beta: FloatArray, mean: FloatArray, variance: FloatArray, out: FloatArray,
  g: ChannelGeometry, eps: number, relu: boolean, added: FloatArray | null = null,
): void {
  const scale = factors.take(g.channels);
  for (let c = 0; c < g.channels; c++) scale[c] = gamma[c] / Math.sqrt(variance[c] + eps);
  eachRun(g, (start, c) => { scaleRun(x, out, start, g.inner, mean[c], scale[c], beta[c]); }, (start) => {
    for (let c = 0; c < g.channels; c++) out[start + c] = (x[start + c] - mean[c]) * scale[c] + beta[c];
  });
  if (added !== null) for (let i = 0; i < out.length; i++) out[i] += added[i];
  if (relu) reluForward(out, out);
}

/**
 * dgamma and dbeta from dout; leaves sum dout (x - mean) in firstSums' and sum dout in secondSums' scratch, in float64.
 */
function parameterGradients(
  dout: FloatArray, x: FloatArray, mean: FloatArray, variance: FloatArray, dgamma: FloatArray, dbeta: FloatArray,
  g: ChannelGeometry, eps: number,
): { along: Float64Array; total: Float64Array } {
  const { channels } = g;
  const along = firstSums.take(channels);
  const total = secondSums.take(channels);
  along.fill(0, 0, channels);
  total.fill(0, 0, channels);
  eachRun(g, (start, c) => {
    pairSums(dout, x, start, g.inner, mean[c]);
    along[c] += pair[0];
    total[c] += pair[1];
  }, (start) => {
    for (let c = 0; c < channels; c++) {
      const gradient = dout[start + c];
      along[c] += gradient * (x[start + c] - mean[c]);
      total[c] += gradient;
    }
  });
  for (let c = 0; c < channels; c++) {
    dgamma[c] = along[c] / Math.sqrt(variance[c] + eps);
    dbeta[c] = total[c];
  }
  return { along, total };
}

/** dx, dgamma, dbeta in training: one pass for the sums, one for dx. With a fused relu dout is masked into dx first. */
export function batchnormBackward(
  dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray,
  reluOut: FloatArray | null, dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: ChannelGeometry, eps: number,
  passed: FloatArray | null = null, more: FloatArray | null = null,
): void {
  if (passed !== null) {
    letThrough(dout, more, reluOut, passed);
    return batchnormBackward(passed, x, gamma, mean, variance, null, dx, dgamma, dbeta, g, eps);
  }
  const gradient = masked(dout, reluOut, dx);
  const { along, total } = parameterGradients(gradient, x, mean, variance, dgamma, dbeta, g, eps);
  const count = g.outer * g.inner;
  const scale = factors.take(g.channels);
  for (let c = 0; c < g.channels; c++) {
    // dx = scale (dout - total / count - (x - mean) along / (count (variance + eps))), scale multiplied in.
    scale[c] = gamma[c] / Math.sqrt(variance[c] + eps);
    total[c] *= scale[c] / count;
    along[c] *= scale[c] / (count * (variance[c] + eps));
  }
  eachRun(g, (start, c) => {
    gradientRun(gradient, x, dx, start, g.inner, mean[c], scale[c], along[c], total[c]);
  }, (start) => {
    for (let c = 0; c < g.channels; c++) {
      const i = start + c;
      dx[i] = scale[c] * gradient[i] - (x[i] - mean[c]) * along[c] - total[c];
    }
  });
}

/** dx, dgamma, dbeta in test mode, where mean and variance are constants. */
export function batchnormBackwardConstant(
  dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray,
  reluOut: FloatArray | null, dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: ChannelGeometry, eps: number,
): void {
  const gradient = masked(dout, reluOut, dx);
  parameterGradients(gradient, x, mean, variance, dgamma, dbeta, g, eps);
  const scale = factors.take(g.channels);
  for (let c = 0; c < g.channels; c++) scale[c] = gamma[c] / Math.sqrt(variance[c] + eps);
  eachRun(g, (start, c) => {
    const factor = scale[c];
    for (let i = start; i < start + g.inner; i++) dx[i] = factor * gradient[i];
  }, (start) => {
    for (let c = 0; c < g.channels; c++) dx[start + c] = scale[c] * gradient[start + c];
  });
}

/** dout itself without a fused relu, else dout where the relu let something through, written to dx. */
function masked(dout: FloatArray, reluOut: FloatArray | null, dx: FloatArray): FloatArray {
  if (reluOut === null) return dout;
  reluBackward(dout, reluOut, dx);
  return dx;
}

/** Each (example, group) is one run in memory: summed twice while it is in the cache, then written. */
export function groupnormForward(
  x: FloatArray, gamma: FloatArray, beta: FloatArray, out: FloatArray, mean: FloatArray, variance: FloatArray,
  g: GroupGeometry, eps: number,
): void {
  const { channelsPerGroup, inner } = g;
  const count = channelsPerGroup * inner;
  for (let set = 0; set < g.batch * g.groups; set++) {
    const start = set * count;
    const average = runSum(x, start, count) / count;
    const spread = runSquares(x, start, count, average) / count;
    const inverseDeviation = 1 / Math.sqrt(spread + eps);
    const channel = (set % g.groups) * channelsPerGroup;
    for (let c = 0; c < channelsPerGroup; c++) {
      const factor = gamma[channel + c] * inverseDeviation;
      const shift = beta[channel + c];
      if (inner === 1) out[start + c] = (x[start + c] - average) * factor + shift;
      else scaleRun(x, out, start + c * inner, inner, average, factor, shift);
    }
    mean[set] = average;
    variance[set] = spread;
  }
}

/** out = (x - average) factor + shift over count elements from start on. */
function scaleRun(
  x: FloatArray, out: FloatArray, start: number, count: number, average: number, factor: number, shift: number,
): void {
  for (let i = start; i < start + count; i++) out[i] = (x[i] - average) * factor + shift;
}

/** Two passes over each (example, group): the sums, then dx. */
export function groupnormBackward(
  dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray,
  dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: GroupGeometry, eps: number,
): void {
  const { channelsPerGroup, inner } = g;
  const channels = g.groups * channelsPerGroup;
  const count = channelsPerGroup * inner;
  const gammaSums = firstSums.take(channels);
  const betaSums = secondSums.take(channels);
  gammaSums.fill(0, 0, channels);
  betaSums.fill(0, 0, channels);
  for (let set = 0; set < g.batch * g.groups; set++) {
    const start = set * count;
    const channel = (set % g.groups) * channelsPerGroup;
    const average = mean[set];
    const inverseDeviation = 1 / Math.sqrt(variance[set] + eps);
    // Sums of h = gamma dout and of h (x - mean), with those of each channel on the way.
    let sum = 0;
    let sumAlong = 0;
    for (let c = 0; c < channelsPerGroup; c++) {
      let total = dout[start + c];
      let along = total * (x[start + c] - average);
      if (inner > 1) {
        pairSums(dout, x, start + c * inner, inner, average);
        along = pair[0];
        total = pair[1];
      }
      gammaSums[channel + c] += along * inverseDeviation;
      betaSums[channel + c] += total;
      sumAlong += gamma[channel + c] * along;
      sum += gamma[channel + c] * total;
    }
    // dx = (gamma dout - (x - mean) slope - offset) / deviation, the division done on the constants.
    const offset = inverseDeviation * sum / count;
    const slope = sumAlong * inverseDeviation ** 3 / count;
    for (let c = 0; c < channelsPerGroup; c++) {
      const scale = gamma[channel + c] * inverseDeviation;
      const at = start + c;
      if (inner === 1) dx[at] = scale * dout[at] - (x[at] - average) * slope - offset;
      else gradientRun(dout, x, dx, start + c * inner, inner, average, scale, slope, offset);
    }
  }
  for (let c = 0; c < channels; c++) {
    dgamma[c] = gammaSums[c];
    dbeta[c] = betaSums[c];
  }
}

/** dx = scale dout - (x - average) slope - offset over count elements from start on. */
function gradientRun(
  dout: FloatArray, x: FloatArray, dx: FloatArray, start: number, count: number, average: number,
  scale: number, slope: number, offset: number,
): void {
  for (let i = start; i < start + count; i++) dx[i] = scale * dout[i] - (x[i] - average) * slope - offset;
}

/** The sum of count elements from start on. */
function runSum(x: FloatArray, start: number, count: number): number {
  const end = start + count;
  const whole = end - (count % 4);
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (let i = start; i < whole; i += 4) {
    s0 += x[i];
    s1 += x[i + 1];
    s2 += x[i + 2];
    s3 += x[i + 3];
  }
  for (let i = whole; i < end; i++) s0 += x[i];
  return s0 + s1 + (s2 + s3);
}

/** The sum of (x - average)^2 over count elements from start on. */
function runSquares(x: FloatArray, start: number, count: number, average: number): number {
  const end = start + count;
  const whole = end - (count % 4);
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (let i = start; i < whole; i += 4) {
    const d0 = x[i] - average, d1 = x[i + 1] - average, d2 = x[i + 2] - average, d3 = x[i + 3] - average;
    s0 += d0 * d0;
    s1 += d1 * d1;
    s2 += d2 * d2;
    s3 += d3 * d3;
  }
  for (let i = whole; i < end; i++) s0 += (x[i] - average) * (x[i] - average);
  return s0 + s1 + (s2 + s3);
}

/** pair = [sum of dout (x - average), sum of dout] over count elements from start on. */
function pairSums(dout: FloatArray, x: FloatArray, start: number, count: number, average: number): void {
  const end = start + count;
  const whole = end - (count % 2);
  let a0 = 0, a1 = 0, t0 = 0, t1 = 0;
  for (let i = start; i < whole; i += 2) {
    const g0 = dout[i], g1 = dout[i + 1];
    a0 += g0 * (x[i] - average);
    a1 += g1 * (x[i + 1] - average);
    t0 += g0;
    t1 += g1;
  }
  if (whole < end) {
    a0 += dout[whole] * (x[whole] - average);
    t0 += dout[whole];
  }
  pair[0] = a0 + a1;
  pair[1] = t0 + t1;
}

export const fastNormalisation: NormKernels = {
  batchnormStatistics, batchnormApply, batchnormBackward, batchnormBackwardConstant, groupnormForward,
  groupnormBackward,
};
