/** Element types: names, the typed arrays behind them, and how mixed operands are promoted. */

import type { DType, TypedArray } from '../kernels/memory/allocate.ts';
import { checkOneOf, describe } from '../runtime/check.ts';

/** Every element type, narrowest first. */
const dtypes: readonly DType[] = ['uint8', 'int32', 'float32', 'float64'];

/** Throws RangeError unless value names an element type. */
export function checkDType(fn: string, value: unknown): DType {
  return checkOneOf(fn, 'dtype', value, dtypes);
}

/** The element type of a typed array. Throws TypeError for arrays that no tensor can hold. */
export function dtypeOf(fn: string, data: unknown, name: string = 'data'): DType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Uint8Array) return 'uint8';
  const kinds = 'a Float32Array, Float64Array, Int32Array or Uint8Array';
  throw new TypeError(`${fn}: ${name} must be ${kinds}, got ${describe(data)}`);
}

/** True for float32 and float64. */
export function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64';
}

/**
 * The type that holds the results of arithmetic on both. Equal types stay; float64 wins over all; int32 with float32
 * is float64 (float32 cannot hold every int32), uint8 with float32 is float32, uint8 with int32 is int32.
 */
export function promote(a: DType, b: DType): DType {
  if (a === b) return a;
  if (a === 'float64' || b === 'float64') return 'float64';
  if (a === 'uint8') return b;
  if (b === 'uint8') return a;
  return 'float64';
}

/**
 * The type of arithmetic between a tensor and a plain number: a float tensor keeps its type. An integer tensor keeps
 * its type while the number is an integer that fits, widens from uint8 to int32 where that is enough, and else becomes
 * float64.
 */
export function promoteNumber(dtype: DType, value: number): DType {
  if (isFloat(dtype)) return dtype;
  if (!Number.isInteger(value)) return 'float64';
  if (dtype === 'uint8' && value >= 0 && value <= 255) return 'uint8';
  return value >= -(2 ** 31) && value < 2 ** 31 ? 'int32' : 'float64';
}

/** A typed array of the tensor's own types that holds the same values as any other numeric typed array. */
export function supportedArray(fn: string, values: ArrayBufferView): TypedArray {
  if (values instanceof Int8Array || values instanceof Int16Array || values instanceof Uint16Array) {
    return Int32Array.from(values);
  }
  if (values instanceof Uint8ClampedArray) return Uint8Array.from(values);
  if (values instanceof Uint32Array) return Float64Array.from(values);
  dtypeOf(fn, values, 'values');
  return values as TypedArray;
}
