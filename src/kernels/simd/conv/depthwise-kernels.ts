/**
 * Depthwise convolution as jobs: every channel has one filter of its own, so there is next to nothing to compute with a
 * number once it is loaded, and what counts is that planes come and go once. A task takes some planes; each is copied
 * into a padded plane (see direct-kernels.ts for those and for taps), which stays in the first-level cache. A register
 * tile is a run of vectors of one row, or, where rows are short, one vector of several rows: four sums that need not
 * wait for each other.
 */

import {
  bytesOf, constant, type FloatKind, type FunctionReference, lanesOf, load, loadSplat, type Local, multiplyAdd, scale,
  splat, type Value, vectorOf,
} from '../../../wasm/index.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { eachPiece, eachRun, least, mostSummed, zero } from '../vectors.ts';
import { edgeBytes, planeSizes, tapBytes } from './direct-kernels.ts';

const forwardArguments = {
  perTask: 'i32', x: 'input', w: 'input', parts: 'input', partCount: 'i32', scales: 'input?', bias: 'input?',
  relu: 'flag', out: 'output', outPlaneBytes: 'i32', outRowBytes: 'i32', outPixelBytes: 'i32', scratch: 'perThread',
} as const;
/** The convolution, and its gradient at the input; planeSizes.channels is 1. */
export const depthwise: FloatKernels<typeof planeSizes & typeof forwardArguments> =
  floatKernels('conv_depthwise', { ...planeSizes, ...forwardArguments });

/** An entry of the table of parts (see direct-kernels.ts), i32 each, in bytes but for tapCount and the sizes. */
const depthwisePart = { taps: 0, tapCount: 4, outOffset: 8, outHeight: 12, outWidth: 16, bytes: 20 } as const;

const gradientArguments = {
  x: 'input', dout: 'input', taps: 'input', tapCount: 'i32', outHeight: 'i32', outWidth: 'i32', dw: 'output',
  db: 'output', planesOffset: 'i32', scratch: 'perThread',
} as const;
/** The gradients at the filters and the bias. A thread's scratch: tapCount + 1 vectors of sums, a padded plane. */
export const depthwiseGradient: FloatKernels<typeof planeSizes & typeof gradientArguments> =
  floatKernels('conv_depthwise_gradient', { ...planeSizes, ...gradientArguments });

/** Vectors of pixels of the register tile, and the bytes that the last one may be read beyond the planes. */
const tile = 4;
export const tileOverhang: number = 16 * tile;
/** Taps whose sums are kept in registers at a time. */
const tapsTogether = 4;

/** Adds the kernels for one element type to the module; the two functions come from emitDirect. */
export function emitDepthwise(
  kernels: KernelBuilder, float: FloatKind, copyPlanes: FunctionReference, storePixels: FunctionReference,
): void {
  emitForward(kernels, float, copyPlanes, storePixels);
  emitGradient(kernels, float, copyPlanes);
}

