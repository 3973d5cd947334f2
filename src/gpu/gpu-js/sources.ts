/**
 * The kernels' texts, in the JavaScript that GPU.js understands. `this.thread` says which element of the output is
 * wanted; sizes are `this.constants`. Where an axis of the output stands for two (example and channel), they are told
 * apart by a division; half is added first, since a division on a GPU may come out a little low.
 */

import type { BinaryOperation, UnaryOperation } from '../../kernels/contract.ts';
import type { GpuJsKernel } from './runner.ts';

const kernel = (name: string, source: string): GpuJsKernel => ({ name, source: source.trim() });

/** out[y][x] = the sum over p of left right, where the two are texts of elements, + a bias. */
function product(name: string, parameters: string, left: string, right: string, rest: string = ''): GpuJsKernel {
  return kernel(name, `
function(${parameters}) {
  let sum = 0.0;
  for (let p = 0; p < this.constants.inner; p++) {
    sum += ${left} * ${right};
  }
  ${rest}
  return sum;
}`);
}

const straightA = 'a[this.thread.y * this.constants.inner + p]';
const turnedA = 'a[p * this.constants.rows + this.thread.y]';
const straightB = 'b[p * this.constants.columns + this.thread.x]';
const turnedB = 'b[this.thread.x * this.constants.inner + p]';

/** op(a) op(b) in its four forms. */
export function gemmSource(transposeA: boolean, transposeB: boolean): GpuJsKernel {
  return product('gemm', 'a, b', transposeA ? turnedA : straightA, transposeB ? turnedB : straightB);
}

/** a b + bias, then max(0, .) with relu. */
export const affineSource: GpuJsKernel = product('affineForward', 'a, b, bias', straightA, straightB, `
  sum += bias[this.thread.x];
  if (this.constants.relu === 1 && sum < 0.0) { sum = 0.0; }`);

/** The output is (x: ox, y: oy, z: n filters + f). */
export const convForwardSource: GpuJsKernel = kernel('convForward', `
function(x, w, scale, bias) {
  const n = Math.floor((this.thread.z + 0.5) / this.constants.filters);
  const f = this.thread.z - n * this.constants.filters;
  const part = Math.floor((f + 0.5) / this.constants.groupFilters);
  let sum = 0.0;
  for (let c = 0; c < this.constants.groupChannels; c++) {
    const plane = (n * this.constants.channels + part * this.constants.groupChannels + c) * this.constants.height;
    const filter = (f * this.constants.groupChannels + c) * this.constants.kernelHeight;
    for (let ky = 0; ky < this.constants.kernelHeight; ky++) {
      const iy = this.thread.y * this.constants.strideY - this.constants.padTop + ky * this.constants.dilationY;
      if (iy >= 0 && iy < this.constants.height) {
        for (let kx = 0; kx < this.constants.kernelWidth; kx++) {
          const ix = this.thread.x * this.constants.strideX - this.constants.padLeft + kx * this.constants.dilationX;
          if (ix >= 0 && ix < this.constants.width) {
            sum += x[(plane + iy) * this.constants.width + ix] * w[(filter + ky) * this.constants.kernelWidth + kx];
          }
        }
      }
    }
  }
  sum = sum * scale[f] + bias[f];
  if (this.constants.relu === 1 && sum < 0.0) { sum = 0.0; }
  return sum;
}`);

/** The output is (x: kx, y: ky, z: f groupChannels + c). */
export const convFilterGradientSource: GpuJsKernel = kernel('convFilterGradient', `
function(dout, x) {
  const f = Math.floor((this.thread.z + 0.5) / this.constants.groupChannels);
  const part = Math.floor((f + 0.5) / this.constants.groupFilters);
  const c = this.thread.z - f * this.constants.groupChannels + part * this.constants.groupChannels;
  let sum = 0.0;
  for (let n = 0; n < this.constants.batch; n++) {
    const plane = (n * this.constants.channels + c) * this.constants.height;
    const out = (n * this.constants.filters + f) * this.constants.outHeight;
    for (let oy = 0; oy < this.constants.outHeight; oy++) {
      const iy = oy * this.constants.strideY - this.constants.padTop + this.thread.y * this.constants.dilationY;
      if (iy >= 0 && iy < this.constants.height) {
        for (let ox = 0; ox < this.constants.outWidth; ox++) {
          const ix = ox * this.constants.strideX - this.constants.padLeft + this.thread.x * this.constants.dilationX;
          if (ix >= 0 && ix < this.constants.width) {
            sum += dout[(out + oy) * this.constants.outWidth + ox] * x[(plane + iy) * this.constants.width + ix];
          }
        }
      }
    }
  }
  return sum;
}`);

