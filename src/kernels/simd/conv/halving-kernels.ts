/**
 * Convolution with windows of 3x3 that move by 2, and its gradient at the input, as jobs (see halving-algebra.ts for
 * the method, halving-tiles.ts for the layouts): each task takes a chunk of tile rows through transform, 25 matrix
 * products and transform back in scratch of its own, which stays in the second-level cache.
 */

import {
  type Body, constant, defineFunction, type FunctionReference, load, loadZero, type Local, select, type Value,
} from '../../../wasm/index.ts';
import { Kernel, type KernelBuilder } from '../kernel.ts';
import { least, shareOf, transpose } from '../vectors.ts';
import { nothingBytes } from './epilogue.ts';
import { halvingFilter, halvingOutputs as outputs, halvingPlaces as places, meeting } from './halving-algebra.ts';
import {
  eachPoint, eachTileRow, emitInputGradientRow, emitInputRow, emitOutputGradientRow, emitOutputRow,
  halvingPointCount, halvingSizes, halvingTemporaryPixels,
} from './halving-tiles.ts';
import { tilesTogether } from './tile-product.ts';
import { emitStoreBand, pixelShape } from './winograd-transforms.ts';

/** Bytes of a filter's taps for one channel. */
const windowBytes = 36;

const filterArguments = {
  filters: 'i32', channels: 'i32', uPointBytes: 'i32', turned: 'flag', w: 'input', u: 'scratch',
} as const;
/** turned: the depth is filters, the blocks are of channels, as the gradient at the input needs them */
export const halvingFilters: Kernel<typeof filterArguments> = new Kernel('f32_halving_filters', filterArguments);

const withInput: typeof halvingSizes & { readonly x: 'input' } = { ...halvingSizes, x: 'input' };
const forwardArguments = { u: 'scratch', table: 'input', relu: 'flag', out: 'output', scratch: 'perThread' } as const;
export const halvingForward: Kernel<typeof withInput & typeof forwardArguments> =
  new Kernel('f32_halving_forward', { ...withInput, ...forwardArguments });

const withGradient: typeof halvingSizes & { readonly dout: 'input' } = { ...halvingSizes, dout: 'input' };
const inputGradientArguments = { u: 'scratch', dx: 'output', scratch: 'perThread' } as const;
/** tasks of whole images */
export const halvingInputGradient: Kernel<typeof withGradient & typeof inputGradientArguments> =
  new Kernel('f32_halving_input_gradient', { ...withGradient, ...inputGradientArguments });

/** What the gradient at the filters shares with these: V of rows of x, Z of rows of dout. */
export interface HalvingGathers {
  readonly input: FunctionReference;
  readonly gradient: FunctionReference;
}

/** Adds the kernels to the module; strip comes from emitWinograd, product is the tiles'. */
export function emitHalving(
  kernels: KernelBuilder, strip: FunctionReference, product: FunctionReference,
): HalvingGathers {
  const gathers = { input: emitGather(kernels, strip), gradient: emitGatherGradient(kernels, strip) };
  const storeBand = emitStoreBand(kernels.module, pixelShape(kernels));
  emitFilters(kernels);
  emitForward(kernels, gathers.input, product, storeBand);
  emitInputGradient(kernels, gathers.gradient, product, storeBand);
  return gathers;
}

