/**
 * Batch normalisation: each feature is shifted and scaled to mean 0 and variance 1 over the batch, then by learned
 * gamma and beta.
 *
 *   x            (N, D), or (N, C, H, W) for the spatial form, which averages over N, H and W
 *   gamma, beta  (D), or (C)
 *   out          gamma (x - mean) / sqrt(variance + eps) + beta, in the shape of x
 *
 * In training, mean and (uncorrected) variance are the batch's own, and running averages are kept in the param:
 * running = momentum running + (1 - momentum) sample, starting from zeros. At test time the running averages stand in
 * for the batch's.
 *
 * Ioffe, Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate shift", 2015.
 */

import type { ChannelGeometry } from '../kernels/geometry.ts';
import { allocateCollected } from '../kernels/memory/allocate.ts';
import { batchnormBackwardGraph } from '../kernels/naive/index.ts';
import { activeKernels } from '../kernels/registry.ts';
import { checkNumber, checkOneOf, checkOptions, checkWritable } from '../runtime/check.ts';
import { checkRank, checkTensor, shapeText } from '../tensor/check.ts';
import { emptyTensor } from '../tensor/internal.ts';
import { Tensor } from '../tensor/tensor.ts';
import {
  asFloat, Cache, checkGradient, checkNotEmpty, checkPerChannel, floats, floatTypeOf,
} from './arguments.ts';
import type { FloatType } from './arguments.ts';
import { noteUndo } from './undo.ts';

export interface BatchnormParam {
  mode: 'train' | 'test';
  /** added to the variance, 1e-5 unless given */
  eps?: number;
  /** the share of the old running average in the new one, 0.9 unless given */
  momentum?: number;
  /** (D): written by every forward pass in training, as a new tensor; read at test time */
  runningMean?: Tensor;
  /** (D), likewise */
  runningVar?: Tensor;
  /** keeps the average of the corrected variance, n / (n - 1) times the batch's, as PyTorch does; false unless given */
  correctedVariance?: boolean;
}

/** What the backward passes need. */
export interface BatchnormContent {
  readonly x: Tensor;
  readonly gamma: Tensor;
  readonly beta: Tensor;
  /** the mean and variance that normalised x: the batch's own in training, else the running averages */
  readonly mean: Tensor;
  readonly variance: Tensor;
  readonly mode: 'train' | 'test';
  readonly eps: number;
  readonly geometry: ChannelGeometry;
}

export type BatchnormCache = Cache<'batchnorm', BatchnormContent>;

/** The gradients of a normalisation, in the shapes of x, gamma and beta. */
export type NormGradients = [dx: Tensor, dgamma: Tensor, dbeta: Tensor];

/**
 * Batchnorm of x (N, D) with gamma and beta (D). In training it replaces bnParam.runningMean and bnParam.runningVar.
 * Throws TypeError for arguments that are not tensors, unknown options, and test mode without running averages;
 * RangeError for an empty batch, one value per channel in training, shapes that do not fit, an unknown mode, eps below
 * 0 or momentum outside 0..1.
 */
export function batchnormForward(
  x: Tensor, gamma: Tensor, beta: Tensor, bnParam: BatchnormParam,
): [out: Tensor, cache: BatchnormCache] {
  checkRank('batchnormForward', 'x', x, 2);
  return batchnorm('batchnormForward', x, gamma, beta, bnParam, false);
}

/**
 * dx (N, D), dgamma (D), dbeta (D). In training mode the chain rule is applied to the graph of the forward pass, one
 * node after another (written out in kernels/naive/batchnorm-graph.ts): the version to learn from.
 */
export function batchnormBackward(dout: Tensor, cache: BatchnormCache): NormGradients {
  const { x, gamma, mean, variance, mode, eps, geometry } = Cache.open('batchnormBackward', cache, 'batchnorm');
  if (mode === 'test') return batchnormGradients('batchnormBackward', dout, cache);
  const upstream = checkGradient('batchnormBackward', dout, x.shape, x.dtype as FloatType);
  const dx = emptyTensor(x.shape, x.dtype);
  const dgamma = emptyTensor(gamma.shape, x.dtype);
  const dbeta = emptyTensor(gamma.shape, x.dtype);
  batchnormBackwardGraph(
    floats(upstream), floats(x), floats(gamma), floats(mean), floats(variance),
    floats(dx), floats(dgamma), floats(dbeta), geometry, eps,
  );
  return [dx, dgamma, dbeta];
}

