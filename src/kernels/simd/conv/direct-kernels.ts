/**
 * Direct convolution as jobs, for any window, stride and dilation: no column matrix, no packing of the image. A group
 * of channels and its filters is a pass of its own.
 *
 * The lanes of a vector run along an output row. For that the pixels that one tap of the filter meets along a row must
 * lie side by side, so a task first copies the rows it needs into padded planes, where row r holds its columns sorted
 * by (column modulo stride): output column ox meets tap kx at padded column ox * stride + kx * dilation, which is place
 * ox + floor(kx * dilation / stride) of part kx * dilation modulo stride. With that a tap is nothing but a distance in
 * bytes from the first pixel, and the kernels take a table of such distances: they know neither windows nor strides nor
 * channels, and the same two of them compute forward, the gradient at the input and the gradient at the filters.
 *
 * Layouts: planes (channel, row, part, column), packed weights (block of 4 filters, tap, 4), taps (tap: distance in the
 * weights, distance in the planes). A register tile is 4 filters x 2 vectors of pixels.
 */

import {
  bytesOf, constant, defineFunction, type FloatKind, type FunctionReference, lanesOf, load, loadSplat,
  type ModuleBuilder, multiplyAdd, scale, select, shuffle, vectorOf,
} from '../../../wasm/index.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { least, zero } from '../vectors.ts';
import { nothingBytes } from './epilogue.ts';

// Distances and strides are in bytes where their names say so, else in elements.

/**
 * The sizes of the padded planes and of what is in them, which forward and gradient begin with. Of an image's
 * imageChannels the pass takes `channels`.
 */
export const planeSizes = {
  batch: 'i32', channels: 'i32', imageChannels: 'i32', height: 'i32', width: 'i32', filters: 'i32', strideY: 'i32',
  strideX: 'i32', padTop: 'i32', padLeft: 'i32', windowHeight: 'i32', planeRows: 'i32', partColumns: 'i32',
} as const;

const packArguments = {
  filters: 'i32', filterBytes: 'i32', taps: 'input', tapCount: 'i32', w: 'input', wOffset: 'i32', packed: 'scratch',
} as const;
export const directPack: FloatKernels<typeof packArguments> = floatKernels('conv_pack_4', packArguments);

const forwardArguments = {
  x: 'input', xOffset: 'i32', parts: 'input', partCount: 'i32', table: 'input', tableOffset: 'i32', relu: 'flag',
  out: 'output', outHeight: 'i32',
  outImageBytes: 'i32', outPlaneBytes: 'i32', outRowBytes: 'i32', outPixelBytes: 'i32', rowsPerTask: 'i32',
  tasksPerImage: 'i32', scratch: 'perThread',
} as const;
export const directForward: FloatKernels<typeof planeSizes & typeof forwardArguments> =
  floatKernels('conv_direct', { ...planeSizes, ...forwardArguments });

/** Bytes at the head of a thread's scratch: room for the sums of a tile's row that cannot be stored as vectors. */
export const edgeBytes = 64;

/** Bytes of an entry of the tap table. */
export const tapBytes = 8;

/** Adds the kernels for one element type to the module; gives the functions that the other kernels use, too. */
export function emitDirect(
  kernels: KernelBuilder, float: FloatKind,
): { copyPlanes: FunctionReference; storePixels: FunctionReference } {
  const copyPlanes = emitCopyPlanes(kernels, float);
  const storePixels = emitStorePixels(kernels.module, float);
  emitPack(kernels, float);
  emitForward(kernels, float, copyPlanes, storePixels);
  return { copyPlanes, storePixels };
}

