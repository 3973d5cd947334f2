/**
 * Initial weights: normal numbers with mean 0 and standard deviation sqrt(gain / fanIn), so that a signal keeps its
 * size from layer to layer however deep the network is. fanIn is the number of inputs that one output sums over.
 *
 *   linear       (din, dout)         fanIn = din
 *   convolution  (dout, din, k, k)   fanIn = din k k
 *
 * A ReLU halves the variance, which the gain 2 before it makes good.
 *
 * A third start makes a convolution the identity, as far as it has channels and filters to pair.
 *
 * Gain 1: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010 (there with
 * the mean of fan-in and fan-out). Gain 2: He, Zhang, Ren, Sun, "Delving deep into rectifiers", 2015.
 * Identity: Zagoruyko, Komodakis, "DiracNets: training very deep neural networks without skip-connections", 2017.
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

export interface DiracOptions extends XavierOptions {
  /** the side of the filters, an odd number */
  k: number;
}

/**
 * Identity initialisation of a convolution (dout, din, k, k) that keeps the size of its images: filter f hands on
 * channel f as it is, as long as there are such channels; further filters are drawn as by xavierInit, a third as strong
 * in variance. Throws TypeError for arguments of the wrong kind and unknown options, RangeError for sizes that are not
 * positive integers and a k that has no middle.
 */
export function diracInit(din: number, dout: number, options: DiracOptions): Tensor {
  checkOptions('diracInit', options, ['k', 'rng', 'dtype']);
  return identityFilters('diracInit', din, dout, options);
}

/** diracInit under the caller's name. */
export function identityFilters(fn: string, din: number, dout: number, options: DiracOptions): Tensor {
  const k = checkInteger(fn, 'k', options.k, 1);
  if (k % 2 === 0) throw new RangeError(`${fn}: k must be odd, got ${k}`);
  const weights = scaledByFanIn(fn, din, dout, 1 / 3, options);
  const size = din * k * k;
  for (let f = 0; f < Math.min(din, dout); f++) {
    weights.data.fill(0, f * size, (f + 1) * size);
    weights.data[f * size + f * k * k + (k * k - 1) / 2] = 1;
  }
  return weights;
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
