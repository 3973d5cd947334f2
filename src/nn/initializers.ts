/**
 * Initial parameters. fanIn is the number of inputs that one output sums over, fanOut the number of outputs that one
 * input goes to; for filters (F, C, KH, KW) these are C KH KW and F KH KW, for a linear layer's (in, out) they are in
 * and out. A signal keeps its size from layer to layer where weights have the variance 1 / fanIn, a gradient on its way
 * back where they have 1 / fanOut; a ReLU halves the variance, which a gain of sqrt(2) makes good. As in PyTorch, a
 * gain multiplies the standard deviation.
 *
 * Layers start as PyTorch's do. Another start is drawn over it:
 *
 *   net.apply((layer) => { if (layer instanceof Conv2d) kaimingNormal(layer.weight, { rng }); });
 *   initializeLikeKeras(net, { rng });
 */

import { Variable } from '../autograd/variable.ts';
import type { FloatArray } from '../kernels/contract.ts';
import { allocateCollected } from '../kernels/memory/allocate.ts';
import type { FloatType } from '../layers/arguments.ts';
import { spendParameters } from '../layers/parameter-budget.ts';
import { checkNumber, checkOneOf, checkOptions, describe } from '../runtime/check.ts';
import { shapeText } from '../tensor/check.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';
import { checkShape, sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { defaultRng } from './defaults.ts';
import type { Module } from './module.ts';

/** Uniform between -bound and bound. */
function uniformWithin(shape: readonly number[], bound: number, rng: RandomSource, dtype: FloatType): Tensor {
  const values = allocateCollected(dtype, sizeOf(checkShape('initial values', shape))) as FloatArray;
  for (let i = 0; i < values.length; i++) values[i] = bound * (2 * rng.random() - 1);
  return new Tensor(values, shape);
}

/** Uniform between -1 / sqrt(fanIn) and 1 / sqrt(fanIn): what PyTorch's linear and convolution layers start from. */
export function uniformByFanIn(shape: readonly number[], fanIn: number, rng: RandomSource, dtype: FloatType): Tensor {
  spendParameters('a layer', sizeOf(shape));
  return uniformWithin(shape, 1 / Math.sqrt(fanIn), rng, dtype);
}

export interface InitializerOptions {
  /** where the numbers are drawn from; the generator that manualSeed sets unless given */
  rng?: RandomSource;
}

export interface KaimingInitializerOptions extends InitializerOptions {
  /** whose variance is kept: that of the signal ('fanIn', the default) or of the gradient on its way back */
  mode?: 'fanIn' | 'fanOut';
  /** what the deviation is multiplied by: sqrt(2) (the default) where a ReLU follows, 1 where nothing does */
  gain?: number;
}

export interface XavierInitializerOptions extends InitializerOptions {
  /** what the deviation is multiplied by, 1 unless given */
  gain?: number;
}

export interface VarianceScalingOptions extends InitializerOptions {
  /** the variance is scale / n, 1 unless given */
  scale?: number;
  /** what n is: 'fanIn' (the default), 'fanOut', or 'fanAverage', their mean */
  mode?: 'fanIn' | 'fanOut' | 'fanAverage';
  /** 'truncatedNormal' (the default), 'normal' or 'uniform', all of the same variance */
  distribution?: 'truncatedNormal' | 'normal' | 'uniform';
}

export interface TruncatedNormalOptions extends InitializerOptions {
  /** 0 unless given */
  mean?: number;
  /** of the normal distribution before it is cut, 0.02 unless given */
  std?: number;
}

/** The standard deviation of a standard normal variable that is drawn again beyond two deviations. */
const truncatedDeviation = 0.87962566103423978;

/** Overwrites a weight with normal numbers, those beyond two standard deviations drawn again. Returns it. */
export function truncatedNormal(weight: Variable, options: TruncatedNormalOptions = {}): Variable {
  const fn = 'truncatedNormal';
  checkOptions(fn, options, ['rng', 'mean', 'std']);
  const mean = checkNumber(fn, 'mean', options.mean ?? 0);
  const std = checkNumber(fn, 'std', options.std ?? 0.02, 0);
  return drawInto(fn, weight, options, (values, rng) => fillTruncated(values, mean, std, rng));
}

/**
 * Overwrites a weight (F, C, KH, KW) or (in, out) with numbers of mean 0 and variance scale / n, as Keras's
 * VarianceScaling does. Returns it. Throws TypeError for what is no such weight, for arguments of the wrong kind and
 * unknown options, RangeError for a scale that is not positive.
 */
export function varianceScaling(weight: Variable, options: VarianceScalingOptions = {}): Variable {
  checkOptions('varianceScaling', options, ['rng', 'scale', 'mode', 'distribution']);
  return scaled('varianceScaling', weight, options);
}

/** Kaiming's uniform initialisation: between -gain sqrt(3 / fan) and gain sqrt(3 / fan) (He et al. 2015). */
export function kaimingUniform(weight: Variable, options: KaimingInitializerOptions = {}): Variable {
  return kaiming('kaimingUniform', weight, options, 'uniform');
}

/** Kaiming's normal initialisation, of variance gain^2 / fan (He et al. 2015). Throws as varianceScaling does. */
export function kaimingNormal(weight: Variable, options: KaimingInitializerOptions = {}): Variable {
  return kaiming('kaimingNormal', weight, options, 'normal');
}

/** Xavier's uniform initialisation, of variance 2 gain^2 / (fanIn + fanOut) (Glorot & Bengio 2010): Keras's default. */
export function xavierUniform(weight: Variable, options: XavierInitializerOptions = {}): Variable {
  return xavier('xavierUniform', weight, options, 'uniform');
}

/** Xavier's normal initialisation, of variance 2 gain^2 / (fanIn + fanOut). Throws as varianceScaling does. */
export function xavierNormal(weight: Variable, options: XavierInitializerOptions = {}): Variable {
  return xavier('xavierNormal', weight, options, 'normal');
}

/**
 * Draws all parameters of a module as Keras's layers start: weights of linear and convolution layers by xavierUniform,
 * their biases 0; normalisations keep their ones and zeros. Returns the module.
 */
export function initializeLikeKeras<Net extends Module>(module: Net, options: InitializerOptions = {}): Net {
  const fn = 'initializeLikeKeras';
  if (typeof module?.namedParameters !== 'function') {
    throw new TypeError(`${fn}: module must be a Module, got ${describe(module)}`);
  }
  checkOptions(fn, options, ['rng']);
  const { rng = defaultRng() } = options;
  checkRandomSource(fn, 'rng', rng);
  for (const [name, parameter] of module.namedParameters()) {
    if (parameter.ndim > 1) xavierUniform(parameter, { rng });
    else if (/(^|\.)bias$/.test(name)) parameter.value.assign(0);
  }
  return module;
}

type Distribution = NonNullable<VarianceScalingOptions['distribution']>;

function kaiming(
  fn: string, weight: Variable, options: KaimingInitializerOptions, distribution: Distribution,
): Variable {
  checkOptions(fn, options, ['rng', 'mode', 'gain']);
  const mode = checkOneOf(fn, 'mode', options.mode ?? 'fanIn', ['fanIn', 'fanOut']);
  const scale = squaredGain(fn, options.gain ?? Math.SQRT2);
  return scaled(fn, weight, { rng: options.rng, mode, scale, distribution });
}

function xavier(fn: string, weight: Variable, options: XavierInitializerOptions, distribution: Distribution): Variable {
  checkOptions(fn, options, ['rng', 'gain']);
  const scale = squaredGain(fn, options.gain ?? 1);
  return scaled(fn, weight, { rng: options.rng, mode: 'fanAverage', scale, distribution });
}

function squaredGain(fn: string, gain: number): number {
  if (checkNumber(fn, 'gain', gain) <= 0) throw new RangeError(`${fn}: gain must be positive, got ${gain}`);
  return gain * gain;
}

function scaled(fn: string, weight: Variable, options: VarianceScalingOptions): Variable {
  const { scale = 1, mode = 'fanIn', distribution = 'truncatedNormal' } = options;
  if (checkNumber(fn, 'scale', scale) <= 0) throw new RangeError(`${fn}: scale must be positive, got ${scale}`);
  checkOneOf(fn, 'mode', mode, ['fanIn', 'fanOut', 'fanAverage']);
  checkOneOf(fn, 'distribution', distribution, ['truncatedNormal', 'normal', 'uniform']);
  const { fanIn, fanOut } = fans(fn, weight);
  const std = Math.sqrt(scale / { fanIn, fanOut, fanAverage: (fanIn + fanOut) / 2 }[mode]);
  return drawInto(fn, weight, options, (values, rng) => {
    if (distribution === 'normal') rng.fillNormal(values, 0, std);
    else if (distribution === 'truncatedNormal') fillTruncated(values, 0, std / truncatedDeviation, rng);
    else for (let i = 0; i < values.length; i++) values[i] = Math.sqrt(3) * std * (2 * rng.random() - 1);
  });
}

function fillTruncated(values: FloatArray, mean: number, std: number, rng: RandomSource): void {
  const one = new Float64Array(1);
  for (let i = 0; i < values.length; i++) {
    do rng.fillNormal(one); while (Math.abs(one[0]) > 2);
    values[i] = mean + std * one[0];
  }
}

/** The fans of a weight. Throws TypeError for what is no variable, RangeError for less than two axes. */
function fans(fn: string, weight: Variable): { fanIn: number; fanOut: number } {
  checkLeaf(fn, weight);
  const [first, second, ...window] = weight.shape;
  if (weight.ndim < 2) throw new RangeError(`${fn}: weight must have at least 2 axes, got ${shapeText(weight.shape)}`);
  if (weight.ndim === 2) return { fanIn: first, fanOut: second };
  return { fanIn: second * sizeOf(window), fanOut: first * sizeOf(window) };
}

function checkLeaf(fn: string, weight: Variable): void {
  if (!(weight instanceof Variable) || !weight.isLeaf || !/^float/.test(weight.dtype)) {
    throw new TypeError(`${fn}: weight must be a parameter, got ${describe(weight)}`);
  }
}

/** Fills a leaf in place, whether it is trained or not. */
function drawInto(
  fn: string, weight: Variable, options: InitializerOptions, fill: (values: FloatArray, rng: RandomSource) => void,
): Variable {
  checkLeaf(fn, weight);
  const rng = checkRandomSource(fn, 'rng', options.rng ?? defaultRng());
  const values = new Float64Array(weight.size);
  fill(values, rng);
  weight.value.assign(new Tensor(values, [...weight.shape]));
  return weight;
}
