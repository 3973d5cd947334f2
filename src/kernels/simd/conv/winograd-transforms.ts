/**
 * Winograd's transforms over rows of tiles, float32, on pixels of four channels (or filters): one vector. In the wide
 * form (../wide.ts) a pixel is a pair of vectors, eight channels, and the layouts have groups of 8 where they say 4.
 *
 * Images are channel by channel in memory (NCHW), but a transform works best on vectors whose lanes do not meet. So a
 * strip, the few image rows under one row of tiles, is first copied into pixels of four channels each, zeros standing
 * where the padding or a missing channel is; from there on every load and every operation is a whole vector.
 *
 *   strip        (rows, stripWidth) pixels of 4 channels
 *   V            (points, channel groups of 4, tiles) vectors: the transformed input
 *   M            (points, filter groups of 4, tiles) vectors: the products, before they become output
 *   Z            as M: the transformed gradient of the output
 */

import {
  type Body, constant, defineFunction, type FunctionReference, load, loadLane, loadZero, type Local,
  type ModuleBuilder, select, type Value,
} from '../../../wasm/index.ts';
import type { KernelForm } from '../../team/part.ts';
import { least, transpose } from '../vectors.ts';
import {
  gradientTileShape, outputGradientTransform, type Taps, type TileShape, tileShape,
} from './winograd-algebra.ts';

/** What a pixel of a group of channels is. */
export interface PixelShape {
  readonly vectors: number;
  readonly lanes: number;
  readonly bytes: number;
}

/** The pixels of a form of the kernels. */
export function pixelShape({ wide }: Pick<KernelForm, 'wide'>): PixelShape {
  const vectors = wide ? 2 : 1;
  return { vectors, lanes: 4 * vectors, bytes: 16 * vectors };
}

/** Pixels of scratch between the two one-dimensional passes of a tile: 4x6, 6x4 or 2x8. */
export const temporaryPixels = 24;

/** A vector of zeros. */
export const zero: Value = constant('f32x4', 0);

/**
 * strip(source, planeBytes, lanes, firstRow, rows, height, width, pad, strip, stripWidth): copies rows firstRow..
 * (which may lie outside the image) of `lanes` planes into one vector of a strip's pixels; column c of the strip is
 * column c - pad of the image. Zeros stand where there are no planes at all.
 */
export function emitStrip(module: ModuleBuilder, { bytes }: PixelShape): FunctionReference {
  return defineFunction(module, 'f32_strip__simd128', new Array<'i32'>(10).fill('i32'), [], (
    f, source, planeBytes, lanes, firstRow, rows, height, width, pad, strip, stripWidth,
  ) => {
    const [row, from, to, left, end] = f.locals('i32', 5);
    const planes = f.locals('i32', 4);
    f.for(row, 0, rows, 1, () => {
      f.set(to, strip.add(row.mul(stripWidth).mul(bytes)));
      f.set(end, to.add(stripWidth.mul(bytes)));
      f.if(firstRow.add(row).ltU(height).and(lanes.gt(0)), () => {
        f.set(left, pad);
        f.repeat(left, () => {
          f.store(to, zero);
          f.increase(to, bytes);
        });
        f.set(from, source.add(firstRow.add(row).mul(width).shl(2)));
        // the last plane stands for those that are not there: what becomes of it is never read
        planes.forEach((plane, i) => f.set(plane, i === 0 ? from : select(
          lanes.gt(i), planes[i - 1].add(planeBytes), planes[i - 1])));
        f.set(left, width);
        f.while(() => left.ge(4), () => {
          const pixels = transpose(f, planes.map((plane) => f.let(load('f32x4', plane))));
          pixels.forEach((pixel, i) => f.store(to, pixel, i * bytes));
          planes.forEach((plane) => f.increase(plane, 16));
          f.increase(to, 4 * bytes);
          f.set(left, left.sub(4));
        });
        f.repeat(left, () => {
          const first: Value = loadZero('f32x4', planes[0]);
          f.store(to, planes.slice(1).reduce((pixel, plane, i) => loadLane(pixel, i + 1, plane), first));
          planes.forEach((plane) => f.increase(plane, 4));
          f.increase(to, bytes);
        });
      });
      f.while(() => to.ltU(end), () => {
        f.store(to, zero);
        f.increase(to, bytes);
      });
    });
  });
}

/**
 * inputRow(strip, stripWidth, tiles, tileBytes, v, pointBytes): V of one row of tiles, from a strip of their inputRows,
 * which is used up: its columns are transformed where they lie, once for all the tiles that share them. A tile begins
 * tileBytes after the one before.
 */
