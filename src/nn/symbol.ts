/** Symbols of the functional graph: what a layer will compute, before there is a value. */

import type { Variable } from '../autograd/variable.ts';

/** What a symbol is computed by: a module. */
export interface Maker {
  forward(...xs: Variable[]): Variable;
}

export class SymbolicValue {
  /** of one example */
  readonly shape: readonly number[];
  /** what computes it; null for an input */
  readonly module: Maker | null;
  /** what it is computed from */
  readonly inputs: readonly SymbolicValue[];

  /** Made by `input` and by applying a module. */
  constructor(shape: readonly number[], module: Maker | null, inputs: readonly SymbolicValue[]) {
    this.shape = shape;
    this.module = module;
    this.inputs = inputs;
  }
}
