import type { FloatArray } from '../../../src/kernels/contract.ts';
import type { Kernels } from '../../../src/kernels/contract.ts';
import { loadSimd } from '../../../src/kernels/simd/backend.ts';

/** The SIMD kernels; these tests need a machine that has them. */
export function simdKernels(): Kernels {
  const loaded = loadSimd();
  if (typeof loaded === 'string') throw new Error(loaded);
  return loaded as Kernels;
}

export type FloatType = 'float32' | 'float64';

export function floats(type: FloatType, length: number): FloatArray {
  return type === 'float32' ? new Float32Array(length) : new Float64Array(length);
}

/** Reproducible values between -1 and 1 (xorshift). */
export function randomFloats(type: FloatType, length: number, seed: number): FloatArray {
  const out = floats(type, length);
  let state = (seed * 2654435761 + 88172645) | 0 || 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = state / 2 ** 31;
  }
  return out;
}
