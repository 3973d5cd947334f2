/**
 * Depthwise convolution of the usual form, 3x3 with stride 1 and a border of one pixel, on rows of whole vectors.
 * A row of the image needs no padded copy here: its pixels, those one to the left and those one to the right are
 * loads, or at the border a shuffle with zeros. Every row meets three rows of the output, whose sums stay in registers
 * until the last of their three rows has come:
 *
 *   out[y - 1] += w[2] row(y)        out[y] += w[1] row(y)        out[y + 1] += w[0] row(y)
 *
 * The gradient at the input is the same with the taps turned; that at the taps keeps its nine sums in registers.
 */

import {
  type Body, bytesOf, type FloatKind, lanesOf, load, type Local, multiplyAdd, scale, shuffle,
  type Value, vectorOf,
} from '../../../wasm/index.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { eachOfShare, zero } from '../vectors.ts';
import { addToMemory, Epilogue, loadTaps, storeGradients, sumBytes, sumsAt, taps, tapsAt } from './depthwise-taps.ts';

const rowArguments = {
  planes: 'i32', perTask: 'i32', channels: 'i32', height: 'i32', width: 'i32', x: 'input', w: 'input', turned: 'flag',
  scales: 'input?', bias: 'input?', relu: 'flag', out: 'output',
} as const;
/** The convolution, and with turned taps its gradient at the input. */
export const depthwiseRows: FloatKernels<typeof rowArguments> = floatKernels('conv_depthwise_rows', rowArguments);

const gradientArguments = {
  batch: 'i32', channels: 'i32', height: 'i32', width: 'i32', x: 'input', dout: 'input', dw: 'output', db: 'output',
  scratch: 'perThread',
} as const;
/** The gradients at the filters and the bias. */
export const depthwiseRowsGradient: FloatKernels<typeof gradientArguments> =
  floatKernels('conv_depthwise_rows_gradient', gradientArguments);

/** Adds the kernels for one element type to the module. */
export function emitDepthwiseRows(kernels: KernelBuilder, float: FloatKind): void {
  emitForward(kernels, float);
  emitGradient(kernels, float);
}

/** Task: perTask planes of all images together. */
function emitForward(kernels: KernelBuilder, float: FloatKind): void {
  const { relaxed } = kernels;
  const kind = vectorOf(float);
  const bytes = bytesOf(float);
  kernels.define(depthwiseRows[float], (f, s, task) => {
    const rowBytes = f.let(scale(s.width, bytes));
    const planeBytes = f.let(s.height.mul(rowBytes));
    const [channel, from, to, left] = f.locals('i32', 4);
    const w = f.locals(kind, taps.length);
    const [above, here, below] = f.locals(kind, 3);
    const epilogue = new Epilogue(f, float, s);
    eachOfShare(f, task, s.perTask, s.planes, (plane) => {
      f.set(channel, plane.rem(s.channels));
      loadTaps(f, float, w, f.let(tapsAt(float, s.w, channel)), s.turned);
      epilogue.load(channel);
      eachColumn(f, float, s.width, (column, window) => {
        f.set(from, s.x.add(plane.mul(planeBytes)).add(column));
        f.set(to, s.out.add(plane.mul(planeBytes)).add(column));
        f.set(here, zero(kind));
        f.set(below, zero(kind));
        addRow(window, [here, below]);
        f.set(left, s.height.sub(1));
        f.repeat(left, () => {
          f.set(above, here);
          f.set(here, below);
          f.set(below, zero(kind));
          addRow(window, [here, below], above);
          f.store(to, epilogue.finish(above));
          f.increase(to, rowBytes);
        });
        f.store(to, epilogue.finish(here));
      });
    });

    /** Adds the row at `from` to the output's row above, where there is one, to its own and to the one below. */
    function addRow(window: Window, [own, next]: readonly [Local, Local], last?: Local): void {
      window(from).forEach((pixels, x) => {
        const kept = f.let(pixels);
        if (last !== undefined) f.set(last, multiplyAdd(w[6 + x], kept, last, relaxed));
        f.set(own, multiplyAdd(w[3 + x], kept, own, relaxed));
        f.set(next, multiplyAdd(w[x], kept, next, relaxed));
      });
      f.increase(from, rowBytes);
    }
  });
}

/** The pixels of a vector's columns in the row at an address: left of them, their own, right of them. */
type Window = (at: Local) => Value[];

