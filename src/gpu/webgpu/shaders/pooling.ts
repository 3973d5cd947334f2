/**
 * Pooling, forward by window and backward by pixel: a pixel looks for the windows that it lay in and gathers its share
 * of their gradients, so that overlapping windows need not add to one place at once.
 */

import { forEachElement, type Shader, shader } from '../shader.ts';

const geometry = [
  'length', 'height', 'width', 'poolHeight', 'poolWidth', 'strideY', 'strideX', 'padTop', 'padLeft', 'outHeight',
  'outWidth',
] as const;
type Geometry = (typeof geometry)[number];

const adaptive = ['length', 'height', 'width', 'outHeight', 'outWidth'] as const;
type Adaptive = (typeof adaptive)[number];

/** i counts output elements: the part of window (oy, ox) that lies in the image is top..bottom, left..right. */
const windowOfElement = `
let plane = i / (g.outHeight * g.outWidth);
let oy = i / g.outWidth % g.outHeight;
let ox = i % g.outWidth;
let start = plane * g.height * g.width;
let top = max(0, oy * g.strideY - g.padTop);
let left = max(0, ox * g.strideX - g.padLeft);
let bottom = min(g.height, oy * g.strideY - g.padTop + g.poolHeight);
let right = min(g.width, ox * g.strideX - g.padLeft + g.poolWidth);`;

/** i counts pixels: the windows that pixel (iy, ix) lies in are firstY..lastY, firstX..lastX. */
const windowsOfPixel = `
let plane = i / (g.height * g.width);
let iy = i / g.width % g.height;
let ix = i % g.width;
let start = plane * g.outHeight * g.outWidth;
let firstY = max(0, (iy + g.padTop - g.poolHeight + g.strideY) / g.strideY);
let firstX = max(0, (ix + g.padLeft - g.poolWidth + g.strideX) / g.strideX);
let lastY = min(g.outHeight - 1, (iy + g.padTop) / g.strideY);
let lastX = min(g.outWidth - 1, (ix + g.padLeft) / g.strideX);`;

/** argmax gets the place y width + x of the first maximum inside the plane. */
export const maxPoolForwardShader: Shader<'x' | 'out' | 'argmax', Geometry> = shader({
  name: 'maxPoolForward', buffers: { x: 'in', out: 'out', argmax: 'out int' }, sizes: geometry,
  code: forEachElement(`${windowOfElement}
var place = top * g.width + left;
var largest = x[start + place];
for (var iy = top; iy < bottom; iy++) {
  for (var ix = left; ix < right; ix++) {
    let value = x[start + iy * g.width + ix];
    if (value > largest) {
      largest = value;
      place = iy * g.width + ix;
    }
  }
}
out[i] = largest;
argmax[i] = place;`),
});

/** A pixel gets the gradients of the windows whose maximum it was; with masked, of those where reluOut is positive. */
export const maxPoolBackwardShader: Shader<'dout' | 'argmax' | 'reluOut' | 'dx', Geometry | 'masked'> = shader({
  name: 'maxPoolBackward', buffers: { dout: 'in', argmax: 'in int', reluOut: 'in', dx: 'out' },
  sizes: [...geometry, 'masked'],
  code: forEachElement(`${windowsOfPixel}
var sum = 0.0;
for (var oy = firstY; oy <= lastY; oy++) {
  for (var ox = firstX; ox <= lastX; ox++) {
    let o = start + oy * g.outWidth + ox;
    if (argmax[o] != iy * g.width + ix) { continue; }
    if (g.masked == 1 && !(reluOut[o] > 0.0)) { continue; }
    sum += dout[o];
  }
}
dx[i] = sum;`),
});

