/**
 * Convolution as matrix products, with the column matrix (im2col) never built. Three ideas carry it:
 *
 * - A group of images is copied into zero-padded float64 planes once: after that there are no edges, and the inner
 *   loops see one array type. The group's output is a float64 matrix (filters, pixels) in the same way.
 * - In those planes, tap t = (c, ky, kx) of output pixel p lies at pixelOffset[p] + tapOffset[t]. The column matrix
 *   (taps, pixels) is just these two tables, and packing panels from them is im2col (indirect convolution,
 *   Dukhan 2019, applied to packing).
 * - With columns (taps, pixels), filters w (filters, taps) and out (filters, pixels):
 *     forward            out      = w columns
 *     filter gradient    dw       = dout columns^T
 *     input gradient     dcolumns = w^T dout, each tile of which is added to padded planes at once (col2im).
 *   With groups, each part of the filters is a product of its own, on its part of the planes.
 */

import type { ConvKernels, Epilogue, FloatArray } from '../contract.ts';
import { type ConvGeometry, isMostlyPadding } from '../geometry.ts';
import { convBackward as naiveBackward, convForward as naiveForward } from '../naive/convolution.ts';
import { reluForward } from './activation.ts';
import { blockedProduct, storeTile } from './blocked-product.ts';
import { tile4x4 } from './micro-kernel.ts';
import { packGathered, packStrided } from './packing.ts';
import { clearPlanes, copyPlanes, copyPlanesBack, paddedView, type PaddedView } from './padded-planes.ts';
import { float64Scratch } from './scratch.ts';

const imagePlanes = float64Scratch();
const gradientPlanes = float64Scratch();
const outputMatrix = float64Scratch();
const filterSums = float64Scratch();
const biasSums = float64Scratch();

/** out (batch, filters, outHeight, outWidth); scale and bias are applied on the way out of the group's matrix. */
export function convForward(
  x: FloatArray, w: FloatArray, b: FloatArray | null, out: FloatArray, g: ConvGeometry, epilogue: Epilogue,
): void {
  if (isMostlyPadding(g)) return naiveForward(x, w, b, out, g, epilogue);
  const view = paddedView(g);
  const planes = imagePlanes.take(view.size);
  clearPlanes(planes, view);
  for (let image = 0; image < g.batch; image += view.images) {
    const images = Math.min(view.images, g.batch - image);
    const columns = images * view.pixels;
    const matrix = outputMatrix.take(g.filters * columns);
    copyPlanes(x, planes, image, images, view, g);
    eachGroup(g, (group, filters) => {
      const weights = w.subarray(group * filters * view.taps);
      const pixels = planes.subarray(group * view.groupSize);
      blockedProduct(tile4x4, {
        rows: filters,
        columns,
        depth: view.taps,
        packLeft: (panels, width, filter, count, step, steps) => {
          packStrided(weights, view.taps, 1, panels, width, filter, count, step, steps);
        },
        packRight: (panels, width, pixel, count, step, steps) => {
          packGathered(pixels, view.pixelOffset, view.tapOffset, panels, width, pixel, count, step, steps);
        },
        store: (tile, width, filter, pixel, rows, count, first) => {
          const start = (group * filters + filter) * columns + pixel;
          storeTile(tile, width, matrix, start, columns, rows, count, !first);
        },
      });
    });
    writeOutput(matrix, b, out, image, images, view.pixels, g.filters, epilogue.scale ?? null);
  }
  if (epilogue.relu === true) reluForward(out, out);
}

/** dx (unless null), dw and db from dout (batch, filters, outHeight, outWidth). */
export function convBackward(
  dout: FloatArray, x: FloatArray, w: FloatArray, dx: FloatArray | null, dw: FloatArray, db: FloatArray,
  g: ConvGeometry,
): void {
  if (isMostlyPadding(g)) return naiveBackward(dout, x, w, dx, dw, db, g);
  const view = paddedView(g);
  const planes = imagePlanes.take(view.size);
  clearPlanes(planes, view);
  const filterSum = filterSums.take(dw.length);
  filterSum.fill(0, 0, dw.length);
  const biasSum = biasSums.take(g.filters);
  biasSum.fill(0, 0, g.filters);
  for (let image = 0; image < g.batch; image += view.images) {
    const images = Math.min(view.images, g.batch - image);
    const matrix = outputMatrix.take(g.filters * images * view.pixels);
    readOutput(dout, matrix, biasSum, image, images, view.pixels, g.filters);
    copyPlanes(x, planes, image, images, view, g);
    const gradients = dx === null ? null : gradientPlanes.take(view.size);
    if (gradients !== null) clearPlanes(gradients, view);
    eachGroup(g, (group, filters) => {
      const douts = matrix.subarray(group * filters * images * view.pixels);
      const pixels = planes.subarray(group * view.groupSize);
      const first = group * filters * view.taps;
      addFilterGradient(douts, pixels, filterSum.subarray(first), images * view.pixels, filters, view);
      if (gradients === null) return;
      const target = gradients.subarray(group * view.groupSize);
      addInputGradient(douts, w.subarray(first), target, images * view.pixels, filters, view);
    });
    if (dx !== null && gradients !== null) {
      copyPlanesBack(gradients, dx, image, images, view, g);
    }
  }
  for (let i = 0; i < dw.length; i++) dw[i] = filterSum[i];
  for (let f = 0; f < g.filters; f++) db[f] = biasSum[f];
}

