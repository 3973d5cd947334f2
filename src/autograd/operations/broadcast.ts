/** Gradients through broadcasting: an element that was stretched over many gets the sum of their gradients. */

import { sum } from '../../tensor/reductions.ts';
import { sameShape } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';

/** The gradient of a stretched operand, summed back to the shape of the operand and in its element type. */
export function unbroadcast(gradient: Tensor, like: Tensor): Tensor {
  let result = gradient;
  if (!sameShape(gradient.shape, like.shape)) {
    const extra = gradient.ndim - like.ndim;
    const stretched = gradient.shape.map((extent, axis) =>
      axis < extra || like.shape[axis - extra] !== extent ? axis : -1,
    );
    result = sum(gradient, stretched.filter((axis) => axis >= 0), true).reshape([...like.shape]);
  }
  return result.dtype === like.dtype ? result : result.astype(like.dtype);
}
