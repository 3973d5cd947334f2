/**
 * Residents: arrays in the heap that live as long as JavaScript can reach them. Parameters and optimiser state are read
 * and written by kernels at every step; in the heap they need no copying in and out.
 *
 * A resident's block is freed by a FinalizationRegistry once its typed array has been collected. The collector cannot
 * see how much memory hangs on such a small object and may take its time, so residents never hold more than half of the
 * heap: beyond that the caller gets an ordinary array, whose size the collector does see.
 */

import type { DType, TypedArray } from './allocate.ts';
import { bytesOf, type Heap, HeapExhausted } from './heap.ts';

/** What the heap's error of exhaustion calls this memory. */
export const residentHolder = 'parameters and optimiser state';

export class Residents {
  readonly #heap: Heap;
  readonly #registry: FinalizationRegistry<number>;

  constructor(heap: Heap) {
    this.#heap = heap;
    this.#registry = new FinalizationRegistry((address) => {
      heap.free(address);
    });
  }

  /**
   * A zeroed array in the heap, or null when residents hold their share of it already or it is exhausted. The block
   * lives as long as this very array object: a subarray of it does not keep it.
   */
  allocate(dtype: DType, length: number): TypedArray | null {
    const bytes = bytesOf(dtype, length);
    if (this.#heap.heldBy(residentHolder) + bytes > this.#heap.limit / 2) return null;
    let address: number;
    try {
      address = this.#heap.allocate(bytes, residentHolder);
    } catch (error) {
      if (error instanceof HeapExhausted) return null;
      throw error;
    }
    const array = this.#heap.array(dtype, address, length);
    array.fill(0);
    this.#registry.register(array, address);
    return array;
  }
}
