/** What Solver asks of a model, verified before anything is trained. */

import type { TrainableModel } from '../models/model.ts';
import { checkWritable, describe } from '../runtime/check.ts';
import { checkTensorType } from '../tensor/check.ts';

/**
 * Throws TypeError, with fn in front, unless model has float parameters that can be replaced, a loss, both or none of
 * state and loadState, and no `frozen` but a Set.
 */
export function checkModel(fn: string, model: unknown): TrainableModel {
  if (typeof model !== 'object' || model === null || typeof (model as TrainableModel).loss !== 'function') {
    throw new TypeError(`${fn}: model must have params and loss(X, y), got ${describe(model)}`);
  }
  const { params, state, loadState, frozen } = model as TrainableModel;
  if (typeof params !== 'object' || params === null || Object.keys(params).length === 0) {
    throw new TypeError(`${fn}: model.params must be an object of tensors, got ${describe(params)}`);
  }
  for (const [name, parameter] of Object.entries(params)) {
    checkTensorType(fn, `model.params.${name}`, parameter, 'float32', 'float64');
  }
  checkWritable(fn, 'model.params', params, Object.keys(params)); // training puts tensors of its own there
  if (frozen !== undefined && typeof (frozen as Partial<Set<string>> | null)?.has !== 'function') {
    throw new TypeError(`${fn}: model.frozen must be a Set of parameters' names, got ${describe(frozen)}`);
  }
  if ((typeof state === 'function') !== (typeof loadState === 'function')) {
    throw new TypeError(`${fn}: model must have both of state() and loadState(), or neither`);
  }
  return model as TrainableModel;
}

/** Throws TypeError, with fn in front, where all parameters are frozen: a step would change nothing. */
export function checkLearns(fn: string, model: TrainableModel): void {
  if (learntNames(model).length > 0) return;
  throw new TypeError(
    `${fn}: model must have a parameter that learns, all ${Object.keys(model.params).length} are frozen; ` +
    'freeze(false) lets a module learn',
  );
}

/** The names of the parameters that are updated. */
export function learntNames({ params, frozen }: Pick<TrainableModel, 'params' | 'frozen'>): string[] {
  return Object.keys(params).filter((name) => frozen?.has(name) !== true);
}
