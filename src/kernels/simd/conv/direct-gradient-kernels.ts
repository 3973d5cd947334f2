/**
 * The direct convolution's gradient at the filters, as jobs (see direct-kernels.ts for planes and taps). A register
 * tile is 4 filters x 2 taps; its lanes run along the output row and stay apart until the last job adds them up.
 */

import {
  bytesOf, constant, defineFunction, type FloatKind, type FunctionReference, lanesOf, load, type Local,
  type ModuleBuilder, multiplyAdd, scale, splat, type Value, vectorOf,
} from '../../../wasm/index.ts';
import { type FloatKernels, floatKernels, type KernelBuilder } from '../kernel.ts';
import { eachPiece, mostSummed, zero } from '../vectors.ts';
import { planeSizes, tapBytes } from './direct-kernels.ts';

const gradientArguments = {
  x: 'input', xOffset: 'i32', dout: 'input', doutOffset: 'i32', imageFilters: 'i32', taps: 'input', tapCount: 'i32', outHeight: 'i32', outWidth: 'i32', doutColumns: 'i32',
  imagesPerTask: 'i32', planesOffset: 'i32', partial: 'scratch', sums: 'scratch', scratch: 'perThread',
} as const;
export const directGradient: FloatKernels<typeof planeSizes & typeof gradientArguments> =
  floatKernels('conv_gradient', { ...planeSizes, ...gradientArguments });

const reduceArguments = {
  filters: 'i32', filterBytes: 'i32', taps: 'input', tapCount: 'i32', groups: 'i32', partial: 'scratch',
  sums: 'scratch', dw: 'output', dwOffset: 'i32', db: 'output', dbOffset: 'i32',
} as const;
export const directReduce: FloatKernels<typeof reduceArguments> = floatKernels('conv_reduce', reduceArguments);

/** Vectors, or those of a whole row where it has more, that are summed before the sum is added to those before it. */
const longestVectors = mostSummed / 4;

/** Adds the gradient's kernels for one element type to the module; copyPlanes comes from emitDirect. */
export function emitDirectGradient(kernels: KernelBuilder, float: FloatKind, copyPlanes: FunctionReference): void {
  emitGradient(kernels, float, copyPlanes);
  emitReduce(kernels, float);
}

/**
 * Task: the gradient at the filters from a group of images, as (block of 4 filters, pair of taps, 8 vectors) whose
 * lanes are still apart, and the sums of dout, one vector a filter. Lanes run along the output row, so dout's rows are
 * copied to a whole number of vectors where outWidth is none.
 */
