/**
 * Batchnorm's gradient the long way: the forward pass drawn as a graph of simple steps, and the chain rule applied to
 * one step after another, from the last to the first. It arrives at the same numbers as the closed formula
 * (batchnormBackward in normalisation.ts) and shows where that comes from; it is slower, since every step is a pass.
 */

import type { FloatArray } from '../contract.ts';
import type { ChannelGeometry } from '../geometry.ts';

/** Calls visit(position, channel) for every element of an (outer, channels, inner) array, in memory order. */
function eachElement(g: ChannelGeometry, visit: (at: number, channel: number) => void): void {
  let at = 0;
  for (let o = 0; o < g.outer; o++) {
    for (let c = 0; c < g.channels; c++) {
      for (let i = 0; i < g.inner; i++) visit(at++, c);
    }
  }
}

/**
 * Gradients of batchnorm in training, x and dout (outer, channels, inner), gamma, mean, variance, dgamma and dbeta
 * (channels). The steps of the forward pass, numbered as below:
 *
 *   1 mean = average of x               5 inverse = 1 / sqrt(variance + eps)
 *   2 deviation = x - mean              6 normalised = deviation * inverse
 *   3 square = deviation^2              7 scaled = gamma * normalised
 *   4 variance = average of square      8 out = scaled + beta
 */
export function batchnormBackwardGraph(
  dout: FloatArray, x: FloatArray, gamma: FloatArray, mean: FloatArray, variance: FloatArray,
  dx: FloatArray, dgamma: FloatArray, dbeta: FloatArray, g: ChannelGeometry, eps: number,
): void {
  const count = g.outer * g.inner;
  const size = g.outer * g.channels * g.inner;

  // What the backward steps need from the forward ones.
  const deviation = new Float64Array(size);
  eachElement(g, (at, c) => { deviation[at] = x[at] - mean[c]; });
  const inverse = new Float64Array(g.channels);
  for (let c = 0; c < g.channels; c++) inverse[c] = 1 / Math.sqrt(variance[c] + eps);

  // 8: out = scaled + beta. Both get the gradient of the sum; a channel shares its beta, whose gradients add up.
  const betaSum = new Float64Array(g.channels);
  eachElement(g, (at, c) => { betaSum[c] += dout[at]; });
  const dscaled = dout;

  // 7: scaled = gamma * normalised.
  const gammaSum = new Float64Array(g.channels);
  eachElement(g, (at, c) => { gammaSum[c] += dscaled[at] * (deviation[at] * inverse[c]); });
  const dnormalised = new Float64Array(size);
  eachElement(g, (at, c) => { dnormalised[at] = dscaled[at] * gamma[c]; });

  // 6: normalised = deviation * inverse. This is the first of two gradients that reach deviation.
  const dinverse = new Float64Array(g.channels);
  eachElement(g, (at, c) => { dinverse[c] += dnormalised[at] * deviation[at]; });
  const ddeviation = new Float64Array(size);
  eachElement(g, (at, c) => { ddeviation[at] = dnormalised[at] * inverse[c]; });

  // 5: inverse = (variance + eps)^(-1/2), whose derivative is -1/2 (variance + eps)^(-3/2) = -1/2 inverse^3.
  const dvariance = new Float64Array(g.channels);
  for (let c = 0; c < g.channels; c++) dvariance[c] = dinverse[c] * -0.5 * inverse[c] ** 3;

  // 4: variance = average of square. Every element has an equal part in the average.
  const dsquare = new Float64Array(size);
  eachElement(g, (at, c) => { dsquare[at] = dvariance[c] / count; });

  // 3: square = deviation^2. The second gradient of deviation joins the first.
  eachElement(g, (at) => { ddeviation[at] += dsquare[at] * 2 * deviation[at]; });

  // 2: deviation = x - mean. The gradient reaches x as it is, and the mean of its channel with a minus sign.
  const dmean = new Float64Array(g.channels);
  eachElement(g, (at, c) => { dmean[c] -= ddeviation[at]; });

  // 1: mean = average of x. The last gradient of x joins.
  eachElement(g, (at, c) => { dx[at] = ddeviation[at] + dmean[c] / count; });

  dgamma.set(gammaSum);
  dbeta.set(betaSum);
}
