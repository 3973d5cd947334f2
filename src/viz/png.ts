/**
 * PNG files (W3C, "Portable Network Graphics Specification", third edition) through fast-png, which is guarded: a file
 * is looked over before it is decoded, so that no file, whatever it claims or contains, costs more memory than the
 * picture size the caller allows.
 */

import { decode, encode } from 'fast-png';
import { Unzlib } from 'fflate';
import { checkInteger, checkOptions, describe } from '../runtime/check.ts';
import { checkPicture } from './picture.ts';
import type { Picture } from './picture.ts';

/** The picture as a PNG file, 8 bits a channel. Throws TypeError or RangeError for what is not a picture. */
export function encodePng(picture: Picture): Uint8Array {
  checkPicture('encodePng', 'picture', picture);
  const { width, height, channels, data } = picture;
  return encode({ width, height, channels, depth: 8, data });
}

export interface DecodePngOptions {
  /** refuse pictures of more pixels than this; 2^26 (8192 x 8192) unless told */
  readonly maxPixels?: number;
}

/**
 * The picture in a PNG file, as 8 bits a channel: 16 bits keep their high byte, fewer than 8 are spread over 0 to 255,
 * palette colours are looked up (with an alpha channel where the palette has one). Throws TypeError unless given bytes,
 * and Error for a file that is truncated, damaged, not a PNG, larger than allowed, or interlaced with under 8 bits.
 */
export function decodePng(bytes: Uint8Array, options: DecodePngOptions = {}): Picture {
  if (!(bytes instanceof Uint8Array))
    throw new TypeError(`decodePng: bytes must be a Uint8Array, got ${describe(bytes)}`);
  checkOptions('decodePng', options, ['maxPixels']);
  const maxPixels = checkInteger('decodePng', 'maxPixels', options.maxPixels ?? 2 ** 26, 1, 2 ** 30);
  const header = examine(bytes, maxPixels);
  let decoded: ReturnType<typeof decode>;
  try {
    decoded = decode(header.essential, { checkCrc: true });
  } catch (error) {
    throw damaged(error instanceof Error ? error.message : String(error), error);
  }
  const { width, height } = header;
  const values = unpack(decoded.data, header);
  if (decoded.palette === undefined) return { width, height, channels: header.channels, data: values };
  const palette = decoded.palette;
  const channels = palette.length > 0 ? palette[0].length : 3;
  const data = new Uint8Array(values.length * channels);
  for (let i = 0; i < values.length; i++) {
    if (values[i] >= palette.length) throw damaged(`a pixel has colour ${values[i]} of a palette of ${palette.length}`);
    data.set(palette[values[i]], i * channels);
  }
  return { width, height, channels, data };
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly channels: number;
  readonly indexed: boolean;
  readonly interlaced: boolean;
  /** the file without the chunks that do not change pixels: an ICC profile or text is never inflated */
  readonly essential: Uint8Array;
}

const signature = [137, 80, 78, 71, 13, 10, 26, 10];
/** colour type -> channels and permitted bit depths (table 11.1 of the specification) */
const colorTypes: Readonly<Record<number, { channels: number; depths: readonly number[] }>> = {
  0: { channels: 1, depths: [1, 2, 4, 8, 16] },
  2: { channels: 3, depths: [8, 16] },
  3: { channels: 1, depths: [1, 2, 4, 8] },
  4: { channels: 2, depths: [8, 16] },
  6: { channels: 4, depths: [8, 16] },
};

function damaged(what: string, cause?: unknown): Error {
  return new Error(`decodePng: the file is not a readable PNG: ${what}`, { cause });
}

/** Walks the chunks, checks the header, and inflates the pixel data once, in pieces, to see that its size is right. */
function examine(bytes: Uint8Array, maxPixels: number): Header {
  if (bytes.length < 8 || signature.some((byte, i) => bytes[i] !== byte)) throw damaged('the signature is missing');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Uint8Array[] = [bytes.subarray(0, 8)];
  const pixelData: Uint8Array[] = [];
  let header: Omit<Header, 'essential'> | null = null;
  let hasPalette = false;
  for (let at = 8; ;) {
    if (at + 12 > bytes.length) throw damaged('it ends in the middle');
    const length = view.getUint32(at);
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const end = at + 12 + length;
    if (end > bytes.length) throw damaged(`it ends inside chunk ${describe(type)}`);
    if ((header === null) !== (type === 'IHDR')) throw damaged('its header is missing or repeated');
    if (type === 'IHDR') header = readHeader(view, at + 8, length, maxPixels);
    if (type === 'PLTE') hasPalette = true;
    if (type === 'IDAT') pixelData.push(bytes.subarray(at + 8, at + 8 + length));
    const wanted = ['IHDR', 'PLTE', 'IDAT', 'IEND'].includes(type) || (type === 'tRNS' && header?.indexed === true);
    if (wanted) kept.push(bytes.subarray(at, end));
    if (type === 'IEND') break;
    at = end;
  }
  if (header === null) throw damaged('its header is missing');
  if (header.indexed && !hasPalette) throw damaged('its palette is missing');
  checkInflatedSize(pixelData, header);
  const essential = new Uint8Array(kept.reduce((sum, chunk) => sum + chunk.length, 0));
  let offset = 0;
  for (const chunk of kept) {
    essential.set(chunk, offset);
    offset += chunk.length;
  }
  return { ...header, essential };
}

