/**
 * Loans: single blocks of the heap, for values that live from an operation to its way back. A graph of operations
 * returns them as it is gone back through; what no graph returns (one that is never gone back through) comes back once
 * the collector has found that nobody can reach it.
 *
 * The collector does not see how much memory hangs on a loan, so loans never hold more than half of the heap: beyond
 * that, and for small values, an ordinary array serves, whose size it does see.
 */

import type { DType, Loan, TypedArray } from './allocate.ts';
import { bytesOf, type Heap, HeapExhausted } from './heap.ts';

/** What the heap's error of exhaustion calls this memory. */
const loanHolder = 'values waiting for their way back';

/** Smaller arrays are ordinary ones: they stay readable after the way back, as losses and scores should. */
const leastBytes = 64 * 1024;

export class Loans {
  readonly #heap: Heap;
  readonly #registry: FinalizationRegistry<number>;
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
    if (bytes < leastBytes || heap.heldBy(loanHolder) + bytes > heap.limit / 2) return null;
    let address: number;
    try {
      address = heap.allocate(bytes, loanHolder);
    } catch (error) {
      if (error instanceof HeapExhausted) return null;
      throw error;
    }
    const loan = {
      valid: true,
      release(): void {
        if (!loan.valid) return;
        loan.valid = false;
        registry.unregister(loan);
        heap.free(address);
      },
    };
    const array = heap.array(dtype, address, length);
    registry.register(loan, address, loan);
    this.#loanOf.set(array, loan);
    return [array, loan];
  }
}
