/** Normalisations as records. */

import { shapeText } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { batchnorm, batchnormGradients, type BatchnormParam } from '../batchnorm.ts';
import { groupnorm, groupnormGradients, layernorm, layernormGradients } from '../groupnorm.ts';
import type { LayerRecord, Mode, ParameterSpec } from '../record.ts';
import { noteUndo } from '../undo.ts';
import { batchnormRow, groupnormRow, layernormRow } from '../summary.ts';

/** gamma and beta, one each a channel. */
function scaleAndShift(channels: number): readonly ParameterSpec[] {
  return [{ role: 'gamma', shape: [channels] }, { role: 'beta', shape: [channels] }];
}

function checkChannels(fn: string, layer: string, input: readonly number[], channels: number): readonly number[] {
  if (input[0] !== channels) {
    throw new RangeError(`${fn}: ${layer} of ${channels} channels cannot take examples of ${shapeText(input)}`);
  }
  return input;
}

export interface BatchnormRecord extends LayerRecord {
  readonly kind: 'batchnorm';
  /** eps, momentum and the running averages, which every pass in training renews */
  readonly param: BatchnormParam;
  /** passes in training so far */
  batches: number;
  /** set where the running averages are to be the plain means over all passes */
  cumulative?: boolean;
}

/**
 * The param for a pass in this mode, which is counted in training: running averages at test time where there are
 * any.
 */
export function batchnormParam(record: BatchnormRecord, mode: Mode): BatchnormParam {
  const { param } = record;
  if (mode === 'train') {
    record.batches++;
    noteUndo(() => { record.batches--; });
    if (record.cumulative === true) param.momentum = 1 - 1 / record.batches;
    return param;
  }
  return param.runningMean === undefined ? { ...param, mode: 'train' } : { ...param, mode: 'test' };
}

/** The running averages that a pass normalises by, at test time, and that its way back reads. */
export function constantAverages({ mode, runningMean, runningVar }: BatchnormParam): readonly Tensor[] {
  return mode === 'test' ? [runningMean!, runningVar!] : [];
}

/** x (N, D) or (N, C, H, W), normalised per feature or channel over the rest. */
export function batchnormRecord(channels: number, param: Omit<BatchnormParam, 'mode'> = {}): BatchnormRecord {
  const record: BatchnormRecord = {
    kind: 'batchnorm',
    param: { ...param, mode: 'train' },
    batches: 0,
    parameters: scaleAndShift(channels),
    outputShape: (fn, input) => checkChannels(fn, 'a batchnorm', input, channels),
    forward(fn, x, [gamma, beta], mode) {
      const used = batchnormParam(record, mode);
      const [out, cache] = batchnorm(fn, x, gamma, beta, used, false);
      return [out, (dout) => batchnormGradients(fn, dout, cache), constantAverages(used)];
    },
    infer: (fn, x, [gamma, beta]) => batchnorm(fn, x, gamma, beta, batchnormParam(record, 'test'), false)[0],
    rows: (input) => [batchnormRow(input)],
  };
  return record;
}

export interface LayernormRecord extends LayerRecord {
  readonly kind: 'layernorm';
  readonly eps: number;
}

/** x (N, D), normalised per example. */
export function layernormRecord(features: number, eps: number = 1e-5): LayernormRecord {
  return {
    kind: 'layernorm',
    settings: { eps },
    eps,
    parameters: scaleAndShift(features),
    outputShape: (fn, input) => checkChannels(fn, 'a layernorm', input, features),
    forward(fn, x, [gamma, beta]) {
      const [out, cache] = layernorm(fn, x, gamma, beta, { eps });
      return [out, (dout) => layernormGradients(fn, dout, cache)];
    },
    infer: (fn, x, [gamma, beta]) => layernorm(fn, x, gamma, beta, { eps })[0],
    rows: (input) => [layernormRow(input)],
  };
}

/** x (N, C, H, W), normalised per example and group of channels. */
export function groupnormRecord(groups: number, channels: number, eps: number = 1e-5): LayerRecord {
  return {
    kind: 'groupnorm',
    settings: { groups, eps },
    parameters: scaleAndShift(channels),
    outputShape: (fn, input) => checkChannels(fn, 'a groupnorm', input, channels),
    forward(fn, x, [gamma, beta]) {
      const [out, cache] = groupnorm(fn, x, gamma, beta, groups, { eps });
      return [out, (dout) => groupnormGradients(fn, dout, cache)];
    },
    infer: (fn, x, [gamma, beta]) => groupnorm(fn, x, gamma, beta, groups, { eps })[0],
    rows: (input) => [groupnormRow(input, groups)],
  };
}
