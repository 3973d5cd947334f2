/**
 * RandomState: the same numbers as NumPy's legacy generator (numpy.random.RandomState, np.random.seed).
 *
 * Draw for draw the algorithms are NumPy's: 53-bit doubles, normals by Marsaglia's polar method with the second of each
 * pair kept for the next call, integers by masked rejection, shuffles from the last element down.
 * Equality is to the bit, with one reservation: NumPy takes its logarithm from the C library. Ours is correctly
 * rounded, glibc's misses the last bit about once in a thousand draws, and then a pair of normals may differ by one
 * unit in the last place.
 */

import type { FloatArray } from '../../kernels/contract.ts';
import { checkBoolean, checkInteger, checkNumber, describe } from '../../runtime/check.ts';
import { take } from '../indexing.ts';
import { checkShape, sizeOf } from '../shape.ts';
import type { ShapeLike } from '../shape.ts';
import { Tensor } from '../tensor.ts';
import { preciseLog } from './logarithm.ts';
import { MersenneTwister, stateLength } from './mersenne-twister.ts';
import { checkFill, checkState, drawIntegers, drawn, permute, shuffleInPlace } from './source.ts';
import type { GeneratorState, RandomSource, Shuffled } from './source.ts';

export class RandomState implements RandomSource {
  private readonly twister: MersenneTwister = new MersenneTwister();
  #spare: number | null = null;

  /** A generator started with `seed(seed)`. */
  constructor(seed: number | readonly number[]) {
    this.seed(seed);
  }

  /** Starts again from a seed: an integer in 0..2^32-1, or a non-empty list of them. Forgets the kept normal. */
  seed(seed: number | readonly number[]): void {
    if (Array.isArray(seed)) {
      const seeds = seed as readonly number[];
      if (seeds.length === 0) throw new RangeError('RandomState: seed must not be an empty array');
      for (const [i, word] of seeds.entries()) checkInteger('RandomState', `seed[${i}]`, word, 0, 0xffffffff);
      this.twister.seedArray(seeds);
    } else {
      this.twister.seed(checkInteger('RandomState', 'seed', seed, 0, 0xffffffff));
    }
    this.#spare = null;
  }

  /** One uniform number in [0, 1). */
  random(): number {
    return this.twister.nextDouble();
  }

  /** One standard normal number, or the one kept from the last pair. */
  private gauss(): number {
    if (this.#spare !== null) {
      const kept = this.#spare;
      this.#spare = null;
      return kept;
    }
    // G. Marsaglia, T. A. Bray, "A convenient method for generating normal variables", SIAM Review 6 (1964)
    let x1: number;
    let x2: number;
    let r2: number;
    do {
      x1 = 2 * this.twister.nextDouble() - 1;
      x2 = 2 * this.twister.nextDouble() - 1;
      r2 = x1 * x1 + x2 * x2;
    } while (r2 >= 1 || r2 === 0);
    const f = Math.sqrt(-2 * preciseLog(r2) / r2);
    this.#spare = f * x1;
    return f * x2;
  }

  /** Fills an array with uniform numbers in [0, 1), in the order that rand draws them. */
  fillUniform(out: FloatArray): void {
    checkFill('fillUniform', out);
    for (let i = 0; i < out.length; i++) out[i] = this.twister.nextDouble();
  }

  /** Fills an array with normal numbers, in the order that randn draws them. */
  fillNormal(out: FloatArray, mean: number = 0, std: number = 1): void {
    checkFill('fillNormal', out, mean, std);
    for (let i = 0; i < out.length; i++) out[i] = mean + std * this.gauss();
  }

  /** Uniform numbers in [0, 1): one without a shape, else a float64 tensor. Takes sizes or one array. */
  rand(): number;
  rand(...shape: number[] | [readonly number[]]): Tensor;
  rand(...shape: number[] | [readonly number[]]): number | Tensor {
    if (shape.length === 0) return this.random();
    return drawn('rand', sizes(shape), 'float64', (out) => this.fillUniform(out as Float64Array));
  }

  /** Standard normal numbers: one without a shape, else a float64 tensor. Takes sizes or one array. */
  randn(): number;
  randn(...shape: number[] | [readonly number[]]): Tensor;
  randn(...shape: number[] | [readonly number[]]): number | Tensor {
    if (shape.length === 0) return this.gauss();
    return drawn('randn', sizes(shape), 'float64', (out) => this.fillNormal(out as Float64Array));
  }

