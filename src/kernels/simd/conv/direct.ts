/**
 * The host's side of the direct convolution: tap tables, sizes, scratch and jobs (the kernels are in direct-
 * kernels.ts).
 */

import type { ConvGeometry, Epilogue, FloatArray } from '../../contract.ts';
import { beginLaunch, floatKind, type Launch } from '../launch.ts';
import { kernelIndex } from '../module.ts';
import { directPlaneBytes, gradientGroupBytes, gradientGroups, leastTasks } from './choose.ts';
import { directSlots as slots, partEntry } from './direct-kernels.ts';
import { epilogueTable, nothingBytes } from './epilogue.ts';

/**
 * What the forward kernel computes: a convolution whose output may come in parts, each with some of the filters' taps
 * and a regular part of the output's pixels. All parts read the same padded planes.
 */
interface Pass {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  readonly stride: number;
  readonly padTop: number;
  readonly padLeft: number;
  /** extent of the taps of all parts together */
  readonly windowHeight: number;
  readonly windowWidth: number;
  /** distance of filters in the weights, in elements */
  readonly filterStride: number;
  /** distances of images, planes, rows and pixels in the output, in elements */
  readonly outImage: number;
  readonly outPlane: number;
  readonly outRow: number;
  readonly outPixel: number;
  readonly parts: readonly Part[];
}

interface Part {
  readonly outHeight: number;
  readonly outWidth: number;
  /** the part's first pixel in the output, in elements */
  readonly outOffset: number;
  /** extent of the part's taps, and where in the common window they begin */
  readonly windowHeight: number;
  readonly windowWidth: number;
  readonly top: number;
  readonly left: number;
  /** where in a filter's weights the tap at (channel, y, x) stands, in elements */
  readonly source: (channel: number, y: number, x: number) => number;
  /** names the source in the cache of tap tables */
  readonly sourceKey: string;
}

function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

const tapTables: Map<string, Int32Array> = new Map();
const mostTapTables = 64;

/**
 * The table of taps, two numbers each: bytes into a filter's weights, bytes into the padded planes; one more entry of
 * zeros at the end, because the gradient kernel takes taps in pairs.
 */
function tapTable(pass: Pass, part: Part, planeRows: number, partColumns: number, bytes: number): Int32Array {
  const { channels, stride } = pass;
  const { windowHeight, windowWidth, top, left, source, sourceKey } = part;
  const key = [sourceKey, channels, windowHeight, windowWidth, top, left, stride, planeRows, partColumns, bytes].join(' ');
  const known = tapTables.get(key);
  if (known !== undefined) return known;
  const table = new Int32Array(2 * (channels * windowHeight * windowWidth + 1));
  let at = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < windowHeight; y++) {
      for (let x = 0; x < windowWidth; x++) {
        const row = (channel * planeRows + top + y) * stride * partColumns;
        const column = left + x;
        table[at++] = source(channel, y, x) * bytes;
        table[at++] = (row + (column % stride) * partColumns + Math.floor(column / stride)) * bytes;
      }
    }
  }
  if (tapTables.size >= mostTapTables) tapTables.clear();
  tapTables.set(key, table);
  return table;
}

/** Arguments that forward and gradient have in common. */
function setSizes(launch: Launch, pass: Pass, planeRows: number, partColumns: number, bytes: number): void {
  slots.set(launch, 'batch', pass.batch);
  slots.set(launch, 'channels', pass.channels);
  slots.set(launch, 'height', pass.height);
  slots.set(launch, 'width', pass.width);
  slots.set(launch, 'filterCount', pass.filters);
  slots.set(launch, 'stride', pass.stride);
  slots.set(launch, 'padTop', pass.padTop);
  slots.set(launch, 'padLeft', pass.padLeft);
  slots.set(launch, 'windowHeight', pass.windowHeight);
  slots.set(launch, 'planeRows', planeRows);
  slots.set(launch, 'partColumns', partColumns);
  slots.set(launch, 'filterStride', pass.filterStride * bytes);
}

/** Columns of a part of a padded row, so that whole vectors can be read at every tap. */
function columnsOfPart(pass: Pass, outColumns: number, lanes: number): number {
  return roundUp(outColumns + Math.floor((pass.windowWidth - 1) / pass.stride), lanes);
}

