/**
 * Winograd's transforms over rows of tiles, float32, four channels (or filters) a vector.
 *
 * Images are channel by channel in memory (NCHW), but a transform works best on vectors whose lanes do not meet. So a
 * strip, the few image rows under one row of tiles, is first copied into pixels of four channels each, zeros standing
 * where the padding or a missing channel is; from there on every load and every operation is a whole vector.
 *
 *   strip        (rows, stripWidth) pixels of 4 channels
 *   V            (36 points, channel groups of 4, tiles) vectors: the transformed input
 *   M            (36 points, filter groups of 4, tiles) vectors: the products, before they become output
 *   Z            as M: the transformed gradient of the output
 */

import {
  type Body, constant, defineFunction, type FunctionReference, load, loadLane, loadZero, type Local,
  type ModuleBuilder, type Value,
} from '../../../wasm/index.ts';
import { transpose } from '../vectors.ts';
import {
  inputSize, inputTransform, outputGradientTransform, outputTransform, type Taps, tileSize,
} from './winograd-algebra.ts';

/** Bytes of one pixel of four channels. */
export const pixelBytes = 16;
/** Bytes of scratch between the two one-dimensional passes of 4 rows of output, or 4 columns of its gradient. */
export const temporaryBytes: number = 4 * inputSize * pixelBytes;

/** A vector of zeros. */
export const zero: Value = constant('f32x4', 0);

/**
 * strip(source, planeBytes, lanes, firstRow, rows, height, width, pad, strip, stripWidth): copies rows firstRow..
 * (which may lie outside the image) of `lanes` planes into a strip; column c of the strip is column c - pad of the
 * image.
 */
export function emitStrip(module: ModuleBuilder): FunctionReference {
  return defineFunction(module, 'f32_strip__simd128', new Array<'i32'>(10).fill('i32'), [], (
    f, source, planeBytes, lanes, firstRow, rows, height, width, pad, strip, stripWidth,
  ) => {
    const [row, from, to, left, end] = f.locals('i32', 5);
    const planes = f.locals('i32', 4);
    f.for(row, 0, rows, 1, () => {
      f.set(to, strip.add(row.mul(stripWidth).shl(4)));
      f.set(end, to.add(stripWidth.shl(4)));
      f.if(firstRow.add(row).ltU(height), () => {
        f.set(left, pad);
        f.repeat(left, () => {
          f.store(to, zero);
          f.increase(to, pixelBytes);
        });
        f.set(from, source.add(firstRow.add(row).mul(width).shl(2)));
        planes.forEach((plane, i) => f.set(plane, i === 0 ? from : planes[i - 1].add(planeBytes)));
        f.set(left, width);
        f.if(lanes.ge(4), () => {
          f.while(() => left.ge(4), () => {
            const pixels = transpose(f, planes.map((plane) => f.let(load('f32x4', plane))));
            pixels.forEach((pixel, i) => f.store(to, pixel, i * pixelBytes));
            planes.forEach((plane) => f.increase(plane, 16));
            f.increase(to, 4 * pixelBytes);
            f.set(left, left.sub(4));
          });
        });
        f.repeat(left, () => {
          const pixel = f.let(loadZero('f32x4', planes[0]));
          for (let lane = 1; lane < 4; lane++) {
            f.if(lanes.gt(lane), () => f.set(pixel, loadLane(pixel, lane, planes[lane])));
          }
          f.store(to, pixel);
          planes.forEach((plane) => f.increase(plane, 4));
          f.increase(to, pixelBytes);
        });
      });
      f.while(() => to.ltU(end), () => {
        f.store(to, zero);
        f.increase(to, pixelBytes);
      });
    });
  });
}

/**
 * inputRow(strip, stripWidth, tiles, tileBytes, v, pointBytes): V of one row of tiles, from a strip of 6 rows, which is
 * used up: its columns are transformed where they lie, once for all the tiles that share them. A tile begins tileBytes
 * after the one before.
 */
export function emitInputRow(module: ModuleBuilder): FunctionReference {
  return defineFunction(module, 'f32_winograd_input__simd128', new Array<'i32'>(6).fill('i32'), [], (
    f, strip, stripWidth, tiles, tileBytes, v, pointBytes,
  ) => {
    const rows = stripRows(f, strip, stripWidth, inputSize);
    const [left, to] = f.locals('i32', 2);
    f.set(left, stripWidth);
    f.countdown(left, () => {
      const column = rows.map((row) => f.let(load('f32x4', row)));
      inputTransform(f, column).forEach((value, y) => f.store(rows[y], value));
      rows.forEach((row) => f.increase(row, pixelBytes));
    });
    rows.forEach((row) => f.set(row, row.sub(stripWidth.shl(4))));
    f.countdown(tiles, () => {
      f.set(to, v);
      for (const row of rows) {
        const line = loadLine(f, row, inputSize);
        for (const value of inputTransform(f, line)) {
          f.store(to, value);
          f.increase(to, pointBytes);
        }
        f.increase(row, tileBytes);
      }
      f.increase(v, pixelBytes);
    });
  });
}

/**
 * outputGradientRow(strip, stripWidth, tiles, z, pointBytes, temporary, sums): Z of one row of tiles, from a strip of
 * a tile's rows of dout; the sum over all pixels (the gradient at the bias) is added to the vector at `sums`.
 */
