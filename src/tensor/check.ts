/** Checks of tensor arguments, shared by every layer above. */

import type { DType } from '../kernels/memory/allocate.ts';
import { describe } from '../runtime/check.ts';
import { TensorCore } from './core.ts';
import { sameShape, shapeText } from './shape.ts';
import type { Tensor } from './tensor.ts';

export { shapeText };

/** Throws TypeError unless value is a Tensor; kind says what else the caller takes. */
export function checkTensor(fn: string, name: string, value: unknown, kind: string = 'a Tensor'): Tensor {
  if (value instanceof TensorCore) return value as Tensor;
  const { shape, strides } = Object(value) as Partial<Tensor>;
  const clone = Array.isArray(shape) && Array.isArray(strides)
    ? ' that has lost its class, as structuredClone and postMessage leave it: send its data and shape, and make a ' +
    'new Tensor(data, shape) of them'
    : '';
  throw new TypeError(`${fn}: ${name} must be ${kind}, got ${describe(value)}${clone}`);
}

/** Throws TypeError unless value is a Tensor, RangeError unless it has one of the given numbers of axes. */
export function checkRank(fn: string, name: string, value: unknown, ...ranks: readonly number[]): Tensor {
  const t = checkTensor(fn, name, value);
  if (!ranks.includes(t.ndim)) {
    throw new RangeError(`${fn}: ${name} must have ${ranks.join(' or ')} axes, got ${t.ndim} (${name} ${shapeText(t.shape)})`);
  }
  return t;
}

/** Throws TypeError unless value is a Tensor, RangeError unless it has exactly this shape. */
export function checkTensorShape(fn: string, name: string, value: unknown, shape: readonly number[]): Tensor {
  const t = checkTensor(fn, name, value);
  if (!sameShape(t.shape, shape)) {
    throw new RangeError(`${fn}: ${name} must have shape ${shapeText(shape)}, got ${shapeText(t.shape)}`);
  }
  return t;
}

/**
 * Throws TypeError for a tensor that is to be written to and is stretched: several of its elements are one number in
 * memory, which would be left with what was written last.
 */
export function checkNotStretched(fn: string, name: string, t: Tensor): void {
  if (t.isContiguous || !t.strides.some((stride, axis) => stride === 0 && t.shape[axis] > 1)) return;
  throw new TypeError(
    `${fn}: ${name} must have a place in memory for each element to be written to, got ${shapeText(t.shape)} with ` +
    `strides ${shapeText(t.strides)}; clone() it first`,
  );
}

/** Throws TypeError unless value is a Tensor of one of the given element types. */
export function checkTensorType(fn: string, name: string, value: unknown, ...allowed: readonly DType[]): Tensor {
  const t = checkTensor(fn, name, value);
  if (!allowed.includes(t.dtype)) throw new TypeError(`${fn}: ${name} must be ${allowed.join(' or ')}, got ${t.dtype}`);
  return t;
}
