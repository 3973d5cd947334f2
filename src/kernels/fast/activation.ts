/**
 * Activations. The sign of an activation's input is as good as random, so the rectifiers are written without a branch
 * on it; the smooth ones spend their time in exp and tanh, where the definition's loops are already as fast as it gets.
 */

import type { ActivationKernels, FloatArray } from '../contract.ts';
import { naiveActivation } from '../naive/activation.ts';

/** Math.max passes NaN on and needs no branch. */
export function reluForward(x: FloatArray, out: FloatArray): void {
  for (let i = 0; i < x.length; i++) out[i] = Math.max(x[i], 0);
}

/**
 * dx = dout where x > 0, else 0: the bits of dout are ANDed with all ones or all zeros. (A product with 1 or 0 would
 * turn an infinite dout into NaN.)
 */
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

/** The same memory as 32-bit integers: one for a float32 element, two for a float64 one. */
function bitsOf(x: FloatArray): Int32Array {
  return new Int32Array(x.buffer, x.byteOffset, x.byteLength / 4);
}

/** For 0 <= alpha <= 1 the larger of x and alpha x is the leaky x. */
export function leakyReluForward(x: FloatArray, out: FloatArray, alpha: number): void {
  if (alpha >= 0 && alpha <= 1) for (let i = 0; i < x.length; i++) out[i] = Math.max(x[i], alpha * x[i]);
  else naiveActivation.leakyReluForward(x, out, alpha);
}

export const fastActivation: ActivationKernels = { ...naiveActivation, reluForward, reluBackward, leakyReluForward };