/**
 * The same gradients by the closed formula that the graph simplifies to: the version that trains. With
 * z = (x - mean) / sqrt(variance + eps) and averages over the batch,
 * dx = gamma / sqrt(variance + eps) (dout - average(dout) - z average(dout z)). At test time, where mean and variance
 * are constants, the two averages drop out.
 */
export function batchnormBackwardAlt(dout: Tensor, cache: BatchnormCache): NormGradients {
  return batchnormGradients('batchnormBackwardAlt', dout, cache);
}

/** Batchnorm of x (N, C, H, W), gamma and beta (C), per channel over N, H and W. Throws as batchnormForward does. */
export function spatialBatchnormForward(
  x: Tensor, gamma: Tensor, beta: Tensor, bnParam: BatchnormParam,
): [out: Tensor, cache: BatchnormCache] {
  checkRank('spatialBatchnormForward', 'x', x, 4);
  return batchnorm('spatialBatchnormForward', x, gamma, beta, bnParam, false);
}

/** dx (N, C, H, W), dgamma (C), dbeta (C). */
export function spatialBatchnormBackward(dout: Tensor, cache: BatchnormCache): NormGradients {
  return batchnormGradients('spatialBatchnormBackward', dout, cache);
}

/**
 * The forward pass for x (N, D) or (N, C, H, W) under the caller's name, followed in the same pass over memory by the
 * addition of `added`, a tensor like x with planes of more than one pixel, where there is one, and by max(0, .) where
 * relu is set.
 */
export function batchnorm(
  fn: string, x: Tensor, gamma: Tensor, beta: Tensor, bnParam: BatchnormParam, relu: boolean,
  added: Tensor | null = null,
): [out: Tensor, cache: BatchnormCache] {
  const norm = batchnormStatistics(fn, x, gamma, beta, bnParam);
  const out = emptyTensor(x.shape, norm.x.dtype);
  activeKernels().batchnormApply(
    floats(norm.x), floats(norm.gamma), floats(norm.beta), floats(norm.mean), floats(norm.variance), floats(out),
    norm.geometry, norm.eps, relu, added === null ? null : floats(added),
  );
  return [out, new Cache('batchnorm', norm)];
}

/**
 * The first half of the forward pass: checks the arguments, finds the mean and variance to normalise with and, in
 * training, renews the running averages.
 */
export function batchnormStatistics(
  fn: string, x: Tensor, gamma: Tensor, beta: Tensor, bnParam: BatchnormParam,
): BatchnormContent {
  const { mode, eps, momentum, geometry } = checkBatchnorm(fn, x, gamma, beta, bnParam);
  const type = floatTypeOf(x, gamma, beta);
  const input = asFloat(x, type);
  let mean: Tensor;
  let variance: Tensor;
  if (mode === 'train') {
    mean = emptyTensor(gamma.shape, type);
    variance = emptyTensor(gamma.shape, type);
    activeKernels().batchnormStatistics(floats(input), floats(mean), floats(variance), geometry);
    const { runningMean, runningVar } = bnParam;
    noteUndo(() => { Object.assign(bnParam, { runningMean, runningVar }); });
    bnParam.runningMean = movingAverage(bnParam.runningMean, mean, momentum);
    const values = geometry.outer * geometry.inner;
    const correction = bnParam.correctedVariance === true ? values / (values - 1) : 1;
    bnParam.runningVar = movingAverage(bnParam.runningVar, variance, momentum, correction);
  } else {
    mean = asFloat(bnParam.runningMean as Tensor, type);
    variance = asFloat(bnParam.runningVar as Tensor, type);
  }
  return { x: input, gamma: asFloat(gamma, type), beta: asFloat(beta, type), mean, variance, mode, eps, geometry };
}

/**
 * The backward pass under the caller's name. Where reluOut, the output of a ReLU that followed, is not positive, dout
 * counts as 0; null without one. With inPlace, dx takes the place of dout, which must be the caller's own.
 */
export function batchnormGradients(
  fn: string, dout: Tensor, cache: BatchnormCache, reluOut: Tensor | null = null, inPlace: boolean = false,
): NormGradients {
  const { x, gamma, mean, variance, mode, eps, geometry } = Cache.open(fn, cache, 'batchnorm');
  const upstream = checkGradient(fn, dout, x.shape, x.dtype as FloatType);
  const dx = inPlace ? upstream : emptyTensor(x.shape, x.dtype);
  const dgamma = emptyTensor(gamma.shape, x.dtype);
  const dbeta = emptyTensor(gamma.shape, x.dtype);
  const kernel = mode === 'train' ? 'batchnormBackward' : 'batchnormBackwardConstant';
  activeKernels()[kernel](
    floats(upstream), floats(x), floats(gamma), floats(mean), floats(variance),
    reluOut === null ? null : floats(reluOut), floats(dx), floats(dgamma), floats(dbeta), geometry, eps,
  );
  return [dx, dgamma, dbeta];
}

