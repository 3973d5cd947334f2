/**
 * Normalisation: numbers are brought to mean 0 and variance 1, then scaled by gamma and shifted by beta, which are
 * learnt. Batchnorm (Ioffe & Szegedy 2015) takes mean and variance per channel over the batch; groupnorm (Wu & He
 * 2018) per example over a group of channels; layernorm (Ba, Kiros & Hinton 2016) is groupnorm with a single group.
 *
 * The gradient. Let one normalised set hold m numbers x_i, let s = 1 / sqrt(variance + eps) and xhat_i = (x_i - mean)
 * s, and let h_i be the gradient that arrives at xhat_i. Mean and variance depend on every x_i:
 *
 *   d mean / d x_i = 1 / m,   d variance / d x_i = 2 (x_i - mean) / m,   d s / d variance = -s^3 / 2.
 *
 * x_i acts on all xhat_j through mean and variance, so, collecting the three paths (direct, mean, variance),
 *
 *   dx_i = s h_i  -  s (1/m) sum_j h_j  -  s xhat_i (1/m) sum_j h_j xhat_j.
 *
 * (The path from mean into variance vanishes, since the deviations sum to zero.) In words: from h, its mean and its
 * component along xhat are taken out, because shifting or scaling all x together changes nothing.
 *
 * `relu`, `added`, `reluOut`, `passed` and `more` are there for layers that are fused with batchnorm (a ReLU behind it,
 * the sum of a residual block): to read the normalisation alone, take them as false and null.
 */

import type { FloatArray, NormKernels } from '../contract.ts';
import type { ChannelGeometry, GroupGeometry } from '../geometry.ts';

/** mean and variance (channels) of x (outer, channels, inner); the variance is uncorrected: divided by the count. */
export function batchnormStatistics(x: FloatArray, mean: FloatArray, variance: FloatArray, g: ChannelGeometry): void {
  const count = g.outer * g.inner;
  for (let c = 0; c < g.channels; c++) {
    let sum = 0;
    for (let o = 0; o < g.outer; o++) {
      for (let i = 0; i < g.inner; i++) sum += x[(o * g.channels + c) * g.inner + i];
    }
    const average = sum / count;
    let squares = 0;
    for (let o = 0; o < g.outer; o++) {
      for (let i = 0; i < g.inner; i++) {
        const deviation = x[(o * g.channels + c) * g.inner + i] - average;
        squares += deviation * deviation;
      }
    }
    mean[c] = average;
    variance[c] = squares / count;
  }
}

/**
 * out = gamma (x - mean) / sqrt(variance + eps) + beta per channel, plus added, then max(0, .) with relu. out may be x.
 */
export function batchnormApply(
  x: FloatArray, gamma: FloatArray, beta: FloatArray, mean: FloatArray, variance: FloatArray, out: FloatArray,
  g: ChannelGeometry, eps: number, relu: boolean, added: FloatArray | null = null,
): void {
  for (let c = 0; c < g.channels; c++) {
    const inverseDeviation = 1 / Math.sqrt(variance[c] + eps);
    for (let o = 0; o < g.outer; o++) {
      for (let i = 0; i < g.inner; i++) {
        const at = (o * g.channels + c) * g.inner + i;
        const shifted = gamma[c] * ((x[at] - mean[c]) * inverseDeviation) + beta[c];
        const value = added === null ? shifted : shifted + added[at];
        out[at] = relu && value < 0 ? 0 : value;
      }
    }
  }
}

/**
 * dgamma and dbeta (channels): out = gamma xhat + beta, so dbeta = sum dout and dgamma = sum dout xhat.
 * Returned through the arrays; the sums stay float64 until then.
 */
function parameterGradients(
  dout: FloatArray, x: FloatArray, mean: FloatArray, inverseDeviation: number, reluOut: FloatArray | null,
  g: ChannelGeometry, c: number,
): { dgamma: number; dbeta: number } {
  let dgamma = 0;
  let dbeta = 0;
  for (let o = 0; o < g.outer; o++) {
    for (let i = 0; i < g.inner; i++) {
      const at = (o * g.channels + c) * g.inner + i;
      const gradient = reluOut === null || reluOut[at] > 0 ? dout[at] : 0;
      dgamma += gradient * ((x[at] - mean[c]) * inverseDeviation);
      dbeta += gradient;
    }
  }
  return { dgamma, dbeta };
}

/** passed = dout + more where the output of a relu is positive, else 0. */
export function letThrough(
  dout: FloatArray, more: FloatArray | null, reluOut: FloatArray | null, passed: FloatArray,
): void {
  dout.forEach((first, at) => {
    passed[at] = reluOut === null || reluOut[at] > 0 ? first + (more === null ? 0 : more[at]) : 0;
  });
}

/**
 * Training: mean and variance came from x. With h = gamma dout, sum h = gamma dbeta and sum h xhat = gamma dgamma, so
 * the formula of the file's head becomes dx = gamma s (dout - dbeta / m - xhat dgamma / m). dx may be dout. passed gets
 * what the relu lets through of dout and `more`.
 */
