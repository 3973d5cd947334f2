/**
 * Initial weights: normal numbers with mean 0 and standard deviation sqrt(gain / fanIn), so that a signal keeps its
 * size from layer to layer however deep the network is. fanIn is the number of inputs that one output sums over.
 *
 *   linear       (din, dout)         fanIn = din
 *   convolution  (dout, din, k, k)   fanIn = din k k
 *
 * A ReLU halves the variance, which the gain 2 before it makes good.
 *
 * Gain 1: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010 (there with
 * the mean of fan-in and fan-out). Gain 2: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015.
 */

import type { FloatArray } from '../kernels/contract.ts';
import { allocateCollected } from '../kernels/memory/allocate.ts';
import { checkBoolean, checkInteger, checkNumber, checkOneOf, checkOptions } from '../runtime/check.ts';
import { checkRandomSource } from '../tensor/random/source.ts';
import type { RandomSource } from '../tensor/random/source.ts';
import { checkShape, sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { FloatType } from './arguments.ts';

export interface XavierOptions {
  /** the side of the filters, for a convolution; a linear layer without it or with null */
  k?: number | null;
  /** where the numbers are drawn from */
  rng: RandomSource;
  /** float32 unless given */
  dtype?: FloatType;
}

export interface KaimingOptions extends XavierOptions {
  /** true (the default) where a ReLU follows: gain 2, else 1 */
  relu?: boolean;
}

/**
 * Kaiming initialisation: (din, dout), or (dout, din, k, k) with k. Throws TypeError for arguments of the wrong kind
 * and unknown options, RangeError for sizes that are not positive integers.
 */
export function kaimingInit(din: number, dout: number, options: KaimingOptions): Tensor {
  checkOptions('kaimingInit', options, ['k', 'relu', 'rng', 'dtype']);
  const relu = checkBoolean('kaimingInit', 'relu', options.relu ?? true);
  return scaledByFanIn('kaimingInit', din, dout, relu ? 2 : 1, options);
}

/** Xavier initialisation: as kaimingInit, always with gain 1. */
export function xavierInit(din: number, dout: number, options: XavierOptions): Tensor {
  checkOptions('xavierInit', options, ['k', 'rng', 'dtype']);
  return scaledByFanIn('xavierInit', din, dout, 1, options);
}

/** kaimingInit or, with gain 1, xavierInit, under the caller's name. */
export function scaledByFanIn(fn: string, din: number, dout: number, gain: number, options: XavierOptions): Tensor {
  const { rng, dtype = 'float32' } = options;
  const k = options.k ?? undefined;
  checkInteger(fn, 'din', din, 1);
  checkInteger(fn, 'dout', dout, 1);
  if (k !== undefined) checkInteger(fn, 'k', k, 1);
  const fanIn = k === undefined ? din : din * k * k;
  return normalInit(fn, k === undefined ? [din, dout] : [dout, din, k, k], Math.sqrt(gain / fanIn), rng, dtype);
}

/** scale * randn(shape), drawn in float64 and in row-major order, under the caller's name. */
export function normalInit(
  fn: string, shape: readonly number[], scale: number, rng: RandomSource, dtype: FloatType,
): Tensor {
  checkNumber(fn, 'scale', scale, 0);
  checkOneOf(fn, 'dtype', dtype, ['float32', 'float64']);
  checkRandomSource(fn, 'rng', rng);
  const values = allocateCollected(dtype, sizeOf(checkShape(fn, shape, 'the shape of the weights'))) as FloatArray;
  rng.fillNormal(values, 0, scale);
  return new Tensor(values, shape);
}
