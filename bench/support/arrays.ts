/** Arrays for kernels, where training keeps them: in the backend's memory, and filled from a seed. */

import type { FloatArray } from '../../src/kernels/contract.ts';
import { allocateCollected } from '../../src/kernels/memory/allocate.ts';
import type { DType, TypedArray } from '../../src/kernels/memory/allocate.ts';
import { bytesOf, type Heap, sharedHeap } from '../../src/kernels/memory/heap.ts';
import { selection } from '../../src/kernels/registry.ts';
import { Rng } from '../../src/tensor/index.ts';

export type FloatName = 'float32' | 'float64';

/** Numbers that arrays are filled with, again and again; a prime count, so that no row of a matrix repeats another. */
const drawn = 65_537;

function draw(fill: (rng: Rng, out: Float64Array) => void): Float64Array {
  const values = new Float64Array(drawn);
  fill(new Rng(231), values);
  return values;
}

const normals = draw((rng, out) => rng.fillNormal(out));
const uniforms = draw((rng, out) => rng.fillUniform(out));

/** Hands out the arrays of one kernel. The same calls in the same order give the same numbers on every backend. */
export class Arrays {
  readonly dtype: FloatName;
  /** what the heap is to get back */
  readonly #addresses: number[] = [];
  #seed: number = 0;

  constructor(dtype: FloatName) {
    this.dtype = dtype;
  }

  /** Standard normal numbers. */
  normal(length: number): FloatArray {
    return this.#filled(length, normals);
  }

  /** Numbers from 0 to 1. */
  uniform(length: number): FloatArray {
    return this.#filled(length, uniforms);
  }

  zeros(length: number): FloatArray {
    return this.#take(this.dtype, length) as FloatArray;
  }

  positions(length: number): Int32Array {
    return this.#take('int32', length) as Int32Array;
  }

  /** Ends the use of all arrays that came from here. */
  release(): void {
    for (const address of this.#addresses.splice(0)) (sharedHeap() as Heap).free(address);
  }

  #filled(length: number, values: Float64Array): FloatArray {
    const array = this.zeros(length);
    const first = (7919 * ++this.#seed) % drawn;
    array.set(values.subarray(first, first + Math.min(length, drawn - first)));
    for (let at = drawn - first; at < length; at += drawn) {
      array.set(values.subarray(0, Math.min(drawn, length - at)), at);
    }
    return array;
  }

  /** In the memory of the SIMD kernels, where they compute: other arrays would be copied at every call. */
  #take(dtype: DType, length: number): TypedArray {
    if (selection().name !== 'simd') return allocateCollected(dtype, length);
    const heap = sharedHeap();
    if (typeof heap === 'string') throw new Error(`bench: ${heap}`);
    const address = heap.allocate(bytesOf(dtype, length), 'arrays of a bench');
    this.#addresses.push(address);
    return heap.array(dtype, address, length).fill(0);
  }
}

/**
 * How far results lie apart: max |a - b| / max |a| over each pair of arrays, the largest of them. NaN when either holds
 * one, infinite when lengths differ.
 */
export function scaledDifference(
  expected: ReadonlyArray<ArrayLike<number>>, actual: ReadonlyArray<ArrayLike<number>>,
): number {
  let worst = 0;
  expected.forEach((a, i) => {
    const b = actual[i];
    let difference = 0;
    let largest = 0;
    for (let j = 0; j < a.length; j++) {
      difference = Math.max(difference, Math.abs(a[j] - b[j])); // Math.max hands NaN on
      largest = Math.max(largest, Math.abs(a[j]));
    }
    worst = Math.max(worst, a.length !== b.length ? Infinity : difference === 0 ? 0 : difference / largest);
  });
  return worst;
}