/** Task: the packed weights of a block of 4 filters; filters beyond the last count as 0. */
function emitPack(kernels: KernelBuilder, float: FloatKind): void {
  const bytes = bytesOf(float);
  kernels.define(directPack[float], (f, s, task) => {
    const [at, to, left] = f.locals('i32', 3);
    for (let lane = 0; lane < 4; lane++) {
      const filter = f.let(task.shl(2).add(lane));
      f.set(to, s.packed.add(scale(task.mul(s.tapCount).shl(2), bytes)));
      f.set(at, s.taps);
      f.set(left, s.tapCount);
      const source = f.let(s.w.add(s.wOffset).add(filter.mul(s.filterBytes)));
      f.if(filter.lt(s.filters), () => {
        f.repeat(left, () => {
          f.store(to, load(float, source.add(load('i32', at))), lane * bytes);
          f.increase(to, 4 * bytes);
          f.increase(at, tapBytes);
        });
      }, () => {
        f.repeat(left, () => {
          f.store(to, constant(float, 0), lane * bytes);
          f.increase(to, 4 * bytes);
        });
      });
    }
  });
}

/**
 * copyPlanes(args, source, planes, firstRow, rows): the padded rows firstRow.. of every channel of one image, columns
 * sorted by (column modulo stride). Row r is image row r - padTop, column c image column c - padLeft; either may lie
 * outside the image, where zeros stand. Each part is partColumns wide, a whole number of vectors. There is at least one
 * channel.
 */
function emitCopyPlanes(kernels: KernelBuilder, float: FloatKind): FunctionReference {
  const bytes = bytesOf(float);
  const vector = vectorOf(float);
  const lanes = lanesOf(vector);
  return defineFunction(kernels.module, `${float}_conv_planes__simd128`, ['i32', 'i32', 'i32', 'i32', 'i32'], [], (
    f, args, source, planes, firstRow, rows,
  ) => {
    const s = kernels.read(f, args, planeSizes);
    const partBytes = f.let(scale(s.partColumns, bytes));
    const rowBytes = f.let(s.strideX.mul(partBytes));
    const imageBytes = f.let(scale(s.height.mul(s.width), bytes));

    // All rows take the same pixels: from the first image column that a negative padding does not cut off, in padded
    // column `padded`, to where the image or the planes end.
    const firstColumn = f.let(select(s.padLeft.lt(0), constant('i32', 0).sub(s.padLeft), 0));
    const padded = f.let(firstColumn.add(s.padLeft));
    const end = f.let(least(f.let(s.width.add(s.padLeft)), f.let(s.strideX.mul(s.partColumns))));
    const pixels = f.let(end.sub(padded));
    const firstPart = f.let(padded.rem(s.strideX));
    const firstPlace = f.let(scale(padded.div(s.strideX), bytes).add(firstPart.mul(partBytes)));

    const [row, imageRow, from, to, left] = f.locals('i32', 5);
    f.countdown(s.channels, () => {
      f.for(row, 0, rows, 1, () => {
        f.set(to, planes.add(row.mul(rowBytes)));
        clearRow();
        f.set(imageRow, firstRow.add(row).sub(s.padTop));
        f.if(imageRow.ltU(s.height), () => {
          f.set(from, source.add(scale(imageRow.mul(s.width).add(firstColumn), bytes)));
          f.set(to, planes.add(row.mul(rowBytes)).add(firstPlace));
          f.set(left, pixels);
          f.if(s.strideX.eq(1), copyRow, () => f.if(s.strideX.eq(2), splitRow, dealRow));
        });
      });
      f.increase(source, imageBytes);
      f.increase(planes, s.planeRows.mul(rowBytes));
    });

    /** Zeros in a row, which is at least one vector long. */
    function clearRow(): void {
      f.set(left, rowBytes.shrU(4));
      f.countdown(left, () => {
        f.store(to, zero(vector));
        f.increase(to, 16);
      });
    }

    /** Stride 1: one part. */
    function copyRow(): void {
      f.while(() => left.ge(lanes), () => {
        f.store(to, load(vector, from));
        f.increase(to, 16);
        f.increase(from, 16);
        f.set(left, left.sub(lanes));
      });
      f.repeat(left, () => {
        f.store(to, load(float, from));
        f.increase(to, bytes);
        f.increase(from, bytes);
      });
    }

    /** Stride 2: the pixels at even and at odd distance from the first go to one part each. */
    function splitRow(): void {
      const odd = f.let(select(firstPart, to.sub(partBytes).add(bytes), to.add(partBytes)));
      const evens = Array.from({ length: lanes }, (_, i) => 2 * i);
      f.while(() => left.ge(2 * lanes), () => {
        const first = f.let(load(vector, from));
        const second = f.let(load(vector, from, 16));
        f.store(to, shuffle(first, second, evens));
        f.store(odd, shuffle(first, second, evens.map((lane) => lane + 1)));
        for (const pointer of [to, odd]) f.increase(pointer, 16);
        f.increase(from, 32);
        f.set(left, left.sub(2 * lanes));
      });
      const [here, next] = [f.let(to), f.let(odd)];
      f.repeat(left, () => { // the two parts take turns
        f.store(here, load(float, from));
        f.increase(from, bytes);
        f.set(to, here.add(bytes));
        f.set(here, next);
        f.set(next, to);
      });
    }

    /** Any stride: pixel by pixel to the next part, after the last to the first part's next place. */
    function dealRow(): void {
      const part = f.let(firstPart);
      f.repeat(left, () => {
        f.store(to, load(float, from));
        f.increase(from, bytes);
        f.increase(part, 1);
        f.increase(to, partBytes);
        f.if(part.eq(s.strideX), () => {
          f.set(part, 0);
          f.set(to, to.sub(rowBytes).add(bytes));
        });
      });
    }
  });
}

