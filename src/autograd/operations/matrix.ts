/** Matrix products and their gradients. */

import * as algebra from '../../tensor/linear-algebra.ts';
import { matmul as product } from '../../tensor/linear-algebra.ts';
import { eye } from '../../tensor/creation.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { swapaxes } from '../../tensor/views.ts';
import type { Operation } from '../operation.ts';
import { mul } from './arithmetic.ts';
import { unbroadcast } from './broadcast.ts';
import { tensordot } from './einsum.ts';

/** The last two axes exchanged. */
function transposed(t: Tensor): Tensor {
  return swapaxes(t, -2, -1);
}

/**
 * a b, as NumPy's matmul: a 1-d operand gets an axis of size 1 for the product, earlier axes broadcast.
 * da = dout b^T, db = a^T dout.
 */
export const matmul: Operation = ([a, b]) => ({
  out: product(a, b), saved: [a, b], back: (dout, wanted) => productBack(a, b, dout, wanted),
});

function productBack(a: Tensor, b: Tensor, dout: Tensor, [wantA, wantB]: readonly boolean[]): Array<Tensor | null> {
  const left = a.ndim === 1 ? a.expandDims(0) : a;
  const right = b.ndim === 1 ? b.expandDims(1) : b;
  let upstream = dout;
  if (b.ndim === 1) upstream = upstream.expandDims(upstream.ndim);
  if (a.ndim === 1) upstream = upstream.expandDims(upstream.ndim - 1);
  return [
    wantA ? unbroadcast(product(upstream, transposed(right)), left).reshape([...a.shape]) : null,
    wantB ? unbroadcast(product(transposed(left), upstream), right).reshape([...b.shape]) : null,
  ];
}

/** NumPy's dot: a product, a matmul, or beyond two axes a tensordot of the last of a and the second to last of b. */
export const dot: Operation = (inputs) => {
  const [a, b] = inputs;
  if (a.ndim === 0 || b.ndim === 0) return mul(inputs);
  return {
    out: algebra.dot(a, b),
    saved: inputs,
    back: (dout, wanted) => a.ndim <= 2 && b.ndim <= 2
      ? productBack(a, b, dout, wanted)
      : tensordot(inputs, [-1, b.ndim === 1 ? -1 : -2]).back(dout, wanted),
  };
};

/** The products of each element of a with each of b. */
export const outer: Operation = ([a, b]) => {
  const { out, back } = mul([a.reshape(-1, 1), b.reshape(1, -1)]);
  const shaped = (gradient: Tensor | null, { shape }: Tensor): Tensor | null => gradient?.reshape([...shape]) ?? null;
  return {
    out,
    saved: [a, b],
    back: (dout, wanted) => {
      const [da, db] = back(dout, wanted);
      return [shaped(da, a), shaped(db, b)];
    },
  };
};

/** The sum of the main diagonal. */
export const trace: Operation = ([x]) => ({
  out: algebra.trace(x), saved: [], back: (dout) => [eye(...(x.shape as [number, number]), x.dtype).mul(dout)],
});
