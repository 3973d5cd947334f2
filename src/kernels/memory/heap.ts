/**
 * The heap: one shared WebAssembly.Memory that kernels and worker threads compute in.
 *
 * Its first page holds the team's control block and the kernels' argument slots (see ../team/control.ts); everything
 * above is handed out in blocks: the chunks of a training step, kernel scratch, parameters and optimiser state. The
 * memory is shared even on one thread, because growing a shared memory leaves earlier views valid: their buffer object
 * just stays as long as it was.
 *
 * A WebAssembly address has 32 bits, so 4 GiB is the limit.
 *
 * Where code compares every address with the memory's size (features().checksAddresses), a memory that may grow costs
 * more: as other threads may grow it too, V8 fetches the size anew for every single access. There the memory is made
 * whole, with all the pages it will ever have, and modules that declare it so keep the size in a register. That takes
 * addresses alone: the system lays pages under what is written to.
 */

import { features } from '../../runtime/features.ts';
import type { DType, TypedArray } from './allocate.ts';
import { alignBlock, blockAlignment, BlockList } from './blocks.ts';

/** Bytes of a WebAssembly page. */
export const pageBytes = 65_536;
/** 4 GiB: all that 32-bit addresses reach. */
export const maximumPages = 65_536;

const lastAddress = maximumPages * pageBytes - blockAlignment;

/** The memory grows by at least this much, so that a hundred small parameters do not mean a hundred growths. */
const growthBytes = 16 * 1024 * 1024;

const elementBytes: Record<DType, number> = { float32: 4, float64: 8, int32: 4, uint8: 1 };

/** Bytes of `length` elements. */
export function bytesOf(dtype: DType, length: number): number {
  return elementBytes[dtype] * length;
}

function dtypeOf(array: TypedArray): DType {
  if (array instanceof Float32Array) return 'float32';
  if (array instanceof Float64Array) return 'float64';
  return array instanceof Int32Array ? 'int32' : 'uint8';
}

/** The heap cannot give what is asked for. Thrown before anything has changed. */
export class HeapExhausted extends RangeError {}

export class Heap {
  readonly memory: WebAssembly.Memory;
  /** pages that the memory was made with: what modules declare that import it */
  readonly initialPages: number;
  readonly #maximum: number;
  readonly #blocks: BlockList = new BlockList();
  /** who holds each block, and bytes by holder: what the error of an exhausted heap reports */
  readonly #holderOf: Map<number, string> = new Map();
  readonly #held: Map<string, number> = new Map();
  #buffer: ArrayBufferLike;
  #size: number = pageBytes;
  /** buffer objects from before a growth; arrays over them are still ours */
  readonly #earlier: WeakSet<ArrayBufferLike> = new WeakSet();
  #giveBack: () => boolean = () => false;

  /**
   * A heap of one page that may grow to `pages` (at most 65,536, that is 4 GiB; tests take fewer), on a memory that
   * grows with it or is made whole. Throws RangeError or TypeError, as the engine does, where shared memory of that
   * size cannot be reserved.
   */
  constructor(pages: number = maximumPages, whole: boolean = false) {
    this.initialPages = whole ? pages : 1;
    this.memory = new WebAssembly.Memory({ initial: this.initialPages, maximum: pages, shared: true });
    this.#maximum = pages * pageBytes;
    this.#buffer = this.memory.buffer;
  }

  /** The memory's current buffer, as long as the memory is now: at least `size`. */
  get buffer(): ArrayBufferLike {
    return this.#buffer;
  }

