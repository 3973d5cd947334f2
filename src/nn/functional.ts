/**
 * Layers as functions of variables, for networks whose parameters are variables of one's own: `conv2d(x, w, b, {
 * padding: 1 }).relu()`. They compute what the modules of the same names do.
 */

import { applyLayer } from '../autograd/layer.ts';
import { Variable } from '../autograd/variable.ts';
import { type Pad, type PerAxis, perAxis } from '../layers/geometry.ts';
import { affineRecord } from '../layers/records/affine.ts';
import { convRecord } from '../layers/records/convolution.ts';
import { dropoutRecord, maxoutRecord } from '../layers/records/elementwise.ts';
import { batchnormRecord, groupnormRecord, layernormRecord } from '../layers/records/normalization.ts';
import { adaptiveAvgPoolRecord, avgPoolRecord, maxPoolRecord } from '../layers/records/pooling.ts';
import { noteUndo } from '../layers/undo.ts';
import { checkBoolean, checkInteger, checkNumber, checkOptions, describe } from '../runtime/check.ts';
import { checkNotStretched, checkTensorShape, shapeText } from '../tensor/check.ts';
import { tensor } from '../tensor/creation.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';
import { sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { defaultRng } from './defaults.ts';
import { type AvgPoolOptions, poolParam, type PoolOptions } from './layers/pooling.ts';

/** Throws TypeError unless value is a variable, RangeError unless it has one of these numbers of axes. */
function checkVariable(fn: string, name: string, value: unknown, ...ranks: readonly number[]): Variable {
  if (!(value instanceof Variable)) throw new TypeError(`${fn}: ${name} must be a Variable, got ${describe(value)}`);
  if (ranks.length > 0 && !ranks.includes(value.ndim)) {
    throw new RangeError(`${fn}: ${name} must have ${ranks.join(' or ')} axes, got shape ${shapeText(value.shape)}`);
  }
  return value;
}

/** w and b as parameters of a layer, b (size) unless null. */
function weights(fn: string, w: Variable, b: Variable | null, size: number): Variable[] {
  if (b === null) return [w];
  if (checkVariable(fn, 'b', b, 1).size !== size) {
    throw new RangeError(`${fn}: b must have ${size} elements, got ${b.size} (w ${shapeText(w.shape)})`);
  }
  return [w, b];
}

/** x (N, ...) w + b with w (in, out) and b (out) or null; the axes of an example are taken as one. */
export function linear(x: Variable, w: Variable, b: Variable | null = null): Variable {
  const fn = 'linear';
  checkVariable(fn, 'x', x);
  const [inputs, outputs] = checkVariable(fn, 'w', w, 2).shape;
  const parameters = weights(fn, w, b, outputs);
  if (x.ndim < 1 || sizeOf(x.shape.slice(1)) !== inputs) {
    throw new RangeError(`${fn}: x must have ${inputs} numbers an example, got shape ${shapeText(x.shape)}`);
  }
  return applyLayer(fn, affineRecord(inputs, outputs, b !== null), x, parameters, 'train');
}

export interface ConvFunctionOptions {
  /** pixels between neighbouring windows, 1 unless given */
  stride?: PerAxis;
  /** rows and columns of zeros on every side, 0 unless given, or 'same' or 'valid' */
  padding?: Pad;
  /** pixels between neighbouring taps, 1 unless given */
  dilation?: PerAxis;
  /** parts that channels and filters are cut into, 1 unless given */
  groups?: number;
}

/**
 * The convolution of x (N, C, H, W) by w (F, C / groups, KH, KW) with b (F) or null. Throws as Conv2d does.
 */
export function conv2d(
  x: Variable, w: Variable, b: Variable | null = null, options: ConvFunctionOptions = {},
): Variable {
  const fn = 'conv2d';
  checkVariable(fn, 'x', x, 4);
  const [filters, channels, height, width] = checkVariable(fn, 'w', w, 4).shape;
  const parameters = weights(fn, w, b, filters);
  checkOptions(fn, options, ['stride', 'padding', 'dilation', 'groups']);
  const { stride = 1, padding = 0, dilation = 1 } = options;
  const groups = checkInteger(fn, 'groups', options.groups ?? 1, 1);
  const param = { stride, pad: padding, dilation, groups };
  const record = convRecord(channels * groups, filters, [height, width], param, b !== null);
  return applyLayer(fn, record, x, parameters, 'train');
}

/** The maximum of each window of x (N, C, H, W). Throws as MaxPool2d does. */
export function maxPool2d(x: Variable, kernelSize: PerAxis, options: PoolOptions = {}): Variable {
  const fn = 'maxPool2d';
  return applyLayer(fn, maxPoolRecord(poolParam(fn, kernelSize, options)), checkVariable(fn, 'x', x, 4), [], 'train');
}

/** The average of each window of x (N, C, H, W). Throws as AvgPool2d does. */
export function avgPool2d(x: Variable, kernelSize: PerAxis, options: AvgPoolOptions = {}): Variable {
  const fn = 'avgPool2d';
  const param = { ...poolParam(fn, kernelSize, options, ['countIncludePad']), countIncludePad: options.countIncludePad };
  if (options.countIncludePad !== undefined) checkBoolean(fn, 'countIncludePad', options.countIncludePad);
  return applyLayer(fn, avgPoolRecord(param), checkVariable(fn, 'x', x, 4), [], 'train');
}

/** Averages of x (N, C, H, W) over so many windows that cover the image evenly. Throws as AdaptiveAvgPool2d does. */
export function adaptiveAvgPool2d(x: Variable, outputSize: PerAxis): Variable {
  const fn = 'adaptiveAvgPool2d';
  return applyLayer(fn, adaptiveAvgPoolRecord(perAxis(fn, 'outputSize', outputSize, 1)), checkVariable(fn, 'x', x, 4), [], 'train');
}

/** The largest of each k neighbouring channels of x (N, C, ...). Throws RangeError unless k divides the channels. */
export function maxout(x: Variable, k: number): Variable {
  const fn = 'maxout';
  return applyLayer(fn, maxoutRecord(checkInteger(fn, 'k', k, 1)), checkVariable(fn, 'x', x), [], 'train');
}

export interface NormFunctionOptions {
  /** added to the variance, 1e-5 unless given */
  eps?: number;
}

/** gamma and beta of a normalisation, each of so many elements, and its eps. */
function normArguments(
  fn: string, gamma: Variable, beta: Variable, size: number, options: NormFunctionOptions, own: readonly string[] = [],
): { parameters: Variable[]; eps: number } {
  checkOptions(fn, options, ['eps', ...own]);
  for (const [name, value] of Object.entries({ gamma, beta })) {
    if (checkVariable(fn, name, value, 1).size !== size) {
      throw new RangeError(`${fn}: ${name} must have ${size} elements, got ${value.size}`);
    }
  }
  return { parameters: [gamma, beta], eps: checkNumber(fn, 'eps', options.eps ?? 1e-5, 0) };
}

/** x (..., D) normalised over its last axis, scaled by gamma (D) and shifted by beta (D). */
export function layerNorm(
  x: Variable, gamma: Variable, beta: Variable, options: NormFunctionOptions = {},
): Variable {
  const fn = 'layerNorm';
  const features = checkVariable(fn, 'x', x).shape.at(-1) ?? 1;
  const { parameters, eps } = normArguments(fn, gamma, beta, features, options);
  const record = layernormRecord(features, eps);
  if (x.ndim === 2) return applyLayer(fn, record, x, parameters, 'train');
  return applyLayer(fn, record, x.reshape(-1, features), parameters, 'train').reshape(...x.shape);
}

/** x (N, C, H, W) normalised per example over groups of channels, scaled by gamma (C) and shifted by beta (C). */
export function groupNorm(
  x: Variable, groups: number, gamma: Variable, beta: Variable, options: NormFunctionOptions = {},
): Variable {
  const fn = 'groupNorm';
  const [, channels] = checkVariable(fn, 'x', x, 4).shape;
  checkInteger(fn, 'groups', groups, 1);
  if (channels % groups !== 0) throw new RangeError(`${fn}: groups must divide ${channels} channels, got ${groups}`);
  const { parameters, eps } = normArguments(fn, gamma, beta, channels, options);
  return applyLayer(fn, groupnormRecord(groups, channels, eps), x, parameters, 'train');
}

export interface BatchNormFunctionOptions extends NormFunctionOptions {
  /** running averages (C), both or neither: normalised by, or in training renewed in place */
  runningMean?: Tensor;
  runningVar?: Tensor;
  /** whether to normalise by the batch's own mean and variance; true unless running averages are given */
  training?: boolean;
  /** the share of the batch in the renewed averages, 0.1 unless given */
  momentum?: number;
}

/**
 * x (N, C) or (N, C, H, W) normalised per channel, scaled by gamma (C) and shifted by beta (C). Throws as BatchNorm2d
 * does, and TypeError for one running average alone, none where training is false, and stretched ones where it is true.
 */
export function batchNorm(
  x: Variable, gamma: Variable, beta: Variable, options: BatchNormFunctionOptions = {},
): Variable {
  const fn = 'batchNorm';
  const [, channels] = checkVariable(fn, 'x', x, 2, 4).shape;
  const { parameters, eps } = normArguments(fn, gamma, beta, channels, options, [
    'runningMean', 'runningVar', 'training', 'momentum',
  ]);
  const momentum = 1 - checkNumber(fn, 'momentum', options.momentum ?? 0.1, 0, 1);
  const none = options.runningMean === undefined && options.runningVar === undefined;
  const training = checkBoolean(fn, 'training', options.training ?? none);
  if (none && training) return applyLayer(fn, batchnormRecord(channels, { eps }), x, parameters, 'train');
  const runningMean = checkTensorShape(fn, 'runningMean', options.runningMean, [channels]);
  const runningVar = checkTensorShape(fn, 'runningVar', options.runningVar, [channels]);
  if (training) {
    checkNotStretched(fn, 'runningMean', runningMean);
    checkNotStretched(fn, 'runningVar', runningVar);
  }
  const record = batchnormRecord(channels, { eps, momentum, correctedVariance: true, runningMean, runningVar });
  const out = applyLayer(fn, record, x, parameters, training ? 'train' : 'test');
  if (training) {
    const renewed = [[runningMean, record.param.runningMean!], [runningVar, record.param.runningVar!]] as const;
    for (const [average, next] of renewed) {
      const before = tensor(average.toArray()); // a clone's memory might be the step's
      noteUndo(() => { average.assign(before); });
      average.assign(next);
    }
  }
  return out;
}

export interface DropoutFunctionOptions {
  /** false: the identity; true unless given */
  training?: boolean;
  /** where the mask is drawn from; the generator that manualSeed sets unless given */
  rng?: RandomSource;
}

/** Each element dropped with probability p, the rest scaled by 1 / (1 - p). Throws RangeError unless 0 <= p <= 1. */
export function dropout(x: Variable, p: number = 0.5, options: DropoutFunctionOptions = {}): Variable {
  const fn = 'dropout';
  checkVariable(fn, 'x', x);
  checkNumber(fn, 'p', p, 0, 1);
  checkOptions(fn, options, ['training', 'rng']);
  const rng = checkRandomSource(fn, 'rng', options.rng ?? defaultRng());
  const training = checkBoolean(fn, 'training', options.training ?? true);
  return training ? applyLayer(fn, dropoutRecord(1 - p, () => rng), x, [], 'train') : x;
}
