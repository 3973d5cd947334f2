/**
 * Inverted dropout: in training each element is kept with probability keepProb and divided by it, else set to 0, so
 * that the expected output is the input. At test time the layer is the identity.
 *
 *   out = x mask, mask = 1 / keepProb where u < keepProb, else 0, with one uniform draw u in [0, 1) for each element in
 *   row-major order;  dx = dout mask
 *
 * The course has it in another form as well, whose p is the probability of dropping: mask = 1 / (1 - p) where u >= p.
 * The same draws then keep other elements, so which form it is has to be said: dropProb instead of keepProb.
 *
 * Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov, "Dropout: a simple way to prevent neural networks from
 * overfitting", 2014.
 */

import { activeKernels } from '../kernels/registry.ts';
import { checkInteger, checkNumber, checkOneOf, checkOptions } from '../runtime/check.ts';
import { checkTensor } from '../tensor/check.ts';
import { emptyTensor } from '../tensor/internal.ts';
import { RandomState } from '../tensor/random/random-state.ts';
import { checkRandomSource } from '../tensor/random/source.ts';
import type { RandomSource } from '../tensor/random/source.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asFloat, Cache, checkGradient, floats, floatTypeOf } from './arguments.ts';
import type { FloatType } from './arguments.ts';

export interface DropoutParam {
  /** the probability that an element stays, above 0 and at most 1: where u < keepProb */
  keepProb?: number;
  /** instead of it, the probability that an element is dropped, below 1: it stays where u >= dropProb */
  dropProb?: number;
  mode: 'train' | 'test';
  /** where training draws the mask from; it moves on with every forward pass */
  rng?: RandomSource;
  /**
   * every forward pass starts a RandomState anew with this seed and draws from it, so that a loss becomes a fixed
   * function of its input, as checking gradients needs. Where rng is a RandomState, it is that one: what
   * numpy.random.seed does to the one stream that the course draws everything from. Else it is one of the layer's own.
   */
  seed?: number;
}

/** How likely an element is to stay, in one of the two forms. */
export type DropoutProbability = Pick<DropoutParam, 'keepProb' | 'dropProb'>;

export type DropoutCache = Cache<'dropout', {
  /** what every element was multiplied by; null at test time */
  readonly mask: Tensor | null;
  readonly shape: readonly number[];
  readonly type: FloatType;
}>;

/**
 * Dropout of x of any shape. Throws TypeError for arguments of the wrong kind, unknown options, and training with
 * neither rng nor seed, or not one of keepProb and dropProb; RangeError for a keepProb outside of (0, 1], a dropProb
 * outside of [0, 1), an unknown mode or a seed outside of 0..2^32-1.
 */
export function dropoutForward(x: Tensor, dropoutParam: DropoutParam): [out: Tensor, cache: DropoutCache] {
  const fn = 'dropoutForward';
  checkTensor(fn, 'x', x);
  checkOptions(fn, dropoutParam, ['keepProb', 'dropProb', 'mode', 'rng', 'seed']);
  const { keepProb, dropProb, mode } = dropoutParam;
  checkDropout(fn, { keepProb, dropProb });
  checkOneOf(fn, 'mode', mode, ['train', 'test']);
  if (dropoutParam.seed !== undefined) checkInteger(fn, 'seed', dropoutParam.seed, 0, 0xffffffff);
  const type = floatTypeOf(x);
  const input = asFloat(x, type);
  if (mode === 'test') return [input, new Cache('dropout', { mask: null, shape: x.shape, type })];

  const rng = generatorOf(fn, dropoutParam);
  const mask = emptyTensor(x.shape, type);
  const factors = floats(mask);
  for (let i = 0; i < factors.length; i++) {
    const u = rng.random();
    if (dropProb === undefined) factors[i] = u < keepProb! ? 1 / keepProb! : 0;
    else factors[i] = u >= dropProb ? 1 / (1 - dropProb) : 0;
  }
  const out = emptyTensor(x.shape, type);
  activeKernels().binary('mul', floats(input), factors, floats(out));
  return [out, new Cache('dropout', { mask, shape: x.shape, type })];
}

/** dx = dout mask; dout itself where the forward pass was one of test time. */
export function dropoutBackward(dout: Tensor, cache: DropoutCache): Tensor {
  const { mask, shape, type } = Cache.open('dropoutBackward', cache, 'dropout');
  const upstream = checkGradient('dropoutBackward', dout, shape, type);
  if (mask === null) return upstream;
  const dx = emptyTensor(shape, type);
  activeKernels().binary('mul', floats(upstream), floats(mask), floats(dx));
  return dx;
}

/**
 * Throws unless one of the two forms is given (under the caller's names for them), TypeError, and leaves something of
 * x, RangeError.
 */
export function checkDropout(
  fn: string, { keepProb, dropProb }: DropoutProbability, [keep, drop]: readonly string[] = ['keepProb', 'dropProb'],
): void {
  if (keepProb !== undefined && dropProb !== undefined) {
    throw new TypeError(`${fn}: ${keep} and ${drop} say the same in two ways, give one of them`);
  }
  const [name, given, nothing] = dropProb === undefined ? [keep, keepProb, 0] : [drop, dropProb, 1];
  if (checkNumber(fn, name, given, 0, 1) !== nothing) return;
  throw new RangeError(`${fn}: ${name} must be ${nothing === 0 ? 'above 0' : 'below 1'}, got ${nothing}: nothing would be left`);
}

/** What this forward pass draws from. */
function generatorOf(fn: string, { rng, seed }: DropoutParam): RandomSource {
  if (rng === undefined && seed !== undefined) return new RandomState(seed);
  if (rng === undefined) throw new TypeError(`${fn}: rng or seed must be given for training, got neither`);
  const source: RandomSource & Partial<RandomState> = checkRandomSource(fn, 'rng', rng);
  if (seed === undefined) return source;
  // Known by its method and not by its class, of which another copy of the library has another.
  if (typeof source.seed !== 'function') return new RandomState(seed);
  source.seed(seed);
  return source;
}