export function batchnormBackward(
  dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray,
  reluOut: FloatArray | null, dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: ChannelGeometry, eps: number,
  passed: FloatArray | null = null, more: FloatArray | null = null,
): void {
  if (passed !== null) {
    letThrough(dout, more, reluOut, passed);
    return batchnormBackward(passed, x, gamma, mean, variance, null, dx, dgamma, dbeta, g, eps);
  }
  const count = g.outer * g.inner;
  for (let c = 0; c < g.channels; c++) {
    const inverseDeviation = 1 / Math.sqrt(variance[c] + eps);
    const sums = parameterGradients(dout, x, mean, inverseDeviation, reluOut, g, c);
    for (let o = 0; o < g.outer; o++) {
      for (let i = 0; i < g.inner; i++) {
        const at = (o * g.channels + c) * g.inner + i;
        const gradient = reluOut === null || reluOut[at] > 0 ? dout[at] : 0;
        const normalised = (x[at] - mean[c]) * inverseDeviation;
        dx[at] = gamma[c] * inverseDeviation * (gradient - (sums.dbeta + normalised * sums.dgamma) / count);
      }
    }
    dgamma[c] = sums.dgamma;
    dbeta[c] = sums.dbeta;
  }
}

/** Test mode: mean and variance are constants, so only the direct path is left. dx may be dout. */
export function batchnormBackwardConstant(
  dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray,
  reluOut: FloatArray | null, dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: ChannelGeometry, eps: number,
): void {
  for (let c = 0; c < g.channels; c++) {
    const inverseDeviation = 1 / Math.sqrt(variance[c] + eps);
    const sums = parameterGradients(dout, x, mean, inverseDeviation, reluOut, g, c);
    for (let o = 0; o < g.outer; o++) {
      for (let i = 0; i < g.inner; i++) {
        const at = (o * g.channels + c) * g.inner + i;
        const gradient = reluOut === null || reluOut[at] > 0 ? dout[at] : 0;
        dx[at] = gamma[c] * inverseDeviation * gradient;
      }
    }
    dgamma[c] = sums.dgamma;
    dbeta[c] = sums.dbeta;
  }
}

/**
 * x (batch, groups, channelsPerGroup, inner), normalised per (example, group); mean and variance get batch * groups
 * elements, gamma and beta have one element a channel.
 */
export function groupnormForward(
  x: FloatArray, gamma: FloatArray, beta: FloatArray, out: FloatArray, mean: FloatArray, variance: FloatArray,
  g: GroupGeometry, eps: number,
): void {
  const count = g.channelsPerGroup * g.inner;
  for (let set = 0; set < g.batch * g.groups; set++) {
    const start = set * count;
    let sum = 0;
    for (let i = 0; i < count; i++) sum += x[start + i];
    const average = sum / count;
    let squares = 0;
    for (let i = 0; i < count; i++) squares += (x[start + i] - average) ** 2;
    const inverseDeviation = 1 / Math.sqrt(squares / count + eps);
    for (let i = 0; i < count; i++) {
      const channel = channelOf(set, i, g);
      out[start + i] = gamma[channel] * ((x[start + i] - average) * inverseDeviation) + beta[channel];
    }
    mean[set] = average;
    variance[set] = squares / count;
  }
}

/**
 * gamma differs inside a set, so h = gamma dout is summed as such (the file's head has the formula), while dgamma and
 * dbeta collect over the examples as in batchnorm.
 */
export function groupnormBackward(
  dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray,
  dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: GroupGeometry, eps: number,
): void {
  const count = g.channelsPerGroup * g.inner;
  const gammaSums = new Float64Array(g.groups * g.channelsPerGroup);
  const betaSums = new Float64Array(g.groups * g.channelsPerGroup);
  for (let set = 0; set < g.batch * g.groups; set++) {
    const start = set * count;
    const inverseDeviation = 1 / Math.sqrt(variance[set] + eps);
    let sum = 0;
    let sumAlong = 0;
    for (let i = 0; i < count; i++) {
      const channel = channelOf(set, i, g);
      const normalised = (x[start + i] - mean[set]) * inverseDeviation;
      gammaSums[channel] += dout[start + i] * normalised;
      betaSums[channel] += dout[start + i];
      sum += gamma[channel] * dout[start + i];
      sumAlong += gamma[channel] * dout[start + i] * normalised;
    }
    for (let i = 0; i < count; i++) {
      const normalised = (x[start + i] - mean[set]) * inverseDeviation;
      const gradient = gamma[channelOf(set, i, g)] * dout[start + i];
      dx[start + i] = inverseDeviation * (gradient - (sum + normalised * sumAlong) / count);
    }
  }
  dgamma.set(gammaSums);
  dbeta.set(betaSums);
}

/** The channel of element i of a set: sets run through the groups of one example, then the next example. */
function channelOf(set: number, i: number, g: GroupGeometry): number {
  return (set % g.groups) * g.channelsPerGroup + Math.floor(i / g.inner);
}

export const naiveNormalisation: NormKernels = {
  batchnormStatistics, batchnormApply, batchnormBackward, batchnormBackwardConstant,
  groupnormForward, groupnormBackward,
};
