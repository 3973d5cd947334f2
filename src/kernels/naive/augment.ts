/** Changes of training images: parts of them brought back to their size, and other colours. */

import type { AugmentKernels, FloatArray } from '../contract.ts';
import type { ImageGeometry } from '../geometry.ts';

/** Between which two pixels of a part each output pixel lies along an axis, and how far it is towards the second. */
function neighbours(size: number, outSize: number) {
  const [first, second] = [new Int32Array(outSize), new Int32Array(outSize)];
  const share = new Float64Array(outSize);
  for (let o = 0; o < outSize; o++) {
    const position = Math.min(size - 1, Math.max(0, ((2 * o + 1) * size - outSize) / (2 * outSize)));
    first[o] = Math.floor(position);
    second[o] = Math.min(size - 1, first[o] + 1);
    share[o] = position - first[o];
  }
  return { first, second, share };
}

/** out = the part of each image that its box names, at the size of the whole. */
export function cropImages(x: FloatArray, boxes: Int32Array, out: FloatArray, g: ImageGeometry): void {
  const { height, width } = g;
  const mixed = new Float64Array(width);
  let o = 0;
  for (let n = 0; n < g.batch; n++) {
    const [top, left, boxHeight, boxWidth] = boxes.subarray(4 * n, 4 * n + 4);
    const [rows, columns] = [neighbours(boxHeight, height), neighbours(boxWidth, width)];
    for (let c = 0; c < g.channels; c++) {
      const corner = ((n * g.channels + c) * height + top) * width + left;
      for (let oy = 0; oy < height; oy++) {
        const [upper, lower] = [corner + rows.first[oy] * width, corner + rows.second[oy] * width];
        const down = rows.share[oy];
        for (let i = 0; i < boxWidth; i++) mixed[i] = (1 - down) * x[upper + i] + down * x[lower + i];
        for (let ox = 0; ox < width; ox++) {
          const right = columns.share[ox];
          out[o++] = (1 - right) * mixed[columns.first[ox]] + right * mixed[columns.second[ox]];
        }
      }
    }
  }
}

const clamp = (value: number): number => (value < 0 ? 0 : value > 255 ? 255 : value);

/** out = the images with other brightness, contrast and saturation. */
export function jitterColors(
  x: FloatArray, factors: FloatArray, mean: FloatArray, std: FloatArray, out: FloatArray, g: ImageGeometry,
): void {
  const plane = g.height * g.width;
  const size = g.channels * plane;
  const pixels = new Float64Array(size);
  for (let n = 0; n < g.batch; n++) {
    const [brightness, contrast, saturation] = factors.subarray(3 * n, 3 * n + 3);
    for (let i = 0; i < size; i++) pixels[i] = clamp(brightness * (x[n * size + i] * std[i] + mean[i]));
    let middle = 0;
    for (let p = 0; p < plane; p++) middle += greyOf(pixels, p, plane, g.channels);
    middle /= plane;
    for (let i = 0; i < size; i++) pixels[i] = clamp(middle + contrast * (pixels[i] - middle));
    for (let p = 0; g.channels === 3 && p < plane; p++) {
      const grey = greyOf(pixels, p, plane, g.channels);
      for (let i = p; i < size; i += plane) pixels[i] = clamp(grey + saturation * (pixels[i] - grey));
    }
    for (let i = 0; i < size; i++) out[n * size + i] = (pixels[i] - mean[i]) / std[i];
  }
}

/** A pixel's grey: the luma of ITU-R BT.601 of three channels, else the mean of all. */
function greyOf(pixels: Float64Array, p: number, plane: number, channels: number): number {
  if (channels === 3) return 0.299 * pixels[p] + 0.587 * pixels[p + plane] + 0.114 * pixels[p + 2 * plane];
  let sum = 0;
  for (let i = p; i < channels * plane; i += plane) sum += pixels[i];
  return sum / channels;
}

export const naiveAugment: AugmentKernels = { cropImages, jitterColors };
