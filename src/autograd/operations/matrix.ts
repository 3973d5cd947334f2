/** Matrix products and their gradients. */

import { matmul as product } from '../../tensor/linear-algebra.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { swapaxes } from '../../tensor/views.ts';
import type { Operation } from '../operation.ts';
import { unbroadcast } from './broadcast.ts';

/** The last two axes exchanged. */
function transposed(t: Tensor): Tensor {
  return swapaxes(t, -2, -1);
}

/**
 * a b, as NumPy's matmul: a 1-d operand gets an axis of size 1 for the product, earlier axes broadcast.
 * da = dout b^T, db = a^T dout.
 */
export const matmul: Operation = ([a, b]) => ({
  out: product(a, b),
  saved: [a, b],
  back: (dout, [wantA, wantB]) => {
    const left = a.ndim === 1 ? a.expandDims(0) : a;
    const right = b.ndim === 1 ? b.expandDims(1) : b;
    let upstream = dout;
    if (b.ndim === 1) upstream = upstream.expandDims(upstream.ndim);
    if (a.ndim === 1) upstream = upstream.expandDims(upstream.ndim - 1);
    return [
      wantA ? unbroadcast(product(upstream, transposed(right)), left).reshape([...a.shape]) : null,
      wantB ? unbroadcast(product(transposed(left), upstream), right).reshape([...b.shape]) : null,
    ];
  },
});