/** The output is (x: ix, y: iy, z: n channels + c). */
export const convInputGradientSource: GpuJsKernel = kernel('convInputGradient', `
function(dout, w) {
  const n = Math.floor((this.thread.z + 0.5) / this.constants.channels);
  const c = this.thread.z - n * this.constants.channels;
  const part = Math.floor((c + 0.5) / this.constants.groupChannels);
  const own = c - part * this.constants.groupChannels;
  let sum = 0.0;
  for (let ky = 0; ky < this.constants.kernelHeight; ky++) {
    const y = this.thread.y + this.constants.padTop - ky * this.constants.dilationY;
    const oy = Math.floor((y + 0.5) / this.constants.strideY);
    if (y >= 0 && oy * this.constants.strideY === y && oy < this.constants.outHeight) {
      for (let kx = 0; kx < this.constants.kernelWidth; kx++) {
        const x = this.thread.x + this.constants.padLeft - kx * this.constants.dilationX;
        const ox = Math.floor((x + 0.5) / this.constants.strideX);
        if (x >= 0 && ox * this.constants.strideX === x && ox < this.constants.outWidth) {
          for (let i = 0; i < this.constants.groupFilters; i++) {
            const f = part * this.constants.groupFilters + i;
            const out = (n * this.constants.filters + f) * this.constants.outHeight + oy;
            const filter = (f * this.constants.groupChannels + own) * this.constants.kernelHeight + ky;
            sum += dout[out * this.constants.outWidth + ox] * w[filter * this.constants.kernelWidth + kx];
          }
        }
      }
    }
  }
  return sum;
}`);

/** x is the sum over outer and inner of channel x: the gradient of a bias, or the sums of columns (inner 1). */
export const channelSumSource: GpuJsKernel = kernel('channelSum', `
function(x) {
  let sum = 0.0;
  for (let o = 0; o < this.constants.outer; o++) {
    let short = 0.0;
    for (let i = 0; i < this.constants.inner; i++) {
      short += x[(o * this.constants.channels + this.thread.x) * this.constants.inner + i];
    }
    sum += short;
  }
  return sum;
}`);

/** Walks through the pixels (iy, ix) of the window at (x, y) of plane z that lie in the image. */
function inWindow(before: string, each: string, after: string): string {
  return `
  ${before}
  for (let ky = 0; ky < this.constants.poolHeight; ky++) {
    const iy = this.thread.y * this.constants.strideY - this.constants.padTop + ky;
    if (iy >= 0 && iy < this.constants.height) {
      for (let kx = 0; kx < this.constants.poolWidth; kx++) {
        const ix = this.thread.x * this.constants.strideX - this.constants.padLeft + kx;
        if (ix >= 0 && ix < this.constants.width) {
          const value = x[(this.thread.z * this.constants.height + iy) * this.constants.width + ix];
          ${each}
        }
      }
    }
  }
  ${after}`;
}

/** The maximum of a window, and its place in the plane. */
const search = (result: string): string => `
function(x) {${inWindow(
  'let largest = 0.0;\n  let place = -1.0;', `
          if (place < 0.0 || value > largest) {
            largest = value;
            place = iy * this.constants.width + ix;
          }`, `return ${result};`,
)}
}`;

export const maxPoolSource: GpuJsKernel = kernel('maxPoolForward', search('largest'));
export const argmaxSource: GpuJsKernel = kernel('argmax', search('place'));

export const avgPoolSource: GpuJsKernel = kernel('avgPoolForward', `
function(x) {${inWindow(
  'let sum = 0.0;\n  let count = 0.0;', `
          sum += value;
          count += 1.0;`, `
  if (this.constants.whole === 1) { count = this.constants.poolHeight * this.constants.poolWidth; }
  return sum / count;`,
)}
}`);

/** Walks through the windows that pixel (x, y) of plane z lies in. */
function ofPixel(each: string): string {
  return `
  let sum = 0.0;
  for (let ky = 0; ky < this.constants.poolHeight; ky++) {
    const y = this.thread.y + this.constants.padTop - ky;
    const oy = Math.floor((y + 0.5) / this.constants.strideY);
    if (y >= 0 && oy * this.constants.strideY === y && oy < this.constants.outHeight) {
      for (let kx = 0; kx < this.constants.poolWidth; kx++) {
        const x = this.thread.x + this.constants.padLeft - kx;
        const ox = Math.floor((x + 0.5) / this.constants.strideX);
        if (x >= 0 && ox * this.constants.strideX === x && ox < this.constants.outWidth) {
          const at = (this.thread.z * this.constants.outHeight + oy) * this.constants.outWidth + ox;
          ${each}
        }
      }
    }
  }
  return sum;`;
}

