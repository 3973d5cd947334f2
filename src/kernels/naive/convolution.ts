/**
 * Convolution as networks use it (cross-correlation: the filter is not flipped), by its definition.
 *
 * Output pixel (oy, ox) of filter f looks through a window whose top left corner lies at row oy * stride - pad and
 * column ox * stride - pad of the image; pixels outside the image are zeros:
 *
 *   out[n, f, oy, ox] = b[f] + sum over c, ky, kx of x[n, c, iy, ix] * w[f, c, ky, kx]
 *   with iy = oy * stride - pad + ky and ix = ox * stride - pad + kx
 */

import type { ConvGeometry, ConvKernels, Epilogue, FloatArray } from '../contract.ts';

/** out (batch, filters, outHeight, outWidth) from x (batch, channels, height, width), w (filters, channels, ky, kx). */
export function convForward(
  x: FloatArray, w: FloatArray, b: FloatArray | null, out: FloatArray, g: ConvGeometry, epilogue: Epilogue,
): void {
  const scale = epilogue.scale ?? null;
  for (let n = 0; n < g.batch; n++) {
    for (let f = 0; f < g.filters; f++) {
      for (let oy = 0; oy < g.outHeight; oy++) {
        for (let ox = 0; ox < g.outWidth; ox++) {
          let value = windowProduct(x, w, g, n, f, oy, ox);
          if (scale !== null) value *= scale[f];
          if (b !== null) value += b[f];
          if (epilogue.relu === true && value < 0) value = 0;
          out[((n * g.filters + f) * g.outHeight + oy) * g.outWidth + ox] = value;
        }
      }
    }
  }
}

/** The sum over one window: filter f laid over the image n at output pixel (oy, ox). */
function windowProduct(
  x: FloatArray, w: FloatArray, g: ConvGeometry, n: number, f: number, oy: number, ox: number,
): number {
  let sum = 0;
  for (let c = 0; c < g.channels; c++) {
    for (let ky = 0; ky < g.kernelHeight; ky++) {
      const iy = oy * g.stride - g.pad + ky;
      if (iy < 0 || iy >= g.height) continue; // padding
      for (let kx = 0; kx < g.kernelWidth; kx++) {
        const ix = ox * g.stride - g.pad + kx;
        if (ix < 0 || ix >= g.width) continue; // padding
        sum += x[((n * g.channels + c) * g.height + iy) * g.width + ix]
          * w[((f * g.channels + c) * g.kernelHeight + ky) * g.kernelWidth + kx];
      }
    }
  }
  return sum;
}

/**
 * The gradients of the sum of out * dout. Every product x * w of the forward pass contributes
 * dout * w to the gradient of its pixel and dout * x to the gradient of its weight; what is left is to find,
 * for each pixel and each weight, the products it took part in.
 */
export function convBackward(
  dout: FloatArray, x: FloatArray, w: FloatArray, dx: FloatArray | null, dw: FloatArray, db: FloatArray,
  g: ConvGeometry,
): void {
  biasGradient(dout, db, g);
  filterGradient(dout, x, dw, g);
  if (dx !== null) inputGradient(dout, w, dx, g);
}

/** db[f]: the bias takes part in every output pixel of its filter. */
function biasGradient(dout: FloatArray, db: FloatArray, g: ConvGeometry): void {
  const pixels = g.outHeight * g.outWidth;
  for (let f = 0; f < g.filters; f++) {
    let sum = 0;
    for (let n = 0; n < g.batch; n++) {
      for (let p = 0; p < pixels; p++) sum += dout[(n * g.filters + f) * pixels + p];
    }
    db[f] = sum;
  }
}

/** dw[f, c, ky, kx]: the weight met, in every image and at every output pixel, the pixel that lies under it. */
function filterGradient(dout: FloatArray, x: FloatArray, dw: FloatArray, g: ConvGeometry): void {
  for (let f = 0; f < g.filters; f++) {
    for (let c = 0; c < g.channels; c++) {
      for (let ky = 0; ky < g.kernelHeight; ky++) {
        for (let kx = 0; kx < g.kernelWidth; kx++) {
          let sum = 0;
          for (let n = 0; n < g.batch; n++) {
            for (let oy = 0; oy < g.outHeight; oy++) {
              const iy = oy * g.stride - g.pad + ky;
              if (iy < 0 || iy >= g.height) continue;
              for (let ox = 0; ox < g.outWidth; ox++) {
                const ix = ox * g.stride - g.pad + kx;
                if (ix < 0 || ix >= g.width) continue;
                sum += dout[((n * g.filters + f) * g.outHeight + oy) * g.outWidth + ox]
                  * x[((n * g.channels + c) * g.height + iy) * g.width + ix];
              }
            }
          }
          dw[((f * g.channels + c) * g.kernelHeight + ky) * g.kernelWidth + kx] = sum;
        }
      }
    }
  }
}

/**
 * dx[n, c, iy, ix]: the pixel met tap (ky, kx) in the window at (oy, ox) exactly when oy * stride = iy + pad - ky and
 * ox * stride = ix + pad - kx. A pixel for which no tap solves both (the stride jumped over it, or the last window
 * ended before it) gets zero.
 */
function inputGradient(dout: FloatArray, w: FloatArray, dx: FloatArray, g: ConvGeometry): void {
  for (let n = 0; n < g.batch; n++) {
    for (let c = 0; c < g.channels; c++) {
      for (let iy = 0; iy < g.height; iy++) {
        for (let ix = 0; ix < g.width; ix++) {
          let sum = 0;
          for (let ky = 0; ky < g.kernelHeight; ky++) {
            const oy = (iy + g.pad - ky) / g.stride;
            if (oy < 0 || oy >= g.outHeight || !Number.isInteger(oy)) continue;
            for (let kx = 0; kx < g.kernelWidth; kx++) {
              const ox = (ix + g.pad - kx) / g.stride;
              if (ox < 0 || ox >= g.outWidth || !Number.isInteger(ox)) continue;
              for (let f = 0; f < g.filters; f++) {
                sum += dout[((n * g.filters + f) * g.outHeight + oy) * g.outWidth + ox]
                  * w[((f * g.channels + c) * g.kernelHeight + ky) * g.kernelWidth + kx];
              }
            }
          }
          dx[((n * g.channels + c) * g.height + iy) * g.width + ix] = sum;
        }
      }
    }
  }
}

export const naiveConvolution: ConvKernels = { convForward, convBackward };
