/** The host's side of the direct convolution: tap tables, sizes, scratch and jobs (the kernels are in direct-kernels.ts). */

import type { ConvGeometry, Epilogue, FloatArray } from '../../contract.ts';
import { beginLaunch, type Launch } from '../launch.ts';
import { kernelIndex } from '../module.ts';
import { directPlaneBytes, gradientGroupBytes, gradientGroups, leastTasks } from './choose.ts';
import { directSlots as slots } from './direct-kernels.ts';
import { epilogueTable, nothingBytes } from './epilogue.ts';

/**
 * One pass of the forward kernel: a convolution whose taps may be any part of the filters and whose output may be any
 * regular part of an array.
 */
interface Pass {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly stride: number;
  readonly padTop: number;
  readonly padLeft: number;
  /** extent of the taps */
  readonly windowHeight: number;
  readonly windowWidth: number;
  /** where in the weights the tap at (channel, y, x) stands, and how far filters are apart, in elements */
  readonly source: (channel: number, y: number, x: number) => number;
  readonly filterStride: number;
  /** names the source in the cache of tap tables */
  readonly sourceKey: string;
  /** the output's first element, and the distances between images, planes, rows and pixels, in elements */
  readonly outOffset: number;
  readonly outImage: number;
  readonly outPlane: number;
  readonly outRow: number;
  readonly outPixel: number;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

function kindOf(array: FloatArray): 'f32' | 'f64' {
  return array instanceof Float32Array ? 'f32' : 'f64';
}

const tapTables: Map<string, Int32Array> = new Map();
const mostTapTables = 64;

/**
 * The table of taps, two numbers each: bytes into a filter's weights, bytes into the padded planes; one more entry of zeros
 * at the end, because the gradient kernel takes taps in pairs.
 */
function tapTable(pass: Pass, planeRows: number, partColumns: number, bytes: number): Int32Array {
  const { channels, windowHeight, windowWidth, stride, source, sourceKey } = pass;
  const key = [sourceKey, channels, windowHeight, windowWidth, stride, planeRows, partColumns, bytes].join(' ');
  const known = tapTables.get(key);
  if (known !== undefined) return known;
  const table = new Int32Array(2 * (channels * windowHeight * windowWidth + 1));
  let at = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < windowHeight; y++) {
      for (let x = 0; x < windowWidth; x++) {
        const row = (channel * planeRows + y) * stride * partColumns;
        table[at++] = source(channel, y, x) * bytes;
        table[at++] = (row + (x % stride) * partColumns + Math.floor(x / stride)) * bytes;
      }
    }
  }
  if (tapTables.size >= mostTapTables) tapTables.clear();
  tapTables.set(key, table);
  return table;
}

/** Arguments that forward and gradient have in common. */
function setSizes(launch: Launch, pass: Pass, planeRows: number, partColumns: number, bytes: number): void {
  const table = tapTable(pass, planeRows, partColumns, bytes);
  slots.set(launch, 'taps', launch.input(table));
  slots.set(launch, 'tapCount', table.length / 2 - 1);
  slots.set(launch, 'batch', pass.batch);
  slots.set(launch, 'channels', pass.channels);
  slots.set(launch, 'height', pass.height);
  slots.set(launch, 'width', pass.width);
  slots.set(launch, 'filterCount', pass.filters);
  slots.set(launch, 'outHeight', pass.outHeight);
  slots.set(launch, 'outWidth', pass.outWidth);
  slots.set(launch, 'stride', pass.stride);
  slots.set(launch, 'padTop', pass.padTop);
  slots.set(launch, 'padLeft', pass.padLeft);
  slots.set(launch, 'windowHeight', Math.max(1, pass.windowHeight));
  slots.set(launch, 'planeRows', planeRows);
  slots.set(launch, 'partColumns', partColumns);
  slots.set(launch, 'filterStride', pass.filterStride * bytes);
}

/** Columns of a part of a padded row, so that whole vectors can be read at every tap. */
function columnsOfPart(pass: Pass, outColumns: number, lanes: number): number {
  return roundUp(outColumns + Math.floor(Math.max(0, pass.windowWidth - 1) / pass.stride), lanes);
}

