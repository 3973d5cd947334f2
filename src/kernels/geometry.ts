/** What backends ask about the sizes of a call before they choose a form for it. */

import type { ConvGeometry, PoolGeometry } from './contract.ts';

/** True when no window of a pooling overhangs the image, so that every one has all its pixels. */
export function windowsInside(g: PoolGeometry): boolean {
  return g.padTop === 0 && g.padLeft === 0 && (g.outHeight - 1) * g.strideY + g.poolHeight <= g.height
    && (g.outWidth - 1) * g.strideX + g.poolWidth <= g.width;
}

/** Pixels of a padded plane below which padding costs nothing worth a thought, and how often it may hold the image. */
const harmlessPlane = 2 ** 20;
const mostPadding = 32;

/**
 * True when a padded plane would be nearly all padding, and large: a pad in the thousands around a small image, with a
 * stride that skips it again. Kernels that copy images into padded planes leave such calls to the plain loops, which
 * skip what lies outside; the plane might not even be addressable.
 */
export function isMostlyPadding(g: ConvGeometry): boolean {
  const height = Math.max(g.padTop + g.height, (g.outHeight - 1) * g.strideY + (g.kernelHeight - 1) * g.dilationY + 1);
  const width = Math.max(g.padLeft + g.width, (g.outWidth - 1) * g.strideX + (g.kernelWidth - 1) * g.dilationX + 1);
  const plane = height * width;
  return plane > harmlessPlane && plane > mostPadding * (g.height * g.width + g.outHeight * g.outWidth);
}
