/** Tensors as ONNX files hold them. */

import { describe } from '../../runtime/check.ts';
import { maxDimensions } from '../../tensor/shape.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { product } from '../bytes.ts';
import { readElements, storedBytes } from '../elements.ts';
import { elementTypes, type Message } from './messages.ts';

/**
 * A tensor of the file, in memory of its own; 64-bit integers as float64, those beyond 2^53 as the nearest. Throws
 * RangeError, with `where` in front, for data in another file, a type that no tensor holds, and a shape that the data
 * do not fill; nothing is allocated that the file does not hold.
 */
export function readTensor(where: string, message: Message<'Tensor'>): Tensor {
  const { dims = [], dataType = 0, rawData, floatData = [], doubleData = [], int32Data = [], int64Data = [] } = message;
  if ((message.dataLocation ?? 0) !== 0 || (message.externalData ?? []).length > 0) {
    throw new RangeError(`${where} lies in another file; only data within the file are read`);
  }
  const type = Object.hasOwn(elementTypes, dataType) ? elementTypes[dataType] : undefined;
  if (type === undefined) throw new RangeError(`${where} has the element type ${dataType}, which no tensor holds`);
  if (dims.length > maxDimensions || !dims.every((size) => Number.isSafeInteger(size) && size >= 0)) {
    throw new RangeError(`${where} has a shape that is none: ${describe(dims.slice(0, 8).join('x'))}`);
  }
  const size = product(dims);
  const given = rawData === undefined
    ? [floatData, doubleData, int32Data, int64Data].find(({ length }) => length > 0) ?? []
    : null;
  const count = given === null ? rawData!.length / storedBytes(type) : given.length;
  if (count !== size) throw new RangeError(`${where} of shape ${dims.join('x')} has ${count} elements, expected ${size}`);
  if (given !== null) {
    if (type === 'float16' || type === 'bfloat16') throw new RangeError(`${where} has ${type} as integers`);
    const made = type === 'float32' ? Float32Array : type === 'int32' ? Int32Array : Float64Array;
    return new Tensor(made.from(given as number[]), dims);
  }
  if (type !== 'int64' && type !== 'uint64') return new Tensor(readElements(where, rawData!, type, true), dims);
  const view = new DataView(rawData!.buffer, rawData!.byteOffset, rawData!.byteLength);
  return new Tensor(Float64Array.from({ length: size }, (_, i) => Number(view.getBigInt64(i * 8, true))), dims);
}
