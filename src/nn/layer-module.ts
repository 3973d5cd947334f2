/** Modules that are one layer record with parameters: what most layers are. */

import { applyLayer } from '../autograd/layer.ts';
import type { Variable } from '../autograd/variable.ts';
import type { LayerRecord } from '../layers/record.ts';
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

  /** The parameters in the order in which the record takes them. */
  layerParameters(): Variable[] {
    return [];
  }

  /** The layer's output for a batch x. */
  forward(x: Variable): Variable {
    watcher?.(this, x.shape.slice(1));
    return applyLayer(this.constructor.name, this._record, x, this.layerParameters(), this.training ? 'train' : 'test');
  }
}