function emitGradient(kernels: KernelBuilder, float: FloatKind, copyPlanes: FunctionReference): void {
  const { module, relaxed } = kernels;
  const kind = vectorOf(float);
  const bytes = bytesOf(float);
  const copyDout = emitCopyDout(module, float);
  kernels.define(directGradient[float], (f, s, task, leading) => {
    const doutAt = s.scratch;
    const planes = f.let(doutAt.add(s.planesOffset));
    const pairs = f.let(s.tapCount.add(1).shrU(1));
    const blocks = f.let(s.filters.add(3).shrU(2));
    const partialBytes = f.let(blocks.mul(pairs).shl(7));
    const partial = f.let(s.partial.add(task.mul(partialBytes)));
    const biasSums = f.let(s.sums.add(task.mul(blocks).shl(6)));
    f.fill(partial, 0, partialBytes);
    f.fill(biasSums, 0, blocks.shl(6));

    const rowStep = f.let(scale(s.strideY.mul(s.strideX).mul(s.partColumns), bytes));
    const doutRowBytes = f.let(scale(s.doutColumns, bytes));
    const doutPlaneBytes = f.let(s.outHeight.mul(doutRowBytes));
    const imageBytes = f.let(scale(s.imageChannels.mul(s.height).mul(s.width), bytes));
    const doutImageBytes = f.let(scale(s.imageFilters.mul(s.outHeight).mul(s.outWidth), bytes));
    const vectorsPerRow = f.let(doutRowBytes.shrU(4));
    const wholeVectors = f.let(scale(s.outWidth, bytes).shrU(4));
    // ones over the pixels that the last vector of a row, where it is not whole, shares with the window: the others
    // meet zeros of dout, of which an infinite one would make NaN
    f.fill(doutAt, 0, 16);
    f.fill(doutAt, 255, scale(s.outWidth, bytes).and(15));
    const shared = f.let(load(kind, doutAt));
    const rowsTogether = f.let(constant('i32', longestVectors).div(vectorsPerRow).add(1));
    const lastImage = f.let(task.mul(s.imagesPerTask).add(s.imagesPerTask));
    f.if(lastImage.gt(s.batch), () => f.set(lastImage, s.batch));
    const [image, block, pair, tap, to, left, p0, p1, r0, r1, sumAt] = f.locals('i32', 11);
    const [d, dRow] = [f.locals('i32', 4), f.local('i32')];
    const sums = f.locals(kind, 8);
    const [x0, x1, g] = f.locals(kind, 3);
    const multiplyVectors = (offset: number, mask?: Local): void => {
      f.set(x0, load(kind, p0, offset));
      f.set(x1, load(kind, p1, offset));
      if (mask) for (const pixels of [x0, x1]) f.set(pixels, pixels.and(mask));
      for (let i = 0; i < 4; i++) {
        f.set(g, load(kind, d[i], offset));
        f.set(sums[2 * i], multiplyAdd(g, x0, sums[2 * i], relaxed));
        f.set(sums[2 * i + 1], multiplyAdd(g, x1, sums[2 * i + 1], relaxed));
      }
    };
    f.for(image, task.mul(s.imagesPerTask), lastImage, 1, () => {
      f.call(copyPlanes, leading(planeSizes), s.x.add(s.xOffset).add(image.mul(imageBytes)), planes, 0,
        s.outHeight.sub(1).mul(s.strideY).add(s.windowHeight));
      f.call(copyDout, s.dout.add(s.doutOffset).add(image.mul(doutImageBytes)), doutAt, s.filters, s.outHeight,
        s.outWidth, s.doutColumns);
      f.set(to, partial);
      f.set(dRow, doutAt);
      f.set(sumAt, biasSums);
      f.for(block, 0, blocks, 1, () => {
        // the sums of dout, for the bias
        f.set(d[0], dRow);
        for (let i = 0; i < 4; i++) {
          eachPiece(f, s.outHeight.mul(vectorsPerRow), (piece) => {
            f.set(x0, zero(kind));
            f.countdown(piece, () => {
              f.set(x0, x0.add(load(kind, d[0])));
              f.increase(d[0], 16);
            });
            f.store(sumAt, load(kind, sumAt, 16 * i).add(x0), 16 * i);
          }, constant('i32', longestVectors));
        }
        f.set(tap, s.taps);
        f.for(pair, 0, pairs, 1, () => {
          f.set(r0, planes.add(load('i32', tap, 4)));
          f.set(r1, planes.add(load('i32', tap, tapBytes + 4)));
          d.forEach((pointer, i) => f.set(pointer, i === 0 ? dRow : d[i - 1].add(doutPlaneBytes)));
          eachPiece(f, s.outHeight, (row) => {
            sums.forEach((sum) => f.set(sum, zero(kind)));
            f.countdown(row, () => {
              f.set(p0, r0);
              f.set(p1, r1);
              // two vectors a turn, so that six pointers move half as often
              f.set(left, wholeVectors.shrU(1));
              f.repeat(left, () => {
                multiplyVectors(0);
                multiplyVectors(16);
                for (const pointer of [p0, p1, ...d]) f.increase(pointer, 32);
              });
              f.if(wholeVectors.and(1), () => {
                multiplyVectors(0);
                for (const pointer of [p0, p1, ...d]) f.increase(pointer, 16);
              });
              f.if(vectorsPerRow.gt(wholeVectors), () => {
                multiplyVectors(0, shared);
                for (const pointer of d) f.increase(pointer, 16);
              });
              f.increase(r0, rowStep);
              f.increase(r1, rowStep);
            });
            sums.forEach((sum, i) => f.store(to, load(kind, to, i * 16).add(sum), i * 16));
          }, rowsTogether);
          f.increase(to, 128);
          f.increase(tap, 2 * tapBytes);
        });
        f.increase(dRow, doutPlaneBytes.shl(2));
        f.increase(sumAt, 64);
      });
    });
  });
}