/**
 * The same where something was added before the ReLU: its gradient comes last. The gradient that arrives is dout, plus
 * `more` unless that is null.
 */
export function batchnormAddedGradients(
  fn: string, dout: Tensor, more: Tensor | null, cache: BatchnormCache, reluOut: Tensor,
): [...NormGradients, dadded: Tensor] {
  const { x, gamma, mean, variance, mode, eps, geometry } = Cache.open(fn, cache, 'batchnorm');
  const parts = [dout, more].map((part) =>
    (part === null ? null : floats(checkGradient(fn, part, x.shape, x.dtype as FloatType))));
  const passed = emptyTensor(x.shape, x.dtype);
  if (mode === 'test') {
    const kernels = activeKernels();
    if (parts[1] !== null) kernels.binary('add', parts[0]!, parts[1], floats(passed));
    kernels.reluBackward(parts[1] === null ? parts[0]! : floats(passed), floats(reluOut), floats(passed));
    return [...batchnormGradients(fn, passed, cache), passed];
  }
  const dx = emptyTensor(x.shape, x.dtype);
  const dgamma = emptyTensor(gamma.shape, x.dtype);
  const dbeta = emptyTensor(gamma.shape, x.dtype);
  activeKernels().batchnormBackward(
    parts[0]!, floats(x), floats(gamma), floats(mean), floats(variance), floats(reluOut), floats(dx), floats(dgamma),
    floats(dbeta), geometry, eps, floats(passed), parts[1],
  );
  return [dx, dgamma, dbeta, passed];
}

/**
 * momentum running + (1 - momentum) correction sample, in memory that outlives a training step; running is 0 at
 * first.
 */
function movingAverage(
  running: Tensor | undefined, sample: Tensor, momentum: number, correction: number = 1,
): Tensor {
  const type = sample.dtype as FloatType;
  const next = new Tensor(allocateCollected(type, sample.size), sample.shape);
  const to = floats(next);
  const from = floats(sample);
  const old = running === undefined ? null : floats(asFloat(running, type));
  for (let i = 0; i < to.length; i++) {
    to[i] = momentum * (old === null ? 0 : old[i]) + (1 - momentum) * correction * from[i];
  }
  return next;
}

interface CheckedBatchnorm {
  readonly mode: 'train' | 'test';
  readonly eps: number;
  readonly momentum: number;
  readonly geometry: ChannelGeometry;
}

function checkBatchnorm(
  fn: string, x: Tensor, gamma: Tensor, beta: Tensor, bnParam: BatchnormParam,
): CheckedBatchnorm {
  checkTensor(fn, 'x', x);
  checkNotEmpty(fn, 'x', x);
  const [outer, channels] = x.shape;
  checkPerChannel(fn, 'gamma', gamma, channels, x);
  checkPerChannel(fn, 'beta', beta, channels, x);
  checkOptions(fn, bnParam, ['mode', 'eps', 'momentum', 'runningMean', 'runningVar', 'correctedVariance']);
  const mode = checkOneOf(fn, 'mode', bnParam.mode, ['train', 'test']);
  const eps = checkNumber(fn, 'eps', bnParam.eps ?? 1e-5, 0);
  const momentum = checkNumber(fn, 'momentum', bnParam.momentum ?? 0.9, 0, 1);
  for (const name of ['runningMean', 'runningVar'] as const) {
    const running = bnParam[name];
    if (running !== undefined) checkPerChannel(fn, name, running, channels, x);
    else if (mode === 'test') {
      throw new TypeError(`${fn}: mode 'test' needs ${name}: run in mode 'train' with the same param first, or set it`);
    }
  }
  if (mode === 'train') {
    checkWritable(fn, 'the batchnorm param', bnParam, ['runningMean', 'runningVar']);
    if (x.size === channels) {
      throw new RangeError(
        `${fn}: x must have more than 1 value per channel in mode 'train', whose variance is 0 otherwise, got 1 ` +
        `(x ${shapeText(x.shape)})`,
      );
    }
  }
  return { mode, eps, momentum, geometry: { outer, channels, inner: x.size / (outer * channels) } };
}
