/** Reductions over axes, and how their gradients spread out again. */

import { where as choose } from '../../tensor/comparison.ts';
import { max as largest, min as smallest, type Axes } from '../../tensor/reductions.ts';
import { normalizeAxes, sizeOf } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { Operation } from '../operation.ts';

/** A result of a reduction in the shape that it has with keepDims, stretched over x. */
function spread(result: Tensor, x: Tensor, axis: Axes | undefined): Tensor {
  return result.reshape(keptShape(x, axis)).broadcastTo([...x.shape]);
}

function keptShape(x: Tensor, axis: Axes | undefined): number[] {
  const axes = reducedAxes(x, axis);
  return x.shape.map((extent, i) => (axes.includes(i) ? 1 : extent));
}

function reducedAxes(x: Tensor, axis: Axes | undefined): number[] {
  return axis === undefined || axis === null ? x.shape.map((_, i) => i) : normalizeAxes('axis', axis, x.ndim);
}

/** How many elements of x each result stands for. */
function count(x: Tensor, axis: Axes | undefined): number {
  return sizeOf(reducedAxes(x, axis).map((i) => x.shape[i]));
}

type Reduction = Operation<[axis?: Axes, keepDims?: boolean]>;

export const sum: Reduction = ([x], axis, keepDims) => ({
  out: x.sum(axis, keepDims), saved: [], back: (dout) => [spread(dout, x, axis)],
});

export const mean: Reduction = ([x], axis, keepDims) => ({
  out: x.mean(axis, keepDims), saved: [], back: (dout) => [spread(dout.div(count(x, axis)), x, axis)],
});

/** Variance with `ddof` taken off the count (0: the mean of squares); dx = 2 (x - mean) / (count - ddof). */
export const variance: Operation<[axis?: Axes, keepDims?: boolean, ddof?: number]> = (
  [x],
  axis,
  keepDims,
  ddof = 0,
) => ({
  out: x.var(axis, keepDims, ddof),
  saved: [x],
  back: (dout) => [x.sub(x.mean(axis, true)).mul(spread(dout.mul(2 / (count(x, axis) - ddof)), x, axis))],
});

/** The root of the variance; dx = (x - mean) / ((count - ddof) std), 0 where all elements are the same. */
export const std: Operation<[axis?: Axes, keepDims?: boolean, ddof?: number]> = ([x], axis, keepDims, ddof = 0) => {
  const out = x.std(axis, keepDims, ddof);
  return {
    out,
    saved: [x, out],
    back: (dout) => {
      const share = choose(out.equal(0), 0, dout.div(out.mul(count(x, axis) - ddof)));
      return [x.sub(x.mean(axis, true)).mul(spread(share, x, axis))];
    },
  };
};

/** The product of the elements; dx is the product of the others, found without dividing, so zeros do no harm. */
export const prod: Reduction = ([x], axis, keepDims) => ({
  out: x.prod(axis, keepDims),
  saved: [x],
  back: (dout) => {
    const zeros = x.equal(0);
    const others = choose(zeros, 1, x).prod(axis, true);
    const zeroCount = zeros.sum(axis, true);
    const rest = choose(zeroCount.equal(0), others, 0).broadcastTo([...x.shape]).div(choose(zeros, 1, x));
    const atZero = choose(zeroCount.equal(1), others, 0).broadcastTo([...x.shape]);
    return [choose(zeros, atZero, rest).mul(spread(dout, x, axis))];
  },
});

/** The extreme elements share the gradient evenly, as in PyTorch's amax. */
function extreme(reduce: (x: Tensor, axis?: Axes, keepDims?: boolean) => Tensor): Reduction {
  return ([x], axis, keepDims) => {
    const out = reduce(x, axis, keepDims);
    return {
      out,
      saved: [x, out],
      back: (dout) => {
        const chosen = x.equal(spread(out, x, axis)).astype(x.dtype);
        return [chosen.div(chosen.sum(axis, true)).mul(spread(dout, x, axis))];
      },
    };
  };
}

export const max: Reduction = extreme(largest);
export const min: Reduction = extreme(smallest);