  /**
   * The address of a new block of at least `bytes` bytes, 64-byte aligned, with unspecified contents. `holder` says in
   * words what it is for. Throws HeapExhausted, saying how much was asked and what holds the memory.
   */
  allocate(bytes: number, holder: string): number {
    try {
      return this.#take(bytes, holder);
    } catch (error) {
      if (!(error instanceof HeapExhausted && this.#giveBack())) throw error;
    }
    return this.#take(bytes, holder);
  }

  /**
   * The address of a block of `wanted` bytes, or of only the `needed` ones where there are no more, and its size.
   * Throws HeapExhausted when there are not even those.
   */
  allocateAtLeast(needed: number, wanted: number, holder: string): [address: number, bytes: number] {
    try {
      return [this.#take(wanted, holder), alignBlock(wanted)];
    } catch (error) {
      if (!(error instanceof HeapExhausted)) throw error;
      return [this.allocate(needed, holder), alignBlock(needed)];
    }
  }

  /**
   * Has giveBack called when the heap is exhausted: it frees blocks that are held for later, and says whether there
   * were any.
   */
  onExhausted(giveBack: () => boolean): void {
    this.#giveBack = giveBack;
  }

  #take(bytes: number, holder: string): number {
    let address = this.#blocks.take(bytes);
    if (address === -1) {
      this.#grow(bytes, holder);
      address = this.#blocks.take(bytes);
    }
    this.#holderOf.set(address, holder);
    this.#held.set(holder, (this.#held.get(holder) ?? 0) + alignBlock(bytes));
    return address;
  }

  /**
   * Has the system lay pages under what is handed out first, as many as smaller computations need. It does so when
   * they are first written to, one by one, which takes longer than to compute what is written.
   */
  warm(): void {
    if (this.size > pageBytes) return;
    const [address, bytes] = this.allocateAtLeast(blockAlignment, growthBytes, 'warming');
    this.array('uint8', address, bytes).fill(0);
    this.free(address);
  }

  /** Gives a block back. Throws RangeError when no block starts at this address. */
  free(address: number): void {
    const size = this.#blocks.release(address);
    const holder = this.#holderOf.get(address)!;
    this.#holderOf.delete(address);
    this.#held.set(holder, this.#held.get(holder)! - size);
  }

  /** True when the array lies in this heap, whichever size the heap had when the array was made. */
  owns(array: ArrayBufferView): boolean {
    const buffer = array.buffer;
    return buffer === this.#buffer || this.#earlier.has(buffer);
  }

  /** A typed array over `length` elements at a byte address. */
  array(dtype: DType, address: number, length: number): TypedArray {
    switch (dtype) {
      case 'float32': return new Float32Array(this.#buffer, address, length);
      case 'float64': return new Float64Array(this.#buffer, address, length);
      case 'int32': return new Int32Array(this.#buffer, address, length);
      case 'uint8': return new Uint8Array(this.#buffer, address, length);
    }
  }

  /** A typed array at a byte address, of the type and length of another. */
  arrayLike(other: TypedArray, address: number): TypedArray {
    return this.array(dtypeOf(other), address, other.length);
  }

  /** Bytes that a holder has in blocks now. */
  heldBy(holder: string): number {
    return this.#held.get(holder) ?? 0;
  }

  /** Bytes of the heap as it has grown, the first page included. */
  get size(): number {
    return this.#size;
  }

  /** Bytes to which it may grow. */
  get limit(): number {
    return this.#maximum;
  }

  #grow(bytes: number, holder: string): void {
    const size = this.size;
    const needed = alignBlock(bytes) - this.#blocks.freeBefore(size);
    const wanted = Math.max(needed, growthBytes, size / 8);
    const fits = size + needed <= Math.min(this.#maximum, lastAddress);
    if (!fits || !(this.#tryGrow(wanted) || this.#tryGrow(needed))) {
      throw new HeapExhausted(this.#exhausted(bytes, holder, fits));
    }
    this.#earlier.add(this.#buffer);
    this.#buffer = this.memory.buffer;
    // The last cache line below 4 GiB is nobody's: an array that ended there would end at address 0.
    this.#blocks.add(size, Math.min(this.size, lastAddress) - size);
  }

  /** Grows by this many bytes, or up to the limit where that is less; false when the engine cannot. */
  #tryGrow(bytes: number): boolean {
    const pages = Math.ceil(Math.min(bytes, this.#maximum - this.size) / pageBytes);
    const size = this.size + pages * pageBytes;
    try {
      if (size > this.#buffer.byteLength) this.memory.grow(pages);
      this.#size = size;
      return true;
    } catch {
      return false;
    }
  }

  /** `refused`: within the limit, but the engine grants no more. */
  #exhausted(bytes: number, holder: string, refused: boolean): string {
    const holders = [...this.#held].filter(([, held]) => held > 0).sort((a, b) => b[1] - a[1])
      .map(([name, held]) => `${name} ${mebibytes(held)}`).join(', ');
    const limit = refused ? this.size : this.#maximum;
    const free = this.#blocks.free + limit - this.size;
    const largest = Math.max(this.#blocks.largest, this.#blocks.freeBefore(this.size) + limit - this.size);
    const whose = refused ? `the ${mebibytes(limit)} that the engine grants` : `the limit of ${mebibytes(limit)}`;
    return `out of memory: ${mebibytes(bytes)} asked for ${holder}, but of ${whose} ` +
      `only ${mebibytes(free)} are free (largest piece ${mebibytes(largest)}); ` +
      `held by ${holders === '' ? 'nothing' : holders}. A smaller batch needs less`;
  }
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(bytes < 2 ** 20 ? 3 : 1)} MiB`;
}

let shared: Heap | string | null = null;

/**
 * The heap of this program, reserved at first use: 4 GiB of addresses (not of memory), or the largest power of two
 * below that the engine grants, whole where that is faster and granted. Gives the reason, in words, where it grants
 * none.
 */
export function sharedHeap(): Heap | string {
  shared ??= reserve();
  return shared;
}

function reserve(): Heap | string {
  let reason = '';
  let whole = features().checksAddresses;
  for (let pages = maximumPages; pages >= 1024;) {
    try {
      return new Heap(pages, whole);
    } catch (error) {
      reason = error instanceof Error ? error.message : String(error);
      if (whole) whole = false;
      else pages /= 2;
    }
  }
  const help = features().runtime === 'node' ? '; where addresses are scarce (ulimit -v), ' +
    'node --disable-wasm-trap-handler, also in NODE_OPTIONS, takes 4 GiB of them instead of 10' : '';
  return `no shared WebAssembly memory here (${reason})${help}`;
}
