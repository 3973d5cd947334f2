/** What the two generators have in common: their interface, their saved state, and drawing integers without bias. */

import { allocateCollected } from '../../kernels/memory/allocate.ts';
import type { DType, TypedArray } from '../../kernels/memory/allocate.ts';
import type { FloatArray } from '../../kernels/contract.ts';
import { checkInteger, checkNumber, checkOneOf, checkWritable, describe } from '../../runtime/check.ts';
import { take } from '../indexing.ts';
import { checkShape, sizeOf } from '../shape.ts';
import type { ShapeLike } from '../shape.ts';
import { Tensor } from '../tensor.ts';

/** Everything that a generator needs to go on where it stopped; plain numbers, so JSON keeps it exactly. */
export interface GeneratorState {
  algorithm: 'xoshiro128**' | 'mt19937';
  /** the state proper: 4 words of 32 bits for xoshiro128**, 624 for mt19937 */
  words: number[];
  /** mt19937: words used since the last refill; else 0 */
  position: number;
  /** the second of the last pair of normals, not handed out yet */
  spare: number | null;
}

/** A seeded generator, as functions that draw at random take it: `Rng` and `RandomState` both are one. */
export interface RandomSource {
  /** uniform in [0, 1), with 53 random bits */
  random(): number;
  /** fills an array with uniform numbers in [0, 1) */
  fillUniform(out: FloatArray): void;
  /** fills an array with normal numbers */
  fillNormal(out: FloatArray, mean?: number, std?: number): void;
  /** 0..n-1 in random order, int32 (n); or the rows of a tensor in random order, copied */
  permutation(n: number | Tensor): Tensor;
  getState(): GeneratorState;
  setState(state: GeneratorState): void;
}

/** True for anything that has the methods of a `RandomSource`. */
function isRandomSource(value: unknown): value is RandomSource {
  if (typeof value !== 'object' || value === null) return false;
  const methods = ['random', 'fillUniform', 'fillNormal', 'permutation', 'getState', 'setState'] as const;
  return methods.every((method) => typeof (value as Record<string, unknown>)[method] === 'function');
}

/** Throws TypeError unless value is a generator. */
export function checkRandomSource(fn: string, name: string, value: unknown): RandomSource {
  if (!isRandomSource(value)) throw new TypeError(`${fn}: ${name} must be an Rng or a RandomState, got ${describe(value)}`);
  return value;
}

/** Throws unless out is an array that random numbers fill, drawn with this mean and standard deviation. */
export function checkFill(fn: string, out: unknown, mean: number = 0, std: number = 1): void {
  if (!(out instanceof Float32Array || out instanceof Float64Array)) {
    throw new TypeError(`${fn}: out must be a Float32Array or a Float64Array, got ${describe(out)}`);
  }
  checkNumber(fn, 'mean', mean);
  checkNumber(fn, 'std', std, 0);
}

/** Anything that gives 32 random bits, as an unsigned integer. */
export interface Bits {
  next32(): number;
}

/**
 * A uniform integer in [0, max], max < 2^53: draws as many bits as max has and rejects what lies above, which is free
 * of bias. Takes 32-bit draws while max fits in one, else pairs with the high word first. (NumPy's legacy
 * random_interval.)
 */
function randomInterval(bits: Bits, max: number): number {
  if (max === 0) return 0;
  if (max <= 0xffffffff) {
    const mask = 0xffffffff >>> Math.clz32(max);
    let value: number;
    do value = (bits.next32() & mask) >>> 0; while (value > max);
    return value;
  }
  const mask = 0xffffffff >>> Math.clz32(Math.floor(max / 2 ** 32));
  let value: number;
  do {
    const high = (bits.next32() & mask) >>> 0;
    value = high * 2 ** 32 + bits.next32();
  } while (value > max);
  return value;
}

/**
 * Integers in [low, high), or [0, low) without high: one number without a shape, else a tensor, int32 where the bounds
 * fit and float64 beyond. Throws RangeError for an empty range or bounds outside of +-2^53.
 */
