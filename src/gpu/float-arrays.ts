/** What both kinds of device ask of the arrays that they are given. */

import type { FloatArray } from '../kernels/contract.ts';
import { describe } from '../runtime/check.ts';

/** Throws TypeError unless the array is a Float32Array: devices compute in nothing else. */
export function float32(fn: string, name: string, array: FloatArray): Float32Array {
  if (!(array instanceof Float32Array)) {
    throw new TypeError(`${fn}: ${name} must be a Float32Array, the type that devices compute in, got ${describe(array)}`);
  }
  return array;
}
