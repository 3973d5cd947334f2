/**
 * What a comparison of two backends needs: seeded inputs, outputs that notice reads of old contents and writes beyond
 * the end, and an error measure that is fair to sums that cancel.
 */

import type { FloatArray } from '../../../src/kernels/contract.ts';

export type FloatType = 'float32' | 'float64';

/** Makes the arrays that kernels are called with; a backend with memory of its own can hand out slices of that. */
export type Allocator = (type: FloatType | 'int32', length: number) => FloatArray | Int32Array;

/** Relative tolerance between backends, on the scale of the terms that were added up. */
export const tolerances: Readonly<Record<FloatType, number>> = { float32: 1e-5, float64: 1e-12 };

/** Below this a number is subnormal, and its relative accuracy is nobody's business. */
const smallest: Readonly<Record<FloatType, number>> = { float32: 1.2e-38, float64: 2.3e-308 };

/** Elements kept around every array, to see whether a kernel writes outside. */
const guard = 8;
const guardValue = 1234;

interface Guarded {
  readonly name: string;
  readonly whole: FloatArray | Int32Array;
  readonly view: FloatArray | Int32Array;
  /** contents that must not change; null for outputs */
  readonly before: readonly number[] | null;
}

export interface RandomOptions {
  /** added to every number: a mean far from zero */
  readonly shift?: number;
  /** only whole numbers from -2 to 2, so that equal values are common */
  readonly integers?: boolean;
  /** NaN, infinities and zeros of both signs among the numbers */
  readonly special?: boolean;
  /** no number below this */
  readonly atLeast?: number;
}

const specials = [NaN, Infinity, -Infinity, 0, -0];

/** How strict a comparison is, where a backend is held to less than the usual. */
export interface WorkbenchOptions {
  /** instead of that of the element type */
  readonly tolerance?: number;
  /** what an error may be where so little is expected; instead of the smallest normal number of the type */
  readonly smallest?: number;
  /**
   * leaves NaN and infinities out of what `special` draws, and compares nothing where the result is one, as log(0) is:
   * for devices that may assume there are none
   */
  readonly finite?: boolean;
}

/** One comparison: makes its arrays from a seed and checks them afterwards. */
export class Workbench {
  readonly type: FloatType;
  readonly #allocate: Allocator;
  readonly #guarded: Guarded[] = [];
  readonly #tolerance: number;
  readonly #smallest: number;
  readonly #specials: readonly number[];
  readonly #finite: boolean;
  #state: number;

  constructor(type: FloatType, seed: number, allocate: Allocator, options: WorkbenchOptions = {}) {
    this.type = type;
    this.#state = seed | 0;
    this.#allocate = allocate;
    this.#tolerance = options.tolerance ?? tolerances[type];
    this.#smallest = options.smallest ?? smallest[type];
    this.#finite = options.finite === true;
    this.#specials = specials.filter((value) => !this.#finite || Number.isFinite(value));
  }