export function drawIntegers(
  fn: string, bits: Bits, low: number, high: number | null | undefined, shape: ShapeLike | null | undefined,
): number | Tensor {
  const first = high === null || high === undefined ? 0 : checkInteger(fn, 'low', low, Number.MIN_SAFE_INTEGER);
  const end = checkInteger(fn, 'high', high ?? low, Number.MIN_SAFE_INTEGER);
  if (end <= first) throw new RangeError(`${fn}: high must be above low, got low ${first}, high ${end}`);
  const max = end - 1 - first;
  if (max > Number.MAX_SAFE_INTEGER) throw new RangeError(`${fn}: high - low must be at most 2^53, got ${end} - ${first}`);
  if (shape === null || shape === undefined) return first + randomInterval(bits, max);
  const fits = first >= -(2 ** 31) && end <= 2 ** 31;
  return drawn(fn, shape, fits ? 'int32' : 'float64', (out) => {
    for (let i = 0; i < out.length; i++) out[i] = first + randomInterval(bits, max);
  });
}

/** A new tensor, filled by the given function. */
export function drawn(
  fn: string, shape: ShapeLike, dtype: DType, fill: (out: TypedArray) => void,
): Tensor {
  const checked = checkShape(fn, shape);
  const data = allocateCollected(dtype, sizeOf(checked));
  fill(data);
  return new Tensor(data, checked);
}

/** 0..n-1 in random order: the shuffle of Fisher and Yates from the last element down, in NumPy's order of draws. */
function shuffledIndices(bits: Bits, n: number): Tensor {
  const indices = allocateCollected('int32', n);
  for (let i = 0; i < n; i++) indices[i] = i;
  for (let i = n - 1; i > 0; i--) {
    const j = randomInterval(bits, i);
    const kept = indices[i];
    indices[i] = indices[j];
    indices[j] = kept;
  }
  return new Tensor(indices);
}

/** A permutation of 0..n-1, or a copy of x with its rows (its elements when 1-d) in random order. */
export function permute(fn: string, bits: Bits, x: number | Tensor): Tensor {
  if (x instanceof Tensor) {
    if (x.ndim === 0) throw new RangeError(`${fn}: x must have an axis to shuffle, got a scalar`);
    return take(x, shuffledIndices(bits, x.shape[0]), 0).clone();
  }
  return shuffledIndices(bits, checkShape(fn, checkInteger(fn, 'n', x, 0), 'n')[0]);
}

/** What can be shuffled in place: the rows of a tensor, the entries of a list or a typed array. */
export type Shuffled = Tensor | TypedArray | unknown[];

/** Puts the rows of a tensor, or the entries of a list or a typed array, in random order in place. */
export function shuffleInPlace(fn: string, bits: Bits, x: Shuffled): void {
  if (x instanceof Tensor) {
    x.assign(permute(fn, bits, x));
  } else if (Array.isArray(x) || (ArrayBuffer.isView(x) && !(x instanceof DataView))) {
    const list = x as unknown[];
    checkWritable(fn, 'x', x, Object.keys(x).slice(0, 1));
    const before = [...list];
    const order = shuffledIndices(bits, list.length).data;
    for (let i = 0; i < list.length; i++) list[i] = before[order[i]];
  } else {
    throw new TypeError(`${fn}: x must be a Tensor or an array, got ${describe(x)}`);
  }
}

/** Throws TypeError or RangeError unless state was saved by a generator of this algorithm with so many words. */
export function checkState(
  fn: string, state: GeneratorState, algorithm: GeneratorState['algorithm'], length: number,
): GeneratorState {
  if (typeof state !== 'object' || state === null) throw new TypeError(`${fn}: state must be an object, got ${describe(state)}`);
  for (const key of Object.keys(state)) {
    if (!['algorithm', 'words', 'position', 'spare'].includes(key)) {
      throw new TypeError(`${fn}: state has an unknown entry ${describe(key)}`);
    }
  }
  checkOneOf(fn, 'state.algorithm', state.algorithm, [algorithm]);
  if (!Array.isArray(state.words) || state.words.length !== length) {
    throw new RangeError(`${fn}: state.words must hold ${length} integers, got ${describe(state.words)}`);
  }
  for (const [i, word] of state.words.entries()) checkInteger(fn, `state.words[${i}]`, word, 0, 0xffffffff);
  if (state.words.every((word) => word === 0)) throw new RangeError(`${fn}: state.words must not all be 0`);
  checkInteger(fn, 'state.position', state.position, 0, length);
  if (state.spare !== null && !Number.isFinite(state.spare)) {
    throw new RangeError(`${fn}: state.spare must be a finite number or null, got ${describe(state.spare)}`);
  }
  return state;
}
