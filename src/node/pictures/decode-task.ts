/**
 * What a thread that reads pictures runs: files to pixels of one size. Its answers are plain values; the pixels go
 * straight to their rows of a memory that all threads share.
 */

import { convertChannels } from '../../data/channels.ts';
import { resample } from '../../data/resample.ts';
import { decodePicture } from '../../viz/decode-picture.ts';
import { isJpeg, readFrame } from '../../viz/jpeg.ts';
import { exifOrientation, upright } from '../../viz/orientation.ts';
import type { Picture } from '../../viz/picture.ts';
import { decodeTurbo } from './jpeg-turbo.ts';
import { readPictureFile, whyUnreadable } from './picture-file.ts';

/** How every picture is to come. */
export interface PictureForm {
  readonly height: number;
  readonly width: number;
  readonly channels: 1 | 3;
  /** crop takes the middle of the picture in the wanted proportions, stretch changes its proportions */
  readonly fit: 'crop' | 'stretch';
  /** pictures of more pixels than this are refused from their header */
  readonly maxPixels: number;
}

export interface DecodeTask {
  /** absolute paths, none of them a link */
  readonly paths: readonly string[];
  /** the row of the first */
  readonly firstRow: number;
  readonly form: PictureForm;
  /** uint8 (N, channels, height, width) */
  readonly pixels: ArrayBufferLike;
}

/** The size that a picture had, upright, or why it has none. */
export type DecodeAnswer = readonly [width: number, height: number] | string;

/** Reads each file in turn; one that cannot be read leaves its row as it is. */
export function decode({ paths, firstRow, form, pixels }: DecodeTask): DecodeAnswer[] {
  const rowBytes = form.channels * form.height * form.width;
  const answers: DecodeAnswer[] = [];
  for (const [i, path] of paths.entries()) {
    try {
      const { size, row } = picturePixels(readPictureFile(path, form.maxPixels), form);
      new Uint8Array(pixels, (firstRow + i) * rowBytes, rowBytes).set(row);
      answers.push(size);
    } catch (error) {
      answers.push(whyUnreadable(error));
    }
  }
  return answers;
}

/** Fewest decoded pixels for one of the result along an axis where a JPEG is decoded at a reduced scale. */
const leastReduction = 2;

/** The picture's own size and its uint8 pixels (channels, height, width) in the form. Throws Error for no picture. */
export function picturePixels(
  bytes: Uint8Array, form: PictureForm,
): { size: readonly [width: number, height: number]; row: Uint8Array } {
  const { picture, size } = readReduced(bytes, form);
  const { width, height, channels: from } = picture;
  const { channels } = form;
  const data = from === channels ? picture.data : convertChannels(picture.data, width * height, from, channels, 'interleaved');
  const scale = Math.min(width / form.width, height / form.height);
  const side = (extent: number, wanted: number): number =>
    (form.fit === 'stretch' ? extent : Math.min(extent, Math.max(1, Math.round(wanted * scale))));
  const [cropHeight, cropWidth] = [side(height, form.height), side(width, form.width)];
  const corner = (Math.floor((height - cropHeight) / 2) * width + Math.floor((width - cropWidth) / 2)) * channels;
  const row = resample({
    values: data, starts: Array.from({ length: channels }, (_, c) => corner + c), height: cropHeight, width: cropWidth,
    rowStride: width * channels, columnStride: channels,
  }, form.height, form.width);
  const rounded = new Uint8Array(row.length);
  for (let i = 0; i < row.length; i++) rounded[i] = row[i] + 0.5; // conversion rounds down
  return { size, row: rounded };
}

/** The upright picture, decoded at a reduced scale where it is a JPEG far larger than the form, and its own size. */
function readReduced(
  bytes: Uint8Array, form: PictureForm,
): { picture: Picture; size: readonly [width: number, height: number] } {
  if (isJpeg(bytes)) {
    const frame = readFrame(bytes);
    if (frame.width * frame.height <= form.maxPixels) {
      const orientation = exifOrientation(bytes);
      const swaps = orientation >= 5;
      const [height, width] = swaps ? [frame.width, frame.height] : [frame.height, frame.width];
      const room = Math.min(width / form.width, height / form.height) / leastReduction;
      const divisor = [8, 4, 2].find((d) => d <= room) ?? 1;
      const picture = decodeTurbo(bytes, divisor);
      if (picture !== null) return { picture: upright(picture, orientation), size: [width, height] };
    }
  }
  const picture = decodePicture(bytes, { maxPixels: form.maxPixels });
  return { picture, size: [picture.width, picture.height] };
}
