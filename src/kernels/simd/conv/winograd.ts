/** The host's side of Winograd convolution: sizes, scratch and jobs (the kernels are in winograd-kernels.ts). */

import type { ConvGeometry, Epilogue, FloatArray } from '../../contract.ts';
import { residentArray, type TypedArray } from '../../memory/allocate.ts';
import { beginLaunch, type Launch } from '../launch.ts';
import { kernelIndex } from '../module.ts';
import {
  gradientGroupBytes, gradientGroups, keptFiltersMost, keptFiltersMostBatch, leastTasks, winogradChunkBytes,
  winogradGradientLeastTiles, winogradLeastTiles,
} from './choose.ts';
import { epilogueTable, nothingBytes } from './epilogue.ts';
import { inputSize, points, tileSize } from './winograd-algebra.ts';
import { keptBlockBytes, winogradSlots as slots } from './winograd-kernels.ts';
import { pixelBytes, temporaryBytes } from './winograd-transforms.ts';

/** One convolution of 3x3 filters with stride 1, as the kernels see it: also the one that gives the gradient at x. */
interface Problem {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  readonly pad: number;
  readonly outHeight: number;
  readonly outWidth: number;
}

/**
 * Distances between the points of a transformed array: an odd number of cache lines, so that 36 streams do not collide.
 */
function pointBytes(bytes: number): number {
  const lines = Math.ceil(bytes / 64);
  return 64 * (lines % 2 === 0 ? lines + 1 : lines);
}

/** Sets every argument that follows from the sizes, takes the threads' scratch, and gives the number of chunks. */
function setProblem(launch: Launch, p: Problem, leastTiles: number): { chunks: number; pointBytesOfFilters: number } {
  const tilesX = Math.ceil(p.outWidth / tileSize);
  const tilesY = Math.ceil(p.outHeight / tileSize);
  const rows = p.batch * tilesY;
  const channelGroups = Math.ceil(p.channels / 4);
  const filterBlocks = Math.ceil(p.filters / 8);
  const tileBytes = points * pixelBytes * (channelGroups + 2 * filterBlocks);
  const tiles = Math.max(leastTiles, Math.floor(winogradChunkBytes / tileBytes));
  const rowsPerTask = Math.max(1, Math.min(Math.floor(tiles / tilesX), Math.ceil(rows / leastTasks)));
  const chunks = Math.ceil(rows / rowsPerTask);

  const groupBytes = 4 * pixelBytes * Math.ceil((rowsPerTask * tilesX) / 4);
  const vPointBytes = pointBytes(channelGroups * groupBytes);
  const mPointBytes = pointBytes(2 * filterBlocks * groupBytes);
  const uPointBytes = pointBytes(channelGroups * filterBlocks * 128);
  const mOffset = points * vPointBytes;
  const stripOffset = mOffset + points * mPointBytes;
  const stripBytes = pixelBytes * inputSize * (tilesX * tileSize + inputSize - tileSize);
  const temporaryOffset = stripOffset + 64 * Math.ceil(stripBytes / 64);
  const scratchBytes = temporaryOffset + temporaryBytes + 64;

  slots.set(launch, 'batch', p.batch);
  slots.set(launch, 'channels', p.channels);
  slots.set(launch, 'filterCount', p.filters);
  slots.set(launch, 'height', p.height);
  slots.set(launch, 'width', p.width);
  slots.set(launch, 'pad', p.pad);
  slots.set(launch, 'outHeight', p.outHeight);
  slots.set(launch, 'outWidth', p.outWidth);
  slots.set(launch, 'tilesX', tilesX);
  slots.set(launch, 'tilesY', tilesY);
  slots.set(launch, 'rowsPerTask', rowsPerTask);
  slots.set(launch, 'channelGroups', channelGroups);
  slots.set(launch, 'filterBlocks', filterBlocks);
  slots.set(launch, 'vGroupBytes', groupBytes);
  slots.set(launch, 'mGroupBytes', groupBytes);
  slots.set(launch, 'vPointBytes', vPointBytes);
  slots.set(launch, 'mPointBytes', mPointBytes);
  slots.set(launch, 'uPointBytes', uPointBytes);
  slots.set(launch, 'mOffset', mOffset);
  slots.set(launch, 'stripOffset', stripOffset);
  slots.set(launch, 'temporaryOffset', temporaryOffset);
  slots.set(launch, 'scratchBytes', 64 * Math.ceil(scratchBytes / 64));
  slots.set(launch, 'scratch', launch.scratchPerThread(scratchBytes, chunks));
  return { chunks, pointBytesOfFilters: uPointBytes };
}

/** A layer's filters, transformed, and a copy of what they were transformed from. */
interface KeptFilters {
  readonly transformed: TypedArray;
  readonly copy: TypedArray;
}

/** By the buffer that filters lie in, and by their place and shape there. */
let keptFilters: WeakMap<ArrayBufferLike, Map<string, KeptFilters>> = new WeakMap();
let keptCount = 0;

/**
 * Room that stays from call to call for these filters' transforms: with few images they take longer to transform than
 * to use, and at test time they are the same at every call (which the kernel checks, bit by bit). Null where there is
 * none.
 */