/** Goes through the columns of a plane a vector at a time; column counts bytes from the first. */
function eachColumn(
  f: Body, float: FloatKind, width: Value, write: (column: Local, window: Window) => void,
): void {
  const kind = vectorOf(float);
  eachVector(f, float, width, (column, first, final) => write(column, (at) => {
    const own = f.let(load(kind, at));
    const left = first ? shiftedIn(f, zero(kind), own) : load(kind, at.sub(bytesOf(float)));
    return [left, own, final ? shiftedOut(f, own, zero(kind)) : load(kind, at, bytesOf(float))];
  }));
}

/** Goes through the vectors of a row of whole ones; what is written differs for the first and the last. */
export function eachVector(
  f: Body, float: FloatKind, width: Value, write: (column: Local, first: boolean, final: boolean) => void,
): void {
  const [column, last] = [f.local('i32', 0), f.let(scale(width, bytesOf(float)).sub(16))];
  f.if(last.eq(0), () => write(column, true, true), () => {
    write(column, true, false);
    f.set(column, 16);
    f.while(() => column.lt(last), () => {
      write(column, false, false);
      f.increase(column, 16);
    });
    write(column, false, true);
  });
}

/** own moved to the right by one element, the last of `before` in front. */
export function shiftedIn(f: Body, before: Value, own: Value): Value {
  const lanes = lanesOf(own.kind);
  return shuffle(f.let(before), own, Array.from({ length: lanes }, (_, i) => lanes - 1 + i));
}

/** own moved to the left by one element, the first of `after` behind. */
export function shiftedOut(f: Body, own: Value, after: Value): Value {
  return shuffle(own, f.let(after), Array.from({ length: lanesOf(own.kind) }, (_, i) => i + 1));
}

/**
 * Task: the gradients of one channel. The sums of a column of vectors, a vector a tap, are added to those before it, so
 * that no chain of float32 additions is longer than an image is high.
 */
function emitGradient(kernels: KernelBuilder, float: FloatKind): void {
  const { relaxed } = kernels;
  const kind = vectorOf(float);
  const bytes = bytesOf(float);
  kernels.define(depthwiseRowsGradient[float], (f, s, channel) => {
    const rowBytes = f.let(scale(s.width, bytes));
    const planeBytes = f.let(s.height.mul(rowBytes));
    const [image, offset, xAt, doutAt, left] = f.locals('i32', 5);
    const sums = f.locals(kind, taps.length + 1);
    const [above, here, below] = f.locals(kind, 3);
    f.fill(s.scratch, 0, sumBytes);
    f.for(image, 0, s.batch, 1, () => {
      f.set(offset, image.mul(s.channels).add(channel).mul(planeBytes));
      eachColumn(f, float, s.width, (column, window) => {
        sums.forEach((sum) => f.set(sum, zero(kind)));
        f.set(xAt, s.x.add(offset).add(column));
        f.set(doutAt, s.dout.add(offset).add(column));
        f.set(here, load(kind, doutAt));
        f.set(left, s.height.sub(1));
        f.if(left, () => {
          nextRow();
          addRow(window, [[0, below], [1, here]]);
          f.set(left, left.sub(1));
          f.repeat(left, () => {
            f.set(above, here);
            f.set(here, below);
            nextRow();
            addRow(window, [[0, below], [1, here], [2, above]]);
          });
          f.set(above, here);
          f.set(here, below);
          addRow(window, [[1, here], [2, above]]);
        }, () => addRow(window, [[1, here]]));
        addToMemory(f, sums, s.scratch);
      });
    });
    storeGradients(f, float, sumsAt(float, s.scratch), s, channel);

    function nextRow(): void {
      f.increase(doutAt, rowBytes);
      f.set(below, load(kind, doutAt));
    }

    /** What a row of x, at xAt, and the rows of dout around it that exist add, each to the sums of a row of taps. */
    function addRow(window: Window, douts: ReadonlyArray<readonly [row: number, dout: Local]>): void {
      window(xAt).forEach((pixels, x) => {
        const kept = f.let(pixels);
        for (const [y, dout] of douts) {
          f.set(sums[3 * y + x], multiplyAdd(dout, kept, sums[3 * y + x], relaxed));
        }
      });
      f.set(sums[taps.length], sums[taps.length].add(here));
      f.increase(xAt, rowBytes);
    }
  });
}
