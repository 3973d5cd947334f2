/**
 * The host's side of the direct convolution: tap tables, sizes, scratch and jobs (the kernels are in direct-
 * kernels.ts).
 */

import { roundUp } from '../../../runtime/numbers.ts';
import { bytesOf } from '../../../wasm/index.ts';
import type { ConvKernels, FloatArray } from '../../contract.ts';
import type { ConvGeometry } from '../../geometry.ts';
import { floatKind, launch, launched, scratch, staged } from '../launch.ts';
import {
  directPlaneBytes, type FilterGradient, gradientGroupBytes, gradientGroups, type InputGradient, leastTasks,
} from './choose.ts';
import { directGradient, directReduce } from './direct-gradient-kernels.ts';
import { directForward as forwardKernel, directPack, edgeBytes, planeSizes } from './direct-kernels.ts';
import { epilogueTable } from './epilogue.ts';

/**
 * What the forward kernel computes: a convolution whose output may come in parts, each with some of the filters' taps
 * and a regular part of the output's pixels. All parts read the same padded planes.
 */
export interface Pass {
  readonly batch: number;
  readonly channels: number;
  readonly imageChannels: number;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  readonly strideY: number;
  readonly strideX: number;
  readonly dilationY: number;
  readonly dilationX: number;
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

export interface Part {
  readonly outHeight: number;
  readonly outWidth: number;
  /** the part's first pixel in the output, in elements */
  readonly outOffset: number;
  /** the part's taps, and where in the common window they begin */
  readonly tapRows: number;
  readonly tapColumns: number;
  readonly top: number;
  readonly left: number;
  /** where in a filter's weights the tap at (channel, y, x) stands, in elements */
  readonly source: (channel: number, y: number, x: number) => number;
  /** names the source in the cache of tap tables */
  readonly sourceKey: string;
}

const tapTables: Map<string, Int32Array> = new Map();
const mostTapTables = 64;

/**
 * The table of taps, two numbers each: bytes into a filter's weights, bytes into the padded planes; one more entry of
 * zeros at the end, because the gradient kernel takes taps in pairs.
 */
export function tapTable(pass: Pass, part: Part, planeRows: number, partColumns: number, bytes: number): Int32Array {
  const { channels, strideX, dilationY, dilationX } = pass;
  const { tapRows, tapColumns, top, left, source, sourceKey } = part;
  const key = [
    sourceKey, channels, tapRows, tapColumns, top, left, strideX, dilationY, dilationX, planeRows, partColumns, bytes,
  ].join(' ');
  const known = tapTables.get(key);
  if (known !== undefined) return known;
  const table = new Int32Array(2 * (channels * tapRows * tapColumns + 1));
  let at = 0;
  for (let channel = 0; channel < channels; channel++) {
    for (let y = 0; y < tapRows; y++) {
      for (let x = 0; x < tapColumns; x++) {
        const row = (channel * planeRows + top + y * dilationY) * strideX * partColumns;
        const column = left + x * dilationX;
        table[at++] = source(channel, y, x) * bytes;
        table[at++] = (row + (column % strideX) * partColumns + Math.floor(column / strideX)) * bytes;
      }
    }
  }
  if (tapTables.size >= mostTapTables) tapTables.clear();
  tapTables.set(key, table);
  return table;
}

/** Columns of a part of a padded row, so that whole vectors can be read at every tap. */
export function columnsOfPart(pass: Pass, outColumns: number, lanes: number): number {
  return roundUp(outColumns + Math.floor((pass.windowWidth - 1) / pass.strideX), lanes);
}

/** Where a group's part begins: in x, in the weights, in the table of scales and biases, in out; in elements. */
interface Offsets {
  readonly x: number;
  readonly w: number;
  readonly table: number;
  readonly out: number;
}

/** Packs the weights and runs the forward kernel, inside a launch. */
function runPass(
  x: FloatArray, w: FloatArray, out: FloatArray, table: FloatArray, relu: boolean, pass: Pass, offsets: Offsets,
): void {
  const float = floatKind(x);
  const bytes = bytesOf(float);
  const lanes = 16 / bytes;
  const { batch, channels, filters, strideY, strideX, parts } = pass;
  const outHeight = Math.max(...parts.map((part) => part.outHeight));
  const outWidth = Math.max(...parts.map((part) => part.outWidth));
  const partColumns = columnsOfPart(pass, roundUp(outWidth, 2 * lanes), lanes);
  const rowBytes = channels * strideX * partColumns * bytes;
  const bands = Math.ceil(leastTasks / batch);
  const fitting = Math.floor((directPlaneBytes / rowBytes - pass.windowHeight) / strideY) + 1;
  const rowsPerTask = Math.max(1, Math.min(Math.ceil(outHeight / bands), fitting));
  const tasksPerImage = Math.ceil(outHeight / rowsPerTask);
  const planeRows = (rowsPerTask - 1) * strideY + pass.windowHeight;

  const blocks = Math.ceil(filters / 4);
  const entries = parts.flatMap((part) => {
    const tapList = tapTable(pass, part, planeRows, partColumns, bytes);
    const tapCount = tapList.length / 2 - 1;
    const taps = staged(tapList);
    const packed = scratch(blocks * tapCount * 4 * bytes);
    launch(directPack[float]).filters(filters).filterBytes(pass.filterStride * bytes).taps(taps).tapCount(tapCount)
      .w(w).wOffset(offsets.w * bytes).packed(packed).run(blocks);
    const outOffset = (offsets.out + part.outOffset) * bytes;
    return [taps, packed, tapCount, outOffset, part.outHeight, part.outWidth]; // as partEntry has them
  });

  launch(forwardKernel[float]).from(planeSizes, { ...pass, planeRows, partColumns })
    .x(x).xOffset(offsets.x * bytes).parts(Int32Array.from(entries)).partCount(parts.length)
    .table(table).tableOffset(offsets.table * bytes).relu(relu)
    .out(out).outHeight(outHeight).outImageBytes(pass.outImage * bytes).outPlaneBytes(pass.outPlane * bytes)
    .outRowBytes(pass.outRow * bytes).outPixelBytes(pass.outPixel * bytes)
    .rowsPerTask(rowsPerTask).tasksPerImage(tasksPerImage)
    .scratch(edgeBytes + planeRows * rowBytes).run(batch * tasksPerImage);
}

/** Runs a pass for every group. */
function runGroups(
  x: FloatArray, w: FloatArray, out: FloatArray, table: FloatArray, relu: boolean, pass: Pass, groups: number,
): void {
  const weights = w.length / groups;
  for (let group = 0; group < groups; group++) {
    runPass(x, w, out, table, relu, pass, {
      x: group * pass.channels * pass.height * pass.width, w: group * weights,
      table: group * 2 * roundUp(pass.filters, 8), out: group * pass.filters * pass.outPlane,
    });
  }
}

/** The convolution itself, of one group, as a pass. */
export function forwardPass(g: ConvGeometry): Pass {
  const { kernelHeight, kernelWidth, outHeight, outWidth } = g;
  const channels = g.channels / g.groups;
  return {
    batch: g.batch, channels, imageChannels: g.channels, height: g.height, width: g.width,
    filters: g.filters / g.groups, strideY: g.strideY, strideX: g.strideX, dilationY: g.dilationY,
    dilationX: g.dilationX, padTop: g.padTop, padLeft: g.padLeft, windowHeight: (kernelHeight - 1) * g.dilationY + 1,
    windowWidth: (kernelWidth - 1) * g.dilationX + 1, filterStride: channels * kernelHeight * kernelWidth,
    outImage: g.filters * outHeight * outWidth, outPlane: outHeight * outWidth, outRow: outWidth, outPixel: 1,
    parts: [{
      outHeight, outWidth, outOffset: 0, tapRows: kernelHeight, tapColumns: kernelWidth, top: 0, left: 0,
      source: (channel, y, x) => (channel * kernelHeight + y) * kernelWidth + x,
      sourceKey: `forward ${kernelHeight} ${kernelWidth}`,
    }],
  };
}

/** convForward of the contract. */
export const directForward: ConvKernels['convForward'] = launched((x, w, b, out, g, epilogue) => {
  const table = epilogueTable(x, g.filters, epilogue.scale, b, g.groups);
  runGroups(x, w, out, table, epilogue.relu === true, forwardPass(g), g.groups);
});

/**
 * The gradient at x, of one group, as a pass over dout. With stride s and dilation d, pixel y of x met tap ky at output
 * row (y + pad - ky d) / s, where that is whole: so pixels with one remainder of (y + pad) modulo s met the same taps,
 * which lie s / gcd(s, d) apart, and are a convolution of dout with those, turned by 180 degrees, with stride 1 and
 * dilation d / gcd(s, d). In each direction there are s such remainders, so s * s parts in all.
 */
export function inputGradientPass(g: ConvGeometry): Pass {
  const { kernelHeight, kernelWidth, height, width } = g;
  const [channels, filters] = [g.channels / g.groups, g.filters / g.groups];
  const vertical = remainders(height, kernelHeight, g.strideY, g.dilationY, g.padTop);
  const horizontal = remainders(width, kernelWidth, g.strideX, g.dilationX, g.padLeft);
  const parts: Part[] = [];
  for (const v of vertical.found) {
    for (const h of horizontal.found) {
      const empty = v.taps === 0 || h.taps === 0;
      const row = (y: number): number => v.firstTap + vertical.tapStep * (v.taps - 1 - y);
      const column = (x: number): number => h.firstTap + horizontal.tapStep * (h.taps - 1 - x);
      parts.push({
        outHeight: v.count, outWidth: h.count, outOffset: v.first * width + h.first, tapRows: empty ? 0 : v.taps,
        tapColumns: empty ? 0 : h.taps, top: empty ? 0 : vertical.pad - v.pad, left: empty ? 0 : horizontal.pad - h.pad,
        source: (filter, y, x) => (filter * channels * kernelHeight + row(y)) * kernelWidth + column(x),
        sourceKey: ['gradient', channels, kernelHeight, kernelWidth, vertical.tapStep, horizontal.tapStep, v.firstTap,
          h.firstTap].join(' '),
      });
    }
  }
  return {
    batch: g.batch, channels: filters, imageChannels: g.filters, height: g.outHeight, width: g.outWidth,
    filters: channels, strideY: 1, strideX: 1, dilationY: vertical.dilation, dilationX: horizontal.dilation,
    padTop: vertical.pad, padLeft: horizontal.pad, windowHeight: vertical.extent, windowWidth: horizontal.extent,
    filterStride: kernelHeight * kernelWidth, outImage: g.channels * height * width, outPlane: height * width,
    outRow: g.strideY * width, outPixel: g.strideX, parts,
  };
}

/** In one direction: the pixels whose place plus pad leaves one remainder, and the taps they met. */
interface Remainder {
  /** the first such pixel, and how many there are (every stride-th) */
  readonly first: number;
  readonly count: number;
  /** the first tap, and how many there are (every tapStep-th) */
  readonly firstTap: number;
  readonly taps: number;
  /** padding of dout with which the first of the taps, turned, meets the first pixel */
  readonly pad: number;
}

interface Remainders {
  readonly found: readonly Remainder[];
  readonly tapStep: number;
  readonly dilation: number;
  /** the largest padding, and the extent of all taps with it */
  readonly pad: number;
  readonly extent: number;
}

function remainders(size: number, window: number, stride: number, dilation: number, pad: number): Remainders {
  const common = greatestCommonDivisor(stride, dilation);
  const [tapStep, outDilation] = [stride / common, dilation / common];
  const found: Remainder[] = [];
  for (let rest = 0; rest < stride; rest++) {
    const first = (((rest - pad) % stride) + stride) % stride;
    const count = Math.ceil((size - first) / stride);
    if (count <= 0) continue;
    let firstTap = 0;
    while (firstTap < tapStep && (firstTap * dilation - rest) % stride !== 0) firstTap++;
    const taps = firstTap < Math.min(tapStep, window) ? Math.ceil((window - firstTap) / tapStep) : 0;
    const own = outDilation * (taps - 1) - (first + pad - firstTap * dilation) / stride;
    found.push({ first, count, firstTap, taps, pad: taps === 0 ? 0 : own });
  }
  const met = found.filter(({ taps }) => taps > 0);
  const most = met.length === 0 ? 0 : Math.max(...met.map((each) => each.pad));
  const extents = met.map((each) => outDilation * (each.taps - 1) + 1 + most - each.pad);
  return { found, tapStep, dilation: outDilation, pad: most, extent: Math.max(1, ...extents) };
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/** The gradient at x. */
export const directInputGradient: InputGradient = launched((dout, w, dx, g) => {
  const table = epilogueTable(dout, g.channels, null, null, g.groups);
  runGroups(dout, w, dx, table, false, inputGradientPass(g), g.groups);
});

/** The gradients at the filters and the bias. */
export const directFilterGradient: FilterGradient = launched((dout, x, dw, db, g) => {
  for (let group = 0; group < g.groups; group++) groupGradient(dout, x, dw, db, g, group);
});

/** Those of one group, inside a launch. */
function groupGradient(
  dout: FloatArray, x: FloatArray, dw: FloatArray, db: FloatArray, g: ConvGeometry, group: number,
): void {
  const float = floatKind(x);
  const bytes = bytesOf(float);
  const lanes = 16 / bytes;
  const pass = forwardPass(g);
  const { channels, filters, strideX } = pass;
  const doutColumns = roundUp(g.outWidth, lanes);
  const partColumns = columnsOfPart(pass, doutColumns, lanes);
  const planeRows = (g.outHeight - 1) * g.strideY + pass.windowHeight;
  const blocks = Math.ceil(filters / 4);
  const groupBytes = blocks * Math.ceil(pass.filterStride / 2) * 128;
  const most = Math.max(2, Math.min(gradientGroups, Math.floor(gradientGroupBytes / groupBytes)));
  const imagesPerTask = Math.ceil(g.batch / most);
  const shares = Math.ceil(g.batch / imagesPerTask);
  const planesOffset = roundUp(4 * blocks * g.outHeight * doutColumns * bytes, 64);

  const tapList = tapTable(pass, pass.parts[0], planeRows, partColumns, bytes);
  const tapCount = tapList.length / 2 - 1;
  const taps = staged(tapList);
  const partial = scratch(shares * groupBytes);
  const sums = scratch(shares * blocks * 64);
  launch(directGradient[float]).from(planeSizes, { ...pass, planeRows, partColumns })
    .x(x).xOffset(group * channels * g.height * g.width * bytes)
    .dout(dout).doutOffset(group * filters * g.outHeight * g.outWidth * bytes).imageFilters(g.filters)
    .taps(taps).tapCount(tapCount).outHeight(g.outHeight).outWidth(g.outWidth).doutColumns(doutColumns)
    .imagesPerTask(imagesPerTask).planesOffset(planesOffset).partial(partial).sums(sums)
    .scratch(planesOffset + channels * planeRows * strideX * partColumns * bytes).run(shares);
  launch(directReduce[float]).filters(filters).filterBytes(pass.filterStride * bytes).taps(taps).tapCount(tapCount)
    .groups(shares).partial(partial).sums(sums).dw(dw).dwOffset(group * filters * pass.filterStride * bytes)
    .db(db).dbOffset(group * filters * bytes).run(blocks);
}
