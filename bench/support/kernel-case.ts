/** A kernel to be timed: what it computes on, how much work that is, and which row of the peers' does the same. */

import type { FloatArray, Kernels } from '../../src/kernels/contract.ts';
import type { Arrays, FloatName } from './arrays.ts';

/** What limits a kernel, and how much of it one call needs. */
export type Work =
  | {
    readonly limit: 'arithmetic';
    /** multiplications plus additions of the definition; a method that needs fewer seems faster than the machine */
    readonly operations: number;
  }
  | {
    readonly limit: 'memory';
    /** bytes that one call must read plus those that it must write */
    readonly bytes: number;
    /** bytes of all arrays together */
    readonly workingSet: number;
  };

/** Where a case gets its arrays from. */
export type Drawing = Pick<Arrays, 'dtype' | 'normal' | 'uniform' | 'zeros' | 'positions'>;

/** A kernel with its arrays, ready to be called again and again. */
export interface Prepared {
  /** what is timed; the kernels are those of the backend that the arrays were made for */
  run(kernels: Kernels): void;
  /** what the first call has computed */
  readonly results: readonly FloatArray[];
}

export interface KernelCase {
  readonly name: string;
  readonly dtype: FloatName;
  readonly work: Work;
  /** steps of the innermost loop of the definition: what naive takes a nanosecond or two for each of */
  readonly steps: number;
  prepare(arrays: Drawing): Prepared;
  /** the peers' workload that is the same; float32 only */
  readonly peer?: { readonly workload: string; readonly case: string; readonly operation?: 'fwd' | 'bwd' };
  /** larger only where a single value is divided by, or summed into, something that cancels; see `tolerance` */
  readonly tolerance?: number;
}

/** How far results may lie from the definition's, as a share of the largest value: rounding, in another order. */
export function tolerance({ dtype, tolerance: own }: KernelCase): number {
  return own ?? (dtype === 'float32' ? 1e-5 : 1e-12);
}

/** Bytes of so many elements. */
export function bytesOf(dtype: FloatName, elements: number): number {
  return (dtype === 'float32' ? 4 : 8) * elements;
}
