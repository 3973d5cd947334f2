/** Normalisation layers, with PyTorch's names, defaults and running averages. */

import { parameter, variable, type Variable } from '../../autograd/variable.ts';
import { spendParameters } from '../../layers/parameter-budget.ts';
import type { LayerRecord } from '../../layers/record.ts';
import {
  batchnormRecord, type BatchnormRecord, groupnormRecord, layernormRecord,
} from '../../layers/records/normalization.ts';
import { checkBoolean, checkInteger, checkNumber } from '../../runtime/check.ts';
import { ones, tensor, zeros } from '../../tensor/creation.ts';
import { checkShape, shapeText, sizeOf } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Settings } from '../architecture/types.ts';
import { layerOptions, type LayerOptions } from '../defaults.ts';
import { LayerModule } from '../layer-module.ts';
import type { StateEntry } from '../state-entry.ts';

export interface NormOptions extends LayerOptions {
  /** added to the variance, 1e-5 unless given */
  eps?: number;
}

export interface AffineOptions extends NormOptions {
  /** false: scale and shift stay 1 and 0 and are no parameters; true unless given */
  affine?: boolean;
}

export interface BatchNormOptions extends AffineOptions {
  /**
   * the share of the new batch in the running averages, 0.1 unless given (PyTorch's convention); null for the plain
   * means over all batches
   */
  momentum?: number | null;
}

/** What the three norms share: a scale and a shift, one each a channel. */
abstract class Norm extends LayerModule {
  /** gamma */
  readonly weight: Variable;
  /** beta */
  readonly bias: Variable;

  constructor(fn: string, channels: number, dtype: 'float32' | 'float64', affine: boolean = true) {
    super();
    checkBoolean(fn, 'affine', affine);
    spendParameters(fn, (affine ? 2 : 0) * channels);
    const make = affine ? parameter : variable;
    this.weight = make(ones(channels, dtype));
    this.bias = make(zeros(channels, dtype));
    // what is not walked is neither trained nor stored
    for (const name of affine ? [] : ['weight', 'bias']) Object.defineProperty(this, name, { enumerable: false });
  }

  override layerParameters(): Variable[] {
    return [this.weight, this.bias];
  }
}

abstract class BatchNorm extends Norm {
  readonly _record: BatchnormRecord;
  override readonly _settings: Settings;
  override readonly _ranks: readonly number[];

  constructor(fn: string, ranks: readonly number[], channels: number, options: BatchNormOptions) {
    checkInteger(fn, 'channels', channels, 1);
    const { dtype } = layerOptions(fn, options, ['eps', 'momentum', 'affine']);
    const eps = checkNumber(fn, 'eps', options.eps ?? 1e-5, 0);
    const momentum = checkNumber(fn, 'momentum', options.momentum ?? 0.1, 0, 1);
    super(fn, channels, dtype, options.affine);
    spendParameters(fn, 2 * channels);
    this._ranks = ranks;
    this._record = batchnormRecord(channels, {
      eps, momentum: 1 - momentum, correctedVariance: true,
      runningMean: zeros(channels, dtype), runningVar: ones(channels, dtype),
    });
    this._record.cumulative = options.momentum === null;
    const { affine = true } = options;
    this._settings = { channels, eps, momentum: options.momentum === null ? null : momentum, affine, dtype };
  }

  /** The running average of the means, (channels). */
  get runningMean(): Tensor { return this._record.param.runningMean!; }
  /** The running average of the corrected variances, (channels). */
  get runningVar(): Tensor { return this._record.param.runningVar!; }

  override stateEntries(): StateEntry[] {
    const { param } = this._record;
    const average = (name: string, key: 'runningMean' | 'runningVar'): StateEntry => ({
      name,
      isBuffer: true,
      shape: this.weight.shape,
      read: () => param[key]!.clone(),
      write: (stored) => { param[key] = stored.astype(this.weight.dtype).clone(); },
    });
    return [
      ...super.stateEntries(), average('running_mean', 'runningMean'), average('running_var', 'runningVar'),
      {
        name: 'num_batches_tracked',
        isBuffer: true,
        shape: [],
        read: () => tensor(this._record.batches, [], 'int32'),
        write: (stored) => { this._record.batches = stored.item(); },
      },
    ];
  }
}

