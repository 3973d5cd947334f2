/**
 * Convolution as networks use it (cross-correlation: the filter is not flipped), by its definition.
 *
 * Output pixel (oy, ox) of filter f looks through a window whose top left corner lies at row oy * strideY - padTop and
 * column ox * strideX - padLeft of the image, and whose taps lie dilation pixels apart; pixels outside the image are
 * zeros:
 *
 *   out[n, f, oy, ox] = b[f] + sum over c, ky, kx of x[n, first + c, iy, ix] * w[f, c, ky, kx]
 *   with iy = oy * strideY - padTop + ky * dilationY and ix = ox * strideX - padLeft + kx * dilationX
 *
 * where c runs over the channels of the filter's group, the first of which is channel `first`: all of them when there
 * is one group, a single one when there are as many groups as channels (a depthwise convolution).
 *
 * `epilogue` is there for layers that are fused with the convolution (a folded batchnorm's scale, a ReLU behind it): to
 * read the convolution alone, take its scale as null and its relu as false.
 */

import type { ConvKernels, Epilogue, FloatArray } from '../contract.ts';
import type { ConvGeometry } from '../geometry.ts';

/** The part of an image's channels that a filter sees, and where its group begins. */
function groupOf(f: number, g: ConvGeometry): { channels: number; first: number } {
  const channels = g.channels / g.groups;
  return { channels, first: Math.floor(f / (g.filters / g.groups)) * channels };
}

/** out (batch, filters, outHeight, outWidth) from x (batch, channels, height, width), w (filters, c, ky, kx). */
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
  const { channels, first } = groupOf(f, g);
  let sum = 0;
  for (let c = 0; c < channels; c++) {
    for (let ky = 0; ky < g.kernelHeight; ky++) {
      const iy = oy * g.strideY - g.padTop + ky * g.dilationY;
      if (iy < 0 || iy >= g.height) continue; // padding
      for (let kx = 0; kx < g.kernelWidth; kx++) {
        const ix = ox * g.strideX - g.padLeft + kx * g.dilationX;
        if (ix < 0 || ix >= g.width) continue; // padding
        sum += x[((n * g.channels + first + c) * g.height + iy) * g.width + ix]
          * w[((f * channels + c) * g.kernelHeight + ky) * g.kernelWidth + kx];
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
    const { channels, first } = groupOf(f, g);
    for (let c = 0; c < channels; c++) {
      for (let ky = 0; ky < g.kernelHeight; ky++) {
        for (let kx = 0; kx < g.kernelWidth; kx++) {
          let sum = 0;
          for (let n = 0; n < g.batch; n++) {
            for (let oy = 0; oy < g.outHeight; oy++) {
              const iy = oy * g.strideY - g.padTop + ky * g.dilationY;
              if (iy < 0 || iy >= g.height) continue;
              for (let ox = 0; ox < g.outWidth; ox++) {
                const ix = ox * g.strideX - g.padLeft + kx * g.dilationX;
                if (ix < 0 || ix >= g.width) continue;
                sum += dout[((n * g.filters + f) * g.outHeight + oy) * g.outWidth + ox]
                  * x[((n * g.channels + first + c) * g.height + iy) * g.width + ix];
              }
            }
          }
          dw[((f * channels + c) * g.kernelHeight + ky) * g.kernelWidth + kx] = sum;
        }
      }
    }
  }
}

/**
 * dx[n, c, iy, ix]: the pixel met tap (ky, kx) in the window at (oy, ox) exactly when
 *
 *   oy * strideY = iy + padTop - ky * dilationY and ox * strideX = ix + padLeft - kx * dilationX
 *
 * A pixel for which no tap solves both (the stride jumped over it, or the last window ended before it) gets zero.
 */
function inputGradient(dout: FloatArray, w: FloatArray, dx: FloatArray, g: ConvGeometry): void {
  const channels = g.channels / g.groups;
  const filters = g.filters / g.groups;
  for (let n = 0; n < g.batch; n++) {
    for (let c = 0; c < g.channels; c++) {
      const first = Math.floor(c / channels) * filters; // of the filters that see this channel
      for (let iy = 0; iy < g.height; iy++) {
        for (let ix = 0; ix < g.width; ix++) {
          let sum = 0;
          for (let ky = 0; ky < g.kernelHeight; ky++) {
            const oy = (iy + g.padTop - ky * g.dilationY) / g.strideY;
            if (oy < 0 || oy >= g.outHeight || !Number.isInteger(oy)) continue;
            for (let kx = 0; kx < g.kernelWidth; kx++) {
              const ox = (ix + g.padLeft - kx * g.dilationX) / g.strideX;
              if (ox < 0 || ox >= g.outWidth || !Number.isInteger(ox)) continue;
              for (let f = first; f < first + filters; f++) {
                sum += dout[((n * g.filters + f) * g.outHeight + oy) * g.outWidth + ox]
                  * w[((f * channels + c % channels) * g.kernelHeight + ky) * g.kernelWidth + kx];
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
