/**
 * Numbers as files store them, turned into the four element types that tensors have. Types that a tensor lacks are
 * widened without loss (float16, bfloat16, int8, int16, uint16, bool) or, where their range is larger than int32's,
 * accepted as long as every value fits (int64, uint32, uint64).
 */

import type { DType, TypedArray } from '../kernels/memory/allocate.ts';

/** An element type that a file may hold. */
export type StoredType =
  | 'float64' | 'float32' | 'float16' | 'bfloat16'
  | 'int64' | 'int32' | 'int16' | 'int8'
  | 'uint64' | 'uint32' | 'uint16' | 'uint8' | 'bool';

interface StoredForm {
  /** bytes an element takes in the file */
  readonly bytes: number;
  /** the tensor type it becomes */
  readonly becomes: DType;
  /** reads the element at a byte position; left out where a plain copy of little-endian bytes does */
  readonly read: (view: DataView, position: number, littleEndian: boolean) => number;
}

const forms: Record<StoredType, StoredForm> = {
  float64: { bytes: 8, becomes: 'float64', read: (view, at, little) => view.getFloat64(at, little) },
  float32: { bytes: 4, becomes: 'float32', read: (view, at, little) => view.getFloat32(at, little) },
  float16: { bytes: 2, becomes: 'float32', read: (view, at, little) => float16(view.getUint16(at, little)) },
  bfloat16: { bytes: 2, becomes: 'float32', read: (view, at, little) => bfloat16(view.getUint16(at, little)) },
  int64: { bytes: 8, becomes: 'int32', read: (view, at, little) => Number(view.getBigInt64(at, little)) },
  int32: { bytes: 4, becomes: 'int32', read: (view, at, little) => view.getInt32(at, little) },
  int16: { bytes: 2, becomes: 'int32', read: (view, at, little) => view.getInt16(at, little) },
  int8: { bytes: 1, becomes: 'int32', read: (view, at) => view.getInt8(at) },
  uint64: { bytes: 8, becomes: 'int32', read: (view, at, little) => Number(view.getBigUint64(at, little)) },
  uint32: { bytes: 4, becomes: 'int32', read: (view, at, little) => view.getUint32(at, little) },
  uint16: { bytes: 2, becomes: 'int32', read: (view, at, little) => view.getUint16(at, little) },
  uint8: { bytes: 1, becomes: 'uint8', read: (view, at) => view.getUint8(at) },
  bool: { bytes: 1, becomes: 'uint8', read: (view, at) => (view.getUint8(at) === 0 ? 0 : 1) },
};

/** Types whose little-endian bytes are a tensor's bytes as they stand. */
const plain: Partial<Record<StoredType, true>> = { float64: true, float32: true, int32: true, uint8: true };

/** Bytes that one element takes in a file. */
export function storedBytes(type: StoredType): number {
  return forms[type].bytes;
}

/**
 * Reads the elements that fill `bytes` (whose length is a multiple of the element's) into a fresh typed array. `where`
 * begins the message of the RangeError thrown when a 32- or 64-bit integer does not fit an int32.
 */
export function readElements(where: string, bytes: Uint8Array, type: StoredType, littleEndian: boolean): TypedArray {
  const form = forms[type];
  const count = bytes.length / form.bytes;
  const values = newArray(form.becomes, count);
  if (plain[type] && (littleEndian || form.bytes === 1)) {
    new Uint8Array(values.buffer).set(bytes);
    return values;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const mayOverflow = type === 'int64' || type === 'uint64' || type === 'uint32';
  for (let i = 0; i < count; i++) {
    const value = form.read(view, i * form.bytes, littleEndian);
    if (mayOverflow && (value < -(2 ** 31) || value >= 2 ** 31)) {
      throw new RangeError(`${where}: element ${i} is ${value}, which int32 cannot hold (stored as ${type})`);
    }
    values[i] = value;
  }
  return values;
}

/** The bytes of a typed array as files want them: little-endian, which every JavaScript engine in use is. */
export function elementBytes(values: TypedArray): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}

function newArray(dtype: DType, length: number): TypedArray {
  switch (dtype) {
    case 'float64': return new Float64Array(length);
    case 'float32': return new Float32Array(length);
    case 'int32': return new Int32Array(length);
    case 'uint8': return new Uint8Array(length);
  }
}

/** IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits; exact in float32. */
function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const bfloatBits = new Uint32Array(1);
const bfloatValue = new Float32Array(bfloatBits.buffer);

/** bfloat16: the upper half of a float32. */
function bfloat16(bits: number): number {
  bfloatBits[0] = bits << 16;
  return bfloatValue[0];
}
