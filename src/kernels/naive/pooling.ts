/**
 * Pooling: every window of a plane becomes one number, its maximum or its mean. Windows may overlap (stride smaller
 * than the window) or leave pixels out (stride larger, or a remainder at the edge); there is no padding.
 */

import type { FloatArray, PoolGeometry, PoolKernels } from '../contract.ts';

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
        let place = oy * g.stride * g.width + ox * g.stride;
        let largest = x[start + place];
        for (let ky = 0; ky < g.poolHeight; ky++) {
          for (let kx = 0; kx < g.poolWidth; kx++) {
            const candidate = (oy * g.stride + ky) * g.width + ox * g.stride + kx;
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

/** out (planes, outHeight, outWidth) = the mean of each window of x. */
export function avgPoolForward(x: FloatArray, out: FloatArray, g: PoolGeometry): void {
  for (let plane = 0; plane < g.planes; plane++) {
    for (let oy = 0; oy < g.outHeight; oy++) {
      for (let ox = 0; ox < g.outWidth; ox++) {
        let sum = 0;
        for (let ky = 0; ky < g.poolHeight; ky++) {
          for (let kx = 0; kx < g.poolWidth; kx++) {
            sum += x[(plane * g.height + oy * g.stride + ky) * g.width + ox * g.stride + kx];
          }
        }
        out[(plane * g.outHeight + oy) * g.outWidth + ox] = sum / (g.poolHeight * g.poolWidth);
      }
    }
  }
}

/** dx: each pixel of a window moved the mean by one part in poolHeight * poolWidth. */
export function avgPoolBackward(dout: FloatArray, dx: FloatArray, g: PoolGeometry): void {
  dx.fill(0);
  for (let plane = 0; plane < g.planes; plane++) {
    for (let oy = 0; oy < g.outHeight; oy++) {
      for (let ox = 0; ox < g.outWidth; ox++) {
        const share = dout[(plane * g.outHeight + oy) * g.outWidth + ox] / (g.poolHeight * g.poolWidth);
        for (let ky = 0; ky < g.poolHeight; ky++) {
          for (let kx = 0; kx < g.poolWidth; kx++) {
            dx[(plane * g.height + oy * g.stride + ky) * g.width + ox * g.stride + kx] += share;
          }
        }
      }
    }
  }
}

export const naivePooling: PoolKernels = { maxPoolForward, maxPoolBackward, avgPoolForward, avgPoolBackward };
