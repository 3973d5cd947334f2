/** Whether a state that `fit` is to resume could be one that an earlier `fit` has left. */

import { checkInteger, checkNumbers, checkOptions, checkRecord, describe } from '../runtime/check.ts';
import type { FitState } from './fit-options.ts';

/** What a state must fit. */
export interface FitPlan {
  readonly epochs: number;
  /** steps an epoch */
  readonly steps: number;
  /** how many generators take part */
  readonly generators: number;
}

/**
 * Throws TypeError or RangeError, with fn in front, unless state has the form of one after whole epochs of this plan.
 * What weights, optimiser and generators hold, they check themselves where they take it up.
 */
export function checkFitState(fn: string, state: FitState, { epochs, steps, generators }: FitPlan): void {
  checkOptions(fn, state, ['epoch', 'weights', 'optimizer', 'generators', 'figures', 'lossHistory', 'best']);
  const epoch = checkInteger(fn, 'epoch', state.epoch, 0, epochs);
  if (!Array.isArray(state.generators) || state.generators.length !== generators) {
    throw new RangeError(`${fn}: generators must be ${generators} states, got ${describe(state.generators)}`);
  }
  const { length } = checkNumbers(fn, 'lossHistory', state.lossHistory);
  if (length !== epoch * steps) {
    throw new RangeError(
      `${fn}: lossHistory must have ${epoch * steps} entries, for ${epoch} epochs of ${steps} steps, got ${length}`,
    );
  }
  for (const [name, values] of Object.entries(checkRecord(fn, 'figures', state.figures))) {
    const { length: entries } = checkNumbers(fn, `figures.${name}`, values);
    if (entries > epoch) throw new RangeError(`${fn}: figures.${name} must have at most ${epoch} entries, got ${entries}`);
  }
  if (state.best === null) return;
  checkRecord(fn, 'best', state.best);
  checkOptions(fn, state.best, ['score', 'epoch', 'state']);
  checkInteger(fn, 'best.epoch', state.best.epoch, 1, epoch);
  if (typeof state.best.score !== 'number') { // NaN is one
    throw new TypeError(`${fn}: best.score must be a number, got ${describe(state.best.score)}`);
  }
}