/** With whole = 1 a window is divided by its size, padding counted; else by the pixels that it has. */
export const avgPoolForwardShader: Shader<'x' | 'out', Geometry | 'whole'> = shader({
  name: 'avgPoolForward', buffers: { x: 'in', out: 'out' }, sizes: [...geometry, 'whole'],
  code: forEachElement(`${windowOfElement}
var sum = 0.0;
for (var iy = top; iy < bottom; iy++) {
  for (var ix = left; ix < right; ix++) { sum += x[start + iy * g.width + ix]; }
}
out[i] = sum / f32(select((bottom - top) * (right - left), g.poolHeight * g.poolWidth, g.whole == 1));`),
});

export const avgPoolBackwardShader: Shader<'dout' | 'dx', Geometry | 'whole'> = shader({
  name: 'avgPoolBackward', buffers: { dout: 'in', dx: 'out' }, sizes: [...geometry, 'whole'],
  code: forEachElement(`${windowsOfPixel}
var sum = 0.0;
for (var oy = firstY; oy <= lastY; oy++) {
  for (var ox = firstX; ox <= lastX; ox++) {
    let top = max(0, oy * g.strideY - g.padTop);
    let left = max(0, ox * g.strideX - g.padLeft);
    let bottom = min(g.height, oy * g.strideY - g.padTop + g.poolHeight);
    let right = min(g.width, ox * g.strideX - g.padLeft + g.poolWidth);
    let count = select((bottom - top) * (right - left), g.poolHeight * g.poolWidth, g.whole == 1);
    sum += dout[start + oy * g.outWidth + ox] / f32(count);
  }
}
dx[i] = sum;`),
});

/** Window i of n over m rows is rows floor(i m / n) to ceil((i + 1) m / n). */
const adaptiveWindow = `
fn windowStart(i: i32, m: i32, n: i32) -> i32 { return i * m / n; }
fn windowEnd(i: i32, m: i32, n: i32) -> i32 { return ((i + 1) * m + n - 1) / n; }`;

export const adaptiveAvgPoolForwardShader: Shader<'x' | 'out', Adaptive> = shader({
  name: 'adaptiveAvgPoolForward', buffers: { x: 'in', out: 'out' }, sizes: adaptive,
  code: adaptiveWindow + forEachElement(`
let plane = i / (g.outHeight * g.outWidth);
let oy = i / g.outWidth % g.outHeight;
let ox = i % g.outWidth;
let top = windowStart(oy, g.height, g.outHeight);
let bottom = windowEnd(oy, g.height, g.outHeight);
let left = windowStart(ox, g.width, g.outWidth);
let right = windowEnd(ox, g.width, g.outWidth);
var sum = 0.0;
for (var iy = top; iy < bottom; iy++) {
  for (var ix = left; ix < right; ix++) { sum += x[(plane * g.height + iy) * g.width + ix]; }
}
out[i] = sum / f32((bottom - top) * (right - left));`),
});

/**
 * Row y lies in window i where i m / n < y + 1 and (i + 1) m / n > y: from floor(y n / m) to ceil((y + 1) n / m) - 1.
 */
export const adaptiveAvgPoolBackwardShader: Shader<'dout' | 'dx', Adaptive> = shader({
  name: 'adaptiveAvgPoolBackward', buffers: { dout: 'in', dx: 'out' }, sizes: adaptive,
  code: adaptiveWindow + forEachElement(`
let plane = i / (g.height * g.width);
let iy = i / g.width % g.height;
let ix = i % g.width;
var sum = 0.0;
for (var oy = iy * g.outHeight / g.height; oy < ((iy + 1) * g.outHeight + g.height - 1) / g.height; oy++) {
  for (var ox = ix * g.outWidth / g.width; ox < ((ix + 1) * g.outWidth + g.width - 1) / g.width; ox++) {
    let rows = windowEnd(oy, g.height, g.outHeight) - windowStart(oy, g.height, g.outHeight);
    let columns = windowEnd(ox, g.width, g.outWidth) - windowStart(ox, g.width, g.outWidth);
    sum += dout[(plane * g.outHeight + oy) * g.outWidth + ox] / f32(rows * columns);
  }
}
dx[i] = sum;`),
});
