/**
 * Numbers as files store them, and what they become in the four element types that tensors have: one table for every
 * format. Nothing is rounded. What a tensor has no type for is widened; integers whose type reaches beyond int32 become
 * int32 where every element fits, else float64, which is exact up to 2^53.
 */

import type { DType, TypedArray } from '../kernels/memory/allocate.ts';

/** An element type that a file may hold. */
export type StoredType =
  | 'float64' | 'float32' | 'float16' | 'bfloat16'
  | 'int64' | 'int32' | 'int16' | 'int8'
  | 'uint64' | 'uint32' | 'uint16' | 'uint8' | 'bool';

interface StoredForm {
  /** kind and size in NumPy's type strings; null where NumPy lacks the type */
  readonly numpy: string | null;
  readonly safetensors: string;
  /** bytes an element takes in the file */
  readonly bytes: number;
  /** the tensor type it becomes; 'by value' is int32 or float64 */
  readonly becomes: DType | 'by value';
  /** the element at a byte position; for 64-bit integers the nearest number */
  readonly read: (view: DataView, position: number, littleEndian: boolean) => number;
}

function form(
  numpy: string | null, safetensors: string, bytes: number, becomes: StoredForm['becomes'], read: StoredForm['read'],
): StoredForm {
  return { numpy, safetensors, bytes, becomes, read };
}

const forms: Record<StoredType, StoredForm> = {
  float64: form('f8', 'F64', 8, 'float64', (view, at, little) => view.getFloat64(at, little)),
  float32: form('f4', 'F32', 4, 'float32', (view, at, little) => view.getFloat32(at, little)),
  float16: form('f2', 'F16', 2, 'float32', (view, at, little) => float16(view.getUint16(at, little))),
  bfloat16: form(null, 'BF16', 2, 'float32', (view, at, little) => bfloat16(view.getUint16(at, little))),
  int64: form('i8', 'I64', 8, 'by value', (view, at, little) => Number(view.getBigInt64(at, little))),
  int32: form('i4', 'I32', 4, 'int32', (view, at, little) => view.getInt32(at, little)),
  int16: form('i2', 'I16', 2, 'int32', (view, at, little) => view.getInt16(at, little)),
  int8: form('i1', 'I8', 1, 'int32', (view, at) => view.getInt8(at)),
  uint64: form('u8', 'U64', 8, 'by value', (view, at, little) => Number(view.getBigUint64(at, little))),
  uint32: form('u4', 'U32', 4, 'by value', (view, at, little) => view.getUint32(at, little)),
  uint16: form('u2', 'U16', 2, 'int32', (view, at, little) => view.getUint16(at, little)),
  uint8: form('u1', 'U8', 1, 'uint8', (view, at) => view.getUint8(at)),
  bool: form('b1', 'BOOL', 1, 'uint8', (view, at) => (view.getUint8(at) === 0 ? 0 : 1)),
};

/** How a format calls an element type. */
export function storedName(format: 'numpy' | 'safetensors', type: StoredType): string | null {
  return forms[type][format];
}

/** The element types of a format by their names there. */
export function storedTypes(format: 'numpy' | 'safetensors'): ReadonlyMap<string, StoredType> {
  const named = (Object.keys(forms) as StoredType[]).map((type) => [storedName(format, type), type] as const);
  return new Map(named.filter((pair): pair is readonly [string, StoredType] => pair[0] !== null));
}

/** Bytes that one element takes in a file. */
export function storedBytes(type: StoredType): number {
  return forms[type].bytes;
}

/**
 * Reads the elements that fill `bytes` (whose length is a multiple of the element's) into a fresh typed array. `where`
 * begins the message of the RangeError thrown when a 64-bit integer lies beyond 2^53.
 */
export function readElements(where: string, bytes: Uint8Array, type: StoredType, littleEndian: boolean): TypedArray {
  const { bytes: step, becomes, read } = forms[type];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = bytes.length / step;
  const dtype = becomes === 'by value' ? dtypeByValue(where, view, type, littleEndian) : becomes;
  const values = newArray(dtype, count);
  // A tensor's own type, little-endian: its bytes are the file's.
  if (type === dtype && (littleEndian || step === 1)) new Uint8Array(values.buffer).set(bytes);
  else for (let i = 0; i < count; i++) values[i] = read(view, i * step, littleEndian);
  return values;
}

/** The type that holds every one of the integers exactly. */
function dtypeByValue(where: string, view: DataView, type: StoredType, littleEndian: boolean): DType {
  const { bytes, read } = forms[type];
  let dtype: DType = 'int32';
  for (let at = 0; at < view.byteLength; at += bytes) {
    const value = read(view, at, littleEndian);
    if (value >= -(2 ** 31) && value < 2 ** 31) continue;
    dtype = 'float64';
    if (Math.abs(value) < 2 ** 53) continue;
    const exact = type === 'int64' ? view.getBigInt64(at, littleEndian) : view.getBigUint64(at, littleEndian);
    if (exact < -(2n ** 53n) || exact > 2n ** 53n) {
      throw new RangeError(`${where}: element ${at / bytes} is ${exact} (${type}), no tensor holds integers beyond 2^53`);
    }
  }
  return dtype;
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