  /** Uniform numbers in [low, high): one without a shape, else a float64 tensor. */
  uniform(low?: number, high?: number): number;
  uniform(low: number, high: number, shape: ShapeLike): Tensor;
  uniform(low: number = 0, high: number = 1, shape?: ShapeLike): number | Tensor {
    checkNumber('uniform', 'low', low);
    checkNumber('uniform', 'high', high);
    const draw = (): number => low + (high - low) * this.random();
    if (shape === undefined) return draw();
    return drawn('uniform', shape, 'float64', (out) => {
      for (let i = 0; i < out.length; i++) out[i] = draw();
    });
  }

  /** Normal numbers: one without a shape, else a float64 tensor. std must not be negative. */
  normal(mean?: number, std?: number): number;
  normal(mean: number, std: number, shape: ShapeLike): Tensor;
  normal(mean: number = 0, std: number = 1, shape?: ShapeLike): number | Tensor {
    checkNumber('normal', 'mean', mean);
    checkNumber('normal', 'std', std, 0);
    if (shape === undefined) return mean + std * this.gauss();
    return drawn('normal', shape, 'float64', (out) => this.fillNormal(out as Float64Array, mean, std));
  }

  /**
   * Integers in [low, high), or in [0, high) when only one bound is given: one number without a size, else a tensor,
   * int32 where the bounds fit and float64 beyond. Throws RangeError for an empty range.
   */
  randint(lowOrHigh: number, high?: number | null): number;
  randint(lowOrHigh: number, high: number | null | undefined, size: ShapeLike): Tensor;
  randint(lowOrHigh: number, high?: number | null, size?: ShapeLike | null): number | Tensor {
    return drawIntegers('randint', this.twister, lowOrHigh, high, size);
  }

  /** 0..n-1 in random order, int32 (n); or a copy of a tensor with its rows in random order. */
  permutation(n: number | Tensor): Tensor {
    return permute('permutation', this.twister, n);
  }

  /** Puts the rows of a tensor, or the entries of an array or a typed array, in random order in place. */
  shuffle(x: Shuffled): void {
    shuffleInPlace('shuffle', this.twister, x);
  }

  /**
   * Random elements of 0..n-1, or of a 1-d tensor: one without a size, else a tensor. Without replacement no element
   * comes twice; throws RangeError when there are too few.
   */
  choice(n: number | Tensor, size?: null, replace?: boolean): number;
  choice(n: number | Tensor, size: ShapeLike, replace?: boolean): Tensor;
  choice(n: number | Tensor, size?: ShapeLike | null, replace: boolean = true): number | Tensor {
    checkBoolean('choice', 'replace', replace);
    if (n instanceof Tensor && n.ndim !== 1) throw new RangeError(`choice: n must be an integer or 1-d, got ${n.ndim} axes`);
    if (!(n instanceof Tensor) && typeof n !== 'number') {
      throw new TypeError(`choice: n must be an integer or a Tensor, got ${describe(n)}`);
    }
    const population = n instanceof Tensor ? n.size : checkInteger('choice', 'n', n, 1);
    const shape = size === undefined || size === null ? [] : checkShape('choice', size, 'size');
    const count = sizeOf(shape);
    if (population === 0 || (!replace && count > population)) {
      throw new RangeError(`choice: cannot take ${count} of ${population} elements without replacement`);
    }
    const indices = replace
      ? this.randint(population, null, shape)
      : this.permutation(population).slice([0, count]).reshape(shape);
    const chosen = n instanceof Tensor ? take(n, indices, 0) : indices.clone();
    return size === undefined || size === null ? chosen.item() : chosen;
  }

  /** All that is needed to go on from here, as plain numbers. */
  getState(): GeneratorState {
    const { key, position } = this.twister;
    return { algorithm: 'mt19937', words: [...key], position, spare: this.#spare };
  }

  /** Goes on from a state that getState returned. Throws, and changes nothing, when it is not one. */
  setState(state: GeneratorState): void {
    const { words, position, spare } = checkState('RandomState.setState', state, 'mt19937', stateLength);
    this.twister.key.set(words);
    this.twister.position = position;
    this.#spare = spare;
  }
}

function sizes(shape: readonly number[] | readonly [readonly number[]]): readonly number[] {
  return shape.length === 1 && Array.isArray(shape[0]) ? shape[0] : shape as readonly number[];
}
