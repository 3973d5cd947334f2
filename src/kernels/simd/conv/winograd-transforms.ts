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
  inputSize, inputTransform, outputGradientTransform, outputTransform, tileSize,
} from './winograd-algebra.ts';

/** Bytes of one pixel of four channels. */
export const pixelBytes = 16;
/** Bytes of scratch between the two one-dimensional passes: 36 vectors. */
export const temporaryBytes: number = 36 * pixelBytes;

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

/** inputRow(strip, stripWidth, tiles, v, pointBytes, temporary): V of one row of tiles, from a strip of 6 rows. */
export function emitInputRow(module: ModuleBuilder): FunctionReference {
  return defineFunction(module, 'f32_winograd_input__simd128', new Array<'i32'>(6).fill('i32'), [], (
    f, strip, stripWidth, tiles, v, pointBytes, temporary,
  ) => {
    const rows = stripRows(f, strip, stripWidth, inputSize);
    const to = f.local('i32');
    f.countdown(tiles, () => {
      for (let x = 0; x < inputSize; x++) {
        const column = rows.map((row) => f.let(load('f32x4', row, x * pixelBytes)));
        inputTransform(f, column).forEach((value, i) => f.store(temporary, value, (i * inputSize + x) * pixelBytes));
      }
      rows.forEach((row) => f.increase(row, tileSize * pixelBytes));
      f.set(to, v);
      for (let y = 0; y < inputSize; y++) {
        const line = loadLine(f, temporary, y, inputSize);
        for (const value of inputTransform(f, line)) {
          f.store(to, value);
          f.increase(to, pointBytes);
        }
      }
      f.increase(v, pixelBytes);
    });
  });
}

/**
 * outputGradientRow(strip, stripWidth, tiles, z, pointBytes, temporary, sums): Z of one row of tiles, from a strip of 4
 * rows of dout; the sum over all pixels (the gradient at the bias) is added to the vector at `sums`.
 */
export function emitOutputGradientRow(module: ModuleBuilder): FunctionReference {
  return defineFunction(module, 'f32_winograd_output_gradient__simd128', new Array<'i32'>(7).fill('i32'), [], (
    f, strip, stripWidth, tiles, z, pointBytes, temporary, sums,
  ) => {
    const rows = stripRows(f, strip, stripWidth, tileSize);
    const to = f.local('i32');
    const sum = f.let(load('f32x4', sums));
    f.countdown(tiles, () => {
      for (let x = 0; x < tileSize; x++) {
        const column = rows.map((row) => f.let(load('f32x4', row, x * pixelBytes)));
        outputGradientTransform(f, column).forEach((value, i) =>
          f.store(temporary, value, (i * tileSize + x) * pixelBytes));
      }
      rows.forEach((row) => f.increase(row, tileSize * pixelBytes));
      f.set(to, z);
      for (let y = 0; y < inputSize; y++) {
        const line = loadLine(f, temporary, y, tileSize);
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
    f.store(sums, sum);
  });
}

/**
 * outputRow(m, pointBytes, tiles, temporary, out, planeBytes, lanes, rows, width, epilogue, relu): one row of output
 * tiles of `lanes` planes from M. `rows` of the tile's 4 rows lie inside the image; epilogue points to 4 scales and 4
 * biases.
 */
export function emitOutputRow(module: ModuleBuilder): FunctionReference {
  const storeEdge = emitStoreEdge(module);
  return defineFunction(module, 'f32_winograd_output__simd128', new Array<'i32'>(11).fill('i32'), [], (
    f, m, pointBytes, tiles, temporary, out, planeBytes, lanes, rows, width, epilogue, relu,
  ) => {
    const scale = f.let(load('f32x4', epilogue));
    const bias = f.let(load('f32x4', epilogue, 16));
    const floor = f.local('f32x4', constant('f32x4', -Infinity));
    f.if(relu, () => f.set(floor, zero));
    const from = f.locals('i32', inputSize);
    const to = f.locals('i32', 4);
    const left = f.local('i32', width);
    f.countdown(tiles, () => {
      from.forEach((pointer, i) => f.set(pointer, i === 0 ? m : from[i - 1].add(pointBytes.mul(inputSize))));
      for (let x = 0; x < inputSize; x++) {
        const column = from.map((pointer) => f.let(load('f32x4', pointer)));
        from.forEach((pointer) => f.increase(pointer, pointBytes));
        outputTransform(f, column).forEach((value, i) => f.store(temporary, value, (i * inputSize + x) * pixelBytes));
      }
      to.forEach((pointer, i) => f.set(pointer, i === 0 ? out : to[i - 1].add(planeBytes)));
      for (let y = 0; y < tileSize; y++) {
        const line = loadLine(f, temporary, y, inputSize);
        const pixels = outputTransform(f, line).map((value) =>
          // floor < value ? value : floor would turn NaN into the floor; this way round NaN stays
          f.let(f.let(value.mul(scale).add(bias)).pmax(floor)));
        const planes = transpose(f, pixels);
        f.if(left.ge(tileSize).and(lanes.ge(4)), () => {
          f.if(rows.gt(y), () => planes.forEach((plane, i) => f.store(to[i], plane)));
        }, () => {
          f.if(rows.gt(y), () => planes.forEach((plane, i) => {
            f.if(lanes.gt(i), () => f.call(storeEdge, to[i], plane, left));
          }));
        });
        to.forEach((pointer) => f.increase(pointer, width.shl(2)));
      }
      f.increase(out, tileSize * 4);
      f.increase(m, pixelBytes);
      f.set(left, left.sub(tileSize));
    });
  });
}

/** storeEdge(to, vector, count): the first `count` lanes, all four when count is larger. */
function emitStoreEdge(module: ModuleBuilder): FunctionReference {
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

/** Row y of the vectors between the passes. */
function loadLine(f: Body, temporary: Value, y: number, length: number): Local[] {
  return Array.from({ length }, (_, x) => f.let(load('f32x4', temporary, (y * length + x) * pixelBytes)));
}
