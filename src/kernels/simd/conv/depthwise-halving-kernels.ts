/**
 * Depthwise convolution that halves an image: 3x3 with stride 2 and a border of one pixel, on even sizes whose output
 * has rows of whole vectors. As in depthwise-row-kernels.ts nothing is copied: two vectors of a row are parted into the
 * even and the odd columns, and a vector of output columns x meets
 *
 *   column 2x - 1: the odd ones, moved by one        2x: the even ones        2x + 1: the odd ones
 *
 * in rows 2y - 1, 2y and 2y + 1. Backwards an even column met one output column, an odd one two, and so do rows.
 */

import {
  type Body, bytesOf, type FloatKind, lanesOf, load, type Local, multiplyAdd, scale, shuffle, vectorOf,
} from '../../../wasm/index.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { eachOfShare, zero } from '../vectors.ts';
import { eachVector, shiftedIn, shiftedOut } from './depthwise-row-kernels.ts';
import { addToMemory, Epilogue, loadTaps, storeGradients, sumBytes, sumsAt, taps, tapsAt } from './depthwise-taps.ts';

// height and width are those of the output
const forwardArguments = {
  planes: 'i32', perTask: 'i32', channels: 'i32', height: 'i32', width: 'i32', x: 'input', w: 'input',
  scales: 'input?', bias: 'input?', relu: 'flag', out: 'output',
} as const;
export const depthwiseHalving: FloatKernels<typeof forwardArguments> =
  floatKernels('conv_depthwise_halving', forwardArguments);

const inputArguments = {
  planes: 'i32', perTask: 'i32', channels: 'i32', height: 'i32', width: 'i32', dout: 'input', w: 'input', dx: 'output',
} as const;
/** The gradient at the input. */
export const depthwiseHalvingInput: FloatKernels<typeof inputArguments> =
  floatKernels('conv_depthwise_halving_input', inputArguments);

const gradientArguments = {
  batch: 'i32', channels: 'i32', height: 'i32', width: 'i32', x: 'input', dout: 'input', dw: 'output', db: 'output',
  scratch: 'perThread',
} as const;
/** The gradients at the filters and the bias; scratch takes sumBytes. */
export const depthwiseHalvingGradient: FloatKernels<typeof gradientArguments> =
  floatKernels('conv_depthwise_halving_gradient', gradientArguments);

/** Adds the kernels for one element type to the module. */
export function emitDepthwiseHalving(kernels: KernelBuilder, float: FloatKind): void {
  emitForward(kernels, float);
  emitInputGradient(kernels, float);
  emitGradient(kernels, float);
}

/** The input pixels, in the row at an address, of the output columns of a vector: under the left, middle, right tap. */
function window(f: Body, float: FloatKind, at: Local, first: boolean): Local[] {
  const kind = vectorOf(float);
  const lanes = lanesOf(kind);
  const [a, b] = [f.let(load(kind, at)), f.let(load(kind, at, 16))];
  const every = (start: number): Local =>
    f.let(shuffle(a, b, Array.from({ length: lanes }, (_, i) => start + 2 * i)));
  const [even, odd] = [every(0), every(1)];
  return [f.let(shiftedIn(f, first ? zero(kind) : load(kind, at.sub(16)), odd)), even, odd];
}

/** Task: perTask planes of all images together. */
function emitForward(kernels: KernelBuilder, float: FloatKind): void {
  const { relaxed } = kernels;
  const kind = vectorOf(float);
  const bytes = bytesOf(float);
  kernels.define(depthwiseHalving[float], (f, s, task) => {
    const outRow = f.let(scale(s.width, bytes));
    const outPlane = f.let(s.height.mul(outRow));
    const [channel, from, to, left] = f.locals('i32', 4);
    const w = f.locals(kind, taps.length);
    const above = f.locals(kind, 3);
    const sum = f.local(kind);
    const epilogue = new Epilogue(f, float, s);
    eachOfShare(f, task, s.perTask, s.planes, (plane) => {
      f.set(channel, plane.rem(s.channels));
      loadTaps(f, float, w, f.let(tapsAt(float, s.w, channel)));
      epilogue.load(channel);
      eachVector(f, float, s.width, (column, first) => {
        f.set(from, s.x.add(plane.mul(outPlane).shl(2)).add(column.shl(1)));
        f.set(to, s.out.add(plane.mul(outPlane)).add(column));
        for (const each of above) f.set(each, zero(kind));
        f.set(left, s.height);
        f.countdown(left, () => {
          f.set(sum, zero(kind));
          above.forEach((pixels, x) => f.set(sum, multiplyAdd(w[x], pixels, sum, relaxed)));
          window(f, float, from, first).forEach((pixels, x) =>
            f.set(sum, multiplyAdd(w[3 + x], pixels, sum, relaxed)));
          f.increase(from, outRow.shl(1));
          window(f, float, from, first).forEach((pixels, x) => {
            f.set(above[x], pixels);
            f.set(sum, multiplyAdd(w[6 + x], pixels, sum, relaxed));
          });
          f.increase(from, outRow.shl(1));
          f.store(to, epilogue.finish(sum));
          f.increase(to, outRow);
        });
      });
    });
  });
}

