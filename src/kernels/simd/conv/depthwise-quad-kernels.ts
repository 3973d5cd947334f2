/**
 * Depthwise convolution of the usual form, 3x3 with a border of one pixel, to planes of 2x2 float32: from 2x2 with
 * stride 1, or from 4x4 with stride 2. Such a plane is one vector, and the pixels that its four outputs see under a tap
 * are another, shuffled from those of the image with zeros for the border; so a plane takes nine products and no loop.
 */

import {
  type Body, load, loadSplat, type Local, multiplyAdd, scale, shuffle, type Value,
} from '../../../wasm/index.ts';
import { type ArgumentTypes, Kernel, type KernelBuilder } from '../kernel.ts';
import { eachOfShare, zero } from '../vectors.ts';
import { Epilogue, storeGradients, taps, tapsAt } from './depthwise-taps.ts';

type Stride = 1 | 2;
type OfStride<Types extends ArgumentTypes> = Readonly<Record<Stride, Kernel<Types>>>;
const kind = 'f32x4';

function ofStride<Types extends ArgumentTypes>(name: string, types: Types): OfStride<Types> {
  return { 1: new Kernel(`f32_${name}`, types), 2: new Kernel(`f32_${name}_halving`, types) };
}

const forwardArguments = {
  planes: 'i32', perTask: 'i32', channels: 'i32', x: 'input', w: 'input', turned: 'flag', scales: 'input?',
  bias: 'input?', relu: 'flag', out: 'output',
} as const;
/** The convolution, and with turned taps its gradient at the input where the stride is 1. */
export const depthwiseQuads: OfStride<typeof forwardArguments> = ofStride('conv_depthwise_quads', forwardArguments);

const inputArguments = {
  planes: 'i32', perTask: 'i32', channels: 'i32', dout: 'input', w: 'input', dx: 'output',
} as const;
/** The gradient at the input where the stride is 2. */
export const depthwiseQuadsInput: Kernel<typeof inputArguments> =
  new Kernel('f32_conv_depthwise_quads_input', inputArguments);

const gradientArguments = {
  batch: 'i32', channels: 'i32', x: 'input', dout: 'input', dw: 'output', db: 'output',
} as const;
/** The gradients at the filters and the bias. */
export const depthwiseQuadsGradient: OfStride<typeof gradientArguments> =
  ofStride('conv_depthwise_quads_gradient', gradientArguments);

/** Adds the kernels to the module. */
export function emitDepthwiseQuads(kernels: KernelBuilder): void {
  for (const stride of [1, 2] as const) {
    emitForward(kernels, stride);
    emitGradient(kernels, stride);
  }
  emitInputGradient(kernels);
}

/** The pixels of the plane at an address that the four outputs see under each tap. */
function windows(f: Body, at: Local, stride: Stride): Value[] {
  const none = f.let(zero(kind));
  if (stride === 1) {
    const plane = f.let(load(kind, at));
    return taps.map((tap) => shuffle(plane, none, [0, 1, 2, 3].map((i) => {
      const [y, x] = [(i >> 1) + Math.floor(tap / 3) - 1, (i & 1) + tap % 3 - 1];
      return y >= 0 && y < 2 && x >= 0 && x < 2 ? 2 * y + x : 4;
    })));
  }
  const rows = [0, 1, 2, 3].map((row) => f.let(load(kind, at, 16 * row)));
  // under the left, middle and right taps: odd columns moved by one, even ones, odd ones
  const under = (upper: Local, lower: Local): Local[] => {
    const [even, odd] = [[0, 2, 4, 6], [1, 3, 5, 7]].map((lanes) => f.let(shuffle(upper, lower, lanes)));
    return [f.let(shuffle(odd, none, [4, 0, 4, 2])), even, odd];
  };
  const [here, below] = [under(rows[0], rows[2]), under(rows[1], rows[3])];
  return [...below.map((pixels) => shuffle(none, pixels, [0, 0, 4, 5])), ...here, ...below];
}

