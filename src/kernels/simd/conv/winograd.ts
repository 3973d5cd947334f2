/** The host's side of Winograd convolution: sizes, scratch and jobs (the kernels are in winograd-kernels.ts). */

import { roundUp } from '../../../runtime/numbers.ts';
import type { Epilogue, FloatArray } from '../../contract.ts';
import type { ConvGeometry } from '../../geometry.ts';
import { alignBlock } from '../../memory/blocks.ts';
import { form, launch, launched, type Place, scratch } from '../launch.ts';
import {
  type FilterGradient, gradientGroupBytes, gradientGroups, keptFiltersMostBatch, leastTasks,
  winogradChunkBytes, winogradGradientFewTiles, winogradGradientLeastTiles, winogradLeastTasks, winogradLeastTiles,
  winogradTaskFilters, winogradTaskTiles,
} from './choose.ts';
import { epilogueTable } from './epilogue.ts';
import { keptFilters } from './kept-filters.ts';
import { tilesBest, tilesTogether } from './tile-product.ts';
import { gradientTileShape, type Taps, type TileShape, tileShape } from './winograd-algebra.ts';
import { windowBytes, winogradFilters } from './winograd-filter-kernels.ts';
import { winogradGradient, winogradReduce } from './winograd-gradient-kernels.ts';
import {
  chunkSizes, winogradForward as forwardKernel,
} from './winograd-kernels.ts';
import { pixelShape, temporaryPixels } from './winograd-transforms.ts';

/** One convolution with stride 1, as the kernels see it: also the one that gives the gradient at x. */
export type Problem = Pick<
  ConvGeometry,
  'batch' | 'channels' | 'height' | 'width' | 'filters' | 'padTop' | 'padLeft' | 'outHeight' | 'outWidth'
>;

/** The size of filters that `takesWinograd` has found to be one of those there are kernels for. */
function tapsOf(g: ConvGeometry): Taps {
  return g.kernelHeight as Taps;
}

/**
 * Distances between the points of a transformed array: an odd number of cache lines, so that streams do not collide.
 */
function pointBytes(bytes: number): number {
  const lines = Math.ceil(bytes / 64);
  return 64 * (lines % 2 === 0 ? lines + 1 : lines);
}

/** A problem cut into chunks: the kernels' sizes, how many chunks there are, and the scratch that a thread needs. */
type Chunks = { readonly [Name in keyof typeof chunkSizes | 'chunks' | 'scratchBytes']: number };

/**
 * together: tiles of a block, of which a chunk should have whole ones. Where there are at least four chunks they are
 * made smaller for it: 100 images of 4x4, 32 -> 64 channels, take 0.85 of the time, of 8x8, 32 -> 32, 0.92 (with blocks
 * of 4).
 */
function cut(
  p: Problem, tile: TileShape, leastTiles: number, wantedTasks: number = leastTasks, together: number = 1,
): Chunks {
  const { rows: tileRows, columns: tileColumns, inputRows, inputColumns, points } = tile;
  const tilesX = Math.ceil(p.outWidth / tileColumns);
  const tilesY = Math.ceil(p.outHeight / tileRows);
  const rows = p.batch * tilesY;
  const { lanes, bytes } = pixelShape(form());
  const channelGroups = Math.ceil(p.channels / lanes);
  const filterBlocks = Math.ceil(p.filters / 8);
  // by vectors, so that chunks, and with them the order of sums, are the same in every form
  const tileBytes = points * 16 * (Math.ceil(p.channels / 4) + 2 * filterBlocks);
  const tiles = Math.max(leastTiles, Math.floor(winogradChunkBytes / tileBytes));
  const tasks = Math.max(1, Math.min(wantedTasks, Math.floor(rows * tilesX / winogradTaskTiles)));
  const mostRows = Math.max(1, Math.min(Math.floor(tiles / tilesX), Math.ceil(rows / tasks)));
  let wholeRows = together;
  while (wholeRows % 2 === 0 && (wholeRows / 2 * tilesX) % together === 0) wholeRows /= 2;
  const isCut = mostRows > wholeRows && mostRows * 3 < rows;
  const rowsPerTask = isCut ? mostRows - mostRows % wholeRows : mostRows;

  const groupBytes = bytes * roundUp(rowsPerTask * tilesX, tilesTogether(form()));
  const vPointBytes = pointBytes(channelGroups * groupBytes);
  const mPointBytes = pointBytes((8 / lanes) * filterBlocks * groupBytes);
  const uPointBytes = pointBytes(channelGroups * filterBlocks * 32 * lanes);
  const mOffset = points * vPointBytes;
  const stripOffset = mOffset + points * mPointBytes;
  const stripBytes = bytes * inputRows * ((tilesX - 1) * tileColumns + inputColumns);
  const temporaryOffset = stripOffset + alignBlock(stripBytes);
  return {
    ...p, tileRows, tileColumns, tilesX, tilesY, rowsPerTask, channelGroups, filterBlocks, groupBytes, vPointBytes,
    mPointBytes, uPointBytes, mOffset, stripOffset, temporaryOffset, chunks: Math.ceil(rows / rowsPerTask),
    scratchBytes: temporaryOffset + (temporaryPixels + tileRows * inputColumns * (tilesX + 1)) * bytes,
  };
}

