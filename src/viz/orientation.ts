/**
 * How a camera was held (Exif 2.32, CIPA DC-008, tag 0x0112): cameras store the rows as the sensor had them and note
 * beside them how the picture is to be turned, which viewers do and a network has to have done for it.
 */

import type { Picture } from './picture.ts';

const exifMark = [0x45, 0x78, 0x69, 0x66, 0, 0]; // Exif\0\0
const orientationTag = 0x0112;
const shortType = 3;

/**
 * The orientation that a JPEG or PNG file states, 1 to 8; 1, which is upright, where it states none or states it
 * wrongly. Segments are walked by their lengths, so this ends wherever the file does.
 */
export function exifOrientation(bytes: Uint8Array): number {
  const block = bytes[0] === 0xff ? jpegExif(bytes) : pngExif(bytes);
  return block === null ? 1 : readOrientation(block);
}

/** The Exif block of a JPEG: the first APP1 segment with its mark, before the first scan. */
function jpegExif(bytes: Uint8Array): Uint8Array | null {
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xda || marker === 0xd9) return null;
    const end = at + 2 + Math.max(2, (bytes[at + 2] << 8) | bytes[at + 3]);
    if (marker === 0xe1 && exifMark.every((byte, i) => bytes[at + 4 + i] === byte)) return bytes.subarray(at + 10, end);
    at = end;
  }
  return null;
}

/** The eXIf chunk of a PNG, which may stand anywhere. */
function pngExif(bytes: Uint8Array): Uint8Array | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length;) {
    const [length, type] = [view.getUint32(at), view.getUint32(at + 4)];
    if (type === 0x65584966) return bytes.subarray(at + 8, at + 8 + length);
    at += 12 + length;
  }
  return null;
}

/** The tag's value in the first directory of a TIFF structure. */
function readOrientation(block: Uint8Array): number {
  const view = new DataView(block.buffer, block.byteOffset, block.byteLength);
  const littleEndian = block[0] === 0x49;
  const word = (at: number): number => (at + 2 <= block.length ? view.getUint16(at, littleEndian) : 0);
  if (block.length < 8 || block[0] !== block[1] || (!littleEndian && block[0] !== 0x4d) || word(2) !== 42) return 1;
  const directory = view.getUint32(4, littleEndian);
  const entries = word(directory);
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + 12 * i;
    if (at + 12 > block.length) return 1;
    if (word(at) !== orientationTag || word(at + 2) !== shortType) continue;
    const value = word(at + 8);
    return value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}

/** The picture as it is to be seen: mirrored for 2, 4, 5, 7, turned for 3, 6, 8, and with sides swapped from 5 on. */
export function upright(picture: Picture, orientation: number): Picture {
  if (orientation === 1) return picture;
  const { width, height, channels, data } = picture;
  const swaps = orientation >= 5;
  const [outWidth, outHeight] = swaps ? [height, width] : [width, height];
  // along the stored rows and columns, does the upright picture run backwards?
  const fromRight = [2, 3, 7, 8].includes(orientation);
  const fromBottom = [3, 4, 6, 7].includes(orientation);
  const out = new Uint8Array(data.length);
  for (let y = 0, to = 0; y < outHeight; y++) {
    for (let x = 0; x < outWidth; x++) {
      const [row, column] = swaps ? [x, y] : [y, x];
      const from = (fromBottom ? height - 1 - row : row) * width + (fromRight ? width - 1 - column : column);
      for (let c = 0; c < channels; c++) out[to++] = data[from * channels + c];
    }
  }
  return { width: outWidth, height: outHeight, channels, data: out };
}