/** Task: perTask planes of all images together. */
function emitForward(kernels: KernelBuilder, stride: Stride): void {
  const { relaxed } = kernels;
  kernels.define(depthwiseQuads[stride], (f, s, task) => {
    const [channel, at, weights] = f.locals('i32', 3);
    const sum = f.local(kind);
    const epilogue = new Epilogue(f, 'f32', s);
    eachOfShare(f, task, s.perTask, s.planes, (plane) => {
      f.set(channel, plane.rem(s.channels));
      f.set(weights, tapsAt('f32', s.w, channel));
      epilogue.load(channel);
      f.set(at, s.x.add(scale(plane, 16 * stride * stride)));
      const add = (place: (tap: number) => number): void => {
        f.set(sum, zero(kind));
        windows(f, at, stride).forEach((pixels, tap) =>
          f.set(sum, multiplyAdd(loadSplat(kind, weights, 4 * place(tap)), pixels, sum, relaxed)));
      };
      f.if(s.turned, () => add((tap) => 8 - tap), () => add((tap) => tap));
      f.store(s.out.add(scale(plane, 16)), epilogue.finish(sum));
    });
  });
}

/** Task: perTask planes of all images together. Even rows and columns met one output, odd ones two. */
function emitInputGradient(kernels: KernelBuilder): void {
  const { relaxed } = kernels;
  kernels.define(depthwiseQuadsInput, (f, s, task) => {
    const [weights, to] = f.locals('i32', 2);
    eachOfShare(f, task, s.perTask, s.planes, (plane) => {
      f.set(weights, tapsAt('f32', s.w, plane.rem(s.channels)));
      f.set(to, s.dx.add(scale(plane, 64)));
      const none = f.let(zero(kind));
      const dout = f.let(load(kind, s.dout.add(scale(plane, 16))));
      // dout of the next column, of the next row, of both
      const [right, below, across] = [[1, 4, 3, 4], [2, 3, 4, 4], [3, 4, 4, 4]].map((lanes) =>
        f.let(shuffle(dout, none, lanes)));
      const sumOf = (...terms: ReadonlyArray<readonly [tap: number, dout: Local]>): Local =>
        f.let(terms.reduce<Value>((sum, [tap, pixels]) =>
          multiplyAdd(loadSplat(kind, weights, 4 * tap), pixels, sum, relaxed), none));
      // the pixels of dx that lie in even rows and even columns, and so on
      const evenRows = [sumOf([4, dout]), sumOf([5, dout], [3, right])] as const;
      const oddRows = [sumOf([7, dout], [1, below]), sumOf([8, dout], [6, right], [2, below], [0, across])] as const;
      [evenRows, oddRows].forEach(([even, odd], row) => {
        f.store(to, shuffle(even, odd, [0, 4, 1, 5]), 16 * row);
        f.store(to, shuffle(even, odd, [2, 6, 3, 7]), 16 * (row + 2));
      });
    });
  });
}

/** Task: the gradients of one channel. */
function emitGradient(kernels: KernelBuilder, stride: Stride): void {
  const { relaxed } = kernels;
  kernels.define(depthwiseQuadsGradient[stride], (f, s, channel) => {
    const [image, plane, xAt] = f.locals('i32', 3);
    const sums = f.locals(kind, taps.length + 1);
    const dout = f.local(kind);
    for (const sum of sums) f.set(sum, zero(kind));
    f.for(image, 0, s.batch, 1, () => {
      f.set(plane, image.mul(s.channels).add(channel));
      f.set(xAt, s.x.add(scale(plane, 16 * stride * stride)));
      f.set(dout, load(kind, s.dout.add(scale(plane, 16))));
      windows(f, xAt, stride).forEach((pixels, tap) =>
        f.set(sums[tap], multiplyAdd(dout, pixels, sums[tap], relaxed)));
      f.set(sums[taps.length], sums[taps.length].add(dout));
    });
    storeGradients(f, 'f32', sums, s, channel);
  });
}