/**
 * A problem cut so that two threads share it evenly where there are few chunks: what comes out does not depend on where
 * they meet. 16 -> 32 channels on 8x8 pixels, 100 images, take 0.94 of their time in ten chunks as in nine.
 */
function cutEvenly(p: Problem, tile: TileShape): Chunks {
  const cutInto = (tasks: number): Chunks => cut(p, tile, winogradLeastTiles, tasks, tilesBest(form()));
  const chunks = cutInto(leastTasks);
  const whole = Math.round(p.batch * chunks.tilesY / chunks.rowsPerTask); // a last one may be nearly empty
  return whole > leastTasks && whole % 2 === 1 ? cutInto(whole + 1) : chunks;
}

/** The parts of its blocks of filters that every one of so many pieces of work is cut into, where these are too few. */
function partsOf(filterBlocks: number, pieces: number): { readonly blocksPerPart: number; readonly parts: number } {
  const blocksPerPart = Math.ceil(filterBlocks / Math.ceil(winogradLeastTasks / pieces));
  return { blocksPerPart, parts: Math.ceil(filterBlocks / blocksPerPart) };
}

/** Max pooling by windows of 2x2 at the end, and where the places of its maxima go (null: not wanted). */
interface Pooled {
  readonly argmax: Int32Array | null;
}

/**
 * out = epilogue(x conv w), pooled where that is wanted. rotated: the filters turned by 180 degrees, channels and
 * filters changing roles in w.
 */
export const convolve: (
  x: Place, w: FloatArray, out: FloatArray, table: FloatArray, relu: boolean, p: Problem, taps: Taps, rotated: boolean,
  pooled?: Pooled | null,
) => void = launched((x, w, out, table, relu, p, taps, rotated, pooled = null) => {
  const tile = tileShape(taps);
  const chunks = cutEvenly(p, tile);
  const transformedBytes = tile.points * chunks.uPointBytes;
  const kept = rotated || p.batch > keptFiltersMostBatch
    ? null
    : keptFilters(w, p.channels, p.filters, taps, transformedBytes);
  const [apart, filterApart] = [windowBytes(taps), windowBytes(taps) * (rotated ? p.filters : p.channels)];
  const [outStride, inStride] = rotated ? [apart, filterApart] : [filterApart, apart];
  const blocksPerTask = Math.ceil(winogradTaskFilters / (8 * p.channels));
  const tasks = Math.ceil(chunks.filterBlocks / blocksPerTask);
  let u: Place | null = null;
  if (kept !== null || tasks > 1) {
    u = kept === null ? scratch(transformedBytes) : kept.u;
    launch(winogradFilters[taps])
      .filters(p.filters).channels(p.channels).channelGroups(chunks.channelGroups).filterBlocks(chunks.filterBlocks)
      .blocksPerTask(blocksPerTask).uPointBytes(chunks.uPointBytes).outStride(outStride).inStride(inStride)
      .rotated(rotated).w(w).table(table).kept(kept === null ? null : kept.copy).u(u).run(tasks);
  }
  const ownBytes = u === null ? alignBlock(transformedBytes) : 0;
  const { blocksPerPart, parts } = partsOf(chunks.filterBlocks, chunks.chunks);
  launch(forwardKernel[taps]).from(chunkSizes, chunks).x(x).u(u).ownBytes(ownBytes).w(w)
    .rotated(rotated).outStride(outStride).inStride(inStride).stamp().table(table).relu(relu).parts(parts)
    .blocksPerPart(blocksPerPart).out(out).scratch(ownBytes + chunks.scratchBytes).pooled(pooled !== null)
    .places(pooled?.argmax ?? null).run(chunks.chunks * parts);
});

