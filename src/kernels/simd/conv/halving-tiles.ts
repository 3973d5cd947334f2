/**
 * Windows of 3x3 that move by 2, through the transforms of halving-algebra.ts: rows of tiles on their way in and back,
 * and the products between. Pixels are groups of 4 channels or filters (8 in the wide form), as winograd-transforms.ts
 * has them; a tile has 4x4 outputs and lies on 9x9 padded pixels, of which it shares the last row and column with the
 * next.
 *
 *   V   (25 points, kind, channel group, tile) pixels: what the pairs of places at a point hold, up to 4 kinds
 *   M   (25 points, filter group, tile) pixels: the products; Z, the transformed gradient of the output, likewise
 *   U   (25 points, block of 8, depth, 8): the transformed filters; the depth is that of the product, V's channels or
 *       Z's filters
 */

import {
  type Body, constant, defineFunction, type FunctionReference, load, type Local, type Value,
} from '../../../wasm/index.ts';
import type { KernelBuilder } from '../kernel.ts';
import { least } from '../vectors.ts';
import {
  halvingInput, halvingInputGradient, halvingOutput, halvingOutputGradient, halvingOutputs as outputs,
  halvingPlaces as places, halvingPoints as side, lonelyPoint, meeting,
} from './halving-algebra.ts';
import { type PixelShape, pixelShape, zero } from './winograd-transforms.ts';

/** How a chunk of tile rows lies in a thread's scratch: sizes, and distances and places in bytes. */
export const halvingSizes = {
  batch: 'i32', channels: 'i32', height: 'i32', width: 'i32', filters: 'i32', padTop: 'i32', padLeft: 'i32',
  outHeight: 'i32', outWidth: 'i32', tilesX: 'i32', tilesY: 'i32', rowsPerTask: 'i32', groupBytes: 'i32',
  vPointBytes: 'i32', mPointBytes: 'i32', uPointBytes: 'i32', mOffset: 'i32', stripOffset: 'i32', stripWidth: 'i32',
  temporaryOffset: 'i32',
} as const;

/** Points of a tile. */
export const halvingPointCount: number = side * side;
/** Pixels of scratch between the two passes of a tile. */
export const halvingTemporaryPixels: number = places * places;

/** Goes through the points, given the number of kinds at each. */
export function eachPoint(f: Body, write: (kinds: Local) => void): void {
  const [y, x] = f.locals('i32', 2);
  const kinds = f.local('i32');
  f.for(y, 0, side, 1, () => f.for(x, 0, side, 1, () => {
    f.set(kinds, constant('i32', 4).shrU(y.eq(lonelyPoint)).shrU(x.eq(lonelyPoint)));
    write(kinds);
  }));
}

/**
 * Goes through the rows of tiles firstRow <= row < lastRow, numbered through all images, one group of channels or
 * filters after the other: all rows of one image for a group, so that its planes are read and written in one go. Each
 * gets the image, the row within it, the group, and the number of tiles before the row.
 */
export function eachTileRow(
  f: Body, { tilesX, tilesY }: Readonly<Record<'tilesX' | 'tilesY', Local>>, firstRow: Value, lastRow: Value,
  groups: Value, write: (image: Local, row: Local, group: Local, tiles: Value) => void,
): void {
  const [image, first, last, group, row] = f.locals('i32', 5);
  f.set(first, firstRow);
  f.doWhile(() => {
    f.set(image, first.div(tilesY));
    f.set(last, least(lastRow, f.let(image.add(1).mul(tilesY))));
    const start = f.let(image.mul(tilesY));
    f.for(group, 0, groups, 1, () => f.for(row, first, last, 1, () => {
      write(image, f.let(row.sub(start)), group, row.sub(firstRow).mul(tilesX));
    }));
    f.set(first, last);
  }, () => first.lt(lastRow));
}

/** A line of pixels, by vector. */
type Line = readonly Value[][];

/** So many pixels, from one on. */
function loadLine({ vectors, bytes }: PixelShape, f: Body, from: Value, length: number, first: number = 0): Line {
  return Array.from({ length: vectors }, (_, vector) => Array.from({ length }, (_, i) =>
    f.let(load('f32x4', from, (first + i) * bytes + 16 * vector))));
}

