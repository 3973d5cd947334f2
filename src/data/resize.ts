/**
 * Pictures brought to a size. Each output pixel is the average of the input under a triangle that reaches to the
 * neighbouring output pixels, or to the neighbouring input pixels where the picture grows: bilinear interpolation when
 * enlarging, and antialiasing, which plain interpolation lacks, when reducing. Rows and columns are done one after the
 * other, since the triangle's weights are a product.
 */

import { checkInteger } from '../runtime/check.ts';
import { checkRank, shapeText } from '../tensor/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { Tensor } from '../tensor/tensor.ts';

/** What one output pixel sees along an axis: input pixels from `first`, with weights that add up to 1. */
interface Footprint {
  readonly first: number;
  readonly weights: readonly number[];
}

function footprints(size: number, outSize: number): Footprint[] {
  const scale = size / outSize;
  const reach = Math.max(1, scale);
  return Array.from({ length: outSize }, (_, o) => {
    const center = (o + 0.5) * scale;
    const first = Math.max(0, Math.floor(center - reach + 0.5));
    const last = Math.min(size, Math.floor(center + reach + 0.5));
    const weights = Array.from({ length: last - first }, (_, i) =>
      Math.max(0, 1 - Math.abs(first + i + 0.5 - center) / reach));
    const sum = weights.reduce((a, b) => a + b, 0);
    return { first, weights: weights.map((weight) => weight / sum) };
  });
}

/**
 * Pictures x (C, H, W) or (N, C, H, W) at another height and width, in the element type of x (uint8 is rounded).
 * Throws TypeError for what is no such tensor, RangeError for sizes below 1.
 */
export function resizeImages(x: Tensor, height: number, width: number): Tensor {
  const fn = 'resizeImages';
  const [inHeight, inWidth] = checkImages(fn, x);
  checkInteger(fn, 'height', height, 1, 2 ** 16);
  checkInteger(fn, 'width', width, 1, 2 ** 16);
  const planes = x.size / (inHeight * inWidth);
  const [rows, columns] = [footprints(inHeight, height), footprints(inWidth, width)];
  const values = contiguousData(x);
  const narrow = new Float64Array(planes * inHeight * width);
  for (let row = 0; row < planes * inHeight; row++) {
    for (let ox = 0; ox < width; ox++) {
      const { first, weights } = columns[ox];
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i] * values[row * inWidth + first + i];
      narrow[row * width + ox] = sum;
    }
  }
  const out = new Float64Array(planes * height * width);
  for (let plane = 0; plane < planes; plane++) {
    for (let oy = 0; oy < height; oy++) {
      const { first, weights } = rows[oy];
      for (let ox = 0; ox < width; ox++) {
        let sum = 0;
        const from = (plane * inHeight + first) * width + ox;
        for (let i = 0; i < weights.length; i++) sum += weights[i] * narrow[from + i * width];
        out[(plane * height + oy) * width + ox] = sum;
      }
    }
  }
  const result = new Tensor(out, [...x.shape.slice(0, -2), height, width]);
  if (x.dtype === 'float64') return result;
  return x.dtype === 'float32' ? result.astype('float32') : result.round().astype(x.dtype);
}

/** The middle of pictures x (C, H, W) or (N, C, H, W) as a view, square unless a height and a width are given. */
export function cropCenter(x: Tensor, height?: number, width?: number): Tensor {
  const fn = 'cropCenter';
  const [inHeight, inWidth] = checkImages(fn, x);
  const side = Math.min(inHeight, inWidth);
  const wanted = [checkInteger(fn, 'height', height ?? side, 1), checkInteger(fn, 'width', width ?? side, 1)];
  if (wanted[0] > inHeight || wanted[1] > inWidth) {
    throw new RangeError(`${fn}: ${wanted.join('x')} must fit into x, got ${shapeText(x.shape)}`);
  }
  const [top, left] = [Math.floor((inHeight - wanted[0]) / 2), Math.floor((inWidth - wanted[1]) / 2)];
  const all = x.shape.slice(0, -2).map(() => null);
  return x.slice(...all, [top, top + wanted[0]], [left, left + wanted[1]]);
}

/** The height and width of pictures. */
function checkImages(fn: string, x: Tensor): readonly number[] {
  checkRank(fn, 'x', x, 3, 4);
  if (x.size === 0) throw new RangeError(`${fn}: x must not be empty, got shape ${shapeText(x.shape)}`);
  return x.shape.slice(-2);
}
