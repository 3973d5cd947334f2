/**
 * Activations. The sign of an activation's input is as good as random, so the rectifiers are written without a branch
 * on it; the smooth ones spend their time in exp and tanh, where the definition's loops are already as fast as it gets.
 */

import type { ActivationKernels, FloatArray } from '../contract.ts';
import { naiveActivation } from '../naive/activation.ts';

/** The same memory as 32-bit integers: one for a float32 element, two for a float64 one. */
function bitsOf(x: FloatArray): Int32Array {
  return new Int32Array(x.buffer, x.byteOffset, x.byteLength / 4);
}

/**
 * out = x < 0 ? 0 : x. The bits of x are ANDed with all zeros or all ones, four times as fast as the branch (and as
 * Math.max, which branches inside).
 */
export function reluForward(x: FloatArray, out: FloatArray): void {
  const from = bitsOf(x);
  const to = bitsOf(out);
  if (x instanceof Float32Array) {
    for (let i = 0; i < x.length; i++) to[i] = from[i] & -(+!(x[i] < 0));
  } else {
    for (let i = 0; i < x.length; i++) {
      const mask = -(+!(x[i] < 0));
      to[2 * i] = from[2 * i] & mask;
      to[2 * i + 1] = from[2 * i + 1] & mask;
    }
  }
}

/** dx = dout where x > 0, else 0, by bits too: a product with 1 or 0 would turn an infinite dout into NaN. */
export function reluBackward(dout: FloatArray, x: FloatArray, dx: FloatArray): void {
  const from = bitsOf(dout);
  const to = bitsOf(dx);
  if (x instanceof Float32Array) {
    for (let i = 0; i < x.length; i++) to[i] = from[i] & -(+(x[i] > 0));
  } else {
    for (let i = 0; i < x.length; i++) {
      const mask = -(+(x[i] > 0));
      to[2 * i] = from[2 * i] & mask;
      to[2 * i + 1] = from[2 * i + 1] & mask;
    }
  }
}

/** The factor of an element, looked up by its sign: alpha left of zero (and for NaN, which stays NaN), else 1. */
const slopes = new Float64Array(2);

/** out = x > 0 ? x : alpha x */
export function leakyReluForward(x: FloatArray, out: FloatArray, alpha: number): void {
  slopes[0] = alpha;
  slopes[1] = 1;
  for (let i = 0; i < x.length; i++) out[i] = x[i] * slopes[+(x[i] > 0)];
}

/** dx = x > 0 ? dout : alpha dout */
export function leakyReluBackward(dout: FloatArray, x: FloatArray, dx: FloatArray, alpha: number): void {
  slopes[0] = alpha;
  slopes[1] = 1;
  for (let i = 0; i < x.length; i++) dx[i] = dout[i] * slopes[+(x[i] > 0)];
}

export const fastActivation: ActivationKernels = {
  ...naiveActivation, reluForward, reluBackward, leakyReluForward, leakyReluBackward,
};
