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

/** The mean of what `scores` says of the views of images X (N, C, H, W). */
export function meanOverViews(views: TestTimeViews, X: Tensor, scores: (X: Tensor) => Tensor): Tensor {
  if (views === 'none') return scores(X);
  const moves = views === 'mirror' ? [[0, 1 / 2]] : [[0, 1 / 4], [-1, 1 / 8], [1, 1 / 8]];
  const parts = moves.flatMap(([by, weight]) =>
    [false, true].map((mirrored) => scores(seen(X, by, mirrored)).mul(weight)));
  return parts.reduce((sum, part) => sum.add(part));
}

/** Images moved down and right by so many pixels, reflected at the edge, and then mirrored left to right if asked. */
function seen(X: Tensor, by: number, mirrored: boolean): Tensor {
  const places = (extent: number): number[] => Array.from({ length: extent }, (_, i) => {
    const inside = Math.abs(i - by);
    return Math.max(0, inside < extent ? inside : 2 * extent - 2 - inside);
  });
  const [rows, columns] = X.shape.slice(2).map(places);
  const moved = by === 0 ? X : take(X, rows, 2);
  return by === 0 && !mirrored ? X : take(moved, mirrored ? columns.reverse() : columns, 3);
}
