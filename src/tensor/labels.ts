/** Class labels, one number an example, as every room takes them. */

import { describe } from '../runtime/check.ts';
import { checkRank } from './check.ts';
import { contiguousData } from './internal.ts';
import { Tensor } from './tensor.ts';

/** One class number an example: an array, a typed array (also of 64-bit integers) or a tensor of one axis. */
export type Labels = ArrayLike<number> | BigInt64Array | BigUint64Array | Tensor;

/** The labels as they come, unchecked. Throws TypeError unless y is an array, a typed array or a tensor of one axis. */
export function labelValues(fn: string, name: string, y: Labels): ArrayLike<unknown> {
  if (y instanceof Tensor) return contiguousData(checkRank(fn, name, y, 1));
  if (Array.isArray(y) || (ArrayBuffer.isView(y) && !(y instanceof DataView))) return y as ArrayLike<unknown>;
  throw new TypeError(`${fn}: ${name} must be an array, a typed array or a Tensor of labels, got ${describe(y)}`);
}

/**
 * The labels as a new Int32Array. Throws TypeError for anything else (see `labelValues`), RangeError unless it holds
 * `count` integers (any number of them when null) from 0 to below `classes`.
 */
export function checkLabels(
  fn: string, name: string, y: Labels, count: number | null = null, classes: number = 2 ** 31,
): Int32Array {
  return new Int32Array(readableLabels(fn, name, y, count, classes));
}

/** The same for who only reads them, and at once: the array of y itself where it is an Int32Array. */
export function readableLabels(
  fn: string, name: string, y: Labels, count: number | null, classes: number,
): Int32Array {
  const values = labelValues(fn, name, y);
  if (count !== null && values.length !== count) {
    throw new RangeError(`${fn}: ${name} must have ${count} labels, one an example, got ${values.length}`);
  }
  const labels = values instanceof Int32Array ? values : new Int32Array(values.length);
  for (let i = 0; i < labels.length; i++) {
    const label = typeof values[i] === 'bigint' ? Number(values[i]) : values[i];
    if (typeof label !== 'number') throw new TypeError(`${fn}: ${name}[${i}] must be an integer, got ${describe(label)}`);
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      const range = classes === 2 ** 31 ? 'from 0' : `from 0 to ${classes - 1}`;
      throw new RangeError(`${fn}: ${name}[${i}] must be an integer ${range}, got ${label}`);
    }
    labels[i] = label;
  }
  return labels;
}
