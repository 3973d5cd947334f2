/** Watching the layers of a network compute, which is how its summary is made. */

import type { LayerRecord } from '../layers/record.ts';

/** What a watcher may know of a module; modules come later in the order of the files. */
export interface WatchedModule {
  readonly training: boolean;
  /** none where the module is no layer */
  readonly _record?: LayerRecord;
}

/**
 * Hears of every module that computes: of a layer with the shape of one example that it got, of what is none, once it
 * has computed, with the shape of one that it gave.
 */
export type LayerWatcher = (module: WatchedModule, shape: readonly number[]) => void;

let watcher: LayerWatcher | null = null;

/** Has a watcher hear of all modules until the function that is returned is called; chains are not fused till then. */
export function watchLayers(watch: LayerWatcher): () => void {
  watcher = watch;
  return () => { watcher = null; };
}

/** Who wants to hear of single modules; null most of the time. */
export function layerWatcher(): LayerWatcher | null {
  return watcher;
}
