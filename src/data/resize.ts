/** Pictures as tensors brought to a size (see resample.ts), and cropped. */

import { checkInteger } from '../runtime/check.ts';
import { checkRank, shapeText } from '../tensor/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { Tensor } from '../tensor/tensor.ts';
import { resample } from './resample.ts';

/**
 * Pictures x (C, H, W) or (N, C, H, W) at another height and width, in the element type of x (uint8 is rounded).
 * Throws TypeError for what is no such tensor, RangeError for sizes below 1.
 */
export function resizeImages(x: Tensor, height: number, width: number): Tensor {
  const fn = 'resizeImages';
  const [inHeight, inWidth] = checkImages(fn, x);
  checkInteger(fn, 'height', height, 1, 2 ** 16);
  checkInteger(fn, 'width', width, 1, 2 ** 16);
  const planeSize = inHeight * inWidth;
  const out = resample({
    values: contiguousData(x), starts: Array.from({ length: x.size / planeSize }, (_, plane) => plane * planeSize),
    height: inHeight, width: inWidth, rowStride: inWidth, columnStride: 1,
  }, height, width);
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
