/** What is done to gradients between the way back and the update. */

import { Variable } from '../autograd/variable.ts';
import { checkNumber, describe } from '../runtime/check.ts';

/** The gradients of parameters, each once and with a place for each element: a stretched one is replaced by a copy. */
function gradientsOf(fn: string, parameters: readonly Variable[]): Array<NonNullable<Variable['grad']>> {
  if (!Array.isArray(parameters) || !parameters.every((parameter) => parameter instanceof Variable)) {
    throw new TypeError(`${fn}: parameters must be an array of variables, got ${describe(parameters)}`);
  }
  return [...new Set((parameters as readonly Variable[]).flatMap((parameter) => {
    if (parameter.grad?.isContiguous === false) parameter.grad = parameter.grad.clone();
    return parameter.grad === null ? [] : [parameter.grad];
  }))];
}

/**
 * Scales the gradients of parameters so that the root of the sum of their squares is at most maxNorm (Pascanu, Mikolov,
 * Bengio 2013); a parameter that is given twice counts once. Returns the norm before. Throws RangeError, and changes
 * nothing, unless maxNorm is positive and the norm is finite: scaling would make NaN of every gradient.
 */
export function clipGradNorm(parameters: readonly Variable[], maxNorm: number): number {
  const fn = 'clipGradNorm';
  const gradients = gradientsOf(fn, parameters);
  if (checkNumber(fn, 'maxNorm', maxNorm) <= 0) throw new RangeError(`${fn}: maxNorm must be positive, got ${maxNorm}`);
  const norm = Math.sqrt(gradients.reduce((sum, grad) => sum + grad.astype('float64').square().sum().item(), 0));
  if (!Number.isFinite(norm)) throw new RangeError(`${fn}: the gradients must be finite, their norm is ${norm}`);
  if (norm > maxNorm) for (const grad of gradients) grad.mulInPlace(maxNorm / norm);
  return norm;
}

/** Limits every element of the gradients to -limit..limit. Throws RangeError unless limit is positive. */
export function clipGradValue(parameters: readonly Variable[], limit: number): void {
  const fn = 'clipGradValue';
  const gradients = gradientsOf(fn, parameters);
  if (checkNumber(fn, 'limit', limit) <= 0) throw new RangeError(`${fn}: limit must be positive, got ${limit}`);
  for (const grad of gradients) grad.assign(grad.clip(-limit, limit));
}
