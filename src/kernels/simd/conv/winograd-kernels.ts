/**
 * Winograd convolution F(4x4, 3x3), F(3x3, 4x4) and F(2x4, 5x5) as jobs: each task takes a chunk of tile rows through
 * transform, a matrix product for each point and transform back, in scratch of its own that stays in the second-level
 * cache, so that neither a column matrix nor the transformed images ever exist as a whole. The forms differ in their
 * transforms, of which those of the input are told the distance of tiles; the products are the same.
 *
 * Layouts (innermost last): V (point, channel group, tile, 4), U (point, filter block, channel, 8), M and Z (point,
 * filter group, tile, 4), dU (point, channel group, filter block, 4 channels, 8 filters). The wide form (../wide.ts)
 * has groups of 8 channels and filters in place of 4 in all but dU, and takes 8 tiles together.
 */

import {
  constant, defineFunction, type FunctionReference, load, loadSplat, multiplyAdd, select,
} from '../../../wasm/index.ts';
import { type ArgumentTypes, Kernel, type KernelBuilder } from '../kernel.ts';
import { least, shareOf } from '../vectors.ts';
import { nothingBytes } from './epilogue.ts';
import { tilesTogether } from './tile-product.ts';
import { everyTaps, type Taps, tileShape } from './winograd-algebra.ts';
import { emitPoolBand } from './winograd-pooling.ts';
import {
  emitInputRow, emitOutputPlanes, emitOutputRow, emitStoreBand, emitStrip, pixelShape, temporaryPixels, zero,
} from './winograd-transforms.ts';

/** A kernel for each size of filters. */
export type WinogradKernels<Types extends ArgumentTypes> = Readonly<Record<Taps, Kernel<Types>>>;

/** Declares a kernel for each size of filters. */
export function winogradKernels<Types extends ArgumentTypes>(name: string, types: Types): WinogradKernels<Types> {
  const kernel = (taps: Taps): Kernel<Types> => new Kernel(`f32_winograd_${name}_${taps}x${taps}`, types);
  return { 3: kernel(3), 4: kernel(4), 5: kernel(5) };
}

/** How a transformed chunk lies in a thread's scratch. Sizes are in vectors of tiles, distances and places in bytes. */
export const chunkSizes = {
  batch: 'i32', channels: 'i32', height: 'i32', width: 'i32', filters: 'i32', padTop: 'i32', padLeft: 'i32', outHeight: 'i32',
  outWidth: 'i32', tileRows: 'i32', tileColumns: 'i32', tilesX: 'i32', tilesY: 'i32', rowsPerTask: 'i32', channelGroups: 'i32', filterBlocks: 'i32',
  groupBytes: 'i32', vPointBytes: 'i32', mPointBytes: 'i32', uPointBytes: 'i32', mOffset: 'i32', stripOffset: 'i32',
  temporaryOffset: 'i32',
} as const;
/** What the function that transforms the input reads for itself. */
export const gatherArguments: typeof chunkSizes & { readonly x: 'input' } = { ...chunkSizes, x: 'input' };

const forwardArguments = {
  // the transformed filters, or the bytes of those that each thread makes for itself, from these
  u: 'input?', ownBytes: 'i32', w: 'input', rotated: 'flag', outStride: 'i32', inStride: 'i32', stamp: 'stamp',
  table: 'input', relu: 'flag', parts: 'i32', blocksPerPart: 'i32', out: 'output', scratch: 'perThread',
  // whether out is pooled by windows of 2x2, and where the places of the maxima go
  pooled: 'flag', places: 'output?',
} as const;
export const winogradForward: WinogradKernels<typeof gatherArguments & typeof forwardArguments> =
  winogradKernels('forward', { ...gatherArguments, ...forwardArguments });

