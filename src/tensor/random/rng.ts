/**
 * Rng: the default generator, xoshiro128** (D. Blackman, S. Vigna, "Scrambled Linear Pseudorandom Number Generators",
 * ACM Transactions on Mathematical Software 47, 2021): 128 bits of state, period 2^128 - 1, a few instructions a draw.
 * Only integer operations and + - * / and the square root are used, so a seed gives the same bits on every engine.
 */

import type { FloatArray } from '../../kernels/contract.ts';
import type { DType } from '../../kernels/memory/allocate.ts';
import { checkInteger, checkNumber, checkOneOf } from '../../runtime/check.ts';
import type { ShapeLike } from '../shape.ts';
import type { Tensor } from '../tensor.ts';
import { preciseLog } from './logarithm.ts';
import { checkFill, checkState, drawIntegers, drawn, permute, shuffleInPlace } from './source.ts';
import type { GeneratorState, RandomSource, Shuffled } from './source.ts';

export type FloatType = Extract<DType, 'float32' | 'float64'>;

export class Rng implements RandomSource {
  private readonly words: Uint32Array = new Uint32Array(4);
  #spare: number | null = null;

  /** A generator started from an integer in 0..2^53-1. */
  constructor(seed: number) {
    checkInteger('Rng', 'seed', seed, 0);
    // Nearby seeds must not give similar states: each word is one output of a mixing counter, started from both halves.
    let counter = (seed >>> 0) ^ mix(Math.floor(seed / 2 ** 32));
    for (let i = 0; i < 4; i++) {
      counter = (counter + 0x9e3779b9) | 0;
      this.words[i] = mix(counter);
    }
    // The all-zero state is the one that the generator never leaves; four outputs of a bijection are never all equal.
  }

  /** 32 random bits, as an unsigned integer. */
  next32(): number {
    const { words } = this;
    const s1 = words[1];
    const scrambled = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    words[2] ^= words[0];
    words[3] ^= s1;
    words[1] = s1 ^ words[2];
    words[0] ^= words[3];
    words[2] ^= s1 << 9;
    words[3] = rotateLeft(words[3], 11);
    return scrambled;
  }

  /** A uniform number in [0, 1) with 53 random bits; with a shape a tensor of them, float32 unless float64 is named. */
  random(): number;
  random(shape: ShapeLike, dtype?: FloatType): Tensor;
  random(shape?: ShapeLike, dtype: FloatType = 'float32'): number | Tensor {
    if (shape === undefined) return ((this.next32() >>> 5) * 2 ** 26 + (this.next32() >>> 6)) / 2 ** 53;
    return drawn('random', shape, checkFloat('random', dtype), (out) => this.fillUniform(out as FloatArray));
  }

  /** Fills an array with uniform numbers in [0, 1); in float32 they carry 24 random bits, so that none rounds to 1. */
  fillUniform(out: FloatArray): void {
    checkFill('fillUniform', out);
    if (out instanceof Float32Array) {
      for (let i = 0; i < out.length; i++) out[i] = (this.next32() >>> 8) / 2 ** 24;
    } else {
      for (let i = 0; i < out.length; i++) out[i] = this.random();
    }
  }

  /** Fills an array with normal numbers. */
  fillNormal(out: FloatArray, mean: number = 0, std: number = 1): void {
    checkFill('fillNormal', out, mean, std);
    for (let i = 0; i < out.length; i++) out[i] = mean + std * this.gauss();
  }

  /** One standard normal number. */
  private gauss(): number {
    if (this.#spare !== null) {
      const kept = this.#spare;
      this.#spare = null;
      return kept;
    }
    // Marsaglia's polar method: a point drawn in the unit disc gives two independent normals.
    let x: number;
    let y: number;
    let r2: number;
    do {
      x = 2 * this.random() - 1;
      y = 2 * this.random() - 1;
      r2 = x * x + y * y;
    } while (r2 >= 1 || r2 === 0);
    const scale = Math.sqrt(-2 * preciseLog(r2) / r2);
    this.#spare = scale * x;
    return scale * y;
  }

  /** Uniform numbers in [low, high): one without a shape, else a tensor, float32 unless float64 is named. */
  uniform(low?: number, high?: number): number;
  uniform(low: number, high: number, shape: ShapeLike, dtype?: FloatType): Tensor;
  uniform(low: number = 0, high: number = 1, shape?: ShapeLike, dtype: FloatType = 'float32'): number | Tensor {
    checkNumber('uniform', 'low', low);
    checkNumber('uniform', 'high', high);
    if (shape === undefined) return low + (high - low) * this.random();
    return drawn('uniform', shape, checkFloat('uniform', dtype), (out) => {
      this.fillUniform(out as FloatArray);
      for (let i = 0; i < out.length; i++) out[i] = low + (high - low) * out[i];
    });
  }

  /** Normal numbers: one without a shape, else a tensor, float32 unless float64 is named. std must not be negative. */
  normal(mean?: number, std?: number): number;
  normal(mean: number, std: number, shape: ShapeLike, dtype?: FloatType): Tensor;
  normal(mean: number = 0, std: number = 1, shape?: ShapeLike, dtype: FloatType = 'float32'): number | Tensor {
    checkNumber('normal', 'mean', mean);
    checkNumber('normal', 'std', std, 0);
    if (shape === undefined) return mean + std * this.gauss();
    return drawn('normal', shape, checkFloat('normal', dtype), (out) => this.fillNormal(out as FloatArray, mean, std));
  }

  /**
   * Integers in [low, high), or in [0, low) without high, free of bias: one number without a shape, else a tensor,
   * int32 where the bounds fit and float64 beyond. Throws RangeError for an empty range.
   */
  integers(low: number, high?: number | null): number;
  integers(low: number, high: number | null | undefined, shape: ShapeLike): Tensor;
  integers(low: number, high?: number | null, shape?: ShapeLike | null): number | Tensor {
    return drawIntegers('integers', this, low, high, shape);
  }

  /** 0..n-1 in random order, int32 (n); or a copy of a tensor with its rows in random order. */
  permutation(n: number | Tensor): Tensor {
    return permute('permutation', this, n);
  }

  /** Puts the rows of a tensor, or the entries of an array or a typed array, in random order in place. */
  shuffle(x: Shuffled): void {
    shuffleInPlace('shuffle', this, x);
  }

  /** All that is needed to go on from here, as plain numbers. */
  getState(): GeneratorState {
    return { algorithm: 'xoshiro128**', words: [...this.words], position: 0, spare: this.#spare };
  }

  /** Goes on from a state that getState returned. Throws, and changes nothing, when it is not one. */
  setState(state: GeneratorState): void {
    const { words, spare } = checkState('Rng.setState', state, 'xoshiro128**', 4);
    this.words.set(words);
    this.#spare = spare;
  }
}

function rotateLeft(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

/**
 * A bijection of 32-bit words in which every input bit moves every output bit: the finaliser of A. Appleby's
 * MurmurHash3.
 */
function mix(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}

function checkFloat(fn: string, dtype: FloatType): FloatType {
  return checkOneOf(fn, 'dtype', dtype, ['float32', 'float64']);
}
