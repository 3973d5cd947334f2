/**
 * Scratch memory of the typed-array backend: each buffer belongs to one place in the code, grows to the largest size
 * asked for and is reused by every later call, so that training allocates nothing in the steady state. Kernels run to
 * the end without calling each other's users, hence one buffer a place is enough.
 */

import { keptScratchBytes } from './tuning.ts';

/** A reusable array that only grows; requests above keptScratchBytes get an array of their own, which is not kept. */
export interface Scratch<T> {
  /** at least `length` elements with unspecified contents, valid until the next call */
  take(length: number): T;
}

function growing<T extends { readonly length: number; readonly byteLength: number }>(
  create: (length: number) => T,
): Scratch<T> {
  let kept = create(0);
  return {
    take(length: number): T {
      if (length <= kept.length) return kept;
      // A quarter more than asked for, so that slowly growing requests do not allocate each time.
      const larger = create(Math.ceil(length * 1.25));
      if (larger.byteLength <= keptScratchBytes) kept = larger;
      return larger;
    },
  };
}

export function float64Scratch(): Scratch<Float64Array> {
  return growing((length) => new Float64Array(length));
}

export function int32Scratch(): Scratch<Int32Array> {
  return growing((length) => new Int32Array(length));
}
