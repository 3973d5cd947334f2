/** Modules that are one layer record with parameters: what most layers are. */

import { applyLayer } from '../autograd/layer.ts';
import type { Variable } from '../autograd/variable.ts';
import type { LayerRecord } from '../layers/record.ts';
import { Module } from './module.ts';

export abstract class LayerModule extends Module {
  /** what the layer computes (no field that is walked for parameters) */
  abstract readonly _record: LayerRecord;

  /** The parameters in the order in which the record takes them. */
  layerParameters(): Variable[] {
    return [];
  }

  /** x brought into the shape that the record takes; what it computes is brought back by `after`. */
  forward(x: Variable): Variable {
    return applyLayer(this.constructor.name, this._record, x, this.layerParameters(), this.training ? 'train' : 'test');
  }
}
