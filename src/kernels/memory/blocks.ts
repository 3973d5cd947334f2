/**
 * Which addresses of a growing range are free: bookkeeping for the heap, with no memory of its own.
 *
 * Best fit over a sorted list of free ranges; a freed block is joined with its free neighbours at once (Knuth, The Art
 * of Computer Programming 1, section 2.5, algorithms A and B). The heap holds a few hundred long-lived blocks, so lists
 * that are searched from end to end cost nothing that matters, and keeping them outside the managed memory means that
 * no kernel can overwrite them.
 */

/** Every block starts at a multiple of this: one cache line, and at least the widest vector. */
export const blockAlignment = 64;

/** Rounds up to whole cache lines; an empty block still gets an address of its own. */
export function alignBlock(bytes: number): number {
  return Math.max(blockAlignment, Math.ceil(bytes / blockAlignment) * blockAlignment);
}

export class BlockList {
  /** start and size of every free range, sorted by start, no two of them touching */
  readonly #starts: number[] = [];
  readonly #sizes: number[] = [];
  /** size of every block in use, by its start */
  readonly #used: Map<number, number> = new Map();

  /** The start of a free block of at least this many bytes, now in use; -1 when no free range is large enough. */
  take(bytes: number): number {
    const size = alignBlock(bytes);
    let best = -1;
    for (let i = 0; i < this.#sizes.length; i++) {
      if (this.#sizes[i] >= size && (best === -1 || this.#sizes[i] < this.#sizes[best])) best = i;
    }
    if (best === -1) return -1;
    const start = this.#starts[best];
    if (this.#sizes[best] === size) {
      this.#starts.splice(best, 1);
      this.#sizes.splice(best, 1);
    } else {
      this.#starts[best] += size;
      this.#sizes[best] -= size;
    }
    this.#used.set(start, size);
    return start;
  }

  /** Frees the block that starts here and gives its size. Throws RangeError when there is none: a double free. */
  release(start: number): number {
    const size = this.#used.get(start);
    if (size === undefined) throw new RangeError(`heap: no block starts at address ${start}, so none can be freed`);
    this.#used.delete(start);
    this.add(start, size);
    return size;
  }

  /** Adds a free range, which must not overlap any other. */
  add(start: number, size: number): void {
    if (size === 0) return;
    const starts = this.#starts;
    const sizes = this.#sizes;
    let i = 0;
    while (i < starts.length && starts[i] < start) i++;
    const joinsLeft = i > 0 && starts[i - 1] + sizes[i - 1] === start;
    const joinsRight = i < starts.length && start + size === starts[i];
    if (joinsLeft && joinsRight) {
      sizes[i - 1] += size + sizes[i];
      starts.splice(i, 1);
      sizes.splice(i, 1);
    } else if (joinsLeft) {
      sizes[i - 1] += size;
    } else if (joinsRight) {
      starts[i] = start;
      sizes[i] += size;
    } else {
      starts.splice(i, 0, start);
      sizes.splice(i, 0, size);
    }
  }

  /** Bytes of the free range that ends at this address: what growing there would extend. */
  freeBefore(end: number): number {
    const last = this.#starts.length - 1;
    return last >= 0 && this.#starts[last] + this.#sizes[last] === end ? this.#sizes[last] : 0;
  }

  /** Bytes free in all. */
  get free(): number {
    return this.#sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Bytes of the largest free range. */
  get largest(): number {
    return this.#sizes.reduce((most, size) => Math.max(most, size), 0);
  }
}