/** Adds the kernels to the module; product is the tiles'. Gives the functions that the gradient's kernels share. */
export function emitWinograd(
  kernels: KernelBuilder, filterTransforms: Readonly<Record<Taps, FunctionReference>>, product: FunctionReference,
): { strip: FunctionReference; gather: FunctionReference } {
  const { module } = kernels;
  const shape = pixelShape(kernels);
  const strip = emitStrip(module, shape);
  const [gather, gatherLong] = ([3, 5] as const).map((taps) => emitGather(kernels, strip, taps));
  const imageProduct = emitImageProduct(kernels);
  const pad = emitPad(kernels);
  const storeBand = emitStoreBand(module, shape);
  const poolBand = emitPoolBand(module, shape);
  for (const taps of everyTaps) {
    const outputRow = emitOutputRow(module, shape, taps);
    const own = { filters: filterTransforms[taps], gather: taps === 5 ? gatherLong : gather, outputRow };
    emitForward(kernels, taps, { ...own, pad, product, imageProduct, storeBand, poolBand });
  }
  return { strip, gather };
}

/**
 * gather(args, firstRow, lastRow, scratch): V of the tile rows firstRow <= row < lastRow, a row being numbered through
 * all images, for tiles of as many inputs as those of filters of this size.
 */
function emitGather(kernels: KernelBuilder, strip: FunctionReference, taps: Taps): FunctionReference {
  const shape = pixelShape(kernels);
  const tile = tileShape(taps);
  const { inputRows, inputColumns } = tile;
  const inputRow = emitInputRow(kernels.module, shape, tile);
  return defineFunction(kernels.module, `f32_winograd_gather_${inputRows}x${inputColumns}__simd128`, ['i32', 'i32', 'i32', 'i32'], [], (
    f, args, firstRow, lastRow, scratch,
  ) => {
    const s = kernels.read(f, args, gatherArguments);
    const planeBytes = f.let(s.height.mul(s.width).shl(2));
    const stripWidth = f.let(s.tilesX.sub(1).mul(s.tileColumns).add(inputColumns));
    const tileBytes = f.let(s.tileColumns.mul(shape.bytes));
    const stripAt = f.let(scratch.add(s.stripOffset));
    const [row, image, tileRow, source, lanes, to, toRow, groups] = f.locals('i32', 8);
    f.set(toRow, scratch);
    f.for(row, firstRow, lastRow, 1, () => {
      f.set(image, row.div(s.tilesY));
      f.set(tileRow, row.sub(image.mul(s.tilesY)));
      f.set(source, s.x.add(image.mul(s.channels).mul(planeBytes)));
      f.set(lanes, s.channels);
      f.set(to, toRow);
      f.set(groups, s.channelGroups);
      f.countdown(groups, () => {
        const row = tileRow.mul(s.tileRows).sub(s.padTop);
        for (let vector = 0; vector < shape.vectors; vector++) {
          f.call(strip, source, planeBytes, lanes, row, inputRows, s.height, s.width, s.padLeft,
            stripAt.add(16 * vector), stripWidth);
          f.increase(source, planeBytes.shl(2));
          f.set(lanes, lanes.sub(4));
        }
        f.call(inputRow, stripAt, stripWidth, s.tilesX, tileBytes, to, s.vPointBytes);
        f.increase(to, s.groupBytes);
      });
      f.increase(toRow, s.tilesX.mul(shape.bytes));
    });
  });
}

/**
 * imageProduct(v, u, m, filterBlocks, tiles, groupBytes): the same for an image's three channels, whose filters
 * stay in registers: a fifth faster, but not for pairs of vectors, of which there are too many.
 */
