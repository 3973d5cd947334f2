/** Windows that slide over a tensor, as a view: im2col by strides alone. */

import { describe } from '../runtime/check.ts';
import { checkTensor } from './check.ts';
import { checkShape, normalizeAxes, shapeText } from './shape.ts';
import type { ShapeLike } from './shape.ts';
import type { Tensor } from './tensor.ts';

/**
 * Every window of the given sizes, as a view whose last axes run inside the window: over x (n, c, h, w) with windows
 * (kh, kw) along axes [2, 3] it is (n, c, h - kh + 1, w - kw + 1, kh, kw). Without axes, one size for each axis of x.
 * `step` on the result gives a stride. Windows overlap in memory: writing to one writes to its neighbours.
 * Throws RangeError when a window is larger than its axis.
 */
export function slidingWindowView(x: Tensor, windowShape: ShapeLike, axis?: number | readonly number[]): Tensor {
  checkTensor('slidingWindowView', 'x', x);
  const sizes = checkShape('slidingWindowView', windowShape, 'windowShape');
  const axes = axis === undefined ? x.shape.map((_, i) => i) : slidAxes(axis, x.ndim);
  if (axes.length !== sizes.length) {
    throw new RangeError(`slidingWindowView: windowShape has ${sizes.length} sizes for ${axes.length} axes (x ${shapeText(x.shape)})`);
  }
  const shape = [...x.shape];
  for (const [i, along] of axes.entries()) {
    // Two windows along one axis leave less of it each time, as in NumPy.
    shape[along] -= sizes[i] - 1;
    if (sizes[i] === 0 || shape[along] <= 0) {
      throw new RangeError(
        `slidingWindowView: a window of ${sizes[i]} does not fit into axis ${along} (x ${shapeText(x.shape)}, window ${shapeText(sizes)})`,
      );
    }
  }
  return x.view([...shape, ...sizes], [...x.strides, ...axes.map((along) => x.strides[along])], x.offset);
}

/** Axes may repeat here, so each is checked by itself. */
function slidAxes(axis: number | readonly number[], ndim: number): number[] {
  if (typeof axis === 'number') return normalizeAxes('slidingWindowView', axis, ndim);
  if (!Array.isArray(axis)) throw new TypeError(`slidingWindowView: axis must be an integer or a list, got ${describe(axis)}`);
  return (axis as readonly number[]).flatMap((one) => normalizeAxes('slidingWindowView', one, ndim));
}
