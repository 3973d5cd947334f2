/**
 * The IDX format of the MNIST files (LeCun, Cortes, Burges, "The MNIST database of handwritten digits"): two zero
 * bytes, a byte for the element type, one for the number of axes, the axes' lengths and then the elements, big-endian.
 */

import { checkTensor } from '../tensor/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkBytes, formatHint, product, type Bytes } from './bytes.ts';

interface ElementType {
  readonly name: string;
  readonly bytes: number;
  readonly get: (view: DataView, at: number) => number;
  readonly array: (length: number) => Uint8Array | Int32Array | Float32Array | Float64Array;
}

const types: ReadonlyMap<number, ElementType> = new Map([
  [0x08, { name: 'uint8', bytes: 1, get: (v, at) => v.getUint8(at), array: (n) => new Uint8Array(n) }],
  [0x09, { name: 'int8', bytes: 1, get: (v, at) => v.getInt8(at), array: (n) => new Int32Array(n) }],
  [0x0b, { name: 'int16', bytes: 2, get: (v, at) => v.getInt16(at), array: (n) => new Int32Array(n) }],
  [0x0c, { name: 'int32', bytes: 4, get: (v, at) => v.getInt32(at), array: (n) => new Int32Array(n) }],
  [0x0d, { name: 'float32', bytes: 4, get: (v, at) => v.getFloat32(at), array: (n) => new Float32Array(n) }],
  [0x0e, { name: 'float64', bytes: 8, get: (v, at) => v.getFloat64(at), array: (n) => new Float64Array(n) }],
] satisfies ReadonlyArray<readonly [number, ElementType]>);

const codes = { uint8: 0x08, int32: 0x0c, float32: 0x0d, float64: 0x0e } as const;

/** Whether bytes begin as an IDX file does: a few of its first are enough. */
export function isIdx(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0 && bytes[1] === 0 && types.has(bytes[2]) && bytes[3] >= 1 && bytes[3] <= 8;
}

/** The bytes that an IDX file has which begins so; null where its header goes on behind them. */
export function idxLength(bytes: Uint8Array): number | null {
  const start = 4 + 4 * bytes[3];
  if (bytes.length < start) return null;
  return start + product(shapeOf(bytes)) * types.get(bytes[2])!.bytes;
}

function shapeOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes[3] }, (_, axis) => view.getUint32(4 + 4 * axis));
}

/**
 * Decodes an IDX file, not compressed, into a tensor of its own memory: uint8, int32, float32 and float64 as they are,
 * int8 and int16 as int32. Throws TypeError unless bytes is a Uint8Array, RangeError for a file that is none, is cut
 * short or goes on after its elements. Nothing is allocated that the file does not contain.
 */
export function decodeIdx(bytes: Uint8Array): Tensor {
  const fn = 'decodeIdx';
  checkBytes(fn, bytes);
  if (!isIdx(bytes)) {
    const begin = 'it does not begin with 0, 0, an element type and 1 to 8 axes';
    throw new RangeError(`${fn}: not an IDX file (${begin}${formatHint(bytes)})`);
  }
  const type = types.get(bytes[2])!;
  const start = 4 + 4 * bytes[3];
  const length = idxLength(bytes);
  if (length === null) throw new RangeError(`${fn}: the file ends inside its header`);
  const shape = shapeOf(bytes);
  const count = product(shape);
  if (bytes.length !== length) {
    const [takes, has] = [count * type.bytes, bytes.length - start];
    throw new RangeError(`${fn}: shape ${shape.join('x')} of ${type.name} takes ${takes} bytes, the file has ${has}`);
  }
  const values = type.array(count);
  if (values instanceof Uint8Array) values.set(bytes.subarray(start));
  else {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let i = 0; i < count; i++) values[i] = type.get(view, start + i * type.bytes);
  }
  return new Tensor(values, shape);
}

/** Encodes a tensor of 1 to 8 axes as an IDX file. Throws TypeError for no Tensor, RangeError for other axes. */
export function encodeIdx(t: Tensor): Bytes {
  const fn = 'encodeIdx';
  checkTensor(fn, 't', t);
  if (t.ndim < 1 || t.ndim > 8) throw new RangeError(`${fn}: t must have 1 to 8 axes, got ${t.ndim}`);
  const code = codes[t.dtype];
  const { bytes } = types.get(code)!;
  const start = 4 + 4 * t.ndim;
  const file = new Uint8Array(start + t.size * bytes);
  const view = new DataView(file.buffer);
  file.set([0, 0, code, t.ndim]);
  t.shape.forEach((length, axis) => view.setUint32(4 + 4 * axis, length));
  const values = contiguousData(t);
  for (let i = 0; i < t.size; i++) {
    const at = start + i * bytes;
    if (t.dtype === 'uint8') file[at] = values[i];
    else if (t.dtype === 'int32') view.setInt32(at, values[i]);
    else if (t.dtype === 'float32') view.setFloat32(at, values[i]);
    else view.setFloat64(at, values[i]);
  }
  return file;
}
