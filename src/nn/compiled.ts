/** What a network was compiled with. */

import { Variable } from '../autograd/variable.ts';
import { describe } from '../runtime/check.ts';
import { shapeText } from '../tensor/check.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Metric } from './metrics.ts';
import type { Optimizer } from './optimizers.ts';

/** A loss of outputs and targets, as a scalar to go back from. */
export type Loss = (out: Variable, targets: Tensor) => Variable;

/** What a loss gave. Throws TypeError, with fn in front, unless it is a variable of one element. */
export function checkLoss(fn: string, result: Variable): Variable {
  if (result instanceof Variable && result.value.size === 1) return result;
  const got = result instanceof Variable ? `one of shape ${shapeText(result.shape)}` : describe(result);
  throw new TypeError(`${fn}: the loss function must return a variable of one element, got ${got}`);
}

export interface Compiled {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** the parameters that wanted a gradient then: whether the optimiser has all of them was for the caller to say */
  readonly offered: { has(parameter: unknown): boolean };
  readonly metrics: readonly Metric[];
}

/** Loss and metrics by name. */
export type Figures = Record<string, number>;
