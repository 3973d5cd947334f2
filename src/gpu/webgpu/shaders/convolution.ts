/**
 * Convolution and its two gradients, each as a tiled product (product.ts) one of whose sides is gathered. With groups,
 * `part` counts them: the part-th group of filters sees the part-th group of channels.
 *
 *   forward   out (filters, pixels) = w (filters, taps) windows (taps, pixels)
 *   filters   dw (filters, taps)    = dout (filters, pixels) windows^T (pixels, taps)
 *   input     dx (channels, pixels) = w^T (channels, filters and places) reach (filters and places, pixels)
 *
 * A tap is a place in a filter: its channel c, its row ky and its column kx. `pixels` run through all images.
 */

import type { Shader } from '../shader.ts';
import { productShader } from './product.ts';

const geometry = [
  'batch', 'channels', 'height', 'width', 'filters', 'kernelHeight', 'kernelWidth', 'strideY', 'strideX', 'padTop',
  'padLeft', 'dilationY', 'dilationX', 'groups', 'outHeight', 'outWidth',
] as const;

type Geometry = (typeof geometry)[number];
type ProductSize = 'rows' | 'columns' | 'inner';

/** The pixel of x that lies under a tap of the window at an output pixel; 0 where that is padding. */
const windowElement = `
  let kernel = g.kernelHeight * g.kernelWidth;
  let c = part * (g.channels / g.groups) + tap / kernel;
  let n = pixel / (g.outHeight * g.outWidth);
  let oy = pixel / g.outWidth % g.outHeight;
  let ox = pixel % g.outWidth;
  let iy = oy * g.strideY - g.padTop + tap % kernel / g.kernelWidth * g.dilationY;
  let ix = ox * g.strideX - g.padLeft + tap % g.kernelWidth * g.dilationX;
  if (iy < 0 || iy >= g.height || ix < 0 || ix >= g.width) { return 0.0; }
  return x[((n * g.channels + c) * g.height + iy) * g.width + ix];`;

/** Where the filter `row` of a part has its output pixel, in out or dout. */
const outPlace = `
  let outPixels = g.outHeight * g.outWidth;
  let f = part * (g.filters / g.groups) + row;
  let at = ((pixel / outPixels) * g.filters + f) * outPixels + pixel % outPixels;`;

/** out = (x conv w) scale + bias, then max(0, .) with relu; hasScale, hasBias and relu are 0 or 1. */
export const convForwardShader: Shader<
  'x' | 'w' | 'scale' | 'bias' | 'out', ProductSize | Geometry | 'hasScale' | 'hasBias' | 'relu'
> = productShader({
  name: 'convForward',
  buffers: { x: 'in', w: 'in', scale: 'in', bias: 'in', out: 'out' },
  sizes: [...geometry, 'hasScale', 'hasBias', 'relu'],
  left: `return w[(part * g.rows + row) * g.inner + p];`,
  right: `
  let tap = p;
  let pixel = column;${windowElement}`,
  store: `
  let pixel = column;${outPlace}
  var value = sum;
  if (g.hasScale == 1) { value *= scale[f]; }
  if (g.hasBias == 1) { value += bias[f]; }
  if (g.relu == 1) { value = max(value, 0.0); }
  out[at] = value;`,
});

/** dw: a weight met, in every image and at every output pixel, the pixel that lies under it. */
export const convFilterGradientShader: Shader<'dout' | 'x' | 'dw', ProductSize | Geometry> = productShader({
  name: 'convFilterGradient',
  buffers: { dout: 'in', x: 'in', dw: 'out' },
  sizes: geometry,
  left: `
  let pixel = p;${outPlace}
  return dout[at];`,
  right: `
  let tap = column;
  let pixel = p;${windowElement}`,
  store: `dw[(part * g.rows + row) * g.columns + column] = sum;`,
});

/**
 * dx: a pixel met place (ky, kx) of a filter in the window at (oy, ox) exactly when
 * oy strideY = iy + padTop - ky dilationY and ox strideX = ix + padLeft - kx dilationX.
 */
export const convInputGradientShader: Shader<'dout' | 'w' | 'dx', ProductSize | Geometry> = productShader({
  name: 'convInputGradient',
  buffers: { dout: 'in', w: 'in', dx: 'out' },
  sizes: geometry,
  left: `
  let kernel = g.kernelHeight * g.kernelWidth;
  let f = part * (g.filters / g.groups) + p / kernel;
  return w[(f * g.rows + row) * kernel + p % kernel];`,
  right: `
  let kernel = g.kernelHeight * g.kernelWidth;
  let f = part * (g.filters / g.groups) + p / kernel;
  let n = column / (g.height * g.width);
  let iy = column / g.width % g.height;
  let ix = column % g.width;
  let y = iy + g.padTop - p % kernel / g.kernelWidth * g.dilationY;
  let x = ix + g.padLeft - p % g.kernelWidth * g.dilationX;
  if (y < 0 || x < 0 || y % g.strideY != 0 || x % g.strideX != 0) { return 0.0; }
  let oy = y / g.strideY;
  let ox = x / g.strideX;
  if (oy >= g.outHeight || ox >= g.outWidth) { return 0.0; }
  return dout[((n * g.filters + f) * g.outHeight + oy) * g.outWidth + ox];`,
  store: `
  let pixels = g.height * g.width;
  let c = part * g.rows + row;
  dx[((column / pixels) * g.channels + c) * pixels + column % pixels] = sum;`,
});