/** Task: perTask planes of out, of all images together. */
function emitForward(
  kernels: KernelBuilder, float: FloatKind, copyPlanes: FunctionReference, storePixels: FunctionReference,
): void {
  const { relaxed } = kernels;
  const kind = vectorOf(float);
  const bytes = bytesOf(float);
  const lanes = lanesOf(kind);
  kernels.define(depthwise[float], (f, s, task, leading) => {
    const planes = f.let(s.scratch.add(edgeBytes));
    const rowStep = f.let(scale(s.strideY.mul(s.strideX).mul(s.partColumns), bytes));
    const [plane, last, channel, weights, part, taps, tapCount, outWidth] = f.locals('i32', 8);
    const [row, pixels, to, column, tap, left, rowsOfPart] = f.locals('i32', 7);
    const [sums, starts, targets] = [f.locals(kind, tile), f.locals('i32', tile), f.locals('i32', tile)];
    const [w, factor, bias] = f.locals(kind, 3);
    const floor = f.local(kind, constant(kind, -Infinity));
    f.if(s.relu, () => f.set(floor, zero(kind)));
    f.set(last, least(f.let(task.mul(s.perTask).add(s.perTask)), f.let(s.batch.mul(s.imageChannels))));
    f.for(plane, task.mul(s.perTask), last, 1, () => {
      f.set(channel, plane.rem(s.imageChannels));
      f.set(weights, s.w.add(scale(channel.mul(s.filters), bytes)));
      f.set(factor, constant(kind, 1));
      f.if(s.scales, () => f.set(factor, loadSplat(kind, s.scales.add(scale(channel, bytes)))));
      f.set(bias, zero(kind));
      f.if(s.bias, () => f.set(bias, loadSplat(kind, s.bias.add(scale(channel, bytes)))));
      f.call(copyPlanes, leading(planeSizes), s.x.add(scale(plane.mul(s.height).mul(s.width), bytes)), planes, 0,
        s.planeRows);
      f.set(part, s.parts);
      f.repeat(f.let(s.partCount), () => {
        f.set(taps, load('i32', part, depthwisePart.taps));
        f.set(tapCount, load('i32', part, depthwisePart.tapCount));
        f.set(outWidth, load('i32', part, depthwisePart.outWidth));
        f.set(rowsOfPart, load('i32', part, depthwisePart.outHeight));
        f.set(row, 0);
        const isNarrow = f.let(outWidth.le(lanes * (tile - 2)));
        f.while(() => row.le(rowsOfPart.sub(tile)).and(isNarrow), () => eachRow(tile, () => run(1, tile)));
        f.while(() => row.lt(rowsOfPart), () => eachRow(1, () => {
          f.while(() => column.gt(lanes * (tile - 2)), () => run(tile, 1));
          f.while(() => column.gt(0), () => run(1, 1));
        }));
        f.increase(part, depthwisePart.bytes);
      });
    });

    /** So many rows from `row` on, written from their first pixel by `write`, which goes on while columns are left. */
    function eachRow(count: number, write: () => void): void {
      f.set(pixels, planes.add(row.mul(rowStep)));
      f.set(to, s.out.add(plane.mul(s.outPlaneBytes)).add(load('i32', part, depthwisePart.outOffset))
        .add(row.mul(s.outRowBytes)));
      f.set(column, outWidth);
      f.while(() => column.gt(0), write);
      f.increase(row, count);
    }

    /** A tile of so many vectors, as far as their pixels exist, of so many rows. */
    function run(vectors: number, rows: number): void {
      const tiles = Array.from({ length: vectors * rows }, (_, i) => ({
        vector: i % vectors, row: Math.floor(i / vectors),
      }));
      for (let i = 0; i < rows; i++) {
        f.set(starts[i], i === 0 ? pixels : starts[i - 1].add(rowStep));
        f.set(targets[i], i === 0 ? to : targets[i - 1].add(s.outRowBytes));
      }
      tiles.forEach((_, i) => f.set(sums[i], zero(kind)));
      f.set(tap, taps);
      f.set(left, tapCount);
      f.repeat(left, () => {
        const distance = f.let(load('i32', tap, 4));
        f.set(w, loadSplat(kind, weights.add(load('i32', tap))));
        const at = Array.from({ length: rows }, (_, i) => f.let(starts[i].add(distance)));
        tiles.forEach((each, i) => {
          f.set(sums[i], multiplyAdd(w, load(kind, at[each.row], 16 * each.vector), sums[i], relaxed));
        });
        f.increase(tap, tapBytes);
      });
      tiles.forEach((_, i) => f.set(sums[i], sums[i].mul(factor).add(bias).pmax(floor)));
      f.if(column.ge(vectors * lanes).and(s.outPixelBytes.eq(bytes)), () => {
        tiles.forEach((each, i) => f.store(targets[each.row], sums[i], 16 * each.vector));
      }, () => {
        tiles.forEach((_, i) => f.store(s.scratch, sums[i], 16 * i));
        const count = f.let(least(column, constant('i32', vectors * lanes)));
        for (let i = 0; i < rows; i++) {
          f.call(storePixels, s.scratch.add(16 * vectors * i), count, targets[i], s.outPixelBytes);
        }
      });
      f.increase(pixels, 16 * vectors);
      f.increase(to, s.outPixelBytes.mul(vectors * lanes));
      f.set(column, column.sub(vectors * lanes));
    }
  });
}

/**
 * Task: the gradients of one channel. Sums are made in registers and then added to those before them, a vector a tap,
 * whose lanes are added last; the vector after the last tap's holds the sums of dout.
 */
