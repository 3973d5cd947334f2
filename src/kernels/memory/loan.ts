/**
 * Loans: single blocks of the heap, for values that live from an operation to its way back. A graph of operations
 * returns them as it is gone back through; what no graph returns (one that is never gone back through) comes back once
 * the collector has found that nobody can reach it.
 *
 * The collector does not see how much memory hangs on a loan, and what it finds comes back between turns of the event
 * loop only: a synchronous loop that computes graphs and drops them would fill the heap, which never shrinks. So loans
 * hold no more than twice what ways back have returned in one go, which training soon raises to what it needs, or
 * `atFirst` where that is more, and never more than half of the heap. Beyond that, and for small values, an ordinary
 * array serves, whose size the collector does see. What is to stay readable after the way back, as scores under a loss
 * are, is copied to one as its loan is released: left to the collector it would fill the heap.
 */

import type { DType, Loan, TypedArray } from './allocate.ts';
import { bytesOf, type Heap, HeapExhausted } from './heap.ts';

/** What the heap's error of exhaustion calls this memory. */
const loanHolder = 'values waiting for their way back';

/** Smaller arrays are ordinary ones, which stay readable after the way back. */
const leastBytes = 64 * 1024;

/** What loans may hold before anything has been gone back through. */
const atFirst = 64 * 1024 * 1024;

export class Loans {
  readonly #heap: Heap;
  readonly #registry: FinalizationRegistry<number>;
  /** bytes that came back of late, less those lent since; and the most that these have been */
  #returning: number = 0;
  #mostReturned: number = 0;
  /** whoever holds the bare array holds the loan */
  readonly #loanOf: WeakMap<TypedArray, Loan> = new WeakMap();

  constructor(heap: Heap) {
    this.#heap = heap;
    this.#registry = new FinalizationRegistry((address) => {
      heap.free(address);
    });
  }

  /** An array with unspecified contents and its loan; null where an ordinary array is to serve. */
  lend(dtype: DType, length: number): readonly [array: TypedArray, loan: Loan] | null {
    const heap = this.#heap;
    const registry = this.#registry;
    const bytes = bytesOf(dtype, length);
    const limit = Math.min(heap.limit / 2, Math.max(atFirst, 2 * this.#mostReturned));
    if (bytes < leastBytes || heap.heldBy(loanHolder) + bytes > limit) return null;
    let address: number;
    try {
      address = heap.allocate(bytes, loanHolder);
    } catch (error) {
      if (error instanceof HeapExhausted) return null;
      throw error;
    }
    this.#returning = Math.max(0, this.#returning - bytes);
    const returned = (): void => {
      this.#returning += bytes;
      this.#mostReturned = Math.max(this.#mostReturned, this.#returning);
    };
    let kept = false;
    const array = heap.array(dtype, address, length);
    const loan: Loan & { valid: boolean; copy?: TypedArray } = {
      valid: true,
      keep() {
        kept = true;
      },
      release() {
        if (!loan.valid) return;
        if (kept) loan.copy = array.slice();
        loan.valid = false;
        returned();
        registry.unregister(loan);
        heap.free(address);
      },
    };
    registry.register(loan, address, loan);
    this.#loanOf.set(array, loan);
    return [array, loan];
  }
}
