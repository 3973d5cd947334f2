/** How a module's parameters and running averages are stored. */

import type { Variable } from '../autograd/variable.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** How one entry of the state is stored: under PyTorch's name and in its layout. */
export interface StateEntry {
  /** the name in the state, without the path to the module: `weight` */
  readonly name: string;
  /** the elements now, in the stored layout */
  read(): Tensor;
  /** the shape that is stored */
  readonly shape: readonly number[];
  /** takes up elements of this shape and layout */
  write(stored: Tensor): void;
  /** true for what is no parameter: running averages */
  readonly isBuffer?: boolean;
}

/** A parameter that is stored as it lies. */
export function parameterEntry(name: string, parameter: Variable): StateEntry {
  return {
    name,
    shape: parameter.shape,
    read: () => parameter.value.clone(),
    write: (stored) => parameter.value.assign(stored),
  };
}