/** convForward of the contract, for convolutions that `takesWinograd` (choose.ts) accepts. */
export function winogradForward(
  x: FloatArray, w: FloatArray, b: FloatArray | null, out: FloatArray, g: ConvGeometry, epilogue: Epilogue,
  pooled: Pooled | null = null,
): void {
  const table = epilogueTable(x, g.filters, epilogue.scale, b);
  convolve(x, w, out, table, epilogue.relu === true, g, tapsOf(g), false, pooled);
}

/** The gradient at x: dout convolved with the filters turned by 180 degrees, channels and filters changing roles. */
export function winogradInputGradient(dout: FloatArray, w: FloatArray, dx: FloatArray, g: ConvGeometry): void {
  const taps = tapsOf(g);
  const problem: Problem = {
    batch: g.batch, channels: g.filters, height: g.outHeight, width: g.outWidth, filters: g.channels,
    padTop: taps - 1 - g.padTop, padLeft: taps - 1 - g.padLeft, outHeight: g.height, outWidth: g.width,
  };
  convolve(dout, w, dx, epilogueTable(dout, g.channels, null, null), false, problem, taps, true);
}

/** The gradients at the filters and the bias. */
export const winogradFilterGradient: FilterGradient = (dout, x, dw, db, g) =>
  filterGradient(dout, x, dw, db, g, tapsOf(g));

/** The same of a problem whose input may lie in scratch. */
export const filterGradient: (
  dout: FloatArray, x: Place, dw: FloatArray, db: FloatArray, g: Problem, taps: Taps,
) => void = launched((dout, x, dw, db, g, taps) => {
  const tile = gradientTileShape(taps);
  const { rows, columns, points } = tile;
  const tiles = g.batch * Math.ceil(g.outHeight / rows) * Math.ceil(g.outWidth / columns);
  const hasFew = tiles * winogradGradientFewTiles <= g.filters * leastTasks;
  const chunks = cut(g, tile, winogradGradientLeastTiles, hasFew ? leastTasks / 2 : leastTasks);
  // by vectors, as in `cut`
  const groupBytes = points * pointBytes(Math.ceil(g.channels / 4) * chunks.filterBlocks * 128);
  const most = Math.max(2, Math.min(gradientGroups, Math.floor(gradientGroupBytes / groupBytes)));
  // as few as have no longer ones: each is one more sum to keep and to add up
  const groups = Math.ceil(chunks.chunks / Math.ceil(chunks.chunks / most));
  const { blocksPerPart, parts } = partsOf(chunks.filterBlocks, hasFew ? 1 : groups);
  const { lanes } = pixelShape(form());
  const uPointBytes = pointBytes(chunks.channelGroups * blocksPerPart * 32 * lanes);
  const u = scratch(groups * parts * points * uPointBytes);
  const sums = scratch(groups * chunks.filterBlocks * 32);
  launch(winogradGradient[taps]).from(chunkSizes, { ...chunks, uPointBytes }).x(x).dout(dout).chunks(chunks.chunks)
    .groups(groups).parts(parts).blocksPerPart(blocksPerPart).u(u).sums(sums)
    .scratch(chunks.scratchBytes).run(groups * parts);
  // the thread that made a part of a single group mostly has it in its cache
  const channelsPerTask = groups === 1 ? g.channels : 4;
  launch(winogradReduce[taps]).channels(g.channels).channelsPerTask(channelsPerTask).filters(g.filters)
    .filterBlocks(chunks.filterBlocks).parts(parts).blocksPerPart(blocksPerPart).uPointBytes(uPointBytes).groups(groups)
    .u(u).sums(sums).dw(dw).db(db).run(parts * Math.ceil(g.channels / channelsPerTask));
});
