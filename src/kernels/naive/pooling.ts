/**
 * Pooling: every window of a plane becomes one number, its maximum or its mean. Windows may overlap (stride smaller
 * than the window), leave pixels out (stride larger, or a remainder at the edge), or overhang the image where it is
 * padded: what lies outside takes no part in a maximum, and adds nothing to a mean.
 */

import type { FloatArray, PoolKernels } from '../contract.ts';
import type { AdaptivePoolGeometry, AvgPoolGeometry, PoolGeometry } from '../geometry.ts';

/** The pixels of one window that lie in the image: rows top..bottom and columns left..right, the ends not included. */
interface Window {
  readonly top: number;
  readonly bottom: number;
  readonly left: number;
  readonly right: number;
}

function windowAt(oy: number, ox: number, g: PoolGeometry): Window {
  const y = oy * g.strideY - g.padTop;
  const x = ox * g.strideX - g.padLeft;
  return {
    top: Math.max(0, y), bottom: Math.min(g.height, y + g.poolHeight),
    left: Math.max(0, x), right: Math.min(g.width, x + g.poolWidth),
  };
}

/** The windows of adaptive pooling cover the image evenly; neighbours share a row where sizes do not divide. */
function adaptiveWindowAt(oy: number, ox: number, g: AdaptivePoolGeometry): Window {
  return {
    top: Math.floor(oy * g.height / g.outHeight), bottom: Math.ceil((oy + 1) * g.height / g.outHeight),
    left: Math.floor(ox * g.width / g.outWidth), right: Math.ceil((ox + 1) * g.width / g.outWidth),
  };
}

function pixelsOf(window: Window): number {
  return (window.bottom - window.top) * (window.right - window.left);
}

/**
 * out (planes, outHeight, outWidth) = the maximum of each window of x (planes, height, width); argmax, unless null,
 * gets its place y * width + x inside the plane. The first of equals wins, in row-major order, and a NaN beats every
 * number: a network that went wrong says so instead of hiding it.
 */
export function maxPoolForward(x: FloatArray, out: FloatArray, argmax: Int32Array | null, g: PoolGeometry): void {
  for (let plane = 0; plane < g.planes; plane++) {
    const start = plane * g.height * g.width;
    for (let oy = 0; oy < g.outHeight; oy++) {
      for (let ox = 0; ox < g.outWidth; ox++) {
        const { top, bottom, left, right } = windowAt(oy, ox, g);
        let place = top * g.width + left;
        let largest = x[start + place];
        for (let iy = top; iy < bottom; iy++) {
          for (let ix = left; ix < right; ix++) {
            const candidate = iy * g.width + ix;
            const value = x[start + candidate];
            if (value > largest || (Number.isNaN(value) && !Number.isNaN(largest))) {
              largest = value;
              place = candidate;
            }
          }
        }
        const o = (plane * g.outHeight + oy) * g.outWidth + ox;
        out[o] = largest;
        if (argmax !== null) argmax[o] = place;
      }
    }
  }
}

/** dx: only the maximum of a window moved its output, so it alone gets the gradient; overlapping windows add up. */
export function maxPoolBackward(
  dout: FloatArray, argmax: Int32Array, dx: FloatArray, g: PoolGeometry, reluOut: FloatArray | null = null,
): void {
  const outPixels = g.outHeight * g.outWidth;
  dx.fill(0);
  for (let plane = 0; plane < g.planes; plane++) {
    const start = plane * g.height * g.width;
    for (let p = 0; p < outPixels; p++) {
      const o = plane * outPixels + p;
      if (reluOut === null || reluOut[o] > 0) dx[start + argmax[o]] += dout[o];
    }
  }
}

/** out: the sum over each window, divided by its number of pixels. */
function meanForward<G extends AdaptivePoolGeometry>(
  x: FloatArray, out: FloatArray, g: G, windowOf: (oy: number, ox: number, g: G) => Window,
  count: (window: Window) => number,
): void {
  for (let plane = 0; plane < g.planes; plane++) {
    for (let oy = 0; oy < g.outHeight; oy++) {
      for (let ox = 0; ox < g.outWidth; ox++) {
        const window = windowOf(oy, ox, g);
        let sum = 0;
        for (let iy = window.top; iy < window.bottom; iy++) {
          for (let ix = window.left; ix < window.right; ix++) sum += x[(plane * g.height + iy) * g.width + ix];
        }
        out[(plane * g.outHeight + oy) * g.outWidth + ox] = sum / count(window);
      }
    }
  }
}

/** dx: each pixel of a window moved the mean by one part in its number of pixels. */
function meanBackward<G extends AdaptivePoolGeometry>(
  dout: FloatArray, dx: FloatArray, g: G, windowOf: (oy: number, ox: number, g: G) => Window,
  count: (window: Window) => number,
): void {
  dx.fill(0);
  for (let plane = 0; plane < g.planes; plane++) {
    for (let oy = 0; oy < g.outHeight; oy++) {
      for (let ox = 0; ox < g.outWidth; ox++) {
        const window = windowOf(oy, ox, g);
        const share = dout[(plane * g.outHeight + oy) * g.outWidth + ox] / count(window);
        for (let iy = window.top; iy < window.bottom; iy++) {
          for (let ix = window.left; ix < window.right; ix++) dx[(plane * g.height + iy) * g.width + ix] += share;
        }
      }
    }
  }
}

/** What a window is divided by: its whole size where padding counts, else the pixels that it has. */
function countOf(g: AvgPoolGeometry): (window: Window) => number {
  return g.countIncludePad ? () => g.poolHeight * g.poolWidth : pixelsOf;
}

/** out (planes, outHeight, outWidth) = the mean of each window of x. */
export function avgPoolForward(x: FloatArray, out: FloatArray, g: AvgPoolGeometry): void {
  meanForward(x, out, g, windowAt, countOf(g));
}

export function avgPoolBackward(dout: FloatArray, dx: FloatArray, g: AvgPoolGeometry): void {
  meanBackward(dout, dx, g, windowAt, countOf(g));
}

export function adaptiveAvgPoolForward(x: FloatArray, out: FloatArray, g: AdaptivePoolGeometry): void {
  meanForward(x, out, g, adaptiveWindowAt, pixelsOf);
}

export function adaptiveAvgPoolBackward(dout: FloatArray, dx: FloatArray, g: AdaptivePoolGeometry): void {
  meanBackward(dout, dx, g, adaptiveWindowAt, pixelsOf);
}

export const naivePooling: PoolKernels = {
  maxPoolForward, maxPoolBackward, avgPoolForward, avgPoolBackward, adaptiveAvgPoolForward, adaptiveAvgPoolBackward,
};
