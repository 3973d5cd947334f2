/**
 * Convolution with windows of 1x1: at every pixel a product of the filters' matrix and the pixel's channels. With the
 * planes of an image as rows of a matrix (channels, pixels) no pixel need be moved:
 *
 *   out[n] = w x[n] + b        dx[n] = w^T dout[n]        dw = the sum over n of dout[n] x[n]^T
 *
 * one job of many products each. Small planes make poor matrices, too narrow for the tiles, and the filters would be
 * fetched again for every image; so those are gathered first into one matrix (channels, images * pixels).
 */

import { bytesOf, type FloatKind } from '../../../wasm/index.ts';
import type { Epilogue, FloatArray } from '../../contract.ts';
import type { ConvGeometry } from '../../geometry.ts';
import { launchColumnSums, launchProduct } from '../gemm/gemm.ts';
import { type Address, floatKind, launch, launched, type Place, scratch } from '../launch.ts';
import { gemmTuning } from '../tuning.ts';
import { gradientGroups, pointwiseGradientLeastPixels, pointwiseLeastPixels } from './choose.ts';
import { pointwisePlanes, pointwiseScaled, pointwiseSums } from './pointwise-kernels.ts';

/** Planes of every image in the order of channels, so that a channel is one row; inside a launch. */
function gather(float: FloatKind, from: Place, channels: number, g: ConvGeometry): Address {
  const pixels = g.height * g.width;
  const to = scratch(g.batch * channels * pixels * bytesOf(float));
  launch(pointwisePlanes[float]).batch(g.batch).channels(channels).pixels(pixels).from(from).to(to)
    .fromImage(channels * pixels).fromPlane(pixels).toImage(pixels).toPlane(g.batch * pixels).run(channels);
  return to;
}

/** The way back. */
function scatter(float: FloatKind, from: Place, to: Place, channels: number, g: ConvGeometry): void {
  const pixels = g.height * g.width;
  launch(pointwisePlanes[float]).batch(g.batch).channels(channels).pixels(pixels).from(from).to(to)
    .fromImage(pixels).fromPlane(g.batch * pixels).toImage(channels * pixels).toPlane(pixels).run(channels);
}

/** convForward of the contract, of images that may lie in scratch. */
export const pointwiseForward: (
  x: Place, w: FloatArray, b: FloatArray | null, out: FloatArray, g: ConvGeometry, epilogue: Epilogue,
) => void = launched((x, w, b, out, g, epilogue) => {
  const float = floatKind(w);
  const { batch, channels, filters } = g;
  const pixels = g.height * g.width;
  let a: Place = w;
  if (epilogue.scale) {
    a = scratch(w.byteLength);
    launch(pointwiseScaled[float]).w(w).scales(epilogue.scale).columns(channels).to(a).run(filters);
  }
  const product = { a, m: filters, k: channels, rowBias: b, relu: epilogue.relu === true };
  if (batch === 1 || pixels >= pointwiseLeastPixels) {
    const many = { count: batch, a: 0, b: channels * pixels, out: filters * pixels };
    launchProduct(float, { ...product, b: x, out, n: pixels, many });
  } else {
    const outRows = scratch(out.byteLength);
    launchProduct(float, { ...product, b: gather(float, x, channels, g), out: outRows, n: batch * pixels });
    scatter(float, outRows, out, filters, g);
  }
});

/** convBackward of the contract, likewise. */
export const pointwiseBackward: (
  dout: FloatArray, x: Place, w: FloatArray, dx: Place | null, dw: FloatArray, db: FloatArray, g: ConvGeometry,
) => void = launched((dout, x, w, dx, dw, db, g) => {
  const float = floatKind(w);
  const { batch, channels, filters } = g;
  const pixels = g.height * g.width;
  launch(pointwiseSums[float]).batch(batch).channels(filters).pixels(pixels).dout(dout).db(db).run(filters);
  const inputByImages = batch === 1 || pixels >= pointwiseLeastPixels;
  let doutRows: Place = dout;
  let xRows: Place = x;
  if (batch === 1 || pixels >= pointwiseGradientLeastPixels) {
    // Groups of images are summed apart: so there are tasks for many threads though dw may be small.
    const parts = Math.ceil(filters / gemmTuning.taskRows) * Math.ceil(channels / gemmTuning.taskColumns);
    const summed = Math.ceil(batch / Math.ceil(gradientGroups / parts));
    const groups = Math.ceil(batch / summed);
    const partial = groups > 1 ? scratch(groups * dw.byteLength) : dw;
    launchProduct(float, {
      a: dout, b: x, out: partial, m: filters, n: channels, k: pixels, transposeB: true,
      many: { count: batch, a: filters * pixels, b: channels * pixels, out: dw.length, summed },
    });
    if (groups > 1) launchColumnSums(float, partial, dw, groups, dw.length);
  } else {
    doutRows = gather(float, dout, filters, g);
    xRows = gather(float, x, channels, g);
    const k = batch * pixels;
    launchProduct(float, { a: doutRows, b: xRows, out: dw, m: filters, n: channels, k, transposeB: true });
  }
  if (dx === null) return;
  const product = { a: w, m: channels, k: filters, transposeA: true };
  if (inputByImages) {
    const many = { count: batch, a: 0, b: filters * pixels, out: channels * pixels };
    launchProduct(float, { ...product, b: dout, out: dx, n: pixels, many });
  } else {
    launchProduct(float, { ...product, b: doutRows, out: xRows, n: batch * pixels });
    scatter(float, xRows, dx, channels, g);
  }
});