/** Task: U of 4 filters, or turned of 4 channels. */
function emitFilters(kernels: KernelBuilder): void {
  kernels.define(halvingFilters, (f, s, task) => {
    const [apart, step, depth, left] = f.locals('i32', 4);
    const filterBytes = f.let(s.channels.mul(windowBytes));
    const first = f.let(task.shl(2));
    f.set(apart, select(s.turned, constant('i32', windowBytes), filterBytes));
    f.set(step, select(s.turned, filterBytes, windowBytes));
    const sources = f.locals('i32', 4);
    sources.forEach((source, i) => f.set(source, i === 0 ? s.w.add(first.mul(apart)) : sources[i - 1].add(apart)));
    f.set(depth, select(s.turned, s.filters, s.channels));
    f.set(left, depth);
    const start = f.let(s.u.add(first.and(7).shl(2)));
    const blockBytes = f.let(depth.shl(5));
    const block = f.let(first.shrU(3));
    const blocksPerKind = f.let(s.channels.shrU(3));
    f.countdown(left, () => {
      const all: Local[] = [];
      for (let at = 0; at < windowBytes; at += 16) { // in vectors; of the last only one is left
        const vectors = sources.map((source) =>
          f.let((at + 16 <= windowBytes ? load : loadZero)('f32x4', source, at)));
        all.push(...transpose(f, vectors));
      }
      sources.forEach((source) => f.increase(source, step));
      const columns = [0, 1, 2].map((x) =>
        halvingFilter(f, [all[x], all[x + 3], all[x + 6]]).map((value) => f.let(value)));
      const to = new Map<string, Local>();
      for (let y = 0; y < places; y++) {
        halvingFilter(f, columns.map((column) => column[y])).forEach((value, x) => {
          const { point, kinds, kind } = meeting(y, x);
          const key = `${kinds} ${kind}`;
          if (!to.has(key)) {
            const before = select(s.turned, blocksPerKind.mul(kind).add(block), block.mul(kinds).add(kind));
            to.set(key, f.let(start.add(before.mul(blockBytes))));
          }
          f.store(to.get(key)!.add(s.uPointBytes.mul(point)), value);
        });
      }
      f.increase(start, 32);
    });
  });
}

/** gather(args, firstRow, lastRow, scratch): V of the rows of tiles firstRow <= row < lastRow (see eachTileRow). */
function emitGather(kernels: KernelBuilder, strip: FunctionReference): FunctionReference {
  const shape = pixelShape(kernels);
  const inputRow = emitInputRow(kernels);
  return defineFunction(kernels.module, 'f32_halving_gather__simd128', new Array<'i32'>(4).fill('i32'), [], (
    f, args, firstRow, lastRow, scratch,
  ) => {
    const s = kernels.read(f, args, withInput);
    const planeBytes = f.let(s.height.mul(s.width).shl(2));
    const groups = f.let(s.channels.shrU(Math.log2(shape.lanes)));
    const stripAt = f.let(scratch.add(s.stripOffset));
    const source = f.local('i32');
    clear(f, scratch, s.vPointBytes, lastRow.sub(firstRow).mul(s.tilesX), kernels);
    eachTileRow(f, s, firstRow, lastRow, groups, (image, row, group, tiles) => {
      f.set(source, s.x.add(image.mul(groups).add(group).mul(planeBytes.mul(shape.lanes))));
      const top = f.let(row.mul(2 * outputs).sub(s.padTop));
      for (let vector = 0; vector < shape.vectors; vector++) {
        f.call(strip, source, planeBytes, 4, top, places, s.height, s.width, s.padLeft, stripAt.add(16 * vector),
          s.stripWidth);
        f.increase(source, planeBytes.shl(2));
      }
      const v = scratch.add(group.mul(s.groupBytes)).add(tiles.mul(shape.bytes));
      f.call(inputRow, stripAt, s.stripWidth, s.tilesX, v, groups.mul(s.groupBytes), s.vPointBytes);
    });
  });
}

/**
 * Clears V or Z where the tiles do not fill the last block of them: the products of those that are missing are thrown
 * away, but what lies there may be subnormal, and such make the whole block many times slower.
 */
function clear(f: Body, first: Value, pointBytes: Value, tiles: Value, form: KernelBuilder): void {
  f.if(tiles.and(tilesTogether(form) - 1), () => f.fill(first, 0, pointBytes.mul(halvingPointCount)));
}

