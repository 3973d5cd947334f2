/** Many small images in one picture: batches of data, and what the filters of a first layer look like. */

import { checkInteger, checkNumber, checkOneOf, checkOptions } from '../runtime/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { checkTensor } from '../tensor/check.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Picture } from './picture.ts';

export interface GridOptions {
  /** images in a row; as many as make the grid about square unless told */
  readonly columns?: number;
  /** width of the lines around the images, in image pixels; 1 unless told */
  readonly padding?: number;
  /** each image pixel becomes scale x scale pixels; 1 unless told */
  readonly scale?: number;
  /** grey level of the lines, 0 to 255, or transparent, which gives an RGBA picture; 255 unless told */
  readonly background?: number | 'transparent';
  /**
   * how values become 0..255: 'none' takes them as they are and clamps, 'each' stretches every image's own range to
   * 0..255, 'all' stretches the range of the whole batch. 'none' for uint8 and 'each' for other types unless told.
   */
  readonly normalize?: 'none' | 'each' | 'all';
  /**
   * the order of the axes: (N, C, H, W) or (N, H, W, C). Unless told it is read off the shape: a last axis of 3 that
   * cannot be the width of square images, as transpose(0, 2, 3, 1) gives, holds the colours.
   */
  readonly layout?: 'NCHW' | 'NHWC';
}

const optionNames = ['columns', 'padding', 'scale', 'background', 'normalize', 'layout'] as const;

/**
 * A batch (N, C, H, W) as one RGB picture: rows of images with lines between and around them. One channel is shown as
 * grey, three as RGB; any other number of channels as that many grey images each, one below the other's row order
 * (image 0 channel 0, image 0 channel 1, ...). NaN is drawn as the low end of the range.
 * Throws TypeError or RangeError for what is not such a batch, an empty one, or bad options.
 */
export function imageGrid(images: Tensor, options: GridOptions = {}): Picture {
  return grid('imageGrid', images, options);
}

/**
 * The filters (F, C, H, W) of a convolution as one RGB picture, each stretched to 0..255 by its own smallest and
 * largest weight: the picture of first-layer filters that the course shows. Options and errors as for imageGrid.
 */
export function filterGrid(filters: Tensor, options: GridOptions = {}): Picture {
  checkOptions('filterGrid', options, optionNames);
  return grid('filterGrid', filters, { normalize: 'each', ...options });
}

function grid(fn: string, images: Tensor, options: GridOptions): Picture {
  checkTensor(fn, 'images', images);
  if (images.ndim !== 4 || images.size === 0) {
    throw new RangeError(`${fn}: images must have shape (N, C, H, W), none of them 0, got ${images.shape.join('x')}`);
  }
  checkOptions(fn, options, optionNames);
  const layout = checkOneOf(fn, 'layout', options.layout ?? layoutOf(images.shape), ['NCHW', 'NHWC']);
  if (layout === 'NHWC') images = images.transpose(0, 3, 1, 2);
  const colored = images.shape[1] === 3;
  const channels = colored ? 3 : 1;
  const [height, width] = images.shape.slice(2);
  const count = colored ? images.shape[0] : images.shape[0] * images.shape[1];
  const padding = checkInteger(fn, 'padding', options.padding ?? 1, 0, 1000);
  const scale = checkInteger(fn, 'scale', options.scale ?? 1, 1, 100);
  const columns = Math.min(count, checkInteger(fn, 'columns', options.columns ?? Math.ceil(Math.sqrt(count)), 1));
  const transparent = options.background === 'transparent';
  const background = transparent
    ? 0
    : checkNumber(fn, "background (or 'transparent')", options.background ?? 255, 0, 255);
  const outChannels = transparent ? 4 : 3;
  const normalize = checkOneOf(fn, 'normalize', options.normalize ?? (images.dtype === 'uint8' ? 'none' : 'each'), [
    'none',
    'each',
    'all',
  ]);

  const values = contiguousData(images);
  const size = channels * height * width;
  const ranges =
    normalize === 'each'
      ? (i: number): Range => rangeOf(values, i * size, (i + 1) * size)
      : constant(normalize === 'all' ? rangeOf(values, 0, values.length) : { low: 0, high: 255 });

  const rows = Math.ceil(count / columns);
  const outWidth = (columns * (width + padding) + padding) * scale;
  const outHeight = (rows * (height + padding) + padding) * scale;
  if (outWidth * outHeight > 2 ** 28) {
    throw new RangeError(`${fn}: the grid would have ${outHeight}x${outWidth} pixels, more than 2^28`);
  }
  const data = new Uint8ClampedArray(outWidth * outHeight * outChannels).fill(background);
  for (let i = 0; i < count; i++) {
    const { low, high } = ranges(i);
    const stretch = high > low ? 255 / (high - low) : 0;
    const left = (padding + (i % columns) * (width + padding)) * scale;
    const top = (padding + Math.floor(i / columns) * (height + padding)) * scale;
    for (let y = 0; y < height * scale; y++) {
      for (let x = 0; x < width * scale; x++) {
        const pixel = Math.floor(y / scale) * width + Math.floor(x / scale);
        const to = ((top + y) * outWidth + left + x) * outChannels;
        for (let c = 0; c < 3; c++) {
          const plane = colored ? c * height * width : 0;
          data[to + c] = (values[i * size + plane + pixel] - low) * stretch;
        }
        if (transparent) data[to + 3] = 255;
      }
    }
  }
  return { width: outWidth, height: outHeight, channels: outChannels, data };
}

/** A last axis of 3 is that of the colours, unless it may as well be a side of square images: (F, 16, 3, 3) is NCHW. */
function layoutOf([, channels, height, last]: readonly number[]): 'NCHW' | 'NHWC' {
  return last === 3 && height !== 3 && channels !== 3 && channels !== 1 ? 'NHWC' : 'NCHW';
}

interface Range {
  readonly low: number;
  readonly high: number;
}

function constant(range: Range): () => Range {
  return () => range;
}

/** The smallest and largest finite value of values[start..end); 0 and 0 where there is none. */
function rangeOf(values: ArrayLike<number>, start: number, end: number): Range {
  let low = Infinity;
  let high = -Infinity;
  for (let i = start; i < end; i++) {
    if (!Number.isFinite(values[i])) continue;
    if (values[i] < low) low = values[i];
    if (values[i] > high) high = values[i];
  }
  return low <= high ? { low, high } : { low: 0, high: 0 };
}