/** Packs the weights and runs the forward kernel. */
function runPass(
  launch: Launch, kind: 'f32' | 'f64', xAt: number, wAt: number, outAt: number, tableAt: number, relu: boolean, pass: Pass,
): void {
  const bytes = kind === 'f32' ? 4 : 8;
  const lanes = 16 / bytes;
  const outHeight = Math.max(...pass.parts.map((part) => part.outHeight));
  const outWidth = Math.max(...pass.parts.map((part) => part.outWidth));
  const partColumns = columnsOfPart(pass, roundUp(outWidth, 2 * lanes), lanes);
  const rowBytes = pass.channels * pass.stride * partColumns * bytes;
  const bands = Math.ceil(leastTasks / pass.batch);
  const fitting = Math.floor((directPlaneBytes / rowBytes - pass.windowHeight) / pass.stride) + 1;
  const rowsPerTask = Math.max(1, Math.min(Math.ceil(outHeight / bands), fitting));
  const tasksPerImage = Math.ceil(outHeight / rowsPerTask);
  const planeRows = (rowsPerTask - 1) * pass.stride + pass.windowHeight;

  setSizes(launch, pass, planeRows, partColumns, bytes);
  slots.set(launch, 'weights', wAt);
  const blocks = Math.ceil(pass.filters / 4);
  const entries = new Int32Array((pass.parts.length * partEntry.bytes) / 4);
  pass.parts.forEach((part, i) => {
    const table = tapTable(pass, part, planeRows, partColumns, bytes);
    const tapCount = table.length / 2 - 1;
    const taps = launch.input(table);
    const packed = launch.scratch(blocks * tapCount * 4 * bytes);
    slots.set(launch, 'taps', taps);
    slots.set(launch, 'tapCount', tapCount);
    slots.set(launch, 'packed', packed);
    launch.run(kernelIndex(`${kind}_conv_pack_4__simd128`), blocks);
    const entry = (i * partEntry.bytes) / 4;
    entries[entry + partEntry.taps / 4] = taps;
    entries[entry + partEntry.packed / 4] = packed;
    entries[entry + partEntry.tapCount / 4] = tapCount;
    entries[entry + partEntry.outOffset / 4] = part.outOffset * bytes;
    entries[entry + partEntry.outHeight / 4] = part.outHeight;
    entries[entry + partEntry.outWidth / 4] = part.outWidth;
  });

  const planeBytes = roundUp(planeRows * rowBytes, 64);
  slots.set(launch, 'parts', launch.input(entries));
  slots.set(launch, 'partCount', pass.parts.length);
  slots.set(launch, 'x', xAt);
  slots.set(launch, 'out', outAt);
  slots.set(launch, 'outHeight', outHeight);
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
    batch: g.batch, channels, height: g.height, width: g.width, filters: g.filters, stride: g.strideY, padTop: g.padTop,
    padLeft: g.padLeft, windowHeight: kernelHeight, windowWidth: kernelWidth,
    filterStride: channels * kernelHeight * kernelWidth, outImage: g.filters * outHeight * outWidth,
    outPlane: outHeight * outWidth, outRow: outWidth, outPixel: 1,
    parts: [{
      outHeight, outWidth, outOffset: 0, windowHeight: kernelHeight, windowWidth: kernelWidth, top: 0, left: 0,
      source: (channel, y, x) => (channel * kernelHeight + y) * kernelWidth + x, sourceKey: 'forward',
    }],
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
    runPass(launch, floatKind(x), launch.input(x), launch.input(w), outAt, table, epilogue.relu === true, forwardPass(g));
  } finally {
    launch.finish();
  }
}

/**
 * The gradient at x as a pass over dout. With stride s, pixel y of x met tap ky at output row (y + pad - ky) / s, where
 * that is whole: so only the taps with ky = (y + pad) modulo s count, and the pixels with the same remainder are a
 * convolution of dout with that part of the filters, turned by 180 degrees, with stride 1. There are s * s such parts.
 */