/**
 * copyDout(source, to, planes, height, width, columns): planes of dout with rows of `columns` elements, a whole number
 * of vectors, zeros at the end; and zero planes up to a multiple of 4.
 */
function emitCopyDout(module: ModuleBuilder, float: FloatKind): FunctionReference {
  const bytes = bytesOf(float);
  const kind = vectorOf(float);
  const lanes = lanesOf(kind);
  return defineFunction(module, `${float}_conv_dout__simd128`, new Array<'i32'>(6).fill('i32'), [], (
    f, source, to, planes, height, width, columns,
  ) => {
    const [plane, row, left] = f.locals('i32', 3);
    const all = f.let(planes.add(3).and(-4));
    f.for(plane, 0, all, 1, () => {
      f.if(plane.ge(planes), () => {
        f.fill(to, 0, scale(height.mul(columns), bytes));
        f.increase(to, scale(height.mul(columns), bytes));
      }, () => {
        f.for(row, 0, height, 1, () => {
          f.set(left, width);
          f.while(() => left.ge(lanes), () => {
            f.store(to, load(kind, source));
            f.increase(to, 16);
            f.increase(source, 16);
            f.set(left, left.sub(lanes));
          });
          f.if(left.gt(0), () => {
            f.store(to, zero(kind));
            f.countdown(left, () => {
              f.store(to, load(float, source));
              f.increase(to, bytes);
              f.increase(source, bytes);
            });
            f.increase(to, scale(columns.sub(width), bytes));
          });
        });
      });
    });
  });
}

/** Task: the gradients at a block of 4 filters and their biases: groups added up in order, then the lanes. */
function emitReduce(kernels: KernelBuilder, float: FloatKind): void {
  const kind = vectorOf(float);
  const lanes = lanesOf(kind);
  kernels.define(directReduce[float], (f, s, task) => {
    const pairs = f.let(s.tapCount.add(1).shrU(1));
    const groupBytes = f.let(s.filters.add(3).shrU(2).mul(pairs).shl(7));
    const [from, at, left, tap, index] = f.locals('i32', 5);
    const sum = f.local(kind);
    const total = f.local(float);
    /** total = the lanes of the sum over all groups of the vector at `start` */
    const addUp = (start: Value, stepBytes: Value): void => {
      f.set(at, start);
      f.set(left, s.groups);
      f.set(sum, splat(kind, 0));
      f.countdown(left, () => {
        f.set(sum, sum.add(load(kind, at)));
        f.increase(at, stepBytes);
      });
      f.set(total, sum.lane(0).add(sum.lane(1)));
      if (lanes === 4) f.set(total, total.add(sum.lane(2).add(sum.lane(3))));
    };
    for (let i = 0; i < 4; i++) {
      const filter = task.shl(2).add(i);
      f.if(filter.lt(s.filters), () => {
        addUp(s.sums.add(filter.shl(4)), s.filters.add(3).shrU(2).shl(6));
        f.store(s.db.add(s.dbOffset).add(scale(filter, bytesOf(float))), total);
      });
    }
    f.set(from, s.partial.add(task.mul(pairs).shl(7)));
    f.set(tap, s.taps);
    f.for(index, 0, s.tapCount, 1, () => {
      for (let i = 0; i < 4; i++) {
        const filter = task.shl(2).add(i);
        f.if(filter.lt(s.filters), () => {
          addUp(from.add(i * 32), groupBytes);
          f.store(s.dw.add(s.dwOffset).add(filter.mul(s.filterBytes)).add(load('i32', tap)), total);
        });
      }
      // taps come in pairs: the second tap's vectors stand between the first's
      f.if(index.and(1), () => f.increase(from, 112), () => f.increase(from, 16));
      f.increase(tap, tapBytes);
    });
  });
}
