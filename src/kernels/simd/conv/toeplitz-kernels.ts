/**
 * Convolution of images of 2x2 pixels with windows of 3x3 and a border of one, in 9 products of matrices in place of
 * the 16 that the dense form (dense-kernels.ts) has. Of two pixels a, b, three taps and a border a line makes
 *
 *   out0 = w1 a + w2 b = w1 (a + b) + (w2 - w1) b
 *   out1 = w0 a + w1 b = w1 (a + b) + (w0 - w1) a
 *
 * a Toeplitz matrix times a vector, with three products in place of four, of which the first is shared. Nested in two
 * dimensions that is 3 times 3 points: the pixels' sums (a + b, a, b), times the taps' differences (w1, w0 - w1,
 * w2 - w1), summed over channels, give two outputs, point 0 plus point 2 and point 0 plus point 1. The gradients are
 * the same maps transposed: the outputs' gradient is spread to points as the pixels are, with points 1 and 2 exchanged.
 *
 * Here is what leads to points and back, for four planes or windows at a time, side by side in vectors; all numbers of
 * a point are one matrix, and gemm multiplies them (toeplitz.ts).
 */

import { type Body, constant, load, loadLane, type Local, splat, type Value } from '../../../wasm/index.ts';
import { type Arguments, Kernel, type KernelBuilder } from '../kernel.ts';
import { eachOfShare, rectified, transpose } from '../vectors.ts';
import { nothingBytes } from './epilogue.ts';

/** Points in two dimensions. */
export const toeplitzPoints = 9;

/**
 * Task: perTask groups of four planes or windows. A point's numbers lie `first` or `second` bytes behind those of point
 * 0, in the other dimension three times that.
 */
export const toeplitzSizes = { first: 'i32', second: 'i32', groups: 'i32', perTask: 'i32' } as const;

const places = { points: 'scratch' } as const;
const spread = { planes: 'input' } as const;
/** table, of so many blocks, as in epilogue.ts */
const gather = { planes: 'output', table: 'input', blocks: 'i32', relu: 'flag' } as const;
const filters = { w: 'input' } as const;
const filterGradient = { dw: 'output' } as const;

/** Planes to points. */
export const toeplitzSpread: Kernel<typeof toeplitzSizes & typeof places & typeof spread> =
  new Kernel('f32_conv_toeplitz_spread', { ...toeplitzSizes, ...places, ...spread });
/** Points to planes, each times its channel's scale, plus its bias, perhaps rectified: dx, or what comes out. */
export const toeplitzGather: Kernel<typeof toeplitzSizes & typeof places & typeof gather> =
  new Kernel('f32_conv_toeplitz_gather', { ...toeplitzSizes, ...places, ...gather });
/** Windows to points. */
export const toeplitzFilters: Kernel<typeof toeplitzSizes & typeof places & typeof filters> =
  new Kernel('f32_conv_toeplitz_filters', { ...toeplitzSizes, ...places, ...filters });
/** The gradient at points to that at windows. */
export const toeplitzFilterGradient: Kernel<typeof toeplitzSizes & typeof places & typeof filterGradient> =
  new Kernel('f32_conv_toeplitz_filter_gradient', { ...toeplitzSizes, ...places, ...filterGradient });

/** Adds the kernels to the module. */
export function emitToeplitz(kernels: KernelBuilder): void {
  kernels.define(toeplitzSpread, (f, s, task) => eachGroup(f, s, task, 64, s.planes, (from, at) => {
    const pixels = transpose(f, [0, 16, 32, 48].map((offset) => f.let(load('f32x4', from, offset))));
    bothWays(f, pixels, ([a, b]) => [a.add(b), a, b]).forEach((value, i) => f.store(at(i), value));
  }));

  kernels.define(toeplitzGather, (f, s, task) => {
    const end = f.let(s.table.add(nothingBytes).add(s.blocks.shl(5)));
    const block = f.let(end.sub(s.blocks.sub(task.mul(s.perTask).remU(s.blocks)).shl(5)));
    eachGroup(f, s, task, 64, s.planes, (to, at) => {
      const values = bothWays(f, loadPoints(f, at), ([sum, one, two]) => [sum.add(one), sum.add(two)]);
      const scale = f.let(load('f32x4', block));
      const bias = f.let(load('f32x4', block, 16));
      for (const value of values) {
        f.set(value, value.mul(scale).add(bias));
        f.if(s.relu, () => f.set(value, rectified(value)));
      }
      transpose(f, values).forEach((plane, i) => f.store(to, plane, 16 * i));
      f.increase(block, 32);
      f.if(block.eq(end), () => f.set(block, s.table.add(nothingBytes)));
    });
  });

  // Four windows are 36 numbers: of each eight taps in two vectors, and the last by itself.
  kernels.define(toeplitzFilters, (f, s, task) => eachGroup(f, s, task, 144, s.w, (from, at) => {
    const taps = [0, 16].flatMap((offset) =>
      transpose(f, [0, 36, 72, 108].map((window) => f.let(load('f32x4', from, window + offset)))));
    const last = f.let(splat('f32x4', load('f32', from, 32)));
    for (const lane of [1, 2, 3]) f.set(last, loadLane(last, lane, from, 36 * lane + 32));
    bothWays(f, [...taps, last], ([a, b, c]) => [b, a.sub(b), c.sub(b)]).forEach((value, i) => f.store(at(i), value));
  }));

  kernels.define(toeplitzFilterGradient, (f, s, task) => eachGroup(f, s, task, 144, s.dw, (to, at) => {
    const taps = bothWays(f, loadPoints(f, at), ([b, a, c]) => [a, b.sub(a).sub(c), c]);
    [0, 4].forEach((first) => transpose(f, taps.slice(first, first + 4))
      .forEach((window, i) => f.store(to, window, 36 * i + 4 * first)));
    for (const lane of [0, 1, 2, 3]) f.storeLane(to, taps[8], lane, 36 * lane + 32);
  }));
}

/** Goes through a task's groups of so many bytes of `array`; write gets a group's address, and where its points lie. */
function eachGroup(
  f: Body, s: Arguments<typeof toeplitzSizes & typeof places>, task: Local, bytes: number, array: Value,
  write: (address: Local, at: (point: number) => Value) => void,
): void {
  const first = f.let(task.mul(s.perTask));
  const address = f.let(array.add(first.mul(bytes)));
  const points = f.let(s.points.add(first.shl(4)));
  const near = [constant('i32', 0), s.first, s.second];
  const distances = near.flatMap((row) => near.map((column) => f.let(row.mul(3).add(column))));
  eachOfShare(f, task, s.perTask, s.groups, () => {
    write(address, (point) => points.add(distances[point]));
    f.increase(address, bytes);
    f.increase(points, 16);
  });
}

function loadPoints(f: Body, at: (point: number) => Value): Local[] {
  return Array.from({ length: toeplitzPoints }, (_, i) => f.let(load('f32x4', at(i))));
}

/** A map of lines, of the rows of a square and then of the columns. */
function bothWays(f: Body, square: readonly Value[], map: (line: readonly Value[]) => Value[]): Local[] {
  const side = Math.sqrt(square.length);
  const rows = Array.from({ length: side }, (_, y) =>
    map(square.slice(y * side, (y + 1) * side)).map((value) => f.let(value)));
  const columns = rows[0].map((_, x) => map(rows.map((row) => row[x])));
  return columns[0].flatMap((_, y) => columns.map((column) => f.let(column[y])));
}