/** Packs the weights and runs the forward kernel. */
function runPass(
  launch: Launch, kind: 'f32' | 'f64', xAt: number, wAt: number, outAt: number, tableAt: number, relu: boolean, pass: Pass,
): void {
  const bytes = kind === 'f32' ? 4 : 8;
  const lanes = 16 / bytes;
  const partColumns = columnsOfPart(pass, roundUp(pass.outWidth, 2 * lanes), lanes);
  const window = Math.max(1, pass.windowHeight);
  const rowBytes = pass.channels * pass.stride * partColumns * bytes;
  const bands = Math.ceil(leastTasks / pass.batch);
  const fitting = Math.floor((directPlaneBytes / rowBytes - window) / pass.stride) + 1;
  const rowsPerTask = Math.max(1, Math.min(Math.ceil(pass.outHeight / bands), fitting));
  const tasksPerImage = Math.ceil(pass.outHeight / rowsPerTask);
  const planeRows = (rowsPerTask - 1) * pass.stride + window;

  setSizes(launch, pass, planeRows, partColumns, bytes);
  const blocks = Math.ceil(pass.filters / 4);
  const taps = pass.channels * pass.windowHeight * pass.windowWidth;
  slots.set(launch, 'weights', wAt);
  slots.set(launch, 'packed', launch.scratch(blocks * taps * 4 * bytes));
  launch.run(kernelIndex(`${kind}_conv_pack_4__simd128`), blocks);

  const planeBytes = roundUp(planeRows * rowBytes, 64);
  slots.set(launch, 'x', xAt);
  slots.set(launch, 'out', outAt + pass.outOffset * bytes);
  slots.set(launch, 'epilogue', tableAt + nothingBytes);
  slots.set(launch, 'relu', relu ? 1 : 0);
  slots.set(launch, 'outImageBytes', pass.outImage * bytes);
  slots.set(launch, 'outPlaneBytes', pass.outPlane * bytes);
  slots.set(launch, 'outRowBytes', pass.outRow * bytes);
  slots.set(launch, 'outPixelBytes', pass.outPixel * bytes);
  slots.set(launch, 'rowsPerTask', rowsPerTask);
  slots.set(launch, 'tasksPerImage', tasksPerImage);
  slots.set(launch, 'scratchBytes', planeBytes);
  slots.set(launch, 'scratch', launch.scratchPerThread(planeBytes, pass.batch * tasksPerImage));
  launch.run(kernelIndex(`${kind}_conv_direct_4x${2 * lanes}__simd128`), pass.batch * tasksPerImage);
}

/** The convolution itself as a pass. */
function forwardPass(g: ConvGeometry): Pass {
  const { channels, kernelHeight, kernelWidth, outHeight, outWidth } = g;
  return {
    batch: g.batch, channels, height: g.height, width: g.width, filters: g.filters, outHeight, outWidth, stride: g.stride,
    padTop: g.pad, padLeft: g.pad, windowHeight: kernelHeight, windowWidth: kernelWidth,
    source: (channel, y, x) => (channel * kernelHeight + y) * kernelWidth + x, sourceKey: 'forward',
    filterStride: channels * kernelHeight * kernelWidth, outOffset: 0, outImage: g.filters * outHeight * outWidth,
    outPlane: outHeight * outWidth, outRow: outWidth, outPixel: 1,
  };
}

/** convForward of the contract. */
export function directForward(
  x: FloatArray, w: FloatArray, b: FloatArray | null, out: FloatArray, g: ConvGeometry, epilogue: Epilogue,
): void {
  const launch = beginLaunch();
  try {
    const table = launch.input(epilogueTable(x, g.filters, epilogue.scale, b));
    const outAt = launch.output(out);
    runPass(launch, kindOf(x), launch.input(x), launch.input(w), outAt, table, epilogue.relu === true, forwardPass(g));
  } finally {
    launch.finish();
  }
}

/**
 * The gradient at x. With stride s, pixel y of x met tap ky at output row (y + pad - ky) / s, where that is whole: so only
 * the taps with ky = (y + pad) modulo s count, and the pixels with the same remainder form a convolution of dout with that
 * part of the filters, turned by 180 degrees, with stride 1. There are s * s such parts.
 */