export function emitInputRow(
  module: ModuleBuilder, shape: PixelShape, { inputRows, inputColumns, down, across }: TileShape,
): FunctionReference {
  const name = `f32_winograd_input_${inputRows}x${inputColumns}__simd128`;
  return defineFunction(module, name, new Array<'i32'>(6).fill('i32'), [], (
    f, strip, stripWidth, tiles, tileBytes, v, pointBytes,
  ) => {
    const rows = stripRows(f, strip, stripWidth, inputRows, shape);
    const [left, to] = f.locals('i32', 2);
    f.set(left, stripWidth);
    f.countdown(left, () => {
      const column = rows.map((row) => loadPixel(f, shape, row));
      transformed(column, (line) => down.input(f, line)).forEach((pixel, y) => storePixel(f, rows[y], pixel));
      rows.forEach((row) => f.increase(row, shape.bytes));
    });
    rows.forEach((row) => f.set(row, row.sub(stripWidth.mul(shape.bytes))));
    f.countdown(tiles, () => {
      f.set(to, v);
      for (const row of rows) {
        for (const pixel of transformed(loadLine(f, shape, row, inputColumns), (line) => across.input(f, line))) {
          storePixel(f, to, pixel);
          f.increase(to, pointBytes);
        }
        f.increase(row, tileBytes);
      }
      f.increase(v, shape.bytes);
    });
  });
}

/**
 * outputGradientRow(strip, stripWidth, tiles, z, pointBytes, temporary, sums): Z of one row of tiles, from a strip of
 * a tile's rows of dout; the sum over all pixels (the gradient at the bias) is added to the pixel at `sums`.
 */
export function emitOutputGradientRow(module: ModuleBuilder, shape: PixelShape, taps: Taps): FunctionReference {
  const { rows: outputRows, columns, inputRows } = gradientTileShape(taps);
  return defineFunction(module, `f32_winograd_output_gradient_${taps}x${taps}__simd128`, new Array<'i32'>(7).fill('i32'), [], (
    f, strip, stripWidth, tiles, z, pointBytes, temporary, sums,
  ) => {
    const rows = stripRows(f, strip, stripWidth, outputRows, shape);
    const to = f.local('i32');
    // of this row alone, to be added to those before: long chains lose precision
    const sum = Array.from({ length: shape.vectors }, () => f.local('f32x4', zero));
    const transform = (line: readonly Value[]): Value[] => outputGradientTransform(f, line);
    f.countdown(tiles, () => {
      for (let x = 0; x < columns; x++) {
        const column = rows.map((row) => loadPixel(f, shape, row, x));
        transformed(column, transform).forEach((pixel, i) =>
          storePixel(f, temporary, pixel, (i * columns + x) * shape.bytes));
      }
      rows.forEach((row) => f.increase(row, columns * shape.bytes));
      f.set(to, z);
      for (let y = 0; y < inputRows; y++) {
        transformed(loadLine(f, shape, temporary, columns, y * columns), transform).forEach((pixel, x) => {
          const kept = pixel.map((value) => f.let(value));
          storePixel(f, to, kept);
          f.increase(to, pointBytes);
          // point (1, 1) has weight 1 everywhere: it is the sum over the tile
          if (y === 1 && x === 1) sum.forEach((each, vector) => f.set(each, each.add(kept[vector])));
        });
      }
      f.increase(z, shape.bytes);
    });
    const before = loadPixel(f, shape, sums);
    storePixel(f, sums, sum.map((each, vector) => each.add(before[vector])));
  });
}

/**
 * outputRow(m, pointBytes, tiles, temporary, band, bandRow, epilogue, relu): one row of output tiles from M, as pixels
 * of a band, whose rows lie bandRow bytes apart; epilogue points to 4 scales and 4 biases, and so on for every vector
 * of a pixel.
 */