function keepFilters(w: FloatArray, p: Problem, transformedBytes: number): KeptFilters | null {
  if (p.batch > keptFiltersMostBatch) return null;
  const places = keptFilters.get(w.buffer) ?? new Map<string, KeptFilters>();
  const key = `${w.byteOffset} ${p.filters} ${p.channels}`;
  const known = places.get(key);
  if (known !== undefined) return known;
  if (keptCount >= keptFiltersMost) {
    keptFilters = new WeakMap();
    keptCount = 0;
    return null;
  }
  const copy = residentArray('uint8', keptBlockBytes(p.channels) * Math.ceil(p.filters / 8));
  const kept = { copy: copy.fill(0), transformed: residentArray('uint8', transformedBytes) };
  if (!(copy.buffer instanceof SharedArrayBuffer)) return null; // the heap is too full for residents
  places.set(key, kept);
  keptFilters.set(w.buffer, places);
  keptCount++;
  return kept;
}

/**
 * out = epilogue(x conv w). The filters' taps for one channel are 9 floats; outStride and inStride are the bytes from
 * one filter, and from one channel, to the next. rotated turns the taps by 180 degrees.
 */
function convolve(
  x: FloatArray, w: FloatArray, out: FloatArray, table: FloatArray, relu: boolean, p: Problem, outStride: number,
  inStride: number, rotated: boolean,
): void {
  const launch = beginLaunch();
  try {
    const xAt = launch.input(x);
    const wAt = launch.input(w);
    const outAt = launch.output(out);
    const tableAt = launch.input(table);
    const { chunks, pointBytesOfFilters } = setProblem(launch, p, winogradLeastTiles);
    const kept = rotated ? null : keepFilters(w, p, points * pointBytesOfFilters);
    const transformed = kept === null ? launch.scratch(points * pointBytesOfFilters) : launch.input(kept.transformed);
    slots.set(launch, 'kept', kept === null ? 0 : launch.input(kept.copy));
    slots.set(launch, 'filters', transformed);
    slots.set(launch, 'x', wAt);
    slots.set(launch, 'outStride', outStride);
    slots.set(launch, 'inStride', inStride);
    slots.set(launch, 'nothing', tableAt);
    const transform = rotated ? 'f32_winograd_filters_rotated__simd128' : 'f32_winograd_filters__simd128';
    launch.run(kernelIndex(transform), Math.ceil(p.filters / 8));

    slots.set(launch, 'x', xAt);
    slots.set(launch, 'out', outAt);
    slots.set(launch, 'epilogue', tableAt + nothingBytes);
    slots.set(launch, 'relu', relu ? 1 : 0);
    launch.run(kernelIndex('f32_winograd_forward__simd128'), chunks);
  } finally {
    launch.finish();
  }
}

function problemOf(g: ConvGeometry): Problem {
  return { ...g, pad: g.padTop };
}

/** convForward of the contract, for convolutions that `takesWinograd` (choose.ts) accepts. */
export function winogradForward(
  x: FloatArray, w: FloatArray, b: FloatArray | null, out: FloatArray, g: ConvGeometry, epilogue: Epilogue,
): void {
  const table = epilogueTable(x, g.filters, epilogue.scale, b);
  convolve(x, w, out, table, epilogue.relu === true, problemOf(g), g.channels * 36, 36, false);
}

/** The gradient at x: dout convolved with the filters turned by 180 degrees, channels and filters changing roles. */
export function winogradInputGradient(dout: FloatArray, w: FloatArray, dx: FloatArray, g: ConvGeometry): void {
  const problem: Problem = {
    batch: g.batch, channels: g.filters, height: g.outHeight, width: g.outWidth, filters: g.channels, pad: 2 - g.padTop,
    outHeight: g.height, outWidth: g.width,
  };
  convolve(dout, w, dx, epilogueTable(dout, g.channels, null, null), false, problem, 36, g.channels * 36, true);
}

/** The gradients at the filters and the bias. */
export function winogradFilterGradient(
  dout: FloatArray, x: FloatArray, dw: FloatArray, db: FloatArray, g: ConvGeometry,
): void {
  const launch = beginLaunch();
  try {
    slots.set(launch, 'x', launch.input(x));
    slots.set(launch, 'dout', launch.input(dout));
    const dwAt = launch.output(dw);
    const dbAt = launch.output(db);
    const { chunks, pointBytesOfFilters } = setProblem(launch, problemOf(g), winogradGradientLeastTiles);
    const groupBytes = points * pointBytesOfFilters;
    const most = Math.max(2, Math.min(gradientGroups, Math.floor(gradientGroupBytes / groupBytes)));
    const chunksPerTask = Math.ceil(chunks / most);
    const groups = Math.ceil(chunks / chunksPerTask);
    slots.set(launch, 'chunks', chunks);
    slots.set(launch, 'chunksPerTask', chunksPerTask);
    slots.set(launch, 'groups', groups);
    slots.set(launch, 'filters', launch.scratch(groups * groupBytes));
    slots.set(launch, 'sums', launch.scratch(groups * Math.ceil(g.filters / 8) * 32));
    launch.run(kernelIndex('f32_winograd_gradient__simd128'), groups);

    slots.set(launch, 'out', dwAt);
    slots.set(launch, 'biasGradient', dbAt);
    launch.run(kernelIndex('f32_winograd_filter_gradient__simd128'), Math.ceil(g.channels / 4));
  } finally {
    launch.finish();
  }
}
