/**
 * Residents: arrays in the heap that live as long as JavaScript can reach them. Parameters and optimiser state are read
 * and written by kernels at every step; in the heap they need no copying in and out.
 *
 * A resident's block is freed by a FinalizationRegistry once its typed array has been collected. The collector cannot
 * see how much memory hangs on such a small object and may take its time; the registry works between turns of the event
 * loop only, so that in a synchronous loop that makes and drops networks nothing would come back; and memory that has
 * grown stays. So residents hold no more than half of the heap, give out no more than `mostAtOnce` in one turn, and
 * take in an array only while they hold less than `mostOfItsSize` times as much, or `alwaysRoom`: beside so much,
 * copying it in and out costs little. Beyond these limits the caller gets an ordinary array, whose size the collector
 * sees.
 */

import type { DType, TypedArray } from './allocate.ts';
import { alignBlock } from './blocks.ts';
import { bytesOf, type Heap, HeapExhausted } from './heap.ts';

/** What the heap's error of exhaustion calls this memory. */
export const residentHolder = 'parameters and optimiser state';

/** Room for a network of 16 million float32 parameters as it is made, copied and given Adam's two moments. */
const mostAtOnce = 256 * 1024 * 1024;

const mostOfItsSize = 64;
const alwaysRoom = 32 * 1024 * 1024;

export class Residents {
  readonly #heap: Heap;
  /** bytes given out since the event loop last turned */
  #recent: number = 0;
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
    const limit = Math.min(this.#heap.limit / 2, Math.max(alwaysRoom, mostOfItsSize * bytes));
    if (this.#heap.heldBy(residentHolder) + bytes > limit || this.#recent + bytes > mostAtOnce) return null;
    let address: number;
    try {
      address = this.#heap.allocate(bytes, residentHolder);
    } catch (error) {
      if (error instanceof HeapExhausted) return null;
      throw error;
    }
    if (this.#recent === 0) setTimeout(() => (this.#recent = 0));
    this.#recent += alignBlock(bytes);
    const array = this.#heap.array(dtype, address, length);
    array.fill(0);
    this.#registry.register(array, address);
    return array;
  }
}
