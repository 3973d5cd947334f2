/** Modules that are one layer record with parameters: what most layers are. */

import { applyLayer } from '../autograd/layer.ts';
import type { Variable } from '../autograd/variable.ts';
import { checkNotEmpty } from '../layers/arguments.ts';
import type { LayerRecord } from '../layers/record.ts';
import { shapeText } from '../tensor/shape.ts';
import { Module } from './module.ts';

/** Hears of every layer that computes: the layer, and the shape of one example that it got. */
export type LayerWatcher = (layer: LayerModule, input: readonly number[]) => void;

let watcher: LayerWatcher | null = null;

/** Lets a watcher hear of every layer until the function that is returned is called. Chains are not fused meanwhile. */
export function watchLayers(watch: LayerWatcher): () => void {
  watcher = watch;
  return () => { watcher = null; };
}

/** True while a watcher wants to hear of single layers. */
export function layersAreWatched(): boolean {
  return watcher !== null;
}

export abstract class LayerModule extends Module {
  /** what the layer computes (no field that is walked for parameters) */
  abstract readonly _record: LayerRecord;

  /** how many axes x may have; any number unless a layer says so */
  readonly _ranks: readonly number[] | null = null;

  /** The parameters in the order in which the record takes them. */
  layerParameters(): Variable[] {
    return [];
  }

  /** The layer's output for a batch x. Throws RangeError for another number of axes or channels, and an empty batch. */
  forward(x: Variable): Variable {
    const { _ranks: ranks, constructor: { name } } = this;
    if (ranks !== null && !ranks.includes(x.ndim)) {
      throw new RangeError(`${name}: x must have ${ranks.join(' or ')} axes, got ${x.ndim} (x ${shapeText(x.shape)})`);
    }
    if (ranks !== null) checkNotEmpty(name, 'x', x.value);
    watcher?.(this, x.shape.slice(1));
    return applyLayer(name, this._record, x, this.layerParameters(), this.training ? 'train' : 'test');
  }
}
