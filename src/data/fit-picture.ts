/** One picture brought to the form that a network takes: channels, proportions, size. */

import { describe } from '../runtime/check.ts';
import { checkRank, checkTensorType } from '../tensor/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { Tensor } from '../tensor/tensor.ts';
import { convertChannels } from './channels.ts';
import { cropCenter, resizeImages } from './resize.ts';

/**
 * A uint8 picture (1 to 4 channels, H, W) in the given form (C, H, W), C being 1 or 3 or the picture's own: transparent
 * pixels are laid over white, grey is the luma of ITU-R BT.601; the middle of the picture in the wanted proportions is
 * taken and resized with antialiasing. A picture that has the form already comes as it is. Throws TypeError for what is
 * no uint8 tensor, RangeError for another rank, and for channels that cannot be made of those there are.
 */
export function fitPicture(x: Tensor, form: readonly [channels: number, height: number, width: number]): Tensor {
  const fn = 'fitPicture';
  checkTensorType(fn, 'x', checkRank(fn, 'x', x, 3), 'uint8');
  const [channels, height, width] = form;
  const converted = withChannels(fn, x, channels);
  const [, inHeight, inWidth] = converted.shape;
  if (inHeight === height && inWidth === width) return converted;
  const scale = Math.min(inWidth / width, inHeight / height);
  const side = (extent: number, wanted: number): number => Math.min(extent, Math.max(1, Math.round(wanted * scale)));
  return resizeImages(cropCenter(converted, side(inHeight, height), side(inWidth, width)), height, width);
}

function withChannels(fn: string, x: Tensor, channels: number): Tensor {
  const [from, height, width] = x.shape;
  if (from === channels) return x;
  if ((channels !== 1 && channels !== 3) || from < 1 || from > 4) {
    throw new RangeError(`${fn}: x must have ${channels} channels, got ${describe(from)}`);
  }
  const out = convertChannels(contiguousData(x), height * width, from, channels, 'planar');
  return new Tensor(out, [channels, height, width]);
}
