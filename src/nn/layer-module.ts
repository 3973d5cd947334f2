/** Modules that are one layer record with parameters: what most layers are. */

import { applyLayer } from '../autograd/layer.ts';
import type { Variable } from '../autograd/variable.ts';
import { checkNotEmpty } from '../layers/arguments.ts';
import type { LayerRecord } from '../layers/record.ts';
import { shapeText } from '../tensor/shape.ts';
import { Module } from './module.ts';
import { layerWatcher } from './watch.ts';

export abstract class LayerModule extends Module {
  /** what the layer computes (no field that is walked for parameters) */
  abstract readonly _record: LayerRecord;

  /** how many axes x may have; any number unless a layer says so */
  readonly _ranks: readonly number[] | null = null;

  /** Whether the record computes x as it is, so that neighbours may be computed together with it. */
  takes(x: Variable): boolean {
    return this._ranks?.includes(x.ndim) ?? true;
  }

  /**
   * Whether forward computes what the record does, which it need not where a subclass, or who wraps this layer's alone,
   * has put another in its place.
   */
  get _computesRecord(): boolean {
    return this._hasForwardOf(LayerModule.prototype);
  }

  /** The parameters in the order in which the record takes them. */
  layerParameters(): Variable[] {
    return [];
  }

  /** The layer's output for a batch x. Throws RangeError for another number of axes or channels, and an empty batch. */
  forward(x: Variable): Variable {
    const { _ranks: ranks, constructor: { name } } = this;
    if (ranks !== null && !ranks.includes(x.ndim)) {
      const wanted = ranks.length > 3 ? `at least ${ranks[0]}` : ranks.join(' or ');
      throw new RangeError(`${name}: x must have ${wanted} axes, got ${x.ndim} (x ${shapeText(x.shape)})`);
    }
    if (ranks !== null) checkNotEmpty(name, 'x', x.value);
    const out = applyLayer(name, this._record, x, this.layerParameters(), this.training ? 'train' : 'test');
    layerWatcher()?.(this, x.shape.slice(1));
    return out;
  }
}