export function directInputGradient(dout: FloatArray, w: FloatArray, dx: FloatArray, g: ConvGeometry): void {
  const launch = beginLaunch();
  try {
    const doutAt = launch.input(dout);
    const wAt = launch.input(w);
    const dxAt = launch.output(dx);
    const table = launch.input(epilogueTable(dout, g.channels, null, null));
    for (let restY = 0; restY < g.stride; restY++) {
      for (let restX = 0; restX < g.stride; restX++) {
        const vertical = part(g.height, g.kernelHeight, g.stride, g.pad, restY);
        const horizontal = part(g.width, g.kernelWidth, g.stride, g.pad, restX);
        if (vertical.count <= 0 || horizontal.count <= 0) continue;
        const { channels, kernelHeight, kernelWidth, height, width, stride } = g;
        const empty = vertical.taps === 0 || horizontal.taps === 0;
        runPass(launch, kindOf(dout), doutAt, wAt, dxAt, table, false, {
          batch: g.batch, channels: g.filters, height: g.outHeight, width: g.outWidth, filters: channels,
          outHeight: vertical.count, outWidth: horizontal.count, stride: 1, padTop: vertical.pad, padLeft: horizontal.pad,
          windowHeight: empty ? 0 : vertical.taps, windowWidth: empty ? 0 : horizontal.taps,
          source: (filter, y, x) => filter * channels * kernelHeight * kernelWidth +
            (restY + stride * (vertical.taps - 1 - y)) * kernelWidth + restX + stride * (horizontal.taps - 1 - x),
          sourceKey: `gradient ${channels} ${kernelHeight} ${kernelWidth} ${stride} ${restY} ${restX}`,
          filterStride: kernelHeight * kernelWidth, outOffset: vertical.first * width + horizontal.first,
          outImage: channels * height * width, outPlane: height * width, outRow: stride * width, outPixel: stride,
        });
      }
    }
  } finally {
    launch.finish();
  }
}

/** In one direction: the pixels whose place plus pad leaves `rest` when divided by stride, and the taps that meet them. */
function part(size: number, window: number, stride: number, pad: number, rest: number): {
  first: number; count: number; taps: number; pad: number;
} {
  const first = (((rest - pad) % stride) + stride) % stride;
  const taps = window > rest ? Math.ceil((window - rest) / stride) : 0;
  return { first, count: Math.ceil((size - first) / stride), taps, pad: taps - 1 - (first + pad - rest) / stride };
}

/** The gradients at the filters and the bias. */
export function directFilterGradient(
  dout: FloatArray, x: FloatArray, dw: FloatArray, db: FloatArray, g: ConvGeometry,
): void {
  const kind = kindOf(x);
  const bytes = x.BYTES_PER_ELEMENT;
  const lanes = 16 / bytes;
  const pass = forwardPass(g);
  const doutColumns = roundUp(g.outWidth, lanes);
  const partColumns = columnsOfPart(pass, doutColumns, lanes);
  const planeRows = (g.outHeight - 1) * g.stride + g.kernelHeight;
  const blocks = Math.ceil(g.filters / 4);
  const groupBytes = blocks * Math.ceil((g.channels * g.kernelHeight * g.kernelWidth) / 2) * 128;
  const most = Math.max(2, Math.min(gradientGroups, Math.floor(gradientGroupBytes / groupBytes)));
  const imagesPerTask = Math.ceil(g.batch / most);
  const groups = Math.ceil(g.batch / imagesPerTask);
  const planesOffset = roundUp(4 * blocks * g.outHeight * doutColumns * bytes, 64);
  const scratchBytes = roundUp(planesOffset + g.channels * planeRows * g.stride * partColumns * bytes, 64);

  const launch = beginLaunch();
  try {
    slots.set(launch, 'x', launch.input(x));
    slots.set(launch, 'dout', launch.input(dout));
    const dwAt = launch.output(dw);
    const dbAt = launch.output(db);
    setSizes(launch, pass, planeRows, partColumns, bytes);
    slots.set(launch, 'doutColumns', doutColumns);
    slots.set(launch, 'imagesPerTask', imagesPerTask);
    slots.set(launch, 'groups', groups);
    slots.set(launch, 'planesOffset', planesOffset);
    slots.set(launch, 'partial', launch.scratch(groups * groupBytes));
    slots.set(launch, 'sums', launch.scratch(groups * blocks * 64));
    slots.set(launch, 'scratchBytes', scratchBytes);
    slots.set(launch, 'scratch', launch.scratchPerThread(scratchBytes, groups));
    launch.run(kernelIndex(`${kind}_conv_gradient_4x2__simd128`), groups);

    slots.set(launch, 'out', dwAt);
    slots.set(launch, 'biasGradient', dbAt);
    launch.run(kernelIndex(`${kind}_conv_reduce__simd128`), blocks);
  } finally {
    launch.finish();
  }
}