function emitGradient(kernels: KernelBuilder, float: FloatKind, copyPlanes: FunctionReference): void {
  const { relaxed } = kernels;
  const kind = vectorOf(float);
  const bytes = bytesOf(float);
  kernels.define(depthwiseGradient[float], (f, s, channel, leading) => {
    const planes = f.let(s.scratch.add(s.planesOffset));
    const rowStep = f.let(scale(s.strideY.mul(s.strideX).mul(s.partColumns), bytes));
    const inPlane = f.let(scale(s.height.mul(s.width), bytes));
    const outRow = f.let(scale(s.outWidth, bytes));
    const outPlane = f.let(s.outHeight.mul(outRow));
    const rowsTogether = f.let(constant('i32', mostSummed).div(s.outWidth).add(1));
    const [image, plane, doutAt, tap, left, sumAt, dRow] = f.locals('i32', 7);
    const d = f.local('i32');
    const rows = f.locals('i32', tapsTogether);
    const pixels = f.locals('i32', tapsTogether);
    const sums = f.locals(kind, tapsTogether);
    const singles = f.locals(float, tapsTogether);
    f.fill(s.scratch, 0, s.tapCount.add(1).shl(4));
    f.for(image, 0, s.batch, 1, () => {
      f.set(plane, image.mul(s.imageChannels).add(channel));
      f.call(copyPlanes, leading(planeSizes), s.x.add(plane.mul(inPlane)), planes, 0, s.planeRows);
      f.set(doutAt, s.dout.add(plane.mul(outPlane)));
      f.set(tap, s.taps);
      f.set(sumAt, s.scratch);
      f.set(left, s.tapCount);
      f.while(() => left.ge(tapsTogether), () => {
        addTaps(tapsTogether);
        f.set(left, left.sub(tapsTogether));
      });
      f.while(() => left.gt(0), () => {
        addTaps(1);
        f.set(left, left.sub(1));
      });
      addDout();
    });
    f.set(tap, s.taps);
    f.set(sumAt, s.scratch);
    f.set(left, s.tapCount);
    const to = s.dw.add(scale(channel.mul(s.filters), bytes));
    f.repeat(left, () => {
      f.store(to.add(load('i32', tap)), sumOfLanes());
      f.increase(tap, tapBytes);
      f.increase(sumAt, 16);
    });
    f.store(s.db.add(scale(channel, bytes)), sumOfLanes());

    /** dout times the pixels under `count` taps, over one image, added to their sums. */
    function addTaps(count: number): void {
      for (let i = 0; i < count; i++) f.set(rows[i], planes.add(load('i32', tap, i * tapBytes + 4)));
      f.set(dRow, doutAt);
      summed(count, s.outHeight, rowsTogether, (row) => f.countdown(row, () => {
        f.set(d, dRow);
        for (let i = 0; i < count; i++) f.set(pixels[i], rows[i]);
        eachRun(f, float, [d, ...pixels.slice(0, count)], s.outWidth, (part) => {
          const g = f.let(load(part, d));
          const into = part === kind ? sums : singles;
          for (let i = 0; i < count; i++) {
            f.set(into[i], multiplyAdd(g, load(part, pixels[i]), into[i], relaxed && part === kind));
          }
        });
        f.increase(dRow, outRow);
        for (let i = 0; i < count; i++) f.increase(rows[i], rowStep);
      }));
      f.increase(sumAt, count * 16);
      f.increase(tap, count * tapBytes);
    }

    /** dout itself, for the bias. */
    function addDout(): void {
      f.set(d, doutAt);
      summed(1, s.outHeight.mul(s.outWidth), constant('i32', mostSummed), (piece) => {
        eachRun(f, float, [d], piece, (part) => {
          const into = part === kind ? sums[0] : singles[0];
          f.set(into, into.add(load(part, d)));
        });
      });
    }

    /**
     * The first `count` sums over work that is cut into pieces, each of which is added to the sums at sumAt by itself:
     * long chains lose precision.
     */
    function summed(count: number, work: Value, most: Value, add: (piece: Local) => void): void {
      eachPiece(f, work, (piece) => {
        for (let i = 0; i < count; i++) {
          f.set(sums[i], zero(kind));
          f.set(singles[i], constant(float, 0));
        }
        add(piece);
        for (let i = 0; i < count; i++) {
          const alone = splat(kind, 0).replaceLane(0, singles[i]);
          f.store(sumAt, load(kind, sumAt, 16 * i).add(sums[i].add(alone)), 16 * i);
        }
      }, most);
    }

    function sumOfLanes(): (typeof singles)[number] {
      const sum = f.let(load(kind, sumAt));
      const total = f.let(sum.lane(0).add(sum.lane(1)));
      if (lanesOf(kind) === 4) f.set(total, total.add(sum.lane(2).add(sum.lane(3))));
      return total;
    }
  });
}
