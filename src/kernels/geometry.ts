/** What backends ask about the sizes of a call before they choose a form for it. */

import type { PoolGeometry } from './contract.ts';

/** True when no window of a pooling overhangs the image, so that every one has all its pixels. */
export function windowsInside(g: PoolGeometry): boolean {
  return g.padTop === 0 && g.padLeft === 0 && (g.outHeight - 1) * g.strideY + g.poolHeight <= g.height
    && (g.outWidth - 1) * g.strideX + g.poolWidth <= g.width;
}
