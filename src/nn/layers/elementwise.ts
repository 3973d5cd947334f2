/** Layers that work element by element, or on a few neighbours: activations, dropout; and what only renames axes. */

import { parameter, type Variable } from '../../autograd/variable.ts';
import { spendParameters } from '../../layers/parameter-budget.ts';
import type { LayerRecord } from '../../layers/record.ts';
import {
  channelsFirstRecord, dropoutRecord, eluRecord, flattenRecord, geluRecord, leakyReluRecord, maxoutRecord, preluRecord,
  reluRecord, scaleRecord, sigmoidRecord, siluRecord, softmaxRecord, tanhRecord,
} from '../../layers/records/elementwise.ts';
import { checkInteger, checkNumber, checkOptions } from '../../runtime/check.ts';
import { shapeText } from '../../tensor/check.ts';
import { full } from '../../tensor/creation.ts';
import { checkRandomSource, type RandomSource } from '../../tensor/random/source.ts';
import { maxDimensions } from '../../tensor/shape.ts';
import { Rng } from '../../tensor/random/rng.ts';
import type { Settings } from '../architecture/types.ts';
import { defaultRng, layerOptions, type LayerOptions } from '../defaults.ts';
import { LayerModule } from '../layer-module.ts';

/** max(0, x) */
export class ReLU extends LayerModule {
  readonly _record: LayerRecord = reluRecord();
}

/** x where x is positive, else alpha x; alpha 0.01 unless given. */
export class LeakyReLU extends LayerModule {
  readonly _record: LayerRecord;
  override readonly _settings: Settings;

  constructor(alpha: number = 0.01) {
    super();
    this._record = leakyReluRecord(checkNumber('LeakyReLU', 'alpha', alpha));
    this._settings = { alpha };
  }
}

/** x where x is positive, else alpha (e^x - 1); alpha 1 unless given. */
export class ELU extends LayerModule {
  readonly _record: LayerRecord;
  override readonly _settings: Settings;

  constructor(alpha: number = 1) {
    super();
    this._record = eluRecord(checkNumber('ELU', 'alpha', alpha));
    this._settings = { alpha };
  }
}

/**
 * x times the share of a normal distribution below x (Hendrycks & Gimpel 2016), exactly and not by the tanh formula.
 */
export class GELU extends LayerModule {
  readonly _record: LayerRecord = geluRecord();
}

/** x / (1 + e^-x) (Elfwing, Uchibe & Doya 2017) */
export class SiLU extends LayerModule {
  readonly _record: LayerRecord = siluRecord();
}

/** 1 / (1 + e^-x) */
export class Sigmoid extends LayerModule {
  readonly _record: LayerRecord = sigmoidRecord();
}

/** The hyperbolic tangent. */
export class Tanh extends LayerModule {
  readonly _record: LayerRecord = tanhRecord();
}

/** Probabilities along an axis, the last unless given. Losses on logits (crossEntropy) want none before them. */
export class Softmax extends LayerModule {
  readonly _record: LayerRecord;
  override readonly _settings: Settings;

  constructor(axis: number = -1) {
    super();
    this._record = softmaxRecord(checkInteger('Softmax', 'axis', axis));
    this._settings = { axis };
  }
}

export interface PReLUOptions extends Pick<LayerOptions, 'dtype'> {
  /** the slope at the start, 0.25 unless given */
  init?: number;
}

/**
 * x where x is positive, else weight x, the weight being learnt: one for all channels of x (N, C, ...), or one each (He
 * et al. 2015). Throws TypeError for arguments of the wrong kind, RangeError for less than one parameter.
 */
export class PReLU extends LayerModule {
  readonly weight: Variable;
  readonly _record: LayerRecord;
  override readonly _settings: Settings;

  constructor(numParameters: number = 1, options: PReLUOptions = {}) {
    super();
    const fn = 'PReLU';
    checkInteger(fn, 'numParameters', numParameters, 1);
    const { dtype } = layerOptions(fn, options, ['init']);
    spendParameters(fn, numParameters);
    this.weight = parameter(full([numParameters], checkNumber(fn, 'init', options.init ?? 0.25), dtype));
    this._record = preluRecord(numParameters);
    this._settings = { numParameters, dtype };
  }

  override layerParameters(): Variable[] {
    return [this.weight];
  }
}

/** The largest of each k neighbouring channels: (N, C, ...) -> (N, C / k, ...) (Goodfellow et al. 2013). */
export class Maxout extends LayerModule {
  readonly _record: LayerRecord;
  override readonly _settings: Settings;

  /** Throws TypeError or RangeError unless k is a positive integer. */
  constructor(k: number) {
    super();
    this._record = maxoutRecord(checkInteger('Maxout', 'k', k, 1));
    this._settings = { k };
  }
}

/**
 * (N, H, W, C) -> (N, C, H, W): put in front of a network, it takes pictures as Keras and picture files have them.
 * Filters in Keras's (KH, KW, C, F) are `filters.transpose(3, 2, 0, 1)` here.
 */
export class ChannelsFirst extends LayerModule {
  readonly _record: LayerRecord = channelsFirstRecord();

  /** Throws RangeError unless x has four axes. */
  override forward(x: Variable): Variable {
    if (x.ndim !== 4) throw new RangeError(`ChannelsFirst: x must be (N, H, W, C), got ${shapeText(x.shape)}`);
    return super.forward(x);
  }
}

/** factor x: how far apart scores lie. */
export class Scale extends LayerModule {
  readonly _record: LayerRecord;
  override readonly _settings: Settings;

  constructor(factor: number) {
    super();
    this._record = scaleRecord(checkNumber('Scale', 'factor', factor));
    this._settings = { factor };
  }
}

/** (N, ...) -> (N, the rest in one axis) */
export class Flatten extends LayerModule {
  readonly _record: LayerRecord = flattenRecord();
  override readonly _ranks: readonly number[] = Array.from({ length: maxDimensions }, (_, i) => i + 1);
}

export interface DropoutOptions {
  /** where masks are drawn from; a generator of the layer's own unless given */
  rng?: RandomSource;
}

/** In training drops each element with probability p and scales the rest by 1 / (1 - p); else the identity. */
export class Dropout extends LayerModule {
  readonly _record: LayerRecord;
  override readonly _settings: Settings;
  readonly #rng: RandomSource;

  /** Throws TypeError for arguments of the wrong kind, RangeError unless 0 <= p <= 1. */
  constructor(p: number = 0.5, options: DropoutOptions = {}) {
    super();
    const fn = 'Dropout';
    checkNumber(fn, 'p', p, 0, 1);
    checkOptions(fn, options, ['rng']);
    const rng = options.rng === undefined
      ? new Rng(Math.floor(defaultRng().random() * 2 ** 32))
      : checkRandomSource(fn, 'rng', options.rng);
    this.#rng = rng;
    this._record = dropoutRecord(1 - p, () => rng);
    this._settings = { p };
  }

  override generators(): RandomSource[] {
    return [this.#rng];
  }
}