/** gather(args, dout, firstRow, lastRow, scratch, sums): Z of such rows; `sums` gets a pixel more for every group. */
function emitGatherGradient(kernels: KernelBuilder, strip: FunctionReference): FunctionReference {
  const shape = pixelShape(kernels);
  const gradientRow = emitOutputGradientRow(kernels);
  return defineFunction(kernels.module, 'f32_halving_gather_gradient__simd128', new Array<'i32'>(6).fill('i32'), [], (
    f, args, dout, firstRow, lastRow, scratch, sums,
  ) => {
    const s = kernels.read(f, args, halvingSizes);
    const planeBytes = f.let(s.outHeight.mul(s.outWidth).shl(2));
    const stripAt = f.let(scratch.add(s.stripOffset));
    const z = f.let(scratch.add(s.mOffset));
    const groups = f.let(s.filters.shrU(Math.log2(shape.lanes)));
    const source = f.local('i32');
    clear(f, z, s.mPointBytes, lastRow.sub(firstRow).mul(s.tilesX), kernels);
    eachTileRow(f, s, firstRow, lastRow, groups, (image, row, group, tiles) => {
      f.set(source, dout.add(image.mul(groups).add(group).mul(planeBytes.mul(shape.lanes))));
      for (let vector = 0; vector < shape.vectors; vector++) {
        f.call(strip, source, planeBytes, 4, row.mul(outputs), outputs, s.outHeight, s.outWidth, 0,
          stripAt.add(16 * vector), s.stripWidth);
        f.increase(source, planeBytes.shl(2));
      }
      f.call(gradientRow, stripAt, s.stripWidth, s.tilesX, z.add(group.mul(s.groupBytes)).add(tiles.mul(shape.bytes)),
        s.mPointBytes, scratch.add(s.temporaryOffset), sums.add(group.mul(shape.bytes)));
    });
  });
}

/** Task: a chunk of tile rows from x to out. */
function emitForward(
  kernels: KernelBuilder, gather: FunctionReference, product: FunctionReference, storeBand: FunctionReference,
): void {
  const shape = pixelShape(kernels);
  const outputRow = emitOutputRow(kernels);
  kernels.define(halvingForward, (f, s, task, leading) => {
    const [firstRow, lastRow] = shareOf(f, task, s.rowsPerTask, f.let(s.batch.mul(s.tilesY)));
    f.call(gather, leading(withInput), firstRow, lastRow, s.scratch);

    const m = f.let(s.scratch.add(s.mOffset));
    const tiles = f.let(lastRow.sub(firstRow).mul(s.tilesX));
    const filterBlocks = f.let(s.filters.shrU(3));
    const [vAt, mAt] = [f.let(s.scratch), f.let(m)];
    eachPoint(f, (kinds) => {
      f.call(product, vAt, s.u, mAt, kinds.mul(s.channels), filterBlocks, tiles, s.groupBytes);
      f.increase(vAt, s.vPointBytes);
      f.increase(s.u, s.uPointBytes);
      f.increase(mAt, s.mPointBytes);
    });

    const planeBytes = f.let(s.outHeight.mul(s.outWidth).shl(2));
    const temporary = f.let(s.scratch.add(s.temporaryOffset));
    const band = f.let(s.scratch.add(s.stripOffset));
    const bandRow = f.let(s.stripWidth.mul(shape.bytes));
    const filterGroups = f.let(s.filters.shrU(Math.log2(shape.lanes)));
    eachTileRow(f, s, firstRow, lastRow, filterGroups, (image, row, group, tiles) => {
      f.call(outputRow, m.add(group.mul(s.groupBytes)).add(tiles.mul(shape.bytes)), s.mPointBytes, s.tilesX, temporary,
        band, bandRow, s.table.add(nothingBytes).add(group.mul(8 * shape.lanes)), s.relu);
      const y = f.let(row.mul(outputs));
      const plane = s.out.add(image.mul(filterGroups).add(group).mul(planeBytes.mul(shape.lanes)));
      f.call(storeBand, band, bandRow, plane.add(y.mul(s.outWidth).shl(2)), planeBytes, shape.lanes,
        least(f.let(s.outHeight.sub(y)), constant('i32', outputs)), s.outWidth);
    });
  });
}

