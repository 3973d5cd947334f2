/** Operations on variables that are no methods: those on several, and those a user defines. */

import { checkOptions, describe } from '../runtime/check.ts';
import { checkTensor } from '../tensor/check.ts';
import type { Indices } from '../tensor/indexing.ts';
import type { AxisPairs } from '../tensor/linear-algebra.ts';
import type { ShapeLike } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Operation } from './operation.ts';
import * as arithmetic from './operations/arithmetic.ts';
import * as products from './operations/einsum.ts';
import * as matrix from './operations/matrix.ts';
import * as shapes from './operations/shape.ts';
import { apply, type Variable, type VariableLike } from './variable.ts';

/** The values one after another along an axis. Throws as concat of tensors does. */
export function concat(values: readonly VariableLike[], axis: number = 0): Variable {
  return apply('concat', shapes.concat, checkList('concat', values), axis);
}

/** The values side by side along a new axis. Throws as stack of tensors does. */
export function stack(values: readonly VariableLike[], axis: number = 0): Variable {
  return apply('stack', shapes.stack, checkList('stack', values), axis);
}

/** a where the condition is not 0, else b, with broadcasting. */
export function where(condition: Tensor, a: VariableLike, b: VariableLike): Variable {
  return apply('where', arithmetic.where, [a, b], checkTensor('where', 'condition', condition));
}

/** The parts at these indices along an axis. */
export function take(x: VariableLike, indices: Indices, axis: number = 0): Variable {
  return apply('take', shapes.take, [x], indices, axis);
}

/** One element of each row of x (N, C): those at these columns. Throws as pick of tensors does. */
export function pick(x: VariableLike, columns: Indices): Variable {
  return apply('pick', shapes.pick, [x], columns);
}

/** x with values put before these places of an axis. Throws as insert of tensors does. */
export function insert(
  x: VariableLike, indices: number | readonly number[], values: VariableLike, axis: number = 0,
): Variable {
  return apply('insert', shapes.insert, [x, values], indices, axis);
}

/** Every window of this shape, as slidingWindowView of tensors, and as that throws. */
export function slidingWindowView(
  x: VariableLike, windowShape: ShapeLike, axis?: number | readonly number[],
): Variable {
  return apply('slidingWindowView', shapes.slidingWindowView, [x], windowShape, axis);
}

/** x in ascending order along an axis, the last unless given. Throws as sort of tensors does. */
export function sort(x: VariableLike, axis: number = -1): Variable {
  return apply('sort', shapes.sort, [x], axis);
}

/** Sums of products over labelled axes, as einsum of tensors, and as that throws. */
export function einsum(subscripts: string, ...operands: VariableLike[]): Variable {
  return apply('einsum', products.einsum, operands, subscripts);
}

/** The product of a and b summed over the last axes of a and the first of b, or over pairs of axes, as of tensors. */
export function tensordot(a: VariableLike, b: VariableLike, axes: number | AxisPairs = 2): Variable {
  return apply('tensordot', products.tensordot, [a, b], axes);
}

/** NumPy's dot, as of tensors: matmul up to two axes; beyond, the last axis of a meets the second to last of b. */
export function dot(a: VariableLike, b: VariableLike): Variable {
  return apply('dot', matrix.dot, [a, b]);
}

/** The outer product of all elements of a (n) and of b (m): (n, m). */
export function outer(a: VariableLike, b: VariableLike): Variable {
  return apply('outer', matrix.outer, [a, b]);
}

/** The sum of the main diagonal of a matrix. Throws RangeError unless x has two axes. */
export function trace(x: VariableLike): Variable {
  return apply('trace', matrix.trace, [x]);
}

/** An operation of the user's own: its forward pass and its way back, on tensors. */
export interface CustomFunction<Cache> {
  /** the output, and whatever the way back needs: a tensor, or a list of them, must stay as it is until then */
  forward(...inputs: Tensor[]): readonly [out: Tensor, cache: Cache];
  /** from the gradient of the output to that of each input: one tensor, or a list with null where there is none */
  backward(dout: Tensor, cache: Cache): Tensor | ReadonlyArray<Tensor | null>;
}

/**
 * Makes an operation on variables of a forward pass and its backward pass: `const swish = customFunction({ forward,
 * backward })`, then `swish(x)`. Throws TypeError, when it is made or used, for what is not of this form, RangeError
 * for gradients that do not have the shapes of the inputs.
 */
export function customFunction<Cache>(definition: CustomFunction<Cache>): (...inputs: VariableLike[]) => Variable {
  const fn = 'customFunction';
  checkOptions(fn, definition, ['forward', 'backward']);
  for (const key of ['forward', 'backward'] as const) {
    if (typeof definition[key] !== 'function') {
      throw new TypeError(`${fn}: ${key} must be a function, got ${describe(definition[key])}`);
    }
  }
  const operation: Operation = (inputs) => {
    const result: unknown = definition.forward(...inputs);
    if (!Array.isArray(result) || !(result[0] instanceof Tensor)) {
      throw new TypeError(`${fn}: forward must return [out, cache] with a Tensor out, got ${describe(result)}`);
    }
    const [out, cache] = result as [Tensor, Cache];
    return {
      out,
      saved: [...inputs, ...tensorsIn(cache)],
      back: (dout) => {
        const gradients: unknown = definition.backward(dout, cache);
        const list = gradients instanceof Tensor ? [gradients] : gradients;
        if (!Array.isArray(list) || list.length !== inputs.length) {
          throw new TypeError(
            `${fn}: backward must return a gradient for each of ${inputs.length} inputs, got ${describe(gradients)}`,
          );
        }
        // what the user keeps must not be added to
        return list.map((gradient, i) => (gradient === null ? null : checkTensor(fn, `gradient ${i}`, gradient).clone()));
      },
    };
  };
  return (...inputs) => apply(fn, operation, inputs);
}

/** The cache where it is a tensor, or the tensors in it where it is a list. */
function tensorsIn(cache: unknown): Tensor[] {
  const parts: readonly unknown[] = Array.isArray(cache) ? cache : [cache];
  return parts.filter((part): part is Tensor => part instanceof Tensor);
}

function checkList(fn: string, values: readonly VariableLike[]): readonly VariableLike[] {
  if (!Array.isArray(values)) throw new TypeError(`${fn}: values must be an array, got ${describe(values)}`);
  return values;
}