export function emitOutputRow(module: ModuleBuilder, shape: PixelShape, taps: Taps): FunctionReference {
  const { rows: outputRows, columns, inputRows, inputColumns, down, across } = tileShape(taps);
  const name = `f32_winograd_output_${taps}x${taps}__simd128`;
  return defineFunction(module, name, new Array<'i32'>(8).fill('i32'), [], (
    f, m, pointBytes, tiles, temporary, band, bandRow, epilogue, relu,
  ) => {
    const each = Array.from({ length: shape.vectors }, (_, vector) => vector);
    const scale = each.map((vector) => f.let(load('f32x4', epilogue, 32 * vector)));
    const bias = each.map((vector) => f.let(load('f32x4', epilogue, 32 * vector + 16)));
    const floor = f.local('f32x4', constant('f32x4', -Infinity));
    f.if(relu, () => f.set(floor, zero));
    const from = f.locals('i32', inputRows);
    const to = f.local('i32');
    f.countdown(tiles, () => {
      from.forEach((pointer, i) => f.set(pointer, i === 0 ? m : from[i - 1].add(pointBytes.mul(inputColumns))));
      for (let x = 0; x < inputColumns; x++) {
        const column = from.map((pointer) => loadPixel(f, shape, pointer));
        transformed(column, (values) => down.output(f, values, outputRows)).forEach((pixel, y) =>
          storePixel(f, temporary, pixel, (y * inputColumns + x) * shape.bytes));
        from.forEach((pointer) => f.increase(pointer, pointBytes));
      }
      f.set(to, band);
      for (let y = 0; y < outputRows; y++) {
        const line = loadLine(f, shape, temporary, inputColumns, y * inputColumns);
        const outputs = transformed(line, (values) => across.output(f, values, columns));
        outputs.forEach((pixel, x) => storePixel(f, to, pixel.map((value, vector) =>
          // floor < value ? value : floor would turn NaN into the floor; this way round NaN stays
          f.let(value.mul(scale[vector]).add(bias[vector])).pmax(floor)), x * shape.bytes));
        f.increase(to, bandRow);
      }
      f.increase(band, columns * shape.bytes);
      f.increase(m, shape.bytes);
    });
  });
}

/**
 * outputPlanes(m, pointBytes, tiles, temporary, out, planeBytes, lanes, rows, width, epilogue, relu): the same without
 * a band, from registers to so many rows of the `lanes` planes of the output that there are; not for pairs, whose
 * vectors must go through memory to be shuffled. The columns of all tiles come first, (tile, output row, points)
 * pixels of scratch; then the output is written row by row: with all rows by turns, which are more streams than the
 * processor foresees, 3 -> 16 channels take a third longer, by way of a band a tenth.
 */
export function emitOutputPlanes(module: ModuleBuilder, shape: PixelShape, taps: Taps): FunctionReference {
  const { rows: outputRows, columns, inputRows, inputColumns, down, across } = tileShape(taps);
  const tileBytes = outputRows * inputColumns * shape.bytes;
  const name = `f32_winograd_output_planes_${taps}x${taps}__simd128`;
  return defineFunction(module, name, new Array<'i32'>(11).fill('i32'), [], (
    f, m, pointBytes, tiles, temporary, out, planeBytes, lanes, rows, width, epilogue, relu,
  ) => {
    const from = f.locals('i32', inputRows);
    const [at, to, row, left, plane] = f.locals('i32', 5);
    f.set(at, temporary);
    f.countdown(tiles, () => {
      from.forEach((pointer, i) => f.set(pointer, i === 0 ? m : from[i - 1].add(pointBytes.mul(inputColumns))));
      for (let x = 0; x < inputColumns; x++) {
        const column = from.map((pointer) => loadPixel(f, shape, pointer));
        transformed(column, (values) => down.output(f, values, outputRows)).forEach((pixel, y) =>
          storePixel(f, at, pixel, (y * inputColumns + x) * shape.bytes));
        from.forEach((pointer) => f.increase(pointer, pointBytes));
      }
      f.increase(at, tileBytes);
      f.increase(m, shape.bytes);
    });
    const [scale, bias] = [0, 16].map((place) => f.let(load('f32x4', epilogue, place)));
    const floor = f.local('f32x4', constant('f32x4', -Infinity));
    f.if(relu, () => f.set(floor, zero));
    f.set(row, temporary);
    f.countdown(rows, () => {
      f.set(at, row);
      f.set(to, out);
      f.set(left, width);
      f.doWhile(() => {
        const line = loadLine(f, shape, at, inputColumns).flat();
        // floor < value ? value : floor, as above
        const pixels = across.output(f, line, columns)
          .map((value) => f.let(f.let(value.mul(scale).add(bias)).pmax(floor)));
        // of three outputs a vector has a lane too many, which the next tile writes over
        const vectors = transpose(f, Array.from({ length: 4 }, (_, x) => pixels[x % pixels.length]));
        f.set(plane, to);
        f.if(left.ge(4).and(lanes.ge(4)), () => vectors.forEach((vector) => {
          f.store(plane, vector);
          f.increase(plane, planeBytes);
        }), () => vectors.forEach((vector, i) => {
          f.if(lanes.gt(i), () => f.if(left.ge(4), () => f.store(plane, vector), () => {
            for (let x = 0; x < 3; x++) f.if(left.gt(x), () => f.storeLane(plane, vector, x, 4 * x));
          }));
          f.increase(plane, planeBytes);
        }));
        f.increase(at, tileBytes);
        f.increase(to, columns * 4);
        f.set(left, left.sub(columns));
      }, () => left.gt(0));
      f.increase(row, inputColumns * shape.bytes);
      f.increase(out, width.shl(2));
    });
  });
}