function readHeader(view: DataView, at: number, length: number, maxPixels: number): Omit<Header, 'essential'> {
  if (length !== 13) throw damaged(`its header has ${length} bytes instead of 13`);
  const width = view.getUint32(at);
  const height = view.getUint32(at + 4);
  const depth = view.getUint8(at + 8);
  const colorType = view.getUint8(at + 9);
  const interlace = view.getUint8(at + 12);
  const kind = colorTypes[colorType];
  if (width < 1 || height < 1) throw damaged(`it claims a size of ${width}x${height}`);
  if (width * height > maxPixels) {
    throw new RangeError(`decodePng: the picture has ${width}x${height} pixels, more than maxPixels ${maxPixels}`);
  }
  if (kind === undefined || !kind.depths.includes(depth)) throw damaged(`colour type ${colorType} with ${depth} bits`);
  if (view.getUint8(at + 10) !== 0 || view.getUint8(at + 11) !== 0 || interlace > 1) throw damaged('an unknown method');
  if (interlace === 1 && depth < 8) throw new Error('decodePng: interlaced pictures under 8 bits are not supported');
  return { width, height, depth, channels: kind.channels, indexed: colorType === 3, interlaced: interlace === 1 };
}

/** First column and row and the steps of Adam7's seven passes. */
const adam7 = [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

/** Bytes of all scan lines, each with its filter byte. */
function scanlineBytes({ width, height, depth, channels, interlaced }: Omit<Header, 'essential'>): number {
  const passes = interlaced ? adam7 : [[0, 0, 1, 1]];
  return passes.reduce((sum, [x, y, stepX, stepY]) => {
    const columns = Math.ceil(Math.max(0, width - x) / stepX);
    const rows = Math.ceil(Math.max(0, height - y) / stepY);
    return columns === 0 ? sum : sum + rows * (1 + Math.ceil((columns * channels * depth) / 8));
  }, 0);
}

/** Compressed bytes handed to the inflater at once: deflate grows data at most 1032 times, so 8 KiB become 8 MiB. */
const inflateStep = 8192;

function checkInflatedSize(pixelData: readonly Uint8Array[], header: Omit<Header, 'essential'>): void {
  const expected = scanlineBytes(header);
  let size = 0;
  const inflater = new Unzlib((chunk) => {
    size += chunk.length;
  });
  try {
    for (const chunk of pixelData) {
      for (let start = 0; start < chunk.length && size <= expected; start += inflateStep) {
        inflater.push(chunk.subarray(start, start + inflateStep), false);
      }
    }
    if (size <= expected) inflater.push(new Uint8Array(0), true);
  } catch (error) {
    throw damaged(`its pixel data do not inflate (${error instanceof Error ? error.message : String(error)})`, error);
  }
  if (size !== expected) {
    throw damaged(`its pixel data hold ${size > expected ? 'more' : 'fewer'} than the ${expected} bytes of its size`);
  }
}

/** One value a channel, 0 to 255 (for palettes: the index), from rows that start on whole bytes. */
function unpack(data: Uint8Array | Uint8ClampedArray | Uint16Array, header: Header): Uint8Array {
  const { width, height, depth, channels, indexed } = header;
  if (depth === 8) return new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset, data.length);
  if (depth === 16) return Uint8Array.from(data, (value) => value >> 8);
  const values = new Uint8Array(width * height * channels);
  const rowBytes = Math.ceil((width * depth) / 8);
  const mask = (1 << depth) - 1;
  const spread = indexed ? 1 : 255 / mask;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const byte = data[y * rowBytes + (bit >> 3)];
      values[y * width + x] = ((byte >> (8 - depth - (bit & 7))) & mask) * spread;
    }
  }
  return values;
}