  /** The next number in [0, 1), from Tommy Ettinger's mulberry32. */
  uniform(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from 0 to limit - 1. */
  below(limit: number): number {
    return Math.floor(this.uniform() * limit);
  }

  /** An input: roughly normal numbers, or what the options say. It must come back unchanged. */
  random(name: string, length: number, options: RandomOptions = {}): FloatArray {
    const view = this.#place(name, this.type, length) as FloatArray;
    for (let i = 0; i < length; i++) {
      let value = this.uniform() + this.uniform() + this.uniform() + this.uniform() - 2;
      if (options.integers === true) value = this.below(5) - 2;
      value += options.shift ?? 0;
      if (options.atLeast !== undefined) value = options.atLeast + Math.abs(value);
      if (options.special === true && this.uniform() < 0.2) value = this.#specials[this.below(this.#specials.length)];
      view[i] = value;
    }
    return this.#freeze(view);
  }

  /** An input with these contents. */
  given(name: string, values: ArrayLike<number>): FloatArray {
    const view = this.#place(name, this.type, values.length) as FloatArray;
    view.set(Array.from(values));
    return this.#freeze(view);
  }

  /** An Int32Array input. */
  integers(name: string, values: ArrayLike<number>): Int32Array {
    const view = this.#place(name, 'int32', values.length) as Int32Array;
    view.set(Array.from(values));
    return this.#freeze(view);
  }

  /** An output, full of NaN: a kernel that reads what was there before gives itself away. */
  output(name: string, length: number): FloatArray {
    return (this.#place(name, this.type, length) as FloatArray).fill(NaN);
  }

  integerOutput(name: string, length: number): Int32Array {
    return (this.#place(name, 'int32', length) as Int32Array).fill(-1);
  }

  /** An array that a kernel reads and overwrites (in place, or accumulating). */
  inPlace(name: string, values: ArrayLike<number>): FloatArray {
    const view = this.#place(name, this.type, values.length) as FloatArray;
    view.set(Array.from(values));
    return view;
  }

  /** A plain array for the expected result, computed by the naive kernels. */
  expected(length: number): FloatArray {
    return (this.type === 'float32' ? new Float32Array(length) : new Float64Array(length)).fill(NaN);
  }

  /** Throws if a kernel wrote outside its outputs or changed an input. */
  checkUntouched(): void {
    for (const { name, whole, view, before } of this.#guarded) {
      const start = (view.byteOffset - whole.byteOffset) / whole.BYTES_PER_ELEMENT;
      for (let i = 0; i < whole.length; i++) {
        if ((i < start || i >= start + view.length) && whole[i] !== guardValue) {
          throw new Error(`${name}: element ${i - start} of ${view.length}, outside the array, was overwritten`);
        }
      }
      before?.forEach((value, i) => {
        if (!Object.is(view[i], value)) throw new Error(`${name}[${i}]: the input ${value} became ${view[i]}`);
      });
    }
  }

  /**
   * Throws unless every |actual - expected| <= tolerance * magnitude. The magnitude of a sum is the sum of its terms'
   * absolute values: what rounding errors are proportional to, also where the terms cancel. Without magnitudes it is
   * |expected|: a plain relative error. NaN and infinities must come in the same places.
   */
  close(name: string, actual: ArrayLike<number>, expected: ArrayLike<number>, magnitude?: ArrayLike<number>): void {
    const tolerance = this.#tolerance;
    checkLength(name, actual, expected);
    for (let i = 0; i < expected.length; i++) {
      if (actual[i] === expected[i] || (Number.isNaN(actual[i]) && Number.isNaN(expected[i]))) continue;
      if (this.#finite && !Number.isFinite(expected[i])) continue;
      const allowed = tolerance * Math.abs((magnitude ?? expected)[i]) + this.#smallest;
      const error = Math.abs(actual[i] - expected[i]);
      if (!(error <= allowed) || allowed === Infinity) {
        throw new Error(`${name}[${i}]: ${actual[i]}, expected ${expected[i]}, off by ${error}, allowed ${allowed}`);
      }
    }
  }

  /** Throws unless all elements are equal (NaN to NaN; 0 and -0 are equal). */
  same(name: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
    checkLength(name, actual, expected);
    for (let i = 0; i < expected.length; i++) {
      if (actual[i] !== expected[i] && !(Number.isNaN(actual[i]) && Number.isNaN(expected[i]))) {
        throw new Error(`${name}[${i}]: ${actual[i]}, expected ${expected[i]}`);
      }
    }
  }

  /** An array between guards, at an odd place in memory: kernels may not count on alignment. */
  #place(name: string, type: FloatType | 'int32', length: number): FloatArray | Int32Array {
    const before = guard + this.below(4);
    const whole = this.#allocate(type, before + length + guard).fill(guardValue);
    const view = whole.subarray(before, before + length);
    this.#guarded.push({ name, whole, view, before: null });
    return view;
  }

  #freeze<T extends FloatArray | Int32Array>(view: T): T {
    const last = this.#guarded.pop()!;
    this.#guarded.push({ ...last, before: Array.from(view) });
    return view;
  }
}

/** |x|, element by element: naive kernels run on it give the magnitudes of their sums. */
export function abs(x: FloatArray): FloatArray {
  return x.map(Math.abs) as FloatArray;
}

function checkLength(name: string, actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  if (actual.length !== expected.length) throw new Error(`${name}: ${actual.length} elements, not ${expected.length}`);
}
