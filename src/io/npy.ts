/**
 * NumPy's .npy format (numpy.org, numpy.lib.format): a magic string, a version, a header that is a Python dictionary
 * literal with element type, memory order and shape, then the elements.
 */

import { newTensor } from '../tensor/core.ts';
import { contiguousData, copiedData } from '../tensor/internal.ts';
import { checkTensor } from '../tensor/check.ts';
import { checkShape, rowMajorStrides, shapeText } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkBytes, decodeUtf8, formatHint, product, type Bytes } from './bytes.ts';
import { elementBytes, readElements, storedBytes, storedName } from './elements.ts';
import { parseNpyHeader } from './npy-header.ts';

const magic = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]; // \x93NUMPY

/** NumPy refuses longer headers too: no array that a tensor can hold needs one. */
const maxHeaderLength = 10_000;

/**
 * Encodes a tensor as a version 1.0 .npy file that numpy.load reads: row-major, little-endian, the elements starting at
 * a multiple of 64 bytes. Throws TypeError for anything but a Tensor.
 */
export function encodeNpy(t: Tensor): Bytes {
  checkTensor('encodeNpy', 't', t);
  const shape = t.ndim === 1 ? `(${t.shape[0]},)` : `(${t.shape.join(', ')})`;
  const order = storedBytes(t.dtype) === 1 ? '|' : '<';
  const dictionary = `{'descr': '${order}${storedName('numpy', t.dtype)}', 'fortran_order': False, 'shape': ${shape}, }`;
  const before = magic.length + 4;
  const dataStart = Math.ceil((before + dictionary.length + 1) / 64) * 64;
  const header = `${dictionary.padEnd(dataStart - before - 1)}\n`;

  const elements = elementBytes(contiguousData(t));
  const file = new Uint8Array(dataStart + elements.length);
  file.set(magic);
  file.set([1, 0, header.length & 0xff, header.length >> 8], magic.length);
  file.set(new TextEncoder().encode(header), before);
  file.set(elements, dataStart);
  return file;
}

/**
 * Decodes a .npy file of version 1, 2 or 3, in either byte and memory order, into a row-major tensor of its own memory.
 * float64, float32, int32 and uint8 come as they are, float16 becomes float32, bool becomes uint8, int8, int16 and
 * uint16 become int32; uint32, int64 and uint64 become int32 where every element fits, else float64. Throws TypeError
 * unless bytes is a Uint8Array, RangeError for a file that breaks the format, is truncated or goes on after its
 * elements, for element types that no tensor holds (objects, strings, complex numbers, records) and for an integer
 * beyond 2^53. Nothing is allocated that the file does not contain.
 */
export function decodeNpy(bytes: Uint8Array): Tensor {
  return decodeNpyAs('decodeNpy', bytes);
}

/** decodeNpy with another beginning of its error messages. */
export function decodeNpyAs(fn: string, bytes: Uint8Array): Tensor {
  checkBytes(fn, bytes);
  const { start, length } = locateHeader(fn, bytes);
  const text = decodeUtf8(`${fn}: the header`, bytes.subarray(start, start + length));
  const header = parseNpyHeader(fn, text);
  const shape = checkShape(fn, header.shape);
  const elements = bytes.subarray(start + length);
  const expected = product(shape) * storedBytes(header.type);
  if (elements.length !== expected) {
    throw new RangeError(
      `${fn}: shape ${shapeText(shape)} of ${header.type} takes ${expected} bytes, the file has ${elements.length}`,
    );
  }
  const values = readElements(fn, elements, header.type, header.littleEndian);
  if (!header.fortranOrder) return newTensor(values, shape);
  // Column-major elements are the row-major elements of the transposed shape.
  const reversed = [...shape].reverse();
  const transposed = newTensor(values, shape, rowMajorStrides(reversed).reverse());
  return transposed.isContiguous ? transposed : newTensor(copiedData(transposed, transposed.dtype), shape);
}

function locateHeader(fn: string, bytes: Uint8Array): { start: number; length: number } {
  if (bytes.length < 10 || magic.some((byte, i) => bytes[i] !== byte)) {
    throw new RangeError(`${fn}: not a .npy file (it does not begin with \\x93NUMPY${formatHint(bytes)})`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6];
  const minor = bytes[7];
  if (major < 1 || major > 3 || minor !== 0) {
    throw new RangeError(`${fn}: .npy version ${major}.${minor} is not supported, 1.0, 2.0 and 3.0 are`);
  }
  const start = major === 1 ? 10 : 12;
  if (bytes.length < start) throw new RangeError(`${fn}: the file ends inside its header`);
  const length = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > bytes.length - start) {
    throw new RangeError(`${fn}: the header claims ${length} bytes, but only ${bytes.length - start} follow`);
  }
  if (length > maxHeaderLength) {
    throw new RangeError(`${fn}: the header has ${length} bytes, at most ${maxHeaderLength} are allowed`);
  }
  return { start, length };
}
