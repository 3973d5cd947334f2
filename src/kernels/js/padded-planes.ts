/**
 * Images in zero-padded float64 planes, and the tables that say where a convolution finds its pixels in them. For
 * output pixel p (of any image of the batch's part) and tap t = (c, ky, kx) of the first group of channels, the input
 * lies at pixelOffset[p] + tapOffset[t]; for every further group, groupSize later.
 */

import type { FloatArray } from '../contract.ts';
import type { ConvGeometry } from '../geometry.ts';
import { int32Scratch } from './scratch.ts';
import { pixelsTogether } from './tuning.ts';

export interface PaddedView {
  /** images in a group; the last group may have fewer */
  readonly images: number;
  /** elements that a group's planes take: images * channels * planeHeight * planeWidth */
  readonly size: number;
  readonly planeHeight: number;
  readonly planeWidth: number;
  /** elements of the planes of one group of channels */
  readonly groupSize: number;
  /** output pixels of one image */
  readonly pixels: number;
  /** channels of a group * kernelHeight * kernelWidth */
  readonly taps: number;
  /** (images * pixels): the top left corner of each output pixel's window, in the planes */
  readonly pixelOffset: Int32Array;
  /** (taps): from the top left corner of a window to its tap */
  readonly tapOffset: Int32Array;
}

const pixelTable = int32Scratch();
const tapTable = int32Scratch();

/** The tables for a geometry; they are valid until the next call. */
export function paddedView(g: ConvGeometry): PaddedView {
  const planeHeight = planeExtent(g.height, g.padTop, g.outHeight, g.strideY, g.kernelHeight, g.dilationY);
  const planeWidth = planeExtent(g.width, g.padLeft, g.outWidth, g.strideX, g.kernelWidth, g.dilationX);
  const pixels = g.outHeight * g.outWidth;
  const channels = g.channels / g.groups;
  const taps = channels * g.kernelHeight * g.kernelWidth;
  const images = Math.max(1, Math.min(g.batch, Math.round(pixelsTogether / pixels)));
  const imageSize = g.channels * planeHeight * planeWidth;

  const pixelOffset = pixelTable.take(images * pixels);
  let p = 0;
  for (let image = 0; image < images; image++) {
    for (let oy = 0; oy < g.outHeight; oy++) {
      for (let ox = 0; ox < g.outWidth; ox++) {
        pixelOffset[p++] = image * imageSize + oy * g.strideY * planeWidth + ox * g.strideX;
      }
    }
  }
  const tapOffset = tapTable.take(taps);
  let t = 0;
  for (let c = 0; c < channels; c++) {
    for (let ky = 0; ky < g.kernelHeight; ky++) {
      const row = (c * planeHeight + ky * g.dilationY) * planeWidth;
      for (let kx = 0; kx < g.kernelWidth; kx++) tapOffset[t++] = row + kx * g.dilationX;
    }
  }
  const groupSize = channels * planeHeight * planeWidth;
  return { images, size: images * imageSize, groupSize, planeHeight, planeWidth, pixels, taps, pixelOffset, tapOffset };
}

/** Rows, or columns, of a padded plane: to the end of the image or of the last window, whichever is further. */
function planeExtent(
  size: number, pad: number, outSize: number, stride: number, window: number, dilation: number,
): number {
  return Math.max(pad + size, (outSize - 1) * stride + (window - 1) * dilation + 1);
}

/** Zeroes the planes of a group, borders included. copyPlanes leaves the borders as they are. */
export function clearPlanes(planes: Float64Array, view: PaddedView): void {
  planes.fill(0, 0, view.size);
}

/** Copies images image..image+images of x (batch, channels, height, width) into the inside of the planes. */
export function copyPlanes(
  x: FloatArray, planes: Float64Array, image: number, images: number, view: PaddedView, g: ConvGeometry,
): void {
  let from = image * g.channels * g.height * g.width;
  for (let plane = 0; plane < images * g.channels; plane++) {
    for (let y = 0; y < g.height; y++) {
      const to = (plane * view.planeHeight + y + g.padTop) * view.planeWidth + g.padLeft;
      for (let i = 0; i < g.width; i++) planes[to + i] = x[from + i];
      from += g.width;
    }
  }
}

/** Copies the inside of the planes to images image..image+images of dx; what fell on the padding is dropped. */
export function copyPlanesBack(
  planes: Float64Array, dx: FloatArray, image: number, images: number, view: PaddedView, g: ConvGeometry,
): void {
  let to = image * g.channels * g.height * g.width;
  for (let plane = 0; plane < images * g.channels; plane++) {
    for (let y = 0; y < g.height; y++) {
      const from = (plane * view.planeHeight + y + g.padTop) * view.planeWidth + g.padLeft;
      for (let i = 0; i < g.width; i++) dx[to + i] = planes[from + i];
      to += g.width;
    }
  }
}