/** Task: perTask planes of all images together. */
function emitInputGradient(kernels: KernelBuilder, float: FloatKind): void {
  const { relaxed } = kernels;
  const kind = vectorOf(float);
  const bytes = bytesOf(float);
  const lanes = lanesOf(kind);
  kernels.define(depthwiseHalvingInput[float], (f, s, task) => {
    const outRow = f.let(scale(s.width, bytes));
    const outPlane = f.let(s.height.mul(outRow));
    const [from, to, left] = f.locals('i32', 3);
    const w = f.locals(kind, taps.length);
    // dout of the output row y at columns x and x + 1, and that of row y + 1
    const [here, hereRight, below, belowRight, even, odd] = f.locals(kind, 6);
    eachOfShare(f, task, s.perTask, s.planes, (plane) => {
      loadTaps(f, float, w, f.let(tapsAt(float, s.w, plane.rem(s.channels))));
      eachVector(f, float, s.width, (column, _, final) => {
        const read = (own: Local, right: Local): void => {
          f.set(own, load(kind, from));
          f.set(right, final ? shiftedOut(f, own, zero(kind)) : load(kind, from, bytes));
        };
        f.set(from, s.dout.add(plane.mul(outPlane)).add(column));
        f.set(to, s.dx.add(plane.mul(outPlane).shl(2)).add(column.shl(1)));
        read(below, belowRight);
        f.set(left, s.height);
        f.countdown(left, () => {
          f.set(here, below);
          f.set(hereRight, belowRight);
          f.increase(from, outRow);
          f.if(left.gt(1), () => read(below, belowRight), () => {
            f.set(below, zero(kind));
            f.set(belowRight, zero(kind));
          });
          storeRow([[4, here]], [[5, here], [3, hereRight]]);
          storeRow([[7, here], [1, below]], [[8, here], [6, hereRight], [2, below], [0, belowRight]]);
        });
      });
    });

    /** Stores a row of dx, whose even and odd columns are sums of taps times dout. */
    function storeRow(evens: ReadonlyArray<readonly [number, Local]>, odds: typeof evens): void {
      for (const [sum, terms] of [[even, evens], [odd, odds]] as const) {
        f.set(sum, zero(kind));
        for (const [tap, dout] of terms) f.set(sum, multiplyAdd(w[tap], dout, sum, relaxed));
      }
      for (const half of [0, 1]) {
        const lane = (i: number): number => (i % 2) * lanes + half * lanes / 2 + Math.floor(i / 2);
        f.store(to, shuffle(even, odd, Array.from({ length: lanes }, (_, i) => lane(i))), 16 * half);
      }
      f.increase(to, outRow.shl(1));
    }
  });
}

/** Task: the gradients of one channel, summed as in depthwise-row-kernels.ts. */
function emitGradient(kernels: KernelBuilder, float: FloatKind): void {
  const { relaxed } = kernels;
  const kind = vectorOf(float);
  const bytes = bytesOf(float);
  kernels.define(depthwiseHalvingGradient[float], (f, s, channel) => {
    const outRow = f.let(scale(s.width, bytes));
    const outPlane = f.let(s.height.mul(outRow));
    const [image, offset, xAt, doutAt, left] = f.locals('i32', 5);
    const sums = f.locals(kind, taps.length + 1);
    const above = f.locals(kind, 3);
    const dout = f.local(kind);
    f.fill(s.scratch, 0, sumBytes);
    f.for(image, 0, s.batch, 1, () => {
      f.set(offset, image.mul(s.channels).add(channel).mul(outPlane));
      eachVector(f, float, s.width, (column, first) => {
        for (const sum of sums) f.set(sum, zero(kind));
        f.set(xAt, s.x.add(offset.shl(2)).add(column.shl(1)));
        f.set(doutAt, s.dout.add(offset).add(column));
        for (const each of above) f.set(each, zero(kind));
        f.set(left, s.height);
        f.countdown(left, () => {
          f.set(dout, load(kind, doutAt));
          f.set(sums[taps.length], sums[taps.length].add(dout));
          add(0, above);
          add(3, window(f, float, xAt, first));
          f.increase(xAt, outRow.shl(1));
          const row = window(f, float, xAt, first);
          add(6, row);
          row.forEach((pixels, x) => f.set(above[x], pixels));
          f.increase(xAt, outRow.shl(1));
          f.increase(doutAt, outRow);
        });
        addToMemory(f, sums, s.scratch);
      });
    });
    storeGradients(f, float, sumsAt(float, s.scratch), s, channel);

    /** A row of pixels times dout, to the sums of three taps. */
    function add(tap: number, row: readonly Local[]): void {
      row.forEach((pixels, x) => f.set(sums[tap + x], multiplyAdd(dout, pixels, sums[tap + x], relaxed)));
    }
  });
}
