/**
 * Scratch for kernels: a stack in the heap. What a kernel call pushes is popped when the call ends, so the same
 * addresses serve every call, and the stack stops growing once it has seen the most demanding one.
 */

import { alignBlock } from './blocks.ts';
import type { Heap } from './heap.ts';

const holder = 'kernel scratch';
const smallestChunk = 1024 * 1024;

export class ScratchStack {
  readonly #heap: Heap;
  /** chunks from the bottom of the stack to its top; normally one */
  readonly #addresses: number[] = [];
  readonly #sizes: number[] = [];
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
   * The address of `bytes` bytes on top of the stack, 64-byte aligned, contents unspecified. Throws RangeError when the
   * heap is exhausted.
   */
  push(bytes: number): number {
    const size = alignBlock(bytes);
    const top = this.#sizes.length - 1;
    if (top < 0 || this.#offset + size > this.#sizes[top]) {
      const chunk = Math.max(smallestChunk, size, top < 0 ? 0 : 2 * this.#sizes[top]);
      this.#addresses.push(this.#heap.allocate(chunk, holder));
      this.#sizes.push(chunk);
      if (top >= 0) this.#below += this.#sizes[top];
      this.#offset = 0;
    }
    const address = this.#addresses[this.#addresses.length - 1] + this.#offset;
    this.#offset += size;
    return address;
  }

  /**
   * Forgets everything above an earlier height. When the stack is empty again and had overflowed into several chunks,
   * only the largest, which is the last, is kept.
   */
  pop(height: number): void {
    if (height === 0 && this.#sizes.length > 1) {
      for (const address of this.#addresses.splice(0, this.#addresses.length - 1)) this.#heap.free(address);
      this.#sizes.splice(0, this.#sizes.length - 1);
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