function emitImageProduct({ module, relaxed }: KernelBuilder): FunctionReference {
  return defineFunction(module, 'f32_winograd_gemm_3_channels__simd128', new Array<'i32'>(6).fill('i32'), [], (
    f, v, u, m, filterBlocks, tiles, groupBytes,
  ) => {
    const [vAt, first, second, left] = f.locals('i32', 4);
    const filters = f.locals('f32x4', 6);
    const [a, ...sums] = f.locals('f32x4', 3);
    f.countdown(filterBlocks, () => {
      filters.forEach((each, i) => f.set(each, load('f32x4', u, 16 * i)));
      f.set(vAt, v);
      f.set(first, m);
      f.set(second, m.add(groupBytes));
      f.set(left, tiles.add(3).shrU(2));
      f.countdown(left, () => {
        for (let tile = 0; tile < 4; tile++) {
          sums.forEach((sum) => f.set(sum, zero));
          for (let channel = 0; channel < 3; channel++) {
            f.set(a, loadSplat('f32x4', vAt, tile * 16 + channel * 4));
            sums.forEach((sum, i) => f.set(sum, multiplyAdd(a, filters[2 * channel + i], sum, relaxed)));
          }
          f.store(first, sums[0], tile * 16);
          f.store(second, sums[1], tile * 16);
        }
        for (const pointer of [vAt, first, second]) f.increase(pointer, 64);
      });
      f.increase(u, 128);
      f.increase(m, groupBytes.shl(1));
    });
  });
}

/**
 * pad(v, points, channelGroups, groupBytes, vPointBytes, tiles): zeros in V up to a whole block of tiles. Their
 * products are thrown away, but left as they are they may hold anything, and numbers that happen to be subnormal make
 * the whole block up to ninety times slower.
 */
function emitPad(kernels: KernelBuilder): FunctionReference {
  const { module } = kernels;
  const { bytes, vectors } = pixelShape(kernels);
  return defineFunction(module, 'f32_winograd_pad__simd128', new Array<'i32'>(6).fill('i32'), [], (
    f, v, points, channelGroups, groupBytes, vPointBytes, tiles,
  ) => {
    const missing = f.let(constant('i32', 0).sub(tiles).and(tilesTogether(kernels) - 1));
    f.if(missing, () => {
      const [point, group, at, left] = f.locals('i32', 4);
      f.for(point, 0, points, 1, () => f.for(group, 0, channelGroups, 1, () => {
        f.set(at, v.add(point.mul(vPointBytes)).add(group.mul(groupBytes)).add(tiles.mul(bytes)));
        f.set(left, missing.mul(vectors));
        f.countdown(left, () => {
          f.store(at, zero);
          f.increase(at, 16);
        });
      }));
    });
  });
}

/**
 * Task: a chunk of tile rows from x to out, or one of so many parts of its filters. Every part transforms the input
 * anew, which a chunk of few tiles and many filters hardly notices.
 */
