/** Targets of training in one form: a tensor with one entry an example. */

import { checkLabels, type Labels } from '../tensor/labels.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Labels given as a list, as int32; a tensor as it is. Throws TypeError or RangeError for what are no labels. */
export function toTensorLabels(fn: string, name: string, y: Labels): Tensor {
  return y instanceof Tensor ? y : new Tensor(checkLabels(fn, name, y));
}