/** Calls body for every group of filters with its place and how many filters it has. */
function eachGroup(g: ConvGeometry, body: (group: number, filters: number) => void): void {
  for (let group = 0; group < g.groups; group++) body(group, g.filters / g.groups);
}

/** sums (filters, taps) += dout columns^T, for one group of images. */
function addFilterGradient(
  dout: Float64Array, planes: Float64Array, sums: Float64Array, pixels: number, filters: number, view: PaddedView,
): void {
  blockedProduct(tile4x4, {
    rows: filters,
    columns: view.taps,
    depth: pixels,
    packLeft: (panels, width, filter, count, step, steps) => {
      packStrided(dout, pixels, 1, panels, width, filter, count, step, steps);
    },
    packRight: (panels, width, tap, count, step, steps) => {
      packGathered(planes, view.tapOffset, view.pixelOffset, panels, width, tap, count, step, steps);
    },
    store: (tile, width, filter, tap, rows, columns) => {
      storeTile(tile, width, sums, filter * view.taps + tap, view.taps, rows, columns, true);
    },
  });
}

/** planes += the columns' gradient w^T dout, every tile added where its taps lie. */
function addInputGradient(
  dout: Float64Array, w: FloatArray, planes: Float64Array, pixels: number, filters: number, view: PaddedView,
): void {
  blockedProduct(tile4x4, {
    rows: view.taps,
    columns: pixels,
    depth: filters,
    packLeft: (panels, width, tap, count, step, steps) => {
      packStrided(w, 1, view.taps, panels, width, tap, count, step, steps);
    },
    packRight: (panels, width, pixel, count, step, steps) => {
      packStrided(dout, 1, pixels, panels, width, pixel, count, step, steps);
    },
    store: (tile, width, tap, pixel, rows, columns) => {
      scatterTile(tile, width, planes, view, tap, pixel, rows, columns);
    },
  });
}

/** Adds a tile of the columns' gradient (taps, pixels) to the places in the planes that those columns came from. */
function scatterTile(
  tile: Float64Array, width: number, planes: Float64Array, view: PaddedView, tap: number, pixel: number,
  rows: number, columns: number,
): void {
  const { tapOffset, pixelOffset } = view;
  if (columns === 4) {
    // Whole rows, as in storeTile; "| 0" as in packGathered.
    const a = pixelOffset[pixel], b = pixelOffset[pixel + 1], c = pixelOffset[pixel + 2], d = pixelOffset[pixel + 3];
    for (let r = 0; r < rows; r++) {
      const offset = tapOffset[tap + r];
      const from = r * width;
      planes[(offset + a) | 0] += tile[from];
      planes[(offset + b) | 0] += tile[from + 1];
      planes[(offset + c) | 0] += tile[from + 2];
      planes[(offset + d) | 0] += tile[from + 3];
    }
    return;
  }
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) planes[tapOffset[tap + r] + pixelOffset[pixel + c]] += tile[r * width + c];
  }
}

/**
 * Writes matrix (filters, images * pixels) to out (batch, filters, pixels), images image..image+images, multiplied by
 * the filter's scale and with its bias added.
 */
function writeOutput(
  matrix: Float64Array, b: FloatArray | null, out: FloatArray, image: number, images: number, pixels: number,
  filters: number, scale: FloatArray | null,
): void {
  for (let f = 0; f < filters; f++) {
    const factor = scale === null ? 1 : scale[f];
    const shift = b === null ? 0 : b[f];
    for (let i = 0; i < images; i++) {
      const from = (f * images + i) * pixels;
      const to = ((image + i) * filters + f) * pixels;
      for (let p = 0; p < pixels; p++) out[to + p] = matrix[from + p] * factor + shift;
    }
  }
}

/** The way back: dout of a group of images as matrix (filters, images * pixels); its sums join the bias gradient. */
function readOutput(
  dout: FloatArray, matrix: Float64Array, biasSum: Float64Array, image: number, images: number, pixels: number,
  filters: number,
): void {
  for (let f = 0; f < filters; f++) {
    let sum = 0;
    for (let i = 0; i < images; i++) {
      const from = ((image + i) * filters + f) * pixels;
      const to = (f * images + i) * pixels;
      for (let p = 0; p < pixels; p++) {
        const value = dout[from + p];
        matrix[to + p] = value;
        sum += value;
      }
    }
    biasSum[f] += sum;
  }
}

export const fastConvolution: ConvKernels = { convForward, convBackward };