function emitForward(
  kernels: KernelBuilder, taps: Taps,
  functions: Readonly<Record<
    'filters' | 'gather' | 'pad' | 'product' | 'imageProduct' | 'outputRow' | 'storeBand' | 'poolBand',
    FunctionReference
  >>,
): void {
  const { filters, gather, pad, product, imageProduct, outputRow, storeBand, poolBand } = functions;
  const shape = pixelShape(kernels);
  const { rows: outputRows, columns, points } = tileShape(taps);
  const outputPlanes = emitOutputPlanes(kernels.module, shape, taps);
  kernels.define(winogradForward[taps], (f, s, task, leading) => {
    const v = f.let(s.scratch.add(s.ownBytes));
    const chunk = f.let(task.divU(s.parts));
    const [block, lastBlock] = shareOf(f, f.let(task.sub(chunk.mul(s.parts))), s.blocksPerPart, s.filterBlocks);
    const blocks = f.let(lastBlock.sub(block));
    const [firstRow, lastRow] = shareOf(f, chunk, s.rowsPerTask, f.let(s.batch.mul(s.tilesY)));
    f.if(s.ownBytes, () => {
      f.set(s.u, s.scratch);
      const transform = (): void => {
        const number = f.local('i32');
        f.for(number, block, lastBlock, 1, () => f.call(filters, s.u, number, s.w, s.outStride, s.inStride, s.rotated,
          s.table, s.filters, s.channels, s.channelGroups, s.uPointBytes));
      };
      f.if(s.parts.gt(1), transform, () => kernels.once(f, s.stamp, transform));
    });
    f.call(gather, leading(gatherArguments), firstRow, lastRow, v);
    f.call(pad, v, points, s.channelGroups, s.groupBytes, s.vPointBytes, lastRow.sub(firstRow).mul(s.tilesX));

    const m = f.let(v.add(s.mOffset));
    const tiles = f.let(lastRow.sub(firstRow).mul(s.tilesX));
    const [vAt, uAt, mAt, point] = f.locals('i32', 4);
    f.set(vAt, v);
    f.set(uAt, s.u.add(block.mul(s.channelGroups).mul(32 * shape.lanes)));
    f.set(mAt, m);
    f.set(point, points);
    f.countdown(point, () => {
      const any = (): void => f.call(product, vAt, uAt, mAt, s.channels, blocks, tiles, s.groupBytes);
      if (kernels.wide) any();
      else f.if(s.channels.eq(3), () => f.call(imageProduct, vAt, uAt, mAt, blocks, tiles, s.groupBytes), any);
      f.increase(vAt, s.vPointBytes);
      f.increase(uAt, s.uPointBytes);
      f.increase(mAt, s.mPointBytes);
    });

    const firstFilter = f.let(block.shl(3));
    const present = f.let(least(f.let(s.filters.sub(firstFilter)), f.let(blocks.shl(3))));
    const planeBytes = f.let(s.outHeight.mul(s.outWidth).shl(2));
    f.if(s.pooled, () => f.set(planeBytes, planeBytes.shrU(2)));
    // A band of rows is finished as pixels, and then stored, plane by plane: pixels of eight planes by turns are more
    // streams than the processor foresees.
    const temporary = f.let(v.add(s.temporaryOffset));
    const band = f.let(temporary.add(temporaryPixels * shape.bytes));
    const bandRow = f.let(s.tilesX.mul(columns * shape.bytes));
    const [row, image, y, to, rows, lanes, epilogue] = f.locals('i32', 7);
    f.for(row, firstRow, lastRow, 1, () => {
      f.set(image, row.div(s.tilesY));
      f.set(y, row.sub(image.mul(s.tilesY)).mul(outputRows));
      f.set(to, s.out.add(image.mul(s.filters).add(firstFilter).mul(planeBytes)));
      f.increase(to, select(s.pooled, y.mul(s.outWidth), y.mul(s.outWidth).shl(2)));
      f.set(rows, least(f.let(s.outHeight.sub(y)), constant('i32', outputRows)));
      f.set(mAt, m);
      f.set(epilogue, s.table.add(nothingBytes).add(firstFilter.shl(3)));
      f.set(lanes, present);
      f.doWhile(() => {
        const makeBand = (): void =>
          f.call(outputRow, mAt, s.mPointBytes, s.tilesX, temporary, band, bandRow, epilogue, s.relu);
        f.if(s.pooled, () => {
          makeBand();
          f.call(poolBand, band, bandRow, rows, s.outWidth, y.mul(s.outWidth));
          const windows = f.let(rows.mul(s.outWidth).shrU(2));
          const one = constant('i32', 1);
          f.call(storeBand, band, bandRow, to, planeBytes, lanes, one, windows);
          f.if(s.places, () => f.call(storeBand, band.add(bandRow), bandRow, to.sub(s.out).add(s.places), planeBytes,
            lanes, one, windows));
        }, () => {
          if (kernels.wide) {
            makeBand();
            f.call(storeBand, band, bandRow, to, planeBytes, lanes, rows, s.outWidth);
          } else {
            f.call(outputPlanes, mAt, s.mPointBytes, s.tilesX, temporary, to, planeBytes, lanes, rows, s.outWidth,
              epilogue, s.relu);
          }
        });
        f.increase(to, planeBytes.mul(shape.lanes));
        f.increase(mAt, s.groupBytes);
        f.increase(epilogue, 8 * shape.lanes);
        f.set(lanes, lanes.sub(shape.lanes));
      }, () => lanes.gt(0));
      f.increase(m, s.tilesX.mul(shape.bytes));
    });
  });
}