function inputGradientPass(g: ConvGeometry): Pass {
  const { channels, kernelHeight, kernelWidth, height, width, strideY: stride } = g;
  const vertical = remainders(height, kernelHeight, stride, g.padTop);
  const horizontal = remainders(width, kernelWidth, stride, g.padLeft);
  const padTop = Math.max(...vertical.map(({ pad }) => pad));
  const padLeft = Math.max(...horizontal.map(({ pad }) => pad));
  const parts: Part[] = [];
  for (const v of vertical) {
    for (const h of horizontal) {
      const empty = v.taps === 0 || h.taps === 0;
      parts.push({
        outHeight: v.count, outWidth: h.count, outOffset: v.first * width + h.first,
        windowHeight: empty ? 0 : v.taps, windowWidth: empty ? 0 : h.taps, top: padTop - v.pad, left: padLeft - h.pad,
        source: (filter, y, x) => filter * channels * kernelHeight * kernelWidth +
          (v.rest + stride * (v.taps - 1 - y)) * kernelWidth + h.rest + stride * (h.taps - 1 - x),
        sourceKey: `gradient ${channels} ${kernelHeight} ${kernelWidth} ${stride} ${v.rest} ${h.rest}`,
      });
    }
  }
  return {
    batch: g.batch, channels: g.filters, height: g.outHeight, width: g.outWidth, filters: channels, stride: 1, padTop, padLeft,
    windowHeight: Math.max(1, ...vertical.map(({ taps, pad }) => taps + padTop - pad)),
    windowWidth: Math.max(1, ...horizontal.map(({ taps, pad }) => taps + padLeft - pad)),
    filterStride: kernelHeight * kernelWidth, outImage: channels * height * width, outPlane: height * width,
    outRow: stride * width, outPixel: stride, parts,
  };
}

/**
 * In one direction: the pixels whose place plus pad leaves the same rest when divided by stride, and the taps they met.
 */
interface Remainder {
  readonly rest: number;
  /** the first such pixel, and how many there are (every stride-th) */
  readonly first: number;
  readonly count: number;
  readonly taps: number;
  /** padding of dout with which the first of the taps, turned, meets the first pixel */
  readonly pad: number;
}

function remainders(size: number, window: number, stride: number, pad: number): Remainder[] {
  const found: Remainder[] = [];
  for (let rest = 0; rest < stride; rest++) {
    const first = (((rest - pad) % stride) + stride) % stride;
    const taps = window > rest ? Math.ceil((window - rest) / stride) : 0;
    const count = Math.ceil((size - first) / stride);
    if (count > 0) found.push({ rest, first, count, taps, pad: taps - 1 - (first + pad - rest) / stride });
  }
  return found;
}

/** The gradient at x. */
export function directInputGradient(dout: FloatArray, w: FloatArray, dx: FloatArray, g: ConvGeometry): void {
  const launch = beginLaunch();
  try {
    const table = launch.input(epilogueTable(dout, g.channels, null, null));
    const dxAt = launch.output(dx);
    runPass(launch, floatKind(dout), launch.input(dout), launch.input(w), dxAt, table, false, inputGradientPass(g));
  } finally {
    launch.finish();
  }
}

/** The gradients at the filters and the bias. */
export function directFilterGradient(
  dout: FloatArray, x: FloatArray, dw: FloatArray, db: FloatArray, g: ConvGeometry,
): void {
  const kind = floatKind(x);
  const bytes = x.BYTES_PER_ELEMENT;
  const lanes = 16 / bytes;
  const pass = forwardPass(g);
  const doutColumns = roundUp(g.outWidth, lanes);
  const partColumns = columnsOfPart(pass, doutColumns, lanes);
  const planeRows = (g.outHeight - 1) * g.strideY + g.kernelHeight;
  const blocks = Math.ceil(g.filters / 4);
  const groupBytes = blocks * Math.ceil((g.channels * g.kernelHeight * g.kernelWidth) / 2) * 128;
  const most = Math.max(2, Math.min(gradientGroups, Math.floor(gradientGroupBytes / groupBytes)));
  const imagesPerTask = Math.ceil(g.batch / most);
  const groups = Math.ceil(g.batch / imagesPerTask);
  const planesOffset = roundUp(4 * blocks * g.outHeight * doutColumns * bytes, 64);
  const scratchBytes = roundUp(planesOffset + g.channels * planeRows * g.strideY * partColumns * bytes, 64);

  const launch = beginLaunch();
  try {
    slots.set(launch, 'x', launch.input(x));
    slots.set(launch, 'dout', launch.input(dout));
    const dwAt = launch.output(dw);
    const dbAt = launch.output(db);
    setSizes(launch, pass, planeRows, partColumns, bytes);
    const table = tapTable(pass, pass.parts[0], planeRows, partColumns, bytes);
    slots.set(launch, 'taps', launch.input(table));
    slots.set(launch, 'tapCount', table.length / 2 - 1);
    slots.set(launch, 'outHeight', g.outHeight);
    slots.set(launch, 'outWidth', g.outWidth);
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