export function emitOutputGradientRow(module: ModuleBuilder, taps: Taps): FunctionReference {
  const outputs = tileSize(taps);
  return defineFunction(module, `f32_winograd_output_gradient_${taps}x${taps}__simd128`, new Array<'i32'>(7).fill('i32'), [], (
    f, strip, stripWidth, tiles, z, pointBytes, temporary, sums,
  ) => {
    const rows = stripRows(f, strip, stripWidth, outputs);
    const to = f.local('i32');
    const sum = f.local('f32x4', zero); // of this row alone, to be added to those before: long chains lose precision
    f.countdown(tiles, () => {
      for (let x = 0; x < outputs; x++) {
        const column = rows.map((row) => f.let(load('f32x4', row, x * pixelBytes)));
        outputGradientTransform(f, column).forEach((value, i) =>
          f.store(temporary, value, (i * outputs + x) * pixelBytes));
      }
      rows.forEach((row) => f.increase(row, outputs * pixelBytes));
      f.set(to, z);
      for (let y = 0; y < inputSize; y++) {
        const line = loadLine(f, temporary, outputs, y * outputs);
        outputGradientTransform(f, line).forEach((value, x) => {
          const kept = f.let(value);
          f.store(to, kept);
          f.increase(to, pointBytes);
          // point (1, 1) has weight 1 everywhere: it is the sum over the tile
          if (y === 1 && x === 1) f.set(sum, sum.add(kept));
        });
      }
      f.increase(z, pixelBytes);
    });
    f.store(sums, sum.add(load('f32x4', sums)));
  });
}

/**
 * outputRow(m, pointBytes, tiles, temporary, out, planeBytes, lanes, rows, width, epilogue, relu): one row of output
 * tiles of `lanes` planes from M. `rows` of the tiles' rows lie inside the image; epilogue points to 4 scales and 4
 * biases. Goes 4 pixels at a time, whose last tile may be one too many: M has rests of whole vectors there.
 */
export function emitOutputRow(module: ModuleBuilder, storeEdge: FunctionReference, taps: Taps): FunctionReference {
  const outputs = tileSize(taps);
  const together = 4 / outputs;
  const name = `f32_winograd_output_${taps}x${taps}__simd128`;
  return defineFunction(module, name, new Array<'i32'>(11).fill('i32'), [], (
    f, m, pointBytes, tiles, temporary, out, planeBytes, lanes, rows, width, epilogue, relu,
  ) => {
    const scale = f.let(load('f32x4', epilogue));
    const bias = f.let(load('f32x4', epilogue, 16));
    const floor = f.local('f32x4', constant('f32x4', -Infinity));
    f.if(relu, () => f.set(floor, zero));
    const from = f.locals('i32', inputSize);
    const to = f.locals('i32', 4);
    const left = f.local('i32', width);
    const line = together * inputSize;
    f.doWhile(() => {
      from.forEach((pointer, i) => f.set(pointer, i === 0 ? m : from[i - 1].add(pointBytes.mul(inputSize))));
      for (let x = 0; x < inputSize; x++) {
        for (let tile = 0; tile < together; tile++) {
          const column = from.map((pointer) => f.let(load('f32x4', pointer, tile * pixelBytes)));
          outputTransform(f, column, outputs).forEach((value, y) =>
            f.store(temporary, value, (y * line + tile * inputSize + x) * pixelBytes));
        }
        from.forEach((pointer) => f.increase(pointer, pointBytes));
      }
      to.forEach((pointer, i) => f.set(pointer, i === 0 ? out : to[i - 1].add(planeBytes)));
      for (let y = 0; y < outputs; y++) {
        const pixels = Array.from({ length: together }, (_, tile) =>
          outputTransform(f, loadLine(f, temporary, inputSize, y * line + tile * inputSize), outputs).map((value) =>
            // floor < value ? value : floor would turn NaN into the floor; this way round NaN stays
            f.let(f.let(value.mul(scale).add(bias)).pmax(floor))));
        const planes = transpose(f, pixels.flat());
        f.if(left.ge(4).and(lanes.ge(4)), () => {
          f.if(rows.gt(y), () => planes.forEach((plane, i) => f.store(to[i], plane)));
        }, () => {
          f.if(rows.gt(y), () => planes.forEach((plane, i) => {
            f.if(lanes.gt(i), () => f.call(storeEdge, to[i], plane, left));
          }));
        });
        to.forEach((pointer) => f.increase(pointer, width.shl(2)));
      }
      f.increase(out, 16);
      f.increase(m, together * pixelBytes);
      f.set(left, left.sub(4));
      f.set(tiles, tiles.sub(together));
    }, () => tiles.gt(0));
  });
}

/** storeEdge(to, vector, count): the first `count` lanes, all four when count is larger. */
export function emitStoreEdge(module: ModuleBuilder): FunctionReference {
  return defineFunction(module, 'f32_store_edge__simd128', ['i32', 'f32x4', 'i32'], [], (f, to, vector, count) => {
    f.if(count.ge(4), () => f.store(to, vector), () => {
      for (let lane = 0; lane < 3; lane++) f.if(count.gt(lane), () => f.storeLane(to, vector, lane, lane * 4));
    });
  });
}

/** Pointers to the rows of a strip. */
function stripRows(f: Body, strip: Value, stripWidth: Value, count: number): Local[] {
  const rows = f.locals('i32', count);
  rows.forEach((row, i) => f.set(row, i === 0 ? strip : rows[i - 1].add(stripWidth.shl(4))));
  return rows;
}

/** So many vectors, from one on. */
function loadLine(f: Body, from: Value, length: number, first: number = 0): Local[] {
  return Array.from({ length }, (_, x) => f.let(load('f32x4', from, (first + x) * pixelBytes)));
}
