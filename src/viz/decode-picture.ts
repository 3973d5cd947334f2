/** Picture files of whichever format they are. */

import { checkInteger, checkOptions, describe } from '../runtime/check.ts';
import { decodeJpeg, isJpeg } from './jpeg.ts';
import { exifOrientation, upright } from './orientation.ts';
import type { Picture } from './picture.ts';
import { decodePng, type DecodePngOptions } from './png.ts';

/**
 * The picture in a PNG or JPEG file, told apart by their first bytes, turned as its Exif orientation says. Throws as
 * decodePng and decodeJpeg do.
 */
export function decodePicture(bytes: Uint8Array, options: DecodePngOptions = {}): Picture {
  if (!(bytes instanceof Uint8Array)) {
    throw new TypeError(`decodePicture: bytes must be a Uint8Array, got ${describe(bytes)}`);
  }
  checkOptions('decodePicture', options, ['maxPixels']);
  if (options.maxPixels !== undefined) checkInteger('decodePicture', 'maxPixels', options.maxPixels, 1, 2 ** 30);
  const isPng = bytes[0] === 137 && bytes[1] === 80;
  if (!isPng && !isJpeg(bytes)) throw new Error('decodePicture: the file is neither a PNG nor a JPEG');
  return upright(isPng ? decodePng(bytes, options) : decodeJpeg(bytes, options), exifOrientation(bytes));
}