/**
 * storeBand(band, bandRow, out, planeBytes, lanes, rows, width): the rows of a finished band to the `lanes` planes of
 * the output that there are. The last vector of a row may be incomplete.
 */
export function emitStoreBand(module: ModuleBuilder, { bytes, vectors }: PixelShape): FunctionReference {
  return defineFunction(module, 'f32_store_band__simd128', new Array<'i32'>(7).fill('i32'), [], (
    f, band, bandRow, out, planeBytes, lanes, rows, width,
  ) => {
    const [vectorsLeft, row, from, left] = f.locals('i32', 4);
    const to = f.locals('i32', 4);
    f.set(vectorsLeft, vectors);
    f.countdown(vectorsLeft, () => {
      to.forEach((pointer, i) => f.set(pointer, i === 0 ? out : to[i - 1].add(planeBytes)));
      f.for(row, 0, select(lanes.gt(0), rows, constant('i32', 0)), 1, () => {
        f.set(from, band.add(row.mul(bandRow)));
        f.set(left, width);
        const planes = (): Local[] =>
          transpose(f, Array.from({ length: 4 }, (_, x) => f.let(load('f32x4', from, x * bytes))));
        f.while(() => left.ge(4).and(lanes.ge(4)), () => {
          planes().forEach((plane, i) => f.store(to[i], plane));
          for (const pointer of to) f.increase(pointer, 16);
          f.increase(from, 4 * bytes);
          f.set(left, left.sub(4));
        });
        f.while(() => left.gt(0), () => {
          const count = f.let(least(left, constant('i32', 4)));
          planes().forEach((plane, i) => {
            f.if(lanes.gt(i), () => {
              f.if(count.eq(4), () => f.store(to[i], plane), () => {
                for (let x = 0; x < 3; x++) f.if(count.gt(x), () => f.storeLane(to[i], plane, x, 4 * x));
              });
            });
            f.increase(to[i], count.shl(2));
          });
          f.increase(from, 4 * bytes);
          f.set(left, left.sub(4));
        });
      });
      f.increase(band, 16);
      f.increase(out, planeBytes.shl(2));
      f.set(lanes, lanes.sub(4));
    });
  });
}

/** A pixel's vectors. */
type Pixel = readonly Value[];

/** Pointers to the rows of a strip. */
function stripRows(f: Body, strip: Value, stripWidth: Value, count: number, { bytes }: PixelShape): Local[] {
  const rows = f.locals('i32', count);
  rows.forEach((row, i) => f.set(row, i === 0 ? strip : rows[i - 1].add(stripWidth.mul(bytes))));
  return rows;
}

/** The pixel so many places after an address. */
function loadPixel(f: Body, { vectors, bytes }: PixelShape, from: Value, place: number = 0): Local[] {
  return Array.from({ length: vectors }, (_, vector) => f.let(load('f32x4', from, place * bytes + 16 * vector)));
}

/** So many pixels, from one on. */
function loadLine(f: Body, shape: PixelShape, from: Value, length: number, first: number = 0): Pixel[] {
  return Array.from({ length }, (_, x) => loadPixel(f, shape, from, first + x));
}

/** Stores a pixel. Both vectors of a pair are there before one is stored: else the engine would not join them. */
function storePixel(f: Body, to: Value, pixel: Pixel, offset: number = 0): void {
  const values = pixel.length === 1 ? pixel : pixel.map((value) => f.let(value));
  values.forEach((value, vector) => f.store(to, value, offset + 16 * vector));
}

/** A transform of vectors, done to each vector of a line of pixels. */
function transformed(line: readonly Pixel[], transform: (values: readonly Value[]) => Value[]): Pixel[] {
  const byVector = line[0].map((_, vector) => transform(line.map((pixel) => pixel[vector])));
  return byVector[0].map((_, i) => byVector.map((values) => values[i]));
}