/** Batchnorm of x (N, D), or (N, D, L), per feature. Throws TypeError or RangeError for options that do not fit. */
export class BatchNorm1d extends BatchNorm {
  constructor(features: number, options: BatchNormOptions = {}) {
    super('BatchNorm1d', [2, 3], features, options);
  }
}

/** Batchnorm of x (N, C, H, W) per channel. Throws TypeError or RangeError for options that do not fit. */
export class BatchNorm2d extends BatchNorm {
  constructor(channels: number, options: BatchNormOptions = {}) {
    super('BatchNorm2d', [4], channels, options);
  }
}

/** Normalisation of each example over its last axes, which must be of the given shape. */
export class LayerNorm extends Norm {
  // bundlers rename classes that name themselves (see Tensor)
  static override readonly name: string = 'LayerNorm';
  readonly _record: LayerRecord;
  override readonly _settings: Settings;
  readonly #shape: readonly number[];

  /** Throws TypeError for arguments of the wrong kind and unknown options, RangeError for values out of range. */
  constructor(shape: number | readonly number[], options: NormOptions = {}) {
    const fn = 'LayerNorm';
    const axes = checkShape(fn, shape);
    const { dtype } = layerOptions(fn, options, ['eps']);
    super(fn, checkInteger(fn, 'the size of shape', sizeOf(axes), 1), dtype);
    this.#shape = axes;
    const eps = checkNumber(fn, 'eps', options.eps ?? 1e-5, 0);
    this._record = layernormRecord(sizeOf(axes), eps);
    this._settings = { shape: axes, eps, dtype };
  }

  override get _computesRecord(): boolean {
    return this._hasForwardOf(LayerNorm.prototype);
  }

  /** x (..., shape) normalised over the axes of the shape. Throws RangeError where the last axes are others. */
  override forward(x: Variable): Variable {
    const last = x.shape.slice(-this.#shape.length);
    if (x.ndim < this.#shape.length || String(last) !== String(this.#shape)) {
      throw new RangeError(`LayerNorm: x must end in axes ${shapeText(this.#shape)}, got ${shapeText(x.shape)}`);
    }
    if (x.ndim === 2 && last.length === 1) return super.forward(x);
    return super.forward(x.reshape(-1, this.weight.size)).reshape(...x.shape);
  }

  override stateEntries(): StateEntry[] {
    return super.stateEntries().map((entry) => ({
      ...entry,
      shape: this.#shape,
      read: () => entry.read().reshape([...this.#shape]),
      write: (stored) => entry.write(stored.reshape(-1)),
    }));
  }
}

/** Normalisation of x (N, C, H, W) over groups of channels, per example. */
export class GroupNorm extends Norm {
  readonly _record: LayerRecord;
  override readonly _settings: Settings;
  override readonly _ranks: readonly number[] = [4];

  /** Throws TypeError for arguments of the wrong kind, RangeError unless the groups divide the channels. */
  constructor(groups: number, channels: number, options: AffineOptions = {}) {
    const fn = 'GroupNorm';
    checkInteger(fn, 'groups', groups, 1);
    checkInteger(fn, 'channels', channels, 1);
    if (channels % groups !== 0) throw new RangeError(`${fn}: groups must divide channels, got ${groups} for ${channels}`);
    const { dtype } = layerOptions(fn, options, ['eps', 'affine']);
    super(fn, channels, dtype, options.affine);
    const eps = checkNumber(fn, 'eps', options.eps ?? 1e-5, 0);
    this._record = groupnormRecord(groups, channels, eps);
    this._settings = { groups, channels, eps, affine: options.affine ?? true, dtype };
  }
}
