/** Training that diverges: numbers become NaN or infinite, and all that is computed from them does too. */

import type { TypedArray } from '../kernels/memory/allocate.ts';
import type { StateTree } from '../models/model.ts';
import { contiguousData } from '../tensor/internal.ts';
import { Tensor } from '../tensor/tensor.ts';
import { mapTree } from './state-tree.ts';

/**
 * Thrown by a Solver whose training diverged. After `train()` the model holds the best parameters so far, or those it
 * began with; no checkpoint with NaN or infinite parameters has been written. To go on, take a lower learning rate: in
 * a new Solver for the model as it is, or in one that restores the last checkpoint with `changedSettings`.
 */
export class DivergenceError extends Error {
  override readonly name: string = 'DivergenceError';
  /** steps made when it was noticed, counted from 1 */
  readonly iteration: number;
  /** the learning rate of that step; undefined for a custom rule without one */
  readonly learningRate: number | undefined;

  /** `what` says which number became what: "the loss became NaN". */
  constructor(what: string, iteration: number, learningRate: number | undefined) {
    super(
      `Solver: ${what} at iteration ${iteration} (learning rate ${learningRate ?? 'unknown'}): training diverged; ` +
      'a lower learning rate or smaller initial weights may help',
    );
    this.iteration = iteration;
    this.learningRate = learningRate;
  }
}

/** What is not finite in a model's parameters and the tensors of its state ("parameter W1 became NaN"); else null. */
export function findNonFinite({ params, state }: { params: Record<string, Tensor>; state: StateTree }): string | null {
  let found: string | null = null;
  mapTree({ parameter: params, state }, (leaf, [part, ...path]) => {
    if (found !== null || !(leaf instanceof Tensor)) return leaf;
    const values = contiguousData(leaf);
    const place = firstNonFinite(values);
    if (place >= 0) found = `${part} ${path.join('/')} became ${values[place]}`;
    return leaf;
  }, 'Solver');
  return found;
}

/** Where the first NaN or infinity lies; -1 when there is none. */
export function firstNonFinite(values: TypedArray): number {
  if (!(values instanceof Float32Array || values instanceof Float64Array)) return -1;
  // 0 x is 0 for finite x and NaN otherwise, and a NaN stays in the sum: one test for a whole stretch of values.
  const stretch = 4096;
  for (let start = 0; start < values.length; start += stretch) {
    const end = Math.min(values.length, start + stretch);
    let sum = 0;
    for (let i = start; i < end; i++) sum += 0 * values[i];
    if (sum !== 0) return start + values.subarray(start, end).findIndex((value) => !Number.isFinite(value));
  }
  return -1;
}
