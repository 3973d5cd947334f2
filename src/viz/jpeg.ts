/**
 * JPEG files (ITU-T T.81), baseline and progressive, grey or in colours, through jpeg-js, which is guarded: a file's
 * header is read first, so that no file costs more memory than the picture size the caller allows.
 */

import jpeg from 'jpeg-js';
import { checkInteger, checkOptions, describe } from '../runtime/check.ts';
import type { Picture } from './picture.ts';

export interface DecodeJpegOptions {
  /** refuse pictures of more pixels than this; 2^26 (8192 x 8192) unless told */
  readonly maxPixels?: number;
}

/** Bytes that the decoder may take for each pixel and component: coefficients, planes and the result. */
const bytesPerSample = 24;

/**
 * The picture in a JPEG file: grey (1 channel) or RGB. Throws TypeError unless given bytes, RangeError for a picture of
 * more pixels than allowed, and Error for a file that is truncated, damaged, not a JPEG, of 12 bits or in CMYK.
 */
export function decodeJpeg(bytes: Uint8Array, options: DecodeJpegOptions = {}): Picture {
  const fn = 'decodeJpeg';
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`${fn}: bytes must be a Uint8Array, got ${describe(bytes)}`);
  checkOptions(fn, options, ['maxPixels']);
  const maxPixels = checkInteger(fn, 'maxPixels', options.maxPixels ?? 2 ** 26, 1, 2 ** 30);
  const { width, height, components } = readFrame(bytes);
  if (width * height > maxPixels) {
    throw new RangeError(`${fn}: the picture has ${width}x${height} pixels, more than maxPixels ${maxPixels}`);
  }
  const memory = Math.ceil((width * height * components * bytesPerSample) / 2 ** 20) + 16;
  let decoded: { readonly width: number; readonly height: number; readonly data: Uint8Array };
  try {
    decoded = jpeg.decode(bytes, {
      useTArray: true, formatAsRGBA: false, tolerantDecoding: false, maxMemoryUsageInMB: memory,
      maxResolutionInMP: Math.ceil((width * height) / 1e6),
    });
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : String(error), error);
  }
  if (decoded.data.length !== 3 * width * height) throw damaged('its pixels do not fill its size');
  if (components === 3) return { width, height, channels: 3, data: decoded.data };
  const grey = new Uint8Array(width * height);
  for (let i = 0; i < grey.length; i++) grey[i] = decoded.data[3 * i];
  return { width, height, channels: 1, data: grey };
}

/** True for bytes that begin as a JPEG file does. */
export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff;
}

function damaged(what: string, cause?: unknown): Error {
  return new Error(`decodeJpeg: the file is not a readable JPEG: ${what}`, { cause });
}

/** The size that the frame header claims. Markers are walked by their lengths, so this ends wherever the file does. */
export function readFrame(bytes: Uint8Array): { width: number; height: number; components: number } {
  if (!isJpeg(bytes)) throw damaged('the signature is missing');
  const word = (at: number): number => (bytes[at] << 8) | bytes[at + 1];
  for (let at = 2; at + 9 < bytes.length;) {
    if (bytes[at] !== 0xff) throw damaged('a marker is missing');
    const marker = bytes[at + 1];
    if (marker === 0xff) { // fill bytes may stand before a marker
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (!isFrame) {
      at += 2 + Math.max(2, word(at + 2));
      continue;
    }
    if (marker > 0xc2) throw damaged('it is lossless, hierarchical or arithmetically coded, which is not supported');
    const [bits, height, width, components] = [bytes[at + 4], word(at + 5), word(at + 7), bytes[at + 9]];
    if (bits !== 8) throw damaged(`it has ${bits} bits a sample instead of 8`);
    if (width < 1 || height < 1) throw damaged(`it claims a size of ${width}x${height}`);
    if (components !== 1 && components !== 3) throw damaged(`it has ${components} components (CMYK has 4), not 1 or 3`);
    return { width, height, components };
  }
  throw damaged('it ends before its size');
}
