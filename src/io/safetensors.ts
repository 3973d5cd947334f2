/**
 * The safetensors format (huggingface.co/docs/safetensors, format description): eight bytes with the header's length, a
 * JSON header that names every tensor with type, shape and byte range, then the elements, little-endian and row-major.
 */

import { newTensor } from '../tensor/core.ts';
import { contiguousData } from '../tensor/internal.ts';
import { checkShape, shapeText } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkTensor } from '../tensor/check.ts';
import { describe } from '../runtime/check.ts';
import { checkBytes, checkRecord, decodeUtf8, formatHint, product, type Bytes } from './bytes.ts';
import { elementBytes, readElements, storedBytes, storedName, storedTypes, type StoredType } from './elements.ts';
import { members, parseJson } from './json.ts';

/** What a safetensors file holds. */
export interface SafetensorsContent {
  /** tensors by name, in the header's order */
  tensors: Record<string, Tensor>;
  /** free text that the writer added, without the checksum of tilegrad's own files; empty when there is none */
  metadata: Record<string, string>;
}

/** The largest header that is read, as in the reference implementation. */
const maxHeaderBytes = 100_000_000;

const metadataKey = '__metadata__';

/** The metadata entry that checks a file's bytes (see checksum.ts): what is read and written anew has other bytes. */
export const checksumKey = 'tilegrad crc32';

/** Tensors that a file may hold, and metadata entries: each takes about 1 KiB of memory, even one without elements. */
const mostNames = (fileLength: number): number => 100_000 + Math.floor(fileLength / 1024);
/** Characters that may describe one tensor: its shape has at most 32 sizes. */
const maxDescription = 2000;

const types = storedTypes('safetensors');

/**
 * Encodes named tensors of any shape and element type, with optional text metadata. The data section starts at a
 * multiple of 8 bytes and holds the tensors by falling element size, so that each is aligned to its own elements.
 * The same record gives the same bytes. Throws TypeError for anything but tensors and strings, RangeError for a tensor
 * named `__metadata__` and for more than 100,000 names without a KiB of data for each further one.
 */
export function encodeSafetensors(
  record: Record<string, Tensor>, metadata: Record<string, string> = {},
): Bytes {
  const fn = 'encodeSafetensors';
  checkRecord(fn, 'record', record);
  checkRecord(fn, 'metadata', metadata);
  for (const [key, value] of Object.entries(metadata)) {
    if (typeof value !== 'string') {
      throw new TypeError(`${fn}: metadata[${describe(key)}] must be a string, got ${describe(value)}`);
    }
  }
  if (Object.hasOwn(record, metadataKey)) throw new RangeError(`${fn}: a tensor cannot be named ${metadataKey}`);
  const parts = Object.entries(record).map(([name, value]) => {
    const tensor = checkTensor(fn, `record[${describe(name)}]`, value);
    return { name, tensor, bytes: elementBytes(contiguousData(tensor)), begin: 0 };
  });

  let end = 0;
  const laidOut = [...parts].sort((a, b) => storedBytes(b.tensor.dtype) - storedBytes(a.tensor.dtype));
  for (const part of laidOut) {
    part.begin = end;
    end += part.bytes.length;
  }

  const entries: Array<[string, unknown]> = Object.keys(metadata).length === 0 ? [] : [[metadataKey, metadata]];
  for (const { name, tensor, bytes, begin } of parts) {
    const range = [begin, begin + bytes.length];
    entries.push([name, { dtype: storedName('safetensors', tensor.dtype), shape: tensor.shape, data_offsets: range }]);
  }
  const json = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const headerLength = Math.ceil(json.length / 8) * 8;

  const file = new Uint8Array(8 + headerLength + end);
  if (Math.max(parts.length, Object.keys(metadata).length) >= mostNames(file.length)) {
    throw new RangeError(`${fn}: more names than decodeSafetensors reads, at most ${mostNames(file.length)} in this file`);
  }
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.set(json, 8);
  file.fill(0x20, 8 + json.length, 8 + headerLength);
  for (const { bytes, begin } of laidOut) file.set(bytes, 8 + headerLength + begin);
  return file;
}

/**
 * Decodes a safetensors file into tensors of their own memory. F64, F32, I32 and U8 come as they are; F16 and BF16
 * become float32, BOOL becomes uint8, I8, I16 and U16 become int32; U32, I64 and U64 become int32 where every element
 * fits, else float64.
 * Throws TypeError unless bytes is a Uint8Array, RangeError for a file that breaks the format (truncated, a header that
 * is too long or not JSON, a name twice, byte ranges that overlap, leave holes or do not match the shape), and, naming
 * the tensor, for an element type that no tensor holds and for an integer beyond 2^53. Nothing is allocated that the
 * file does not contain, and a hostile header takes no more than a small multiple of its length.
 */
export function decodeSafetensors(bytes: Uint8Array): SafetensorsContent {
  return decodeFor('decodeSafetensors', bytes);
}