/**
 * The output may come in several parts that share the padded planes, each with taps of its own: what the gradient at
 * the input needs where the stride is larger than 1. An entry of the table of parts, i32 each: addresses of the taps
 * and of the packed weights, number of taps, bytes from the output's start to the part's first pixel, rows and columns
 * of the part.
 */
const partEntry = {
  taps: 0, packed: 4, tapCount: 8, outOffset: 12, outHeight: 16, outWidth: 20, bytes: 24,
} as const;

/** Task: some rows of every part of one image's output, all filters. */
function emitForward(
  kernels: KernelBuilder, float: FloatKind, copyPlanes: FunctionReference, storePixels: FunctionReference,
): void {
  const { relaxed } = kernels;
  const kind = vectorOf(float);
  const bytes = bytesOf(float);
  const lanes = lanesOf(kind);
  const none = zero(vectorOf(float));
  kernels.define(directForward[float], (f, s, task, leading) => {
    const planes = f.let(s.scratch.add(edgeBytes));
    const image = f.let(task.div(s.tasksPerImage));
    const firstRow = f.let(task.sub(image.mul(s.tasksPerImage)).mul(s.rowsPerTask));
    const rows = f.let(s.outHeight.sub(firstRow));
    f.if(rows.gt(s.rowsPerTask), () => f.set(rows, s.rowsPerTask));
    const imageAt = s.x.add(s.xOffset).add(scale(image.mul(s.imageChannels).mul(s.height).mul(s.width), bytes));
    f.call(copyPlanes, leading(planeSizes), imageAt, planes, firstRow.mul(s.strideY),
      rows.sub(1).mul(s.strideY).add(s.windowHeight));

    const rowStep = f.let(scale(s.strideY.mul(s.strideX).mul(s.partColumns), bytes));
    const [filter, row, column, pixels, tap, weightsAt, weights, left, to, rowTo, count, pixelTo] = f.locals('i32', 12);
    const epilogue = f.local('i32');
    const sums = f.locals(kind, 8);
    const [x0, x1, w] = f.locals(kind, 3);
    const floor = f.local(kind, constant(kind, -Infinity));
    f.if(s.relu, () => f.set(floor, none));
    const bandAt = f.let(s.out.add(image.mul(s.outImageBytes)).add(firstRow.mul(s.outRowBytes)));
    const [taps, tapCount, outWidth, rowsOfPart] = f.locals('i32', 4);
    f.repeat(s.partCount, () => {
      f.set(taps, load('i32', s.parts, partEntry.taps));
      f.set(tapCount, load('i32', s.parts, partEntry.tapCount));
      f.set(outWidth, load('i32', s.parts, partEntry.outWidth));
      f.set(rowsOfPart, load('i32', s.parts, partEntry.outHeight).sub(firstRow));
      f.if(rowsOfPart.gt(rows), () => f.set(rowsOfPart, rows));
      f.set(weights, load('i32', s.parts, partEntry.packed));
      f.set(rowTo, bandAt.add(load('i32', s.parts, partEntry.outOffset)));
      f.set(epilogue, s.table.add(s.tableOffset).add(nothingBytes));
      f.for(filter, 0, s.filters, 4, () => {
        f.for(row, 0, rowsOfPart, 1, () => {
          f.set(pixels, planes.add(row.mul(rowStep)));
          f.set(to, rowTo.add(row.mul(s.outRowBytes)));
          f.for(column, 0, outWidth, 2 * lanes, () => {
            multiply();
            storeTile();
            f.increase(pixels, 32);
            f.increase(to, s.outPixelBytes.mul(2 * lanes));
          });
        });
        f.increase(weights, scale(tapCount.shl(2), bytes));
        f.increase(rowTo, s.outPlaneBytes.shl(2));
        f.increase(epilogue, 8 * bytes);
      });
      f.increase(s.parts, partEntry.bytes);
    });

    /** the sums of all taps for 4 filters and two vectors of pixels */
    function multiply(): void {
      sums.forEach((sum) => f.set(sum, none));
      f.set(tap, taps);
      f.set(weightsAt, weights);
      f.set(left, tapCount);
      f.repeat(left, () => {
        const at = f.let(pixels.add(load('i32', tap, 4)));
        f.set(x0, load(kind, at));
        f.set(x1, load(kind, at, 16));
        for (let i = 0; i < 4; i++) {
          f.set(w, loadSplat(kind, weightsAt, i * bytes));
          f.set(sums[2 * i], multiplyAdd(w, x0, sums[2 * i], relaxed));
          f.set(sums[2 * i + 1], multiplyAdd(w, x1, sums[2 * i + 1], relaxed));
        }
        f.increase(weightsAt, 4 * bytes);
        f.increase(tap, tapBytes);
      });
    }

    /** the epilogue, and the pixels and filters of the tile that exist */
    function storeTile(): void {
      f.set(count, outWidth.sub(column));
      f.set(pixelTo, to);
      for (let i = 0; i < 4; i++) {
        f.if(s.filters.sub(filter).gt(i), () => {
          const factor = f.let(loadSplat(kind, epilogue, i * bytes));
          const bias = f.let(loadSplat(kind, epilogue, (4 + i) * bytes));
          for (let half = 0; half < 2; half++) {
            f.set(sums[2 * i + half], sums[2 * i + half].mul(factor).add(bias).pmax(floor));
          }
          f.if(count.ge(2 * lanes).and(s.outPixelBytes.eq(bytes)), () => {
            f.store(pixelTo, sums[2 * i]);
            f.store(pixelTo, sums[2 * i + 1], 16);
          }, () => {
            f.store(s.scratch, sums[2 * i]);
            f.store(s.scratch, sums[2 * i + 1], 16);
            f.call(storePixels, s.scratch, least(count, constant('i32', 2 * lanes)), pixelTo, s.outPixelBytes);
          });
        });
        f.increase(pixelTo, s.outPlaneBytes);
      }
    }
  });
}

/** storePixels(from, count, to, pixelBytes): so many numbers that lie side by side, pixelBytes apart. */
function emitStorePixels(module: ModuleBuilder, float: FloatKind): FunctionReference {
  return defineFunction(module, `${float}_store_pixels`, ['i32', 'i32', 'i32', 'i32'], [], (
    f, from, count, to, pixelBytes,
  ) => {
    f.repeat(count, () => {
      f.store(to, load(float, from));
      f.increase(from, bytesOf(float));
      f.increase(to, pixelBytes);
    });
  });
}
