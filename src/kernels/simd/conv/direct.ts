/**
 * The host's side of the direct convolution: tap tables, sizes, scratch and jobs (the kernels are in direct-
 * kernels.ts).
 */

import { roundUp } from '../../../runtime/numbers.ts';
import { bytesOf } from '../../../wasm/index.ts';
import type { ConvGeometry, ConvKernels, FloatArray } from '../../contract.ts';
import { residentArray, type TypedArray } from '../../memory/allocate.ts';
import { floatKind, launch, launched, scratch, staged } from '../launch.ts';
import {
  directPlaneBytes, type FilterGradient, gradientGroupBytes, gradientGroups, type InputGradient, leastTasks,
} from './choose.ts';
import { directGradient, directReduce } from './direct-gradient-kernels.ts';
import { directForward as forwardKernel, directPack, planeSizes } from './direct-kernels.ts';
import { epilogueTable } from './epilogue.ts';

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

const tapTables: Map<string, TypedArray> = new Map();
const mostTapTables = 64;

/**
 * The table of taps, two numbers each: bytes into a filter's weights, bytes into the padded planes; one more entry of
 * zeros at the end, because the gradient kernel takes taps in pairs.
 */
function tapTable(pass: Pass, part: Part, planeRows: number, partColumns: number, bytes: number): TypedArray {
  const { channels, stride } = pass;
  const { windowHeight, windowWidth, top, left, source, sourceKey } = part;
  const key = [sourceKey, channels, windowHeight, windowWidth, top, left, stride, planeRows, partColumns, bytes].join(' ');
  const known = tapTables.get(key);
  if (known !== undefined) return known;
  const table = residentArray('int32', 2 * (channels * windowHeight * windowWidth + 1));
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

/** Columns of a part of a padded row, so that whole vectors can be read at every tap. */
function columnsOfPart(pass: Pass, outColumns: number, lanes: number): number {
  return roundUp(outColumns + Math.floor((pass.windowWidth - 1) / pass.stride), lanes);
}

/** Packs the weights and runs the forward kernel, inside a launch. */
function runPass(x: FloatArray, w: FloatArray, out: FloatArray, table: FloatArray, relu: boolean, pass: Pass): void {
  const float = floatKind(x);
  const bytes = bytesOf(float);
  const lanes = 16 / bytes;
  const { batch, channels, filters, stride, parts } = pass;
  const outHeight = Math.max(...parts.map((part) => part.outHeight));
  const outWidth = Math.max(...parts.map((part) => part.outWidth));
  const partColumns = columnsOfPart(pass, roundUp(outWidth, 2 * lanes), lanes);
  const rowBytes = channels * stride * partColumns * bytes;
  const bands = Math.ceil(leastTasks / batch);
  const fitting = Math.floor((directPlaneBytes / rowBytes - pass.windowHeight) / stride) + 1;
  const rowsPerTask = Math.max(1, Math.min(Math.ceil(outHeight / bands), fitting));
  const tasksPerImage = Math.ceil(outHeight / rowsPerTask);
  const planeRows = (rowsPerTask - 1) * stride + pass.windowHeight;

  const blocks = Math.ceil(filters / 4);
  const entries = parts.flatMap((part) => {
    const tapList = tapTable(pass, part, planeRows, partColumns, bytes);
    const tapCount = tapList.length / 2 - 1;
    const taps = staged(tapList);
    const packed = scratch(blocks * tapCount * 4 * bytes);
    launch(directPack[float]).filters(filters).filterBytes(pass.filterStride * bytes).taps(taps).tapCount(tapCount)
      .w(w).packed(packed).run(blocks);
    return [taps, packed, tapCount, part.outOffset * bytes, part.outHeight, part.outWidth]; // as partEntry has them
  });

  launch(forwardKernel[float]).from(planeSizes, { ...pass, planeRows, partColumns })
    .x(x).parts(Int32Array.from(entries)).partCount(parts.length).table(table).relu(relu)
    .out(out).outHeight(outHeight).outImageBytes(pass.outImage * bytes).outPlaneBytes(pass.outPlane * bytes)
    .outRowBytes(pass.outRow * bytes).outPixelBytes(pass.outPixel * bytes)
    .rowsPerTask(rowsPerTask).tasksPerImage(tasksPerImage).scratch(planeRows * rowBytes).run(batch * tasksPerImage);
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
export const directForward: ConvKernels['convForward'] = launched((x, w, b, out, g, epilogue) => {
  runPass(x, w, out, epilogueTable(x, g.filters, epilogue.scale, b), epilogue.relu === true, forwardPass(g));
});

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
    batch: g.batch, channels: g.filters, height: g.outHeight, width: g.outWidth, filters: channels, stride: 1,
    padTop, padLeft,
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
export const directInputGradient: InputGradient = launched((dout, w, dx, g) => {
  runPass(dout, w, dx, epilogueTable(dout, g.channels, null, null), false, inputGradientPass(g));
});

/** The gradients at the filters and the bias. */
export const directFilterGradient: FilterGradient = launched((dout, x, dw, db, g) => {
  const float = floatKind(x);
  const bytes = bytesOf(float);
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

  const tapList = tapTable(pass, pass.parts[0], planeRows, partColumns, bytes);
  const tapCount = tapList.length / 2 - 1;
  const taps = staged(tapList);
  const partial = scratch(groups * groupBytes);
  const sums = scratch(groups * blocks * 64);
  launch(directGradient[float]).from(planeSizes, { ...pass, planeRows, partColumns })
    .x(x).dout(dout).taps(taps).tapCount(tapCount).outHeight(g.outHeight).outWidth(g.outWidth).doutColumns(doutColumns)
    .imagesPerTask(imagesPerTask).planesOffset(planesOffset).partial(partial).sums(sums)
    .scratch(planesOffset + g.channels * planeRows * g.strideY * partColumns * bytes).run(groups);
  launch(directReduce[float]).filters(g.filters).filterBytes(pass.filterStride * bytes).taps(taps).tapCount(tapCount)
    .groups(groups).partial(partial).sums(sums).dw(dw).db(db).run(blocks);
});
