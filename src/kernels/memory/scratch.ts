/**
 * Scratch for kernels: a stack in the heap. What a kernel call pushes is popped when the call ends, so the same
 * addresses serve every call. One chunk stays from call to call; a chunk larger than `mostKept` goes back to the heap,
 * where a call for as much finds it again.
 */

import { alignBlock } from './blocks.ts';
import type { Heap } from './heap.ts';

const holder = 'kernel scratch';
const smallestChunk = 1024 * 1024;
const mostKept = 32 * 1024 * 1024;

export class ScratchStack {
  readonly #heap: Heap;
  /** chunks from the bottom of the stack to its top; normally one */
  #addresses: number[] = [];
  #sizes: number[] = [];
  /** bytes in chunks below the top one */
  #below: number = 0;
  /** bytes in use in the top chunk */
  #offset: number = 0;

  constructor(heap: Heap) {
    this.#heap = heap;
  }

  /** Bytes from the bottom of the stack to its top: what `pop` returns to. */
  get height(): number {
    return this.#below + this.#offset;
  }

  /**
   * The address of `bytes` bytes on top of the stack, 64-byte aligned, contents unspecified. Throws
   * HeapExhausted, and leaves the stack as it was, when the heap has not so much.
   */
  push(bytes: number): number {
    const size = alignBlock(bytes);
    const top = this.#sizes.length - 1;
    if (top < 0 || this.#offset + size > this.#sizes[top]) {
      const wanted = Math.max(smallestChunk, size, top < 0 ? 0 : 2 * this.#sizes[top]);
      const [address, bytes] = this.#heap.allocateAtLeast(size, wanted, holder);
      this.#addresses.push(address);
      this.#sizes.push(bytes);
      if (top >= 0) this.#below += this.#sizes[top];
      this.#offset = 0;
    }
    const address = this.#addresses[this.#addresses.length - 1] + this.#offset;
    this.#offset += size;
    return address;
  }

  /**
   * Forgets everything above an earlier height. When the stack is empty again, of its chunks only the last that is not
   * too large is kept.
   */
  pop(height: number): void {
    if (height === 0 && (this.#sizes.length > 1 || this.#sizes[0] > mostKept)) {
      const kept = this.#sizes.findLastIndex((size) => size <= mostKept);
      this.#addresses.forEach((address, i) => {
        if (i !== kept) this.#heap.free(address);
      });
      this.#addresses = this.#addresses.filter((_, i) => i === kept);
      this.#sizes = this.#sizes.filter((_, i) => i === kept);
      this.#below = 0;
    }
    while (height < this.#below) {
      this.#heap.free(this.#addresses.pop()!);
      this.#sizes.pop();
      this.#below -= this.#sizes[this.#sizes.length - 1];
    }
    this.#offset = height - this.#below;
  }
}
