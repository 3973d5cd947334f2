/** Layers without parameters: activations, dropout, flatten. */

import type { LayerRecord } from '../../layers/record.ts';
import {
  dropoutRecord, eluRecord, flattenRecord, geluRecord, leakyReluRecord, reluRecord, sigmoidRecord, siluRecord,
  tanhRecord,
} from '../../layers/records/elementwise.ts';
import { checkNumber, checkOptions } from '../../runtime/check.ts';
import { checkRandomSource, type RandomSource } from '../../tensor/random/source.ts';
import { maxDimensions } from '../../tensor/shape.ts';
import { Rng } from '../../tensor/random/rng.ts';
import { defaultRng } from '../defaults.ts';
import { LayerModule } from '../layer-module.ts';

/** max(0, x) */
export class ReLU extends LayerModule {
  readonly _record: LayerRecord = reluRecord();
}

/** x where x is positive, else alpha x; alpha 0.01 unless given. */
export class LeakyReLU extends LayerModule {
  readonly _record: LayerRecord;

  constructor(alpha: number = 0.01) {
    super();
    this._record = leakyReluRecord(checkNumber('LeakyReLU', 'alpha', alpha));
  }
}

/** x where x is positive, else alpha (e^x - 1); alpha 1 unless given. */
export class ELU extends LayerModule {
  readonly _record: LayerRecord;

  constructor(alpha: number = 1) {
    super();
    this._record = eluRecord(checkNumber('ELU', 'alpha', alpha));
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
  readonly #rng: RandomSource;

  /** Throws TypeError for arguments of the wrong kind, RangeError unless 0 <= p < 1. */
  constructor(p: number = 0.5, options: DropoutOptions = {}) {
    super();
    const fn = 'Dropout';
    checkNumber(fn, 'p', p, 0, 1);
    if (p === 1) throw new RangeError(`${fn}: p must be below 1, got 1: nothing would be left`);
    checkOptions(fn, options, ['rng']);
    const rng = options.rng === undefined
      ? new Rng(Math.floor(defaultRng().random() * 2 ** 32))
      : checkRandomSource(fn, 'rng', options.rng);
    this.#rng = rng;
    this._record = dropoutRecord(1 - p, () => rng);
  }

  override generators(): RandomSource[] {
    return [this.#rng];
  }
}
