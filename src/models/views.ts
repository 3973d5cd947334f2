/**
 * Test-time views: scores are the mean over an image, its mirror image, and both moved by a pixel, which is a small
 * ensemble out of one network. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024, section 3.5.
 */

import { take } from '../tensor/indexing.ts';
import type { Tensor } from '../tensor/tensor.ts';

/**
 * What the scores of an image are the mean of: the image ('none'), it and its mirror image ('mirror'), or both of these
 * with weight 1/4 each and both, moved by a pixel up and left and by a pixel down and right, with 1/8 each
 * ('mirror-shift').
 */
export type TestTimeViews = 'none' | 'mirror' | 'mirror-shift';

export const testTimeViews: readonly TestTimeViews[] = ['none', 'mirror', 'mirror-shift'];

/** One view of an image: which of its rows and columns it shows, and the weight of its scores. */
export interface View {
  readonly rows: readonly number[];
  readonly columns: readonly number[];
  readonly weight: number;
}

/** The views of images of this size. */
export function viewsOf(views: TestTimeViews, height: number, width: number): View[] {
  const moves = views === 'mirror' ? [[0, 1 / 2]] : [[0, 1 / 4], [-1, 1 / 8], [1, 1 / 8]];
  return moves.flatMap(([by, weight]) => [false, true].map((mirrored) => {
    const columns = places(width, by);
    return { rows: places(height, by), columns: mirrored ? columns.reverse() : columns, weight };
  }));
}

/** Where the pixels of an axis come from that was moved by so many, reflected at the edge. */
function places(extent: number, by: number): number[] {
  return Array.from({ length: extent }, (_, i) => {
    const inside = Math.abs(i - by);
    return Math.max(0, inside < extent ? inside : 2 * extent - 2 - inside);
  });
}

/** The mean of what `scores` says of the views of images X (N, C, H, W). */
export function meanOverViews(views: TestTimeViews, X: Tensor, scores: (X: Tensor) => Tensor): Tensor {
  if (views === 'none') return scores(X);
  const parts = viewsOf(views, X.shape[2], X.shape[3]).map((view) => scores(seen(X, view)).mul(view.weight));
  return parts.reduce((sum, part) => sum.add(part));
}

/** The rows and columns of X that a view shows; X itself where it shows all in their order. */
function seen(X: Tensor, { rows, columns }: View): Tensor {
  const inOrder = (indices: readonly number[]): boolean => indices.every((from, i) => from === i);
  const moved = inOrder(rows) ? X : take(X, rows, 2);
  return inOrder(columns) ? moved : take(moved, columns, 3);
}
