/** Watching the layers of a network compute, which is how its summary is made. */

import type { LayerRecord } from '../layers/record.ts';

/** What a watcher may know of a layer; modules come later in the order of the files. */
export interface WatchedLayer {
  readonly _record: LayerRecord;
}

/** Hears of every layer that computes: the layer, and the shape of one example that it got. */
export type LayerWatcher = (layer: WatchedLayer, input: readonly number[]) => void;

let watcher: LayerWatcher | null = null;

/** Lets a watcher hear of every layer until the function that is returned is called. Chains are not fused meanwhile. */
export function watchLayers(watch: LayerWatcher): () => void {
  watcher = watch;
  return () => { watcher = null; };
}

/** Who wants to hear of single layers; null most of the time. */
export function layerWatcher(): LayerWatcher | null {
  return watcher;
}
