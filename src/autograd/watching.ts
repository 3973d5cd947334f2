/** Watching operations being computed, which is how a network is written down as a graph for another system. */

import type { Target } from './tape.ts';

/** An operation that was computed: its name, its inputs, the options after them, and what came out. */
export interface WatchedOperation {
  readonly name: string;
  readonly inputs: readonly Target[];
  readonly options: readonly unknown[];
  readonly out: Target;
}

let watcher: ((operation: WatchedOperation) => void) | null = null;

/** Runs fn while a watcher hears of every operation, in their order; what it throws comes out of the operation. */
export function watchOperations<T>(watch: (operation: WatchedOperation) => void, fn: () => T): T {
  const before = watcher;
  watcher = watch;
  try {
    return fn();
  } finally {
    watcher = before;
  }
}

/** Who wants to hear of operations; null most of the time. */
export function operationWatcher(): ((operation: WatchedOperation) => void) | null {
  return watcher;
}
