/**
 * Winograd convolution F(4x4, 3x3), F(3x3, 4x4) and F(2x2, 5x5) as jobs: each task takes a chunk of tile rows through
 * transform, 36 matrix products and transform back, in scratch of its own that stays in the second-level cache, so that
 * neither a column matrix nor the transformed images ever exist as a whole. The forms differ in the transforms of
 * filters and outputs alone; those of the input and the products are told the distance of tiles.
 *
 * The matrix products need no packing. Each transformed tile is a vector of four channels, and a register tile of 4
 * tiles x 8 filters broadcasts one channel of each tile against a row of the transformed filters.
 *
 * Layouts (innermost last): V (point, channel group, tile, 4), U (point, filter block, channel, 8), M and Z (point,
 * filter group, tile, 4), dU (point, channel group, filter block, 4 channels, 8 filters). The wide form (../wide.ts)
 * has groups of 8 channels and filters in place of 4 in all but dU, and takes 8 tiles together.
 */

import {
  callValue, constant, defineFunction, type FunctionReference, load, loadSplat, loadZero, type ModuleBuilder,
  multiplyAdd, type Value,
} from '../../../wasm/index.ts';
import type { KernelForm } from '../../team/part.ts';
import { type ArgumentTypes, Kernel, type KernelBuilder } from '../kernel.ts';
import { eachOfShare, least, shareOf, transpose } from '../vectors.ts';
import { nothingBytes } from './epilogue.ts';
import { everyTaps, filterTransform, inputSize, points, type Taps, tileSize } from './winograd-algebra.ts';
import { emitInputRow, emitOutputRow, emitStoreBand, emitStrip, pixelShape, temporaryPixels, zero } from './winograd-transforms.ts';

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
  outWidth: 'i32', tileSize: 'i32', tilesX: 'i32', tilesY: 'i32', rowsPerTask: 'i32', channelGroups: 'i32', filterBlocks: 'i32',
  groupBytes: 'i32', vPointBytes: 'i32', mPointBytes: 'i32', uPointBytes: 'i32', mOffset: 'i32', stripOffset: 'i32',
  temporaryOffset: 'i32',
} as const;
/** What the function that transforms the input reads for itself. */
export const gatherArguments: typeof chunkSizes & { readonly x: 'input' } = { ...chunkSizes, x: 'input' };

const filterArguments = {
  filters: 'i32', channels: 'i32', channelGroups: 'i32', filterBlocks: 'i32', blocksPerTask: 'i32', uPointBytes: 'i32',
  outStride: 'i32', inStride: 'i32',
  w: 'input', table: 'input',
  // arrays in the heap, which outlive the launch: the filters' copy, and U
  kept: 'input?', u: 'output',
} as const;
export const winogradFilters: WinogradKernels<typeof filterArguments> =
  winogradKernels('filters', filterArguments);
export const winogradFiltersRotated: WinogradKernels<typeof filterArguments> =
  winogradKernels('filters_rotated', filterArguments);

const forwardArguments = {
  u: 'input', table: 'input', relu: 'flag', parts: 'i32', blocksPerPart: 'i32', out: 'output', scratch: 'perThread',
} as const;
export const winogradForward: WinogradKernels<typeof gatherArguments & typeof forwardArguments> =
  winogradKernels('forward', { ...gatherArguments, ...forwardArguments });

/** Tiles that a product takes together, a power of 2. */
export function tilesTogether({ wide }: Pick<KernelForm, 'wide'>): number {
  return wide ? 8 : 4;
}

/** Adds the kernels to the module; gives the functions that the gradient's kernels share. */
export function emitWinograd(kernels: KernelBuilder): { strip: FunctionReference; gather: FunctionReference } {
  const { module } = kernels;
  const shape = pixelShape(kernels);
  const strip = emitStrip(module, shape);
  const gather = emitGather(kernels, strip);
  const product = emitProduct(kernels);
  const pad = emitPad(kernels);
  const storeBand = emitStoreBand(module, shape);
  const unchanged = emitUnchanged(module);
  for (const taps of everyTaps) {
    emitForward(kernels, taps, { gather, pad, product, storeBand, outputRow: emitOutputRow(module, shape, taps) });
    emitFilters(kernels, taps, unchanged);
    emitFilters(kernels, taps, null);
  }
  return { strip, gather };
}

/**
 * gather(args, firstRow, lastRow, scratch): V of the tile rows firstRow <= row < lastRow, a row being numbered through
 * all images.
 */
