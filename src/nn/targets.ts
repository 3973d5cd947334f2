/** Targets of training in one form: a tensor with one entry an example. */

import type { Labels } from '../layers/loss.ts';
import { describe } from '../runtime/check.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Labels given as a list, as int32; a tensor as it is. Throws TypeError for what is neither. */
export function toTensorLabels(fn: string, name: string, y: Labels): Tensor {
  if (y instanceof Tensor) return y;
  if (!Array.isArray(y) && !(ArrayBuffer.isView(y) && !(y instanceof DataView))) {
    throw new TypeError(`${fn}: ${name} must be an array, a typed array or a Tensor of targets, got ${describe(y)}`);
  }
  return new Tensor(Int32Array.from(y, (label, i) => {
    if (!Number.isInteger(label)) throw new TypeError(`${fn}: ${name}[${i}] must be an integer label, got ${describe(label)}`);
    return label;
  }));
}
