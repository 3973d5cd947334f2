/**
 * How a kernel wrapper gets from typed arrays to a running job:
 *
 *   const launch = beginLaunch();
 *   try {
 *     launch.arg(0, launch.input(x));        // addresses go into argument slots like any number
 *     launch.arg(1, launch.output(out));
 *     launch.arg(2, x.length);
 *     launch.argFloat64(4, alpha);           // two slots, the first of them even
 *     launch.run(kernel, tasks);             // several jobs may follow each other
 *   } finally {
 *     launch.finish();
 *   }
 *
 * An array in the heap is passed by its address; any other is staged: copied into scratch, and an output is copied back
 * at finish, if the last job succeeded. Launches may nest (a wrapper that calls another); each has its own argument
 * slots, and scratch is a stack. A launch object is used again by the next call, so a launch allocates no JavaScript
 * objects as long as every array lies in the heap.
 */

import type { FloatKind } from '../../wasm/index.ts';
import type { FloatArray } from '../contract.ts';
import type { TypedArray } from '../memory/allocate.ts';
import { alignBlock } from '../memory/blocks.ts';
import type { Heap } from '../memory/heap.ts';
import { ScratchStack } from '../memory/scratch.ts';
import { argumentFrames } from '../team/control.ts';
import { currentEngine, onEngine } from '../team/engine.ts';
import { runJob } from '../team/run.ts';
import { currentTeam } from '../team/team.ts';

export class Launch {
  /** how many launches are under way around this one */
  readonly #level: number;
  readonly #heap: Heap;
  readonly #scratch: ScratchStack;
  /** byte address of the argument slots */
  readonly #frame: number;
  readonly #slots: Int32Array;
  readonly #floatSlots: Float64Array;
  /** height of the scratch stack at the launch's begin */
  #height: number = 0;
  /** arrays to copy back, and the addresses of their copies */
  readonly #staged: TypedArray[] = [];
  readonly #stagedAt: number[] = [];
  #inPlace: boolean = false;
  #succeeded: boolean = false;

  /** Made by beginLaunch. */
  constructor(level: number, heap: Heap, scratch: ScratchStack) {
    const { address, bytes, count } = argumentFrames;
    if (level >= count) throw new RangeError(`launch: kernels call each other more than ${count} deep`);
    this.#level = level;
    this.#heap = heap;
    this.#scratch = scratch;
    this.#frame = address + level * bytes;
    // the first page is there from the start, so these views never need renewing
    this.#slots = new Int32Array(heap.buffer, this.#frame, bytes / 4);
    this.#floatSlots = new Float64Array(heap.buffer, this.#frame, bytes / 8);
  }

  /** Used by beginLaunch. */
  begin(): void {
    this.#height = this.#scratch.height;
    this.#inPlace = false;
    this.#succeeded = false;
  }

  /** The address of an array that the kernel reads. */
  input(array: TypedArray): number {
    return this.#heap.owns(array) ? array.byteOffset : this.#stage(array, true);
  }

  /** The address of an array that the kernel overwrites fully, without reading it. */
  output(array: TypedArray): number {
    if (this.#heap.owns(array)) return array.byteOffset;
    const address = this.#stage(array, false);
    this.#staged.push(array);
    this.#stagedAt.push(address);
    return address;
  }

  /**
   * The address of an array that the kernel reads and writes, in place or in part. The launch's jobs then count as not
   * repeatable (see runInPlace).
   */
  inout(array: TypedArray): number {
    this.#inPlace = true;
    if (this.#heap.owns(array)) return array.byteOffset;
    const address = this.#stage(array, true);
    this.#staged.push(array);
    this.#stagedAt.push(address);
    return address;
  }

  /** The address of so many bytes of scratch, 64-byte aligned, until finish. Its contents are unspecified. */
  scratch(bytes: number): number {
    return this.#scratch.push(bytes);
  }

  /**
   * Scratch for the threads of a job of so many tasks, `bytes` (rounded up to a multiple of 64) for each: the thread
   * whose number is p (KernelBuilder.participant) has its own at p times that from the address that this gives.
   */
  scratchPerThread(bytes: number, tasks: number): number {
    return this.scratch(alignBlock(bytes) * (tasks > 1 ? currentTeam().participants : 1));
  }

  /**
   * Sets the i32 slot at args + 4 * index (index 0..255) of the jobs that follow. Addresses from 2 GiB wrap as bits.
   */
  arg(index: number, value: number): void {
    this.#slots[index] = value;
  }

  /** Sets the float64 at args + 4 * index: the slots index, which must be even, and index + 1. */
  argFloat64(index: number, value: number): void {
    if ((index & 1) !== 0) throw new RangeError(`launch: a float64 needs an even slot, got ${index}`);
    this.#floatSlots[index >> 1] = value;
  }

  /**
   * Runs a job of so many tasks and returns when it is done. Throws what the kernel traps with, or Error when a worker
   * died and its share could not be redone.
   */
  run(kernel: number, tasks: number): void {
    this.#succeeded = false;
    runJob(kernel, this.#frame, tasks, !this.#inPlace);
    this.#succeeded = true;
  }

  /**
   * The same for a job whose tasks read what they overwrite (accumulating into an array, updating it in place). If a
   * worker dies in the middle of such a task it cannot simply be done again, so the call throws.
   */
  runInPlace(kernel: number, tasks: number): void {
    this.#succeeded = false;
    runJob(kernel, this.#frame, tasks, false);
    this.#succeeded = true;
  }

  /** Copies staged outputs back and releases scratch. Call it in a finally. */
  finish(): void {
    const count = this.#staged.length;
    if (count > 0) {
      if (this.#succeeded) {
        for (let i = 0; i < count; i++) {
          const array = this.#staged[i];
          array.set(this.#heap.arrayLike(array, this.#stagedAt[i]));
        }
      }
      this.#staged.length = 0;
      this.#stagedAt.length = 0;
    }
    this.#scratch.pop(this.#height);
    depth = this.#level;
  }

  #stage(array: TypedArray, copy: boolean): number {
    const address = this.#scratch.push(array.byteLength);
    if (copy) this.#heap.arrayLike(array, address).set(array);
    return address;
  }
}

let launches: Launch[] = [];
let scratch: ScratchStack | null = null;
let heap: Heap | null = null;
let depth = 0;
onEngine((engine) => {
  if (engine === null || engine.heap === heap) return;
  launches = [];
  heap = engine.heap;
  scratch = new ScratchStack(heap);
});

/** Begins a launch on the installed engine. Throws Error when there is none. */
export function beginLaunch(): Launch {
  const launch = launches[depth] ?? addLaunch();
  depth++;
  launch.begin();
  return launch;
}

function addLaunch(): Launch {
  currentEngine(); // throws when there has never been one
  const launch = new Launch(launches.length, heap!, scratch!);
  launches.push(launch);
  return launch;
}

/** The element type of an array, as the emitters call it. */
export function floatKind(array: FloatArray): FloatKind {
  return array instanceof Float32Array ? 'f32' : 'f64';
}