/** decodeSafetensors in another function's name. */
export function decodeFor(fn: string, bytes: Uint8Array): SafetensorsContent {
  checkBytes(fn, bytes);
  const dataStart = 8 + headerLengthOf(fn, bytes);
  const data = bytes.subarray(dataStart);
  const { entries, metadata } = readHeader(fn, bytes.subarray(8, dataStart), mostNames(bytes.length));
  checkCoverage(fn, entries, data.length);
  const tensors = entries.map(({ name, type, shape, begin, end }): [string, Tensor] => {
    const values = readElements(`${fn}: tensor ${describe(name)}`, data.subarray(begin, end), type, true);
    return [name, newTensor(values, shape)];
  });
  return { tensors: Object.fromEntries(tensors), metadata };
}

interface Entry {
  readonly name: string;
  readonly type: StoredType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function headerLengthOf(fn: string, bytes: Uint8Array): number {
  if (bytes.length < 8) throw new RangeError(`${fn}: the file has ${bytes.length} bytes, too few for a header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  const length = Number(view.getBigUint64(0, true));
  // Every header begins with '{': where there is none, the number before it is no length.
  const hint = bytes[8] === 0x7b ? '' : formatHint(bytes);
  if (bytes[8] !== 0x7b && (hint !== '' || length > bytes.length - 8)) {
    throw new RangeError(`${fn}: not a safetensors file${hint}`);
  }
  if (length > maxHeaderBytes) {
    throw new RangeError(`${fn}: the header claims ${length} bytes, at most ${maxHeaderBytes} are allowed`);
  }
  if (length > bytes.length - 8) {
    throw new RangeError(`${fn}: the header claims ${length} bytes, but only ${bytes.length - 8} follow`);
  }
  return length;
}

function readHeader(
  fn: string, bytes: Uint8Array, most: number,
): { entries: Entry[]; metadata: Record<string, string> } {
  const text = decodeUtf8(`${fn}: the header`, bytes);
  if (!text.startsWith('{')) throw new RangeError(`${fn}: the header does not begin with '{'`);
  if (text.endsWith('\0')) throw new RangeError(`${fn}: the header is padded with NUL, expected spaces`);
  const entries: Entry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, value] of members(`${fn}: the header`, text, most)) {
    if (name === metadataKey) metadata = readMetadata(fn, value, most);
    else entries.push(readEntry(fn, name, value));
  }
  return { entries, metadata };
}

function readMetadata(fn: string, text: string, most: number): Record<string, string> {
  const where = `${fn}: ${metadataKey}`;
  if (text === 'null') return {};
  if (!text.startsWith('{')) throw new RangeError(`${where} must be an object, got ${describe(parseJson(where, text, 1))}`);
  const entries = Array.from(members(where, text, most), ([key, json]) => {
    const value = parseJson(`${where} entry ${describe(key)}`, json, 1);
    if (typeof value === 'string') return [key, value] as const;
    throw new RangeError(`${where} entry ${describe(key)} must be a string, got ${describe(value)}`);
  });
  return Object.fromEntries(entries.filter(([key]) => key !== checksumKey));
}

function readEntry(fn: string, name: string, text: string): Entry {
  const where = `${fn}: tensor ${describe(name)}`;
  if (text.length > maxDescription) {
    throw new RangeError(`${where} is described by ${text.length} characters, at most ${maxDescription} are allowed`);
  }
  const value = parseJson(where, text, 2);
  if (!isObject(value)) throw new RangeError(`${where} must be described by an object, got ${describe(value)}`);
  for (const key of Object.keys(value)) {
    if (key !== 'dtype' && key !== 'shape' && key !== 'data_offsets') {
      throw new RangeError(`${where} has the unknown key ${describe(key)}`);
    }
  }
  const type = typeof value.dtype === 'string' ? types.get(value.dtype) : undefined;
  if (type === undefined) {
    const known = [...types.keys()].join(', ');
    throw new RangeError(`${where} has dtype ${describe(value.dtype)}, supported are ${known}`);
  }
  if (!isSizes(value.shape)) throw new RangeError(`${where} has a shape that is not a list of sizes`);
  const shape = checkShape(where, value.shape);
  const range = value.data_offsets;
  if (!isSizes(range) || range.length !== 2 || range[0] > range[1]) {
    throw new RangeError(`${where} has data_offsets that are not [begin, end]`);
  }
  const [begin, end] = range;
  const expected = product(shape) * storedBytes(type);
  if (end - begin !== expected) {
    throw new RangeError(
      `${where} of shape ${shapeText(shape)} (${String(value.dtype)}) takes ${expected} bytes, ` +
      `data_offsets give ${end - begin}`,
    );
  }
  return { name, type, shape, begin, end };
}

/** The byte ranges, put in order, must follow one another from 0 to the end of the file: no overlap, no hole. */
function checkCoverage(fn: string, entries: readonly Entry[], dataLength: number): void {
  const ordered = [...entries].sort((a, b) => a.begin - b.begin || a.end - b.end);
  let position = 0;
  for (const { name, begin, end } of ordered) {
    if (begin !== position) {
      const problem = begin < position ? 'overlaps the tensor before it' : 'leaves a hole before it';
      throw new RangeError(
        `${fn}: tensor ${describe(name)} at bytes ${begin}..${end} ${problem}, expected ${position}`,
      );
    }
    position = end;
  }
  if (position !== dataLength) {
    throw new RangeError(`${fn}: the tensors take ${position} bytes, but ${dataLength} follow the header`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && (item as number) >= 0);
}
