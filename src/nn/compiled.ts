/** What a network was compiled with. */

import type { Variable } from '../autograd/variable.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Metric } from './metrics.ts';
import type { Optimizer } from './optimizers.ts';

/** A loss of outputs and targets, as a scalar to go back from. */
export type Loss = (out: Variable, targets: Tensor) => Variable;

export interface Compiled {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  readonly metrics: readonly Metric[];
}

/** Loss and metrics by name. */
export type Figures = Record<string, number>;
