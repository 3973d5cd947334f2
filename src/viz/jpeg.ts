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
 * more pixels than allowed or of more scans than its size needs, and Error for a file that is truncated, damaged, not a
 * JPEG, of 12 bits or in CMYK.
 */
export function decodeJpeg(bytes: Uint8Array, options: DecodeJpegOptions = {}): Picture {
  const fn = 'decodeJpeg';
  if (!(bytes instanceof Uint8Array)) throw new TypeError(`${fn}: bytes must be a Uint8Array, got ${describe(bytes)}`);
  checkOptions(fn, options, ['maxPixels']);
  const maxPixels = checkInteger(fn, 'maxPixels', options.maxPixels ?? 2 ** 26, 1, 2 ** 30);
  const { width, height, components, file } = readFrame(bytes);
  if (width * height > maxPixels) {
    throw new RangeError(`${fn}: the picture has ${width}x${height} pixels, more than maxPixels ${maxPixels}`);
  }
  const memory = Math.ceil((width * height * components * bytesPerSample) / 2 ** 20) + 16;
  let decoded: { readonly width: number; readonly height: number; readonly data: Uint8Array };
  try {
    decoded = jpeg.decode(file, {
      useTArray: true, formatAsRGBA: false, tolerantDecoding: false, maxMemoryUsageInMB: memory,
      maxResolutionInMP: Math.ceil((width * height) / 1e6),
    });
  } catch (error) {
    // the engine's own words where the decoder asks for a table or a frame that a damaged file has not
    const isItsOwn = error instanceof Error && error.name === 'Error';
    throw damaged(isItsOwn ? error.message : 'its segments do not fit together', error);
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

/** What a JPEG file says of its picture. */
export interface JpegFrame {
  readonly width: number;
  readonly height: number;
  readonly components: number;
  /** the file up to the end of its picture: behind that, cameras put further pictures and films */
  readonly file: Uint8Array;
}

/** Scans that a picture of any size may have; encoders write some ten. */
const fewScans = 32;
/** A smaller picture may have so many that they come to this many pixels, which take seconds. */
const scannedPixels = 2 ** 31;

/**
 * The size that the frame header claims. A scan of a few bytes can be about every pixel, so files with more scans than
 * a picture of their size needs are refused. Markers are walked by their lengths, so this ends wherever the file does.
 * Throws Error for what is no JPEG or of a kind that is not read, RangeError for too many scans.
 */
export function readFrame(bytes: Uint8Array): JpegFrame {
  if (!isJpeg(bytes)) throw damaged('the signature is missing');
  for (let at = 2; at + 9 < bytes.length;) {
    if (bytes[at] !== 0xff) throw damaged('a marker is missing');
    const marker = bytes[at + 1];
    if (marker === 0xff) { // fill bytes may stand before a marker
      at++;
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (!isFrame) {
      at = afterSegment(bytes, at);
      continue;
    }
    if (marker > 0xc2) throw damaged('it is lossless, hierarchical or arithmetically coded, which is not supported');
    const [bits, height, width, components] = [bytes[at + 4], word(bytes, at + 5), word(bytes, at + 7), bytes[at + 9]];
    if (bits !== 8) throw damaged(`it has ${bits} bits a sample instead of 8`);
    if (width < 1 || height < 1) throw damaged(`it claims a size of ${width}x${height}`);
    if (components !== 1 && components !== 3) throw damaged(`it has ${components} components (CMYK has 4), not 1 or 3`);
    const file = bytes.subarray(0, pictureEnd(bytes, afterSegment(bytes, at)));
    checkScans(file, width, height);
    return { width, height, components, file };
  }
  throw damaged('it ends before its size');
}

const word = (bytes: Uint8Array, at: number): number => (bytes[at] << 8) | bytes[at + 1];

const afterSegment = (bytes: Uint8Array, marker: number): number => marker + 2 + Math.max(2, word(bytes, marker + 2));

/** Where a file's picture ends that is looked through from here on: behind its EOI marker, or where the file does. */
function pictureEnd(bytes: Uint8Array, start: number): number {
  for (let at = bytes.indexOf(0xff, start); at >= 0; at = bytes.indexOf(0xff, at)) {
    const marker = bytes[at + 1];
    if (marker === 0xd9) return at + 2;
    if (marker === 0xff) at++;
    else if (marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd7)) at += 2; // within a scan
    else at = afterSegment(bytes, at);
  }
  return bytes.length;
}

/**
 * Every SOS marker is counted, wherever it stands: decoders do not agree on where the segments of a damaged file end,
 * and those that previews in it have are few.
 */
function checkScans(file: Uint8Array, width: number, height: number): void {
  const most = Math.max(fewScans, Math.floor(scannedPixels / (64 * Math.ceil(width / 8) * Math.ceil(height / 8))));
  let scans = 0;
  for (let at = file.indexOf(0xff); at >= 0; at = file.indexOf(0xff, at + 1)) if (file[at + 1] === 0xda) scans++;
  if (scans > most) {
    throw new RangeError(`decodeJpeg: the picture of ${width}x${height} has ${scans} scans, at most ${most} are decoded`);
  }
}
