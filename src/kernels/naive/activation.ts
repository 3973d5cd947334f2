/**
 * Activations, each forward beside its backward. All work element by element, so a backward is dout times the
 * derivative; where the derivative can be told from the output, the output is what the backward takes, since it is in
 * memory anyway. NaN stays NaN in every forward.
 */

import type { ActivationKernels, FloatArray } from '../contract.ts';
import { bellCurve, normalShare } from './normal.ts';

/** out = max(0, x). Written as a test for "below zero", which NaN fails, so that NaN passes through. */
export function reluForward(x: FloatArray, out: FloatArray): void {
  for (let i = 0; i < x.length; i++) out[i] = x[i] < 0 ? 0 : x[i];
}

/** dx = dout where x > 0, else 0 (at 0 itself, too: the subgradient that everybody takes). */
export function reluBackward(dout: FloatArray, x: FloatArray, dx: FloatArray): void {
  for (let i = 0; i < x.length; i++) dx[i] = x[i] > 0 ? dout[i] : 0;
}

/** out = x where x > 0, else alpha x (Maas, Hannun & Ng 2013): units that are off still learn. */
export function leakyReluForward(x: FloatArray, out: FloatArray, alpha: number): void {
  for (let i = 0; i < x.length; i++) out[i] = x[i] > 0 ? x[i] : alpha * x[i];
}

export function leakyReluBackward(dout: FloatArray, x: FloatArray, dx: FloatArray, alpha: number): void {
  for (let i = 0; i < x.length; i++) dx[i] = x[i] > 0 ? dout[i] : alpha * dout[i];
}

/** out = x where x > 0, else alpha (exp(x) - 1) (Clevert, Unterthiner & Hochreiter 2016); expm1 is exact near 0. */
export function eluForward(x: FloatArray, out: FloatArray, alpha: number): void {
  for (let i = 0; i < x.length; i++) out[i] = x[i] > 0 ? x[i] : alpha * Math.expm1(x[i]);
}

/** Left of zero the derivative is alpha exp(x) = out + alpha. */
export function eluBackward(dout: FloatArray, x: FloatArray, out: FloatArray, dx: FloatArray, alpha: number): void {
  for (let i = 0; i < x.length; i++) dx[i] = x[i] > 0 ? dout[i] : dout[i] * (out[i] + alpha);
}

/** 1 / (1 + exp(-x)), in the form that never overflows: exp is only taken of numbers that are not positive. */
export function sigmoid(x: number): number {
  const e = Math.exp(-Math.abs(x));
  return x < 0 ? e / (1 + e) : 1 / (1 + e);
}

/** out = 1 / (1 + exp(-x)) */
export function sigmoidForward(x: FloatArray, out: FloatArray): void {
  for (let i = 0; i < x.length; i++) out[i] = sigmoid(x[i]);
}

/** The derivative of the logistic function s is s (1 - s). */
export function sigmoidBackward(dout: FloatArray, out: FloatArray, dx: FloatArray): void {
  for (let i = 0; i < out.length; i++) dx[i] = dout[i] * out[i] * (1 - out[i]);
}

export function tanhForward(x: FloatArray, out: FloatArray): void {
  for (let i = 0; i < x.length; i++) out[i] = Math.tanh(x[i]);
}

/** The derivative of tanh is 1 - tanh^2. */
export function tanhBackward(dout: FloatArray, out: FloatArray, dx: FloatArray): void {
  for (let i = 0; i < out.length; i++) dx[i] = dout[i] * (1 - out[i] * out[i]);
}

/** out = x Phi(x) (Hendrycks & Gimpel 2016): x times the chance that a normal number lies below it. */
export function geluForward(x: FloatArray, out: FloatArray): void {
  for (let i = 0; i < x.length; i++) out[i] = x[i] * normalShare(x[i]);
}

/** The derivative of x Phi(x) is Phi(x) + x phi(x), where phi(x) = exp(-x^2 / 2) / sqrt(2 pi) is that of Phi. */
export function geluBackward(dout: FloatArray, x: FloatArray, dx: FloatArray): void {
  for (let i = 0; i < x.length; i++) {
    dx[i] = dout[i] * (normalShare(x[i]) + x[i] * bellCurve(x[i]) / Math.sqrt(2 * Math.PI));
  }
}

/** out = x / (1 + exp(-x)) (Elfwing, Uchibe & Doya 2017; also called swish). */
export function siluForward(x: FloatArray, out: FloatArray): void {
  for (let i = 0; i < x.length; i++) out[i] = x[i] * sigmoid(x[i]);
}

/** With s the logistic function, 1 - s(x) = s(-x), so the derivative of x s(x) is s(x) (1 + x s(-x)). */
export function siluBackward(dout: FloatArray, x: FloatArray, dx: FloatArray): void {
  for (let i = 0; i < x.length; i++) dx[i] = dout[i] * sigmoid(x[i]) * (1 + x[i] * sigmoid(-x[i]));
}

export const naiveActivation: ActivationKernels = {
  reluForward, reluBackward, leakyReluForward, leakyReluBackward, eluForward, eluBackward,
  sigmoidForward, sigmoidBackward, tanhForward, tanhBackward, geluForward, geluBackward, siluForward, siluBackward,
};
