/** How a residual block ends: relu(batchnorm(x) + shortcut). */

import type { Operation } from '../autograd/operation.ts';
import { apply, type Variable } from '../autograd/variable.ts';
import { batchnorm, batchnormAddedGradients } from '../layers/batchnorm.ts';
import type { Mode } from '../layers/record.ts';
import { batchnormParam, type BatchnormRecord, constantAverages } from '../layers/records/normalization.ts';
import { sameShape } from '../tensor/shape.ts';
import { BatchNorm2d } from './layers/norm.ts';
import type { Module } from './module.ts';
import { layerWatcher } from './watch.ts';

/** The same numbers as the three operations give, but what lies between them is neither written nor kept. */
const operation: Operation<[record: BatchnormRecord, fn: string, mode: Mode]> = (
  [x, shortcut, gamma, beta], record, fn, mode,
) => {
  const used = batchnormParam(record, mode);
  const [out, cache] = batchnorm(fn, x, gamma, beta, used, true, shortcut);
  return {
    out,
    saved: [x, gamma, beta, out, ...constantAverages(used)],
    takesParts: true,
    back(dout, _wanted, more = null) {
      const [dx, dgamma, dbeta, dshortcut] = batchnormAddedGradients(fn, dout, more, cache, out);
      return [dx, dshortcut, dgamma, dbeta];
    },
  };
};

/**
 * relu(norm(x) + shortcut), computed at once where there are planes of one shape and type and nobody wants to hear of
 * the single layers. Throws as the three operations do.
 */
export function residualEnd(norm: BatchNorm2d, x: Variable, shortcut: Variable): Variable {
  // a block's field may have been given something else since
  if (!(norm instanceof BatchNorm2d && norm._computesRecord)) return (norm as Module).forward(x).add(shortcut).relu();
  const inputs = [x, shortcut, ...norm.layerParameters()];
  const isPlain = norm.takes(x) && x.size > x.shape[0] * x.shape[1] && x.shape[1] === norm.weight.size
    && sameShape(x.shape, shortcut.shape) && inputs.every(({ dtype }) => dtype === x.dtype) && layerWatcher() === null;
  if (!isPlain) return norm.forward(x).add(shortcut).relu();
  const { name } = norm.constructor;
  return apply(name, operation, inputs, norm._record, name, norm.training ? 'train' : 'test');
}
