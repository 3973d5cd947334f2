/**
 * Convolution as matrix products, with the column matrix (im2col) never built. Three ideas carry it:
 *
 * - A group of images is copied into zero-padded float64 planes once. After that there are no edges.
 * - In those planes, tap t = (c, ky, kx) of output pixel p lies at pixelOffset[p] + tapOffset[t]. The column matrix
 *   (taps, pixels) is just these two tables, and packing panels from them is im2col (indirect convolution,
 *   Dukhan 2019, applied to packing).
 * - With columns (taps, pixels), filters w (filters, taps) and out (filters, pixels):
 *     forward            out      = w columns
 *     filter gradient    dw       = dout columns^T
 *     input gradient     dcolumns = w^T dout, each tile of which is added to padded planes at once (col2im).
 */

import type { ConvGeometry, ConvKernels, Epilogue, FloatArray } from '../contract.ts';
import { blockedProduct } from './blocked-product.ts';
import { copyPlanesBack, clearPlanes, copyPlanes, paddedView, type PaddedView } from './padded-planes.ts';
import { tile4x4 } from './micro-kernel.ts';
import { packGathered, packStrided } from './packing.ts';
import { float64Scratch } from './scratch.ts';

const imagePlanes = float64Scratch();
const gradientPlanes = float64Scratch();
const filterSums = float64Scratch();

/** out (batch, filters, outHeight, outWidth): scale, bias and relu are applied as the last block of a tile arrives. */
export function convForward(
  x: FloatArray, w: FloatArray, b: FloatArray | null, out: FloatArray, g: ConvGeometry, epilogue: Epilogue,
): void {
  const view = paddedView(g);
  const planes = imagePlanes.take(view.size);
  clearPlanes(planes, view);
  const scale = epilogue.scale ?? null;
  const relu = epilogue.relu === true;
  for (let image = 0; image < g.batch; image += view.images) {
    const images = Math.min(view.images, g.batch - image);
    copyPlanes(x, planes, image, images, view, g);
    const outStart = image * g.filters * view.pixels;
    blockedProduct(tile4x4, {
      rows: g.filters,
      columns: images * view.pixels,
      depth: view.taps,
      packLeft: (panels, width, filter, count, step, steps) => {
        packStrided(w, view.taps, 1, panels, width, filter, count, step, steps);
      },
      packRight: (panels, width, pixel, count, step, steps) => {
        packGathered(planes, view.pixelOffset, view.tapOffset, panels, width, pixel, count, step, steps);
      },
      store: (tile, width, filter, pixel, rows, columns, first, last) => {
        for (let r = 0; r < rows; r++) {
          const f = filter + r;
          const factor = last && scale !== null ? scale[f] : 1;
          const shift = last && b !== null ? b[f] : 0;
          for (let c = 0; c < columns; c++) {
            const to = outStart + view.outOffset[pixel + c] + f * view.pixels;
            const sum = first ? tile[r * width + c] : out[to] + tile[r * width + c];
            const value = sum * factor + shift;
            out[to] = relu && last && value < 0 ? 0 : value;
          }
        }
      },
    });
  }
}

/** dx (unless null), dw and db from dout (batch, filters, outHeight, outWidth). */
export function convBackward(
  dout: FloatArray, x: FloatArray, w: FloatArray, dx: FloatArray | null, dw: FloatArray, db: FloatArray,
  g: ConvGeometry,
): void {
  const view = paddedView(g);
  biasGradient(dout, db, g, view.pixels);
  filterGradient(dout, x, dw, g, view);
  if (dx !== null) inputGradient(dout, w, dx, g, view);
}

/** db[f] = the sum of dout over examples and pixels. */
function biasGradient(dout: FloatArray, db: FloatArray, g: ConvGeometry, pixels: number): void {
  for (let f = 0; f < g.filters; f++) {
    let sum = 0;
    for (let n = 0; n < g.batch; n++) {
      const start = (n * g.filters + f) * pixels;
      for (let p = start; p < start + pixels; p++) sum += dout[p];
    }
    db[f] = sum;
  }
}

