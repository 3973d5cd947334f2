/** Arrays for kernels, where training keeps them: in the backend's memory, and filled from a seed. */

import type { FloatArray } from '../../src/kernels/contract.ts';
import { residentArray } from '../../src/kernels/memory/allocate.ts';
import type { DType, TypedArray } from '../../src/kernels/memory/allocate.ts';
import { sharedHeap } from '../../src/kernels/memory/heap.ts';
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

/** Arrays in the backend's memory that no kernel uses now: dropped, they would take room until they are collected. */
const spare: TypedArray[] = [];

/** Hands out the arrays of one kernel. The same calls in the same order give the same numbers on every backend. */
export class Arrays {
  readonly dtype: FloatName;
  readonly #taken: TypedArray[] = [];
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
    if (selection().name === 'simd') spare.push(...this.#taken);
    this.#taken.length = 0;
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

  #take(dtype: DType, length: number): TypedArray {
    const simd = selection().name === 'simd';
    const fits = (array: TypedArray): boolean => array.length === length && typeOf(array) === dtype;
    const index = simd ? spare.findIndex(fits) : -1;
    const array = index >= 0 ? spare.splice(index, 1)[0].fill(0) : residentArray(dtype, length);
    const heap = sharedHeap();
    if (simd && (typeof heap === 'string' || !heap.owns(array))) {
      throw new Error('bench: the heap has no room for the arrays of a kernel, which would be copied at every call');
    }
    this.#taken.push(array);
    return array;
  }
}

function typeOf(array: TypedArray): DType {
  return array instanceof Float32Array ? 'float32' : array instanceof Float64Array ? 'float64' : 'int32';
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