/** Task: some whole images from dout to dx. */
function emitInputGradient(
  kernels: KernelBuilder, gather: FunctionReference, product: FunctionReference, storeBand: FunctionReference,
): void {
  const shape = pixelShape(kernels);
  const { bytes } = shape;
  const gradientRow = emitInputGradientRow(kernels);
  kernels.define(halvingInputGradient, (f, s, task, leading) => {
    const [firstRow, lastRow] = shareOf(f, task, s.rowsPerTask, f.let(s.batch.mul(s.tilesY)));
    const temporary = f.let(s.scratch.add(s.temporaryOffset));
    const unusedSums = f.let(temporary.add(halvingTemporaryPixels * bytes));
    f.call(gather, leading(halvingSizes), s.dout, firstRow, lastRow, s.scratch, unusedSums);

    const tiles = f.let(lastRow.sub(firstRow).mul(s.tilesX));
    const channelBlocks = f.let(s.channels.shrU(3));
    const [vAt, zAt] = [f.let(s.scratch), f.let(s.scratch.add(s.mOffset))];
    eachPoint(f, (kinds) => {
      f.call(product, zAt, s.u, vAt, s.filters, kinds.mul(channelBlocks), tiles, s.groupBytes);
      f.increase(vAt, s.vPointBytes);
      f.increase(s.u, s.uPointBytes);
      f.increase(zAt, s.mPointBytes);
    });

    const planeBytes = f.let(s.height.mul(s.width).shl(2));
    const band = f.let(s.scratch.add(s.stripOffset));
    const bandRow = f.let(s.stripWidth.mul(bytes));
    const bandBytes = f.let(bandRow.mul(places));
    const groups = f.let(s.channels.shrU(Math.log2(shape.lanes)));
    const [row, group, tileRow, top, skipped, rows, v, dx] = f.locals('i32', 8);
    f.set(v, s.scratch);
    f.set(dx, s.dx.add(firstRow.div(s.tilesY).mul(s.channels).mul(planeBytes)));
    f.set(row, lastRow.sub(firstRow).div(s.tilesY));
    f.countdown(row, () => {
      f.for(group, 0, groups, 1, () => {
        f.fill(band, 0, bandBytes);
        f.set(vAt, v.add(group.mul(s.groupBytes)));
        f.for(tileRow, 0, s.tilesY, 1, () => {
          f.call(gradientRow, vAt, groups.mul(s.groupBytes), s.vPointBytes, s.tilesX, temporary, band, bandRow);
          // the rows that no further tile adds to; those in front of the image fall away
          f.set(top, tileRow.mul(2 * outputs).sub(s.padTop));
          f.set(skipped, select(top.lt(0), constant('i32', 0).sub(top), 0));
          f.set(rows, select(tileRow.add(1).eq(s.tilesY), constant('i32', places), 2 * outputs));
          f.set(rows, least(rows, f.let(s.height.sub(top))).sub(skipped));
          f.call(storeBand, band.add(skipped.mul(bandRow)).add(s.padLeft.mul(bytes)), bandRow,
            dx.add(top.add(skipped).mul(s.width).shl(2)), planeBytes, shape.lanes, rows, s.width);
          f.copy(band, band.add(bandRow.mul(2 * outputs)), bandRow);
          f.fill(band.add(bandRow), 0, bandBytes.sub(bandRow));
          f.increase(vAt, s.tilesX.mul(bytes));
        });
        f.increase(dx, planeBytes.mul(shape.lanes));
      });
      f.increase(v, s.tilesY.mul(s.tilesX).mul(bytes));
    });
  });
}
