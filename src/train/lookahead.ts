/**
 * Lookahead: slow weights that follow the fast ones, which are those that the update rule moves. Every few steps the
 * slow weights go a part of the way to the fast ones, and the fast ones go on from there:
 *
 *   slow = keep slow + (1 - keep) fast,  fast = slow
 *
 * What oscillates averages out, and a rate may be higher than it could be without. Zhang, Lucas, Hinton, Ba, "Lookahead
 * optimizer: k steps forward, 1 step back", NeurIPS 2019.
 */

import type { StateTree, TrainableModel } from '../models/model.ts';
import { checkFunction, checkInteger, checkNumber, checkOptions } from '../runtime/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { learntNames } from './check-model.ts';
import { findNonFinite } from './divergence.ts';
import type { Snapshot } from './solver-state.ts';
import { isPlainObject } from './state-tree.ts';

export interface LookaheadOptions {
  /** steps from one meeting of slow and fast weights to the next; 5 by default */
  every?: number;
  /** the share of the slow weights that is kept, or a function of training's progress, both 0 to 1; 0.5 by default */
  keep?: number | ((progress: number) => number);
}

export class Lookahead {
  readonly every: number;
  readonly #keep: number | ((progress: number) => number);
  #slow: Record<string, Tensor> = {};

  /** Throws TypeError or RangeError, with fn in front, for unknown options and values out of range. */
  constructor(fn: string, options: LookaheadOptions) {
    checkOptions(`${fn}: lookahead`, options, ['every', 'keep']);
    const { every = 5, keep = 0.5 } = options;
    this.every = checkInteger(fn, 'lookahead.every', every, 1);
    if (typeof keep === 'function') this.#keep = checkFunction(fn, 'lookahead.keep', keep);
    else this.#keep = checkNumber(fn, 'lookahead.keep', keep, 0, 1);
  }

  /** What a checkpoint must have in common with the run that goes on from it: a function cannot be compared. */
  get settings(): { readonly every: number; readonly keep: number | 'function' } {
    return { every: this.every, keep: typeof this.#keep === 'number' ? this.#keep : 'function' };
  }

  /** Begins at the weights as they are; once, before the first step. */
  begin({ params, frozen }: TrainableModel): void {
    this.#slow = Object.fromEntries(learntNames({ params, frozen }).map((name) => [name, params[name].clone()]));
  }

  /** After a step: where slow and fast weights meet now, both change. */
  meet({ params, frozen }: TrainableModel, iteration: number, progress: number): void {
    if (iteration % this.every !== 0) return;
    const given = typeof this.#keep === 'number' ? this.#keep : this.#keep(progress);
    const keep = checkNumber('Solver', 'the value of lookahead.keep', given, 0, 1);
    for (const name of learntNames({ params, frozen })) {
      const tensor = this.#slow[name] ??= params[name].clone(); // one that was frozen at first
      const slow = contiguousData(tensor);
      const fast = contiguousData(params[name]);
      for (let i = 0; i < slow.length; i++) slow[i] = keep * slow[i] + (1 - keep) * fast[i];
      params[name].assign(tensor);
    }
  }

  /** The model's parameters, the slow weights in place of the fast ones. */
  snapshot({ params }: TrainableModel): Snapshot {
    return { params: { ...params, ...this.#slow }, state: null };
  }

  /** The slow weights, for a checkpoint. */
  state(): StateTree {
    return this.#slow;
  }

  /** Throws RangeError unless state is what `state` gives for this model. Changes nothing. */
  checkState(fn: string, state: StateTree, model: TrainableModel): void {
    const names = learntNames(model);
    const fits = isPlainObject(state) && [0, names.length].includes(Object.keys(state).length) &&
      Object.entries(state).every(([name, slow]) => {
        const parameter = names.includes(name) ? model.params[name] : undefined;
        return parameter !== undefined && slow instanceof Tensor && slow.dtype === parameter.dtype &&
          sameShape(slow.shape, parameter.shape);
      });
    if (!fits) throw new RangeError(`${fn}: the checkpoint's slow weights do not fit the model`);
    const bad = findNonFinite({ params: state as Record<string, Tensor>, state: null });
    if (bad !== null) throw new RangeError(`${fn}: the checkpoint holds slow weights that diverged (${bad})`);
  }

  /** Goes on from a state that passed checkState. */
  loadState(state: StateTree): void {
    this.#slow = state as Record<string, Tensor>;
  }
}