/** `gate` is what must be positive for a gradient to count: the output of a ReLU, or ones. */
export const maxPoolBackwardSource: GpuJsKernel = kernel('maxPoolBackward', `
function(dout, argmax, gate) {${ofPixel(`
          if (argmax[at] === this.thread.y * this.constants.width + this.thread.x && gate[at] > 0.0) { sum += dout[at]; }`)}
}`);

export const avgPoolBackwardSource: GpuJsKernel = kernel('avgPoolBackward', `
function(dout) {${ofPixel(`
          const firstY = oy * this.constants.strideY - this.constants.padTop;
          const firstX = ox * this.constants.strideX - this.constants.padLeft;
          const rows = Math.min(this.constants.height, firstY + this.constants.poolHeight) - Math.max(0, firstY);
          const columns = Math.min(this.constants.width, firstX + this.constants.poolWidth) - Math.max(0, firstX);
          let count = rows * columns;
          if (this.constants.whole === 1) { count = this.constants.poolHeight * this.constants.poolWidth; }
          sum += dout[at] / count;`)}
}`);

/** One element of one array: v, and s, a number. */
const ofOne = (name: string, expression: string): GpuJsKernel => kernel(name, `
function(x, numbers) {
  const v = x[this.thread.x];
  const s = numbers[0];
  return ${expression};
}`);

/** One element of two arrays: u and v, and s, a number. */
const ofTwo = (name: string, expression: string): GpuJsKernel => kernel(name, `
function(a, b, numbers) {
  const u = a[this.thread.x];
  const v = b[this.thread.x];
  const s = numbers[0];
  return ${expression};
}`);

const sigmoid = '(v < 0.0 ? Math.exp(v) / (1.0 + Math.exp(v)) : 1.0 / (1.0 + Math.exp(-v)))';
// near 0 the exponentials cancel; the series does not
const tanh = '(Math.abs(v) < 0.1 ? v * (1.0 - v * v / 3.0 + 2.0 * v * v * v * v / 15.0) : ' +
  '(v < 0.0 ? -1.0 : 1.0) * (1.0 - 2.0 / (Math.exp(Math.min(2.0 * Math.abs(v), 80.0)) + 1.0)))';

export const binarySources: Readonly<Record<BinaryOperation, GpuJsKernel>> = {
  add: ofTwo('add', 'u + v'), sub: ofTwo('sub', 'u - v'), mul: ofTwo('mul', 'u * v'), div: ofTwo('div', 'u / v'),
  maximum: ofTwo('maximum', 'Math.max(u, v)'), minimum: ofTwo('minimum', 'Math.min(u, v)'),
};

export const scalarSources: Readonly<Record<BinaryOperation, GpuJsKernel>> = {
  add: ofOne('addScalar', 'v + s'), sub: ofOne('subScalar', 'v - s'), mul: ofOne('mulScalar', 'v * s'),
  div: ofOne('divScalar', 'v / s'), maximum: ofOne('maximumScalar', 'Math.max(v, s)'),
  minimum: ofOne('minimumScalar', 'Math.min(v, s)'),
};

export const unarySources: Readonly<Record<UnaryOperation, GpuJsKernel>> = {
  neg: ofOne('neg', '-v'), exp: ofOne('exp', 'Math.exp(v)'), log: ofOne('log', 'Math.log(v)'),
  sqrt: ofOne('sqrt', 'Math.sqrt(v)'), abs: ofOne('abs', 'Math.abs(v)'), tanh: ofOne('tanh', tanh),
  sigmoid: ofOne('sigmoid', sigmoid), relu: ofOne('relu', 'Math.max(v, 0.0)'), square: ofOne('square', 'v * v'),
};

type Activation = 'relu' | 'leakyRelu' | 'sigmoid' | 'tanh';

export const forwardSources: Readonly<Record<`${Activation}Forward`, GpuJsKernel>> = {
  reluForward: unarySources.relu, leakyReluForward: ofOne('leakyReluForward', '(v > 0.0 ? v : s * v)'),
  sigmoidForward: unarySources.sigmoid, tanhForward: unarySources.tanh,
};

export const backwardSources: Readonly<Record<`${Activation}Backward`, GpuJsKernel>> = {
  reluBackward: ofTwo('reluBackward', '(v > 0.0 ? u : 0.0)'),
  leakyReluBackward: ofTwo('leakyReluBackward', '(v > 0.0 ? u : s * u)'),
  sigmoidBackward: ofTwo('sigmoidBackward', 'u * v * (1.0 - v)'), tanhBackward: ofTwo('tanhBackward', 'u * (1.0 - v * v)'),
};

export const axpySource: GpuJsKernel = ofTwo('axpy', 'v + s * u');