/** Does the same to every vector of a line, and gives the results pixel by pixel. */
function eachPixel(
  f: Body, line: Line, transform: (f: Body, values: readonly Value[]) => Value[],
  use: (pixel: Local[], i: number) => void,
): void {
  const done = line.map((values) => transform(f, values).map((value) => f.let(value)));
  done[0].forEach((_, i) => use(done.map((values) => values[i]), i));
}

/** Both vectors of a pair are there before one is stored: else the engine would not join them. */
function storePixel(f: Body, to: Value, pixel: readonly Local[], offset: number = 0): void {
  pixel.forEach((value, vector) => f.store(to, value, offset + 16 * vector));
}

/** inputRow(strip, stripWidth, tiles, v, kindBytes, pointBytes): V of one row of tiles; uses up the strip. */
export function emitInputRow(kernels: KernelBuilder): FunctionReference {
  const shape = pixelShape(kernels);
  const { bytes } = shape;
  return defineFunction(kernels.module, 'f32_halving_input__simd128', new Array<'i32'>(6).fill('i32'), [], (
    f, strip, stripWidth, tiles, v, kindBytes, pointBytes,
  ) => {
    const rowBytes = f.let(stripWidth.mul(bytes));
    const rows = f.locals('i32', places);
    rows.forEach((row, i) => f.set(row, i === 0 ? strip : rows[i - 1].add(rowBytes)));
    const left = f.let(stripWidth);
    f.countdown(left, () => {
      const column = Array.from({ length: shape.vectors }, (_, vector) =>
        rows.map((row) => f.let(load('f32x4', row, 16 * vector))));
      eachPixel(f, column, halvingInput, (pixel, y) => storePixel(f, rows[y], pixel));
      rows.forEach((row) => f.increase(row, bytes));
    });
    rows.forEach((row) => f.set(row, row.sub(rowBytes)));
    f.countdown(tiles, () => {
      rows.forEach((row, y) => {
        eachPixel(f, loadLine(shape, f, row, places), halvingInput, (pixel, x) => {
          const { point, kind } = meeting(y, x);
          storePixel(f, v.add(pointBytes.mul(point)).add(kindBytes.mul(kind)), pixel);
        });
        f.increase(row, 2 * outputs * bytes);
      });
      f.increase(v, bytes);
    });
  });
}

/**
 * inputGradientRow(v, kindBytes, pointBytes, tiles, temporary, band, bandRow): the way back, added to the padded pixels
 * of a band.
 */
export function emitInputGradientRow(kernels: KernelBuilder): FunctionReference {
  const shape = pixelShape(kernels);
  const { bytes } = shape;
  return defineFunction(kernels.module, 'f32_halving_input_gradient__simd128', new Array<'i32'>(7).fill('i32'), [], (
    f, v, kindBytes, pointBytes, tiles, temporary, band, bandRow,
  ) => {
    const to = f.local('i32');
    f.countdown(tiles, () => {
      for (let x = 0; x < places; x++) {
        const from = Array.from({ length: places }, (_, y) => {
          const { point, kind } = meeting(y, x);
          return v.add(pointBytes.mul(point)).add(kindBytes.mul(kind));
        });
        const column = from.map((at) => loadLine(shape, f, f.let(at), 1));
        const byVector = column[0].map((_, vector) => column.map((pixel) => pixel[vector][0]));
        eachPixel(f, byVector, halvingInputGradient, (pixel, y) =>
          storePixel(f, temporary, pixel, (y * places + x) * bytes));
      }
      f.increase(v, bytes);
      f.set(to, band);
      for (let y = 0; y < places; y++) {
        const before = loadLine(shape, f, to, places);
        const line = loadLine(shape, f, temporary, places, y * places);
        eachPixel(f, line, halvingInputGradient, (pixel, x) => storePixel(
          f, to, pixel.map((value, vector) => f.let(value.add(before[vector][x]))), x * bytes));
        f.increase(to, bandRow);
      }
      f.increase(band, 2 * outputs * bytes);
    });
  });
}

/**
 * outputRow(m, pointBytes, tiles, temporary, band, bandRow, epilogue, relu): one row of tiles as pixels of a band; the
 * epilogue has 4 scales and 4 biases for every vector of a pixel.
 */
