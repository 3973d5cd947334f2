/** The measure by which gradients, outputs and results are compared. */

import { describe } from '../runtime/check.ts';
import { shapeText } from '../tensor/check.ts';
import { contiguousDataAs } from '../tensor/internal.ts';
import { sameShape } from '../tensor/shape.ts';
import { tensorOf, type Values } from '../tensor/creation.ts';
import { Tensor } from '../tensor/tensor.ts';

/**
 * The largest relative error between two tensors (or numbers, or nested arrays) of one shape:
 * max |a - b| / max(1e-8, |a| + |b|). Between 0 and 1 for finite values; NaN when either holds a NaN, so that no
 * comparison with a tolerance passes. Equal infinities count as no error. 0 for tensors without elements. For float64:
 * in float32 elements near 0, of which few digits are right, decide it; there take allClose, or max |a - b| / max |a|.
 * Throws TypeError for other arguments, RangeError for shapes that differ.
 */
export function relError(a: Values, b: Values): number {
  const left = asTensor('a', a);
  const right = asTensor('b', b);
  if (!sameShape(left.shape, right.shape)) {
    throw new RangeError(
      `relError: a and b must have one shape, got ${shapeText(left.shape)} and ${shapeText(right.shape)}`,
    );
  }
  const x = contiguousDataAs(left, 'float64');
  const y = contiguousDataAs(right, 'float64');
  let largest = 0;
  for (let i = 0; i < x.length; i++) {
    const error = x[i] === y[i] ? 0 : relative(x[i] / 2, y[i] / 2);
    if (Number.isNaN(error)) return NaN;
    if (error > largest) largest = error;
  }
  return largest;
}

/** The error between two values from their halves, whose sum cannot overflow. */
function relative(a: number, b: number): number {
  return Math.abs(a - b) / Math.max(1e-8 / 2, Math.abs(a) + Math.abs(b));
}

function asTensor(name: string, value: Values): Tensor {
  if (value instanceof Tensor) return value;
  if (typeof value !== 'number' && !Array.isArray(value) && !ArrayBuffer.isView(value)) {
    throw new TypeError(`relError: ${name} must be a Tensor, an array or a number, got ${describe(value)}`);
  }
  return tensorOf('relError', value, null, ArrayBuffer.isView(value) ? undefined : 'float64');
}
