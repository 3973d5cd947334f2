/** The linear (affine) layer. */

import { parameter, type Variable } from '../../autograd/variable.ts';
import { affineRecord, type AffineRecord } from '../../layers/records/affine.ts';
import { checkBoolean, checkInteger } from '../../runtime/check.ts';
import { shapeText } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Settings } from '../architecture/types.ts';
import { layerOptions, type LayerOptions } from '../defaults.ts';
import { uniformByFanIn } from '../initializers.ts';
import { LayerModule } from '../layer-module.ts';
import { parameterEntry, type StateEntry } from '../state-entry.ts';

export interface LinearOptions extends LayerOptions {
  /** true unless given: out = x W + b; else x W */
  bias?: boolean;
}

/**
 * out (..., outFeatures) = x (..., inFeatures) W + b. W is (inFeatures, outFeatures); in the state it is PyTorch's
 * (outFeatures, inFeatures). Both start uniform between -1 / sqrt(inFeatures) and 1 / sqrt(inFeatures), as in PyTorch.
 */
export class Linear extends LayerModule {
  // bundlers rename classes that name themselves (see Tensor)
  static override readonly name: string = 'Linear';
  readonly weight: Variable;
  /** null without bias */
  readonly bias: Variable | null;
  readonly _record: AffineRecord;
  override readonly _settings: Settings;
  readonly #inFeatures: number;

  /** Throws TypeError for arguments of the wrong kind and unknown options, RangeError for sizes below 1. */
  constructor(inFeatures: number, outFeatures: number, options: LinearOptions = {}) {
    super();
    const fn = 'Linear';
    checkInteger(fn, 'inFeatures', inFeatures, 1);
    checkInteger(fn, 'outFeatures', outFeatures, 1);
    const { rng, dtype } = layerOptions(fn, options, ['bias']);
    const bias = checkBoolean(fn, 'bias', options.bias ?? true);
    this.weight = parameter(uniformByFanIn([inFeatures, outFeatures], inFeatures, rng, dtype));
    this.bias = bias ? parameter(uniformByFanIn([outFeatures], inFeatures, rng, dtype)) : null;
    this._record = affineRecord(inFeatures, outFeatures, bias);
    this.#inFeatures = inFeatures;
    this._settings = { inFeatures, outFeatures, bias, dtype };
  }

  override layerParameters(): Variable[] {
    return this.bias === null ? [this.weight] : [this.weight, this.bias];
  }

  override takes(x: Variable): boolean {
    return x.ndim === 2 && x.shape[1] === this.#inFeatures;
  }

  override get _computesRecord(): boolean {
    return this._hasForwardOf(Linear.prototype);
  }

  /** out (..., outFeatures) for x (..., inFeatures). Throws RangeError for another last axis. */
  override forward(x: Variable): Variable {
    const features = x.shape.at(-1);
    if (features !== this.#inFeatures) {
      throw new RangeError(`Linear: x must have ${this.#inFeatures} features in its last axis, got ${shapeText(x.shape)}`);
    }
    if (this.takes(x)) return super.forward(x);
    const rows = super.forward(x.reshape(-1, features));
    return rows.reshape(...x.shape.slice(0, -1), rows.shape[1]);
  }

  override stateEntries(): StateEntry[] {
    const { weight, bias } = this;
    const entries: StateEntry[] = [{
      name: 'weight',
      shape: [...weight.shape].reverse(),
      read: () => weight.value.transpose().clone(),
      write: (stored: Tensor) => weight.value.assign(stored.transpose()),
    }];
    return bias === null ? entries : [...entries, parameterEntry('bias', bias)];
  }
}