export function emitOutputRow(kernels: KernelBuilder): FunctionReference {
  const shape = pixelShape(kernels);
  const { bytes } = shape;
  return defineFunction(kernels.module, 'f32_halving_output__simd128', new Array<'i32'>(8).fill('i32'), [], (
    f, m, pointBytes, tiles, temporary, band, bandRow, epilogue, relu,
  ) => {
    const each = Array.from({ length: shape.vectors }, (_, vector) => vector);
    const factor = each.map((vector) => f.let(load('f32x4', epilogue, 32 * vector)));
    const bias = each.map((vector) => f.let(load('f32x4', epilogue, 32 * vector + 16)));
    const floor = f.local('f32x4', constant('f32x4', -Infinity));
    f.if(relu, () => f.set(floor, zero));
    const [from, to] = f.locals('i32', 2);
    f.countdown(tiles, () => {
      for (let x = 0; x < side; x++) {
        f.set(from, m.add(pointBytes.mul(x)));
        const column = Array.from({ length: side }, () => {
          const pixel = loadLine(shape, f, from, 1);
          f.increase(from, pointBytes.mul(side));
          return pixel;
        });
        const byVector = column[0].map((_, vector) => column.map((pixel) => pixel[vector][0]));
        eachPixel(f, byVector, halvingOutput, (pixel, y) => storePixel(f, temporary, pixel, (y * side + x) * bytes));
      }
      f.set(to, band);
      for (let y = 0; y < outputs; y++) {
        eachPixel(f, loadLine(shape, f, temporary, side, y * side), halvingOutput, (pixel, x) => storePixel(
          // floor < value ? value : floor would turn NaN into the floor; this way round NaN stays
          f, to, pixel.map((value, vector) => f.let(f.let(value.mul(factor[vector]).add(bias[vector])).pmax(floor))),
          x * bytes));
        f.increase(to, bandRow);
      }
      f.increase(band, outputs * bytes);
      f.increase(m, bytes);
    });
  });
}

/**
 * outputGradientRow(strip, stripWidth, tiles, z, pointBytes, temporary, sums): Z of one row of tiles from a strip of 4
 * rows of dout; the sum over all pixels is added to the pixel at `sums`.
 */
export function emitOutputGradientRow(kernels: KernelBuilder): FunctionReference {
  const shape = pixelShape(kernels);
  const { bytes } = shape;
  return defineFunction(kernels.module, 'f32_halving_output_gradient__simd128', new Array<'i32'>(7).fill('i32'), [], (
    f, strip, stripWidth, tiles, z, pointBytes, temporary, sums,
  ) => {
    const rows = f.locals('i32', outputs);
    rows.forEach((row, i) => f.set(row, i === 0 ? strip : rows[i - 1].add(stripWidth.mul(bytes))));
    const to = f.local('i32');
    // of this row alone, to be added to those before: long chains lose precision
    const sum = Array.from({ length: shape.vectors }, () => f.local('f32x4', zero));
    f.countdown(tiles, () => {
      for (let x = 0; x < outputs; x++) {
        const column = Array.from({ length: shape.vectors }, (_, vector) =>
          rows.map((row) => f.let(load('f32x4', row, x * bytes + 16 * vector))));
        eachPixel(f, column, halvingOutputGradient, (pixel, y) =>
          storePixel(f, temporary, pixel, (y * outputs + x) * bytes));
      }
      rows.forEach((row) => f.increase(row, outputs * bytes));
      f.set(to, z);
      for (let y = 0; y < side; y++) {
        eachPixel(f, loadLine(shape, f, temporary, outputs, y * outputs), halvingOutputGradient, (pixel, x) => {
          storePixel(f, to, pixel);
          f.increase(to, pointBytes);
          // point (1, 1) has weight 1 everywhere: it is the sum over the tile
          if (y === 1 && x === 1) sum.forEach((each, vector) => f.set(each, each.add(pixel[vector])));
        });
      }
      f.increase(z, bytes);
    });
    const before = loadLine(shape, f, sums, 1);
    storePixel(f, sums, sum.map((each, vector) => f.let(each.add(before[vector][0]))));
  });
}
