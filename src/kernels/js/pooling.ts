/**
 * Pooling without branches in the inner loop. Which pixel of a window is largest is as good as random, so a branch on
 * it would be mispredicted half of the time; here comparisons become 0 or 1 and move the place of the maximum by
 * arithmetic. The window 2 x 2 with stride 2, which nearly every network uses, is written out.
 */

import type { FloatArray, PoolKernels } from '../contract.ts';
import { type AvgPoolGeometry, type PoolGeometry, windowsInside } from '../geometry.ts';
import { naivePooling } from '../naive/pooling.ts';

/**
 * 1 where a candidate takes the place of the largest so far, else 0: where it is larger, or the first NaN. "Not less
 * or equal" holds for a larger number and for a NaN on either side; the second factor keeps a NaN that came first.
 */
function beats(candidate: number, largest: number): number {
  return +!(candidate <= largest) & +(largest === largest);
}

/** out (planes, outHeight, outWidth), argmax the place of each maximum in its plane (null: not wanted). */
export function maxPoolForward(x: FloatArray, out: FloatArray, argmax: Int32Array | null, g: PoolGeometry): void {
  for (let plane = 0; plane < g.planes; plane++) {
    maxPoolPlane(x, plane * g.height * g.width, out, argmax, plane * g.outHeight * g.outWidth, g);
  }
}

/** One plane of x, from start on, pooled to out (and argmax) from outStart on. */
export function maxPoolPlane(
  x: FloatArray, start: number, out: FloatArray, argmax: Int32Array | null, outStart: number, g: PoolGeometry,
): void {
  if (g.poolHeight === 2 && g.poolWidth === 2 && windowsInside(g)) plane2x2(x, start, out, argmax, outStart, g);
  else planeAny(x, start, out, argmax, outStart, g);
}

/** Windows of 2 x 2, at any stride. */
function plane2x2(
  x: FloatArray, start: number, out: FloatArray, argmax: Int32Array | null, outStart: number, g: PoolGeometry,
): void {
  const { width, outWidth, strideX } = g;
  let o = outStart;
  for (let oy = 0; oy < g.outHeight; oy++) {
    let at = start + oy * g.strideY * width;
    for (let ox = 0; ox < outWidth; ox++) {
      let place = at;
      place += beats(x[at + 1], x[place]);
      place += beats(x[at + width], x[place]) * (at + width - place);
      place += beats(x[at + width + 1], x[place]) * (at + width + 1 - place);
      out[o] = x[place];
      if (argmax !== null) argmax[o] = place - start;
      at += strideX;
      o++;
    }
  }
}

function planeAny(
  x: FloatArray, start: number, out: FloatArray, argmax: Int32Array | null, outStart: number, g: PoolGeometry,
): void {
  const { width } = g;
  let o = outStart;
  for (let oy = 0; oy < g.outHeight; oy++) {
    const y = oy * g.strideY - g.padTop;
    const [top, bottom] = [Math.max(0, y), Math.min(g.height, y + g.poolHeight)];
    for (let ox = 0; ox < g.outWidth; ox++) {
      const left = ox * g.strideX - g.padLeft;
      const first = start + Math.max(0, left);
      const columns = start + Math.min(width, left + g.poolWidth) - first;
      let place = first + top * width;
      for (let iy = top; iy < bottom; iy++) {
        const row = first + iy * width;
        for (let at = row; at < row + columns; at++) place += beats(x[at], x[place]) * (at - place);
      }
      out[o] = x[place];
      if (argmax !== null) argmax[o] = place - start;
      o++;
    }
  }
}

/** out = the mean of each window, added up row by row. Windows that overhang the image are left to the definition. */
export function avgPoolForward(x: FloatArray, out: FloatArray, g: AvgPoolGeometry): void {
  if (!windowsInside(g)) return naivePooling.avgPoolForward(x, out, g);
  const { width, poolHeight, poolWidth } = g;
  const size = poolHeight * poolWidth;
  let o = 0;
  for (let plane = 0; plane < g.planes; plane++) {
    for (let oy = 0; oy < g.outHeight; oy++) {
      let corner = (plane * g.height + oy * g.strideY) * width;
      for (let ox = 0; ox < g.outWidth; ox++) {
        let sum = 0;
        if (size === 4 && poolWidth === 2) sum = x[corner] + x[corner + 1] + x[corner + width] + x[corner + width + 1];
        else {
          for (let ky = 0; ky < poolHeight; ky++) {
            const row = corner + ky * width;
            for (let at = row; at < row + poolWidth; at++) sum += x[at];
          }
        }
        out[o++] = sum / size;
        corner += g.strideX;
      }
    }
  }
}

/** dx = each output's gradient, shared out equally over its window. */
export function avgPoolBackward(dout: FloatArray, dx: FloatArray, g: AvgPoolGeometry): void {
  if (!windowsInside(g)) return naivePooling.avgPoolBackward(dout, dx, g);
  const { width, poolHeight, poolWidth } = g;
  const share = 1 / (poolHeight * poolWidth);
  dx.fill(0);
  let o = 0;
  for (let plane = 0; plane < g.planes; plane++) {
    for (let oy = 0; oy < g.outHeight; oy++) {
      let corner = (plane * g.height + oy * g.strideY) * width;
      for (let ox = 0; ox < g.outWidth; ox++) {
        const gradient = dout[o++] * share;
        for (let ky = 0; ky < poolHeight; ky++) {
          const row = corner + ky * width;
          for (let at = row; at < row + poolWidth; at++) dx[at] += gradient;
        }
        corner += g.strideX;
      }
    }
  }
}

export const fastPooling: PoolKernels = { ...naivePooling, maxPoolForward, avgPoolForward, avgPoolBackward };
