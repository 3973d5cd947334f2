/** An operator that is no layer of this library, as a module of a graph. */

import type { Variable } from '../../autograd/variable.ts';
import { Module } from '../../nn/module.ts';
import type { Tensor } from '../../tensor/tensor.ts';

export class Operation extends Module {
  /** the operator's name in ONNX */
  readonly _name: string;
  /** the constants among its inputs, in their order */
  readonly _constants: readonly Tensor[];
  readonly #compute: (...xs: Variable[]) => Variable;

  constructor(name: string, compute: (...xs: Variable[]) => Variable, constants: readonly Tensor[] = []) {
    super();
    this._name = name;
    this._constants = constants;
    this.#compute = compute;
  }

  forward(...xs: Variable[]): Variable {
    return this.#compute(...xs);
  }

  /** The only element of its only constant; NaN where it has another number of them. */
  get scalar(): number {
    const [constant] = this._constants;
    return this._constants.length === 1 && constant.size === 1 ? constant.reshape([]).item() : NaN;
  }
}