/** dw = dout columns^T, summed over groups of images in float64. */
function filterGradient(dout: FloatArray, x: FloatArray, dw: FloatArray, g: ConvGeometry, view: PaddedView): void {
  const planes = imagePlanes.take(view.size);
  clearPlanes(planes, view);
  const sums = filterSums.take(dw.length);
  sums.fill(0, 0, dw.length);
  for (let image = 0; image < g.batch; image += view.images) {
    const images = Math.min(view.images, g.batch - image);
    copyPlanes(x, planes, image, images, view, g);
    const doutStart = image * g.filters * view.pixels;
    blockedProduct(tile4x4, {
      rows: g.filters,
      columns: view.taps,
      depth: images * view.pixels,
      packLeft: (panels, width, filter, count, step, steps) => {
        packOutput(dout, doutStart, view, panels, width, filter, count, step, steps);
      },
      packRight: (panels, width, tap, count, step, steps) => {
        packGathered(planes, view.tapOffset, view.pixelOffset, panels, width, tap, count, step, steps);
      },
      store: (tile, width, filter, tap, rows, columns) => {
        for (let r = 0; r < rows; r++) {
          const to = (filter + r) * view.taps + tap;
          for (let c = 0; c < columns; c++) sums[to + c] += tile[r * width + c];
        }
      },
    });
  }
  for (let i = 0; i < dw.length; i++) dw[i] = sums[i];
}

/** dx: tiles of w^T dout are added to the padded planes, whose inside is then copied out. */
function inputGradient(dout: FloatArray, w: FloatArray, dx: FloatArray, g: ConvGeometry, view: PaddedView): void {
  const planes = gradientPlanes.take(view.size);
  for (let image = 0; image < g.batch; image += view.images) {
    const images = Math.min(view.images, g.batch - image);
    clearPlanes(planes, view);
    const doutStart = image * g.filters * view.pixels;
    blockedProduct(tile4x4, {
      rows: view.taps,
      columns: images * view.pixels,
      depth: g.filters,
      packLeft: (panels, width, tap, count, step, steps) => {
        packStrided(w, 1, view.taps, panels, width, tap, count, step, steps);
      },
      packRight: (panels, width, pixel, count, step, steps) => {
        packOutputPixels(dout, doutStart, view, panels, width, pixel, count, step, steps);
      },
      store: (tile, width, tap, pixel, rows, columns) => {
        for (let r = 0; r < rows; r++) {
          const offset = view.tapOffset[tap + r];
          for (let c = 0; c < columns; c++) planes[offset + view.pixelOffset[pixel + c]] += tile[r * width + c];
        }
      },
    });
    copyPlanesBack(planes, dx, image, images, view, g);
  }
}

/** Panels of dout with filters as lanes and pixels (of several images) as steps. */
function packOutput(
  dout: FloatArray, start: number, view: PaddedView, panels: Float64Array, width: number,
  filter: number, count: number, step: number, steps: number,
): void {
  for (let l = 0; l < count; l += width) {
    for (let i = 0; i < width; i++) {
      const to = l * steps + i;
      const from = start + (filter + l + i) * view.pixels;
      if (l + i >= count) for (let p = 0; p < steps; p++) panels[to + p * width] = 0;
      else for (let p = 0; p < steps; p++) panels[to + p * width] = dout[from + view.outOffset[step + p]];
    }
  }
}

/** Panels of dout with pixels (of several images) as lanes and filters as steps. */
function packOutputPixels(
  dout: FloatArray, start: number, view: PaddedView, panels: Float64Array, width: number,
  pixel: number, count: number, step: number, steps: number,
): void {
  for (let l = 0; l < count; l += width) {
    for (let i = 0; i < width; i++) {
      const to = l * steps + i;
      if (l + i >= count) for (let p = 0; p < steps; p++) panels[to + p * width] = 0;
      else {
        const from = start + view.outOffset[pixel + l + i];
        for (let p = 0; p < steps; p++) panels[to + p * width] = dout[from + (step + p) * view.pixels];
      }
    }
  }
}

export const fastConvolution: ConvKernels = { convForward, convBackward };
