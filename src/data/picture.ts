/** A picture in memory, as picture files hold it, and its twin the image tensor, as networks take it. */

import { checkInteger, describe } from '../runtime/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Pixels in rows from the top, channels interleaved: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  /** height * width * channels values, 0 to 255 */
  readonly data: Uint8Array | Uint8ClampedArray;
}

/** Throws TypeError or RangeError unless value is a picture whose data has the length its sizes promise. */
export function checkPicture(fn: string, name: string, value: Picture): void {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(`${fn}: ${name} must be a picture, got ${describe(value)}`);
  }
  checkInteger(fn, `${name}.width`, value.width, 1);
  checkInteger(fn, `${name}.height`, value.height, 1);
  checkInteger(fn, `${name}.channels`, value.channels, 1, 4);
  if (!(value.data instanceof Uint8Array || value.data instanceof Uint8ClampedArray)) {
    throw new TypeError(`${fn}: ${name}.data must be a Uint8Array, got ${describe(value.data)}`);
  }
  const expected = value.width * value.height * value.channels;
  if (value.data.length !== expected) {
    throw new RangeError(
      `${fn}: ${name}.data must have ${expected} elements ` +
      `(${value.height}x${value.width}x${value.channels}), got ${value.data.length}`,
    );
  }
}

/** The picture as a uint8 tensor of shape (channels, height, width). */
export function pictureToTensor(picture: Picture): Tensor {
  checkPicture('pictureToTensor', 'picture', picture);
  const { width, height, channels, data } = picture;
  const planes = new Uint8Array(data.length);
  const pixels = width * height;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < pixels; i++) planes[c * pixels + i] = data[i * channels + c];
  }
  return new Tensor(planes, [channels, height, width]);
}

/**
 * The picture of an image tensor of shape (channels, height, width) or (height, width), values 0 to 255: fractions are
 * rounded, values outside and infinities clamped, NaN becomes 0. Throws RangeError for another rank or channel count.
 */
export function tensorToPicture(image: Tensor): Picture {
  if (!(image instanceof Tensor))
    throw new TypeError(`tensorToPicture: image must be a Tensor, got ${describe(image)}`);
  const shape = image.ndim === 2 ? [1, ...image.shape] : image.shape;
  if (shape.length !== 3 || shape[0] < 1 || shape[0] > 4 || shape[1] < 1 || shape[2] < 1) {
    throw new RangeError(
      'tensorToPicture: image must have shape (1 to 4 channels, height, width) or (height, width), ' +
      `got ${image.shape.join('x')}`,
    );
  }
  const [channels, height, width] = shape;
  const values = contiguousData(image);
  const data = new Uint8ClampedArray(values.length);
  const pixels = width * height;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < pixels; i++) data[i * channels + c] = values[c * pixels + i];
  }
  return { width, height, channels, data };
}
