/**
 * Where checkpoints go. Training knows nothing of files: it hands bytes to a store. `tilegrad/node` brings one that
 * writes files so that a crash leaves the old or the new one, whole, and makes it the default; in a browser, give the
 * Solver one of your own (option `checkpointStore`).
 */

import { describe } from '../runtime/check.ts';

/** Keeps checkpoints by name. */
export interface CheckpointStore {
  /** stores the bytes under the name in place of what was there; settles when they are safe */
  write(name: string, bytes: Uint8Array): Promise<void>;
}

let standard: CheckpointStore | null = null;

/** Makes this the store of every Solver that is given a checkpointName but no checkpointStore; null for none. */
export function setDefaultCheckpointStore(store: CheckpointStore | null): void {
  if (store !== null && typeof (store as Partial<CheckpointStore> | undefined)?.write !== 'function') {
    throw new TypeError(`setDefaultCheckpointStore: store must have a method write, or be null, got ${describe(store)}`);
  }
  standard = store;
}

/** The store that setDefaultCheckpointStore named, or null. */
export function defaultCheckpointStore(): CheckpointStore | null {
  return standard;
}