function emitGather(kernels: KernelBuilder, strip: FunctionReference): FunctionReference {
  const shape = pixelShape(kernels);
  const inputRow = emitInputRow(kernels.module, shape);
  return defineFunction(kernels.module, 'f32_winograd_gather__simd128', ['i32', 'i32', 'i32', 'i32'], [], (
    f, args, firstRow, lastRow, scratch,
  ) => {
    const s = kernels.read(f, args, gatherArguments);
    const planeBytes = f.let(s.height.mul(s.width).shl(2));
    const stripWidth = f.let(s.tilesX.sub(1).mul(s.tileSize).add(inputSize));
    const tileBytes = f.let(s.tileSize.mul(shape.bytes));
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
        const row = tileRow.mul(s.tileSize).sub(s.padTop);
        for (let vector = 0; vector < shape.vectors; vector++) {
          f.call(strip, source, planeBytes, lanes, row, inputSize, s.height, s.width, s.padLeft,
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

/** product(v, u, m, channels, channelGroups, filterBlocks, tileBlocks, groupBytes): M = V U at one point. */
function emitProduct(kernels: KernelBuilder): FunctionReference {
  const { module, relaxed, wide } = kernels;
  const { lanes, bytes } = pixelShape(kernels);
  const tiles = tilesTogether(kernels);
  return defineFunction(module, `f32_winograd_gemm_${tiles}x8__simd128`, new Array<'i32'>(8).fill('i32'), [], (
    f, v, u, m, channels, channelGroups, filterBlocks, tileBlocks, groupBytes,
  ) => {
    const [vBlock, vAt, uAt, mAt, blocks, left] = f.locals('i32', 6);
    const sums = f.locals('f32x4', 2 * tiles);
    const [b0, b1, a] = f.locals('f32x4', 3);
    const addChannel = (lane: number): void => {
      f.set(b0, load('f32x4', uAt, lane * 32));
      f.set(b1, load('f32x4', uAt, lane * 32 + 16));
      for (let tile = 0; tile < tiles; tile++) {
        f.set(a, loadSplat('f32x4', vAt, tile * bytes + lane * 4));
        f.set(sums[2 * tile], multiplyAdd(a, b0, sums[2 * tile], relaxed));
        f.set(sums[2 * tile + 1], multiplyAdd(a, b1, sums[2 * tile + 1], relaxed));
      }
    };
    f.countdown(filterBlocks, () => {
      f.set(vBlock, v);
      f.set(mAt, m);
      f.set(blocks, tileBlocks);
      f.countdown(blocks, () => {
        sums.forEach((sum) => f.set(sum, zero));
        f.set(vAt, vBlock);
        f.set(uAt, u);
        f.set(left, channels.shrU(Math.log2(lanes)));
        f.repeat(left, () => {
          for (let lane = 0; lane < lanes; lane++) addChannel(lane);
          f.increase(vAt, groupBytes);
          f.increase(uAt, 32 * lanes);
        });
        f.set(left, channels.and(lanes - 1));
        f.repeat(left, () => {
          addChannel(0);
          f.increase(vAt, 4);
          f.increase(uAt, 32);
        });
        for (let tile = 0; tile < tiles; tile++) {
          f.store(mAt, sums[2 * tile], tile * bytes);
          if (wide) f.store(mAt, sums[2 * tile + 1], tile * bytes + 16);
          else f.store(mAt.add(groupBytes), sums[2 * tile + 1], tile * bytes);
        }
        f.increase(vBlock, tiles * bytes);
        f.increase(mAt, tiles * bytes);
      });
      f.increase(u, channelGroups.mul(32 * lanes));
      f.increase(m, groupBytes.mul(8 / lanes));
    });
  });
}

/**
 * pad(v, channelGroups, groupBytes, vPointBytes, tiles): zeros in V up to a whole block of tiles. Their products are
 * thrown away, but left as they are they may hold anything, and numbers that happen to be subnormal make the whole
 * block up to ninety times slower.
 */
function emitPad(kernels: KernelBuilder): FunctionReference {
  const { module } = kernels;
  const { bytes, vectors } = pixelShape(kernels);
  return defineFunction(module, 'f32_winograd_pad__simd128', new Array<'i32'>(5).fill('i32'), [], (
    f, v, channelGroups, groupBytes, vPointBytes, tiles,
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
  { gather, pad, product, outputRow, storeBand }:
  Readonly<Record<'gather' | 'pad' | 'product' | 'outputRow' | 'storeBand', FunctionReference>>,
): void {
  const shape = pixelShape(kernels);
  kernels.define(winogradForward[taps], (f, s, task, leading) => {
    const v = s.scratch;
    const chunk = f.let(task.divU(s.parts));
    const [block, lastBlock] = shareOf(f, f.let(task.sub(chunk.mul(s.parts))), s.blocksPerPart, s.filterBlocks);
    const blocks = f.let(lastBlock.sub(block));
    const [firstRow, lastRow] = shareOf(f, chunk, s.rowsPerTask, f.let(s.batch.mul(s.tilesY)));
    f.call(gather, leading(gatherArguments), firstRow, lastRow, v);
    f.call(pad, v, s.channelGroups, s.groupBytes, s.vPointBytes, lastRow.sub(firstRow).mul(s.tilesX));

    const m = f.let(v.add(s.mOffset));
    const together = tilesTogether(kernels);
    const tileBlocks = f.let(lastRow.sub(firstRow).mul(s.tilesX).add(together - 1).shrU(Math.log2(together)));
    const [vAt, uAt, mAt, point] = f.locals('i32', 4);
    f.set(vAt, v);
    f.set(uAt, s.u.add(block.mul(s.channelGroups).mul(32 * shape.lanes)));
    f.set(mAt, m);
    f.set(point, points);
    f.countdown(point, () => {
      f.call(product, vAt, uAt, mAt, s.channels, s.channelGroups, blocks, tileBlocks, s.groupBytes);
      f.increase(vAt, s.vPointBytes);
      f.increase(uAt, s.uPointBytes);
      f.increase(mAt, s.mPointBytes);
    });

    const firstFilter = f.let(block.shl(3));
    const filters = f.let(least(f.let(s.filters.sub(firstFilter)), f.let(blocks.shl(3))));
    const planeBytes = f.let(s.outHeight.mul(s.outWidth).shl(2));
    // A band of rows is finished as pixels, and then stored, plane by plane: pixels of eight planes by turns are more
    // streams than the processor foresees.
    const temporary = f.let(v.add(s.temporaryOffset));
    const band = f.let(temporary.add(temporaryPixels * shape.bytes));
    const bandRow = f.let(s.tilesX.mul(tileSize(taps) * shape.bytes));
    const [row, image, y, to, rows, lanes, epilogue] = f.locals('i32', 7);
    f.for(row, firstRow, lastRow, 1, () => {
      f.set(image, row.div(s.tilesY));
      f.set(y, row.sub(image.mul(s.tilesY)).mul(tileSize(taps)));
      f.set(to, s.out.add(image.mul(s.filters).add(firstFilter).mul(planeBytes)).add(y.mul(s.outWidth).shl(2)));
      f.set(rows, least(f.let(s.outHeight.sub(y)), constant('i32', tileSize(taps))));
      f.set(mAt, m);
      f.set(epilogue, s.table.add(nothingBytes).add(firstFilter.shl(3)));
      f.set(lanes, filters);
      f.doWhile(() => {
        f.call(outputRow, mAt, s.mPointBytes, s.tilesX, temporary, band, bandRow, epilogue, s.relu);
        f.call(storeBand, band, bandRow, to, planeBytes, lanes, rows, s.outWidth);
        f.increase(to, planeBytes.mul(shape.lanes));
        f.increase(mAt, s.groupBytes);
        f.increase(epilogue, 8 * shape.lanes);
        f.set(lanes, lanes.sub(shape.lanes));
      }, () => lanes.gt(0));
      f.increase(m, s.tilesX.mul(shape.bytes));
    });
  });
}

/**
 * unchanged(kept, filters, bytes): 1 where the filters are the very bits of the copy behind the flag at `kept`; else
 * clears the flag, makes the copy and gives 0. bytes is a multiple of 4.
 */
function emitUnchanged(module: ModuleBuilder): FunctionReference {
  return defineFunction(module, 'f32_winograd_filters_unchanged__simd128', ['i32', 'i32', 'i32'], ['i32'], (
    f, kept, filters, bytes,
  ) => {
    const [from, copy, left] = f.locals('i32', 3);
    f.block((differ) => {
      f.breakIf(differ, load('i32', kept).eqz());
      f.set(from, filters);
      f.set(copy, kept.add(keptFlagBytes));
      f.set(left, bytes);
      f.while(() => left.ge(64), () => {
        const differences = [0, 16, 32, 48].map((offset) =>
          load('i32x4', from, offset).xor(load('i32x4', copy, offset)));
        f.breakIf(differ, differences.reduce((all, one) => all.or(one)).anyTrue());
        for (const pointer of [from, copy]) f.increase(pointer, 64);
        f.set(left, left.sub(64));
      });
      f.while(() => left.gt(0), () => {
        f.breakIf(differ, load('i32', from).ne(load('i32', copy)));
        for (const pointer of [from, copy]) f.increase(pointer, 4);
        f.set(left, left.sub(4));
      });
      f.return(constant('i32', 1));
    });
    f.store(kept, constant('i32', 0));
    f.copy(kept.add(keptFlagBytes), filters, bytes);
    f.return(constant('i32', 0));
    f.trap();
  });
}

/** Bytes in front of the copy of a block of filters, of which the first 4 say that the copy's transform is finished. */
const keptFlagBytes = 16;

/** Bytes of a filter's taps for one channel. */
export function windowBytes(taps: Taps): number {
  return 4 * taps * taps;
}

/** Bytes of the flag and the copy of a block of 8 filters of so many channels. */
export function keptBlockBytes(channels: number, taps: Taps): number {
  return keptFlagBytes + 8 * windowBytes(taps) * channels;
}

/**
 * Task: U of so many blocks of 8 filters, all channels. Filter f's taps for channel c are the floats at f * outStride +
 * c * inStride. The table begins with zeros, which stand for filters beyond the last. Unless `kept` is 0, U is there
 * from an earlier call, and is left alone where the filters are still the same (only for filters that lie one behind
 * the other). Without `unchanged` the kernel is the one that turns filters by 180 degrees, as the gradient at the input
 * needs them, and keeps none.
 */
function emitFilters(kernels: KernelBuilder, taps: Taps, unchanged: FunctionReference | null): void {
  const kernel = (unchanged === null ? winogradFiltersRotated : winogradFilters)[taps];
  const { lanes: groupLanes } = pixelShape(kernels);
  kernels.define(kernel, (f, s, task) => eachOfShare(f, task, s.blocksPerTask, s.filterBlocks, (number) =>
    f.block((next) => {
      const block = f.local('i32');
      f.set(block, 0);
      if (unchanged !== null) {
        f.if(s.kept, () => {
          const present = least(f.let(s.filters.sub(number.shl(3))), constant('i32', 8));
          f.set(block, s.kept.add(number.mul(s.channels.mul(8 * windowBytes(taps)).add(keptFlagBytes))));
          const first = s.w.add(number.shl(3).mul(s.outStride));
          f.breakIf(next, callValue(unchanged, 'i32', block, first, present.mul(s.outStride)));
        });
      }
      const u = f.let(s.u.add(number.mul(s.channelGroups).mul(32 * groupLanes)));
      const [half, channel, filter, padded, to] = f.locals('i32', 5);
      const sources = f.locals('i32', 4);
      const strides = f.locals('i32', 4);
      f.set(padded, s.channelGroups.mul(groupLanes));
      f.for(half, 0, 2, 1, () => {
        for (let lane = 0; lane < 4; lane++) {
          f.set(filter, number.shl(3).add(half.shl(2)).add(lane));
          f.if(filter.lt(s.filters), () => {
            f.set(sources[lane], s.w.add(filter.mul(s.outStride)));
            f.set(strides[lane], s.inStride);
          }, () => {
            f.set(sources[lane], s.table);
            f.set(strides[lane], 0);
          });
        }
        f.set(channel, 0);
        f.for(channel, 0, padded, 1, () => {
          f.if(channel.eq(s.channels), () => sources.forEach((source, lane) => {
            f.set(source, s.table);
            f.set(strides[lane], 0);
          }));
          const all: Value[] = [];
          for (let at = 0; at < windowBytes(taps); at += 16) { // in vectors; of the last only one is left
            const vectors = sources.map((source) =>
              f.let((at + 16 <= windowBytes(taps) ? load : loadZero)('f32x4', source, at)));
            all.push(...transpose(f, vectors));
          }
          const filter = all.slice(0, taps * taps);
          if (unchanged === null) filter.reverse();
          sources.forEach((source, lane) => f.increase(source, strides[lane]));
          const columns = Array.from({ length: taps }, (_, x) =>
            filterTransform(f, filter.filter((_, at) => at % taps === x)).map((value) => f.let(value)));
          f.set(to, u.add(channel.shl(5)).add(half.shl(4)));
          for (let y = 0; y < inputSize; y++) {
            for (const value of filterTransform(f, columns.map((column) => column[y]))) {
              f.store(to, value);
              f.increase(to, s.uPointBytes);
            }
          }
        });
      });
      f.if(block, () => f.store(block, constant('i32', 1)));
    })));
}
