/** Operations on variables that are no methods: those on several, and those a user defines. */

import { checkOptions, describe } from '../runtime/check.ts';
import { checkTensor } from '../tensor/check.ts';
import { insert as inserted, pick as picked, type Indices } from '../tensor/indexing.ts';
import { tensordotAxes, type AxisPairs } from '../tensor/linear-algebra.ts';
import type { ShapeLike } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { slidingWindowView as windows } from '../tensor/windows.ts';
import type { Operation } from './operation.ts';
import * as arithmetic from './operations/arithmetic.ts';
import * as products from './operations/einsum.ts';
import * as shapes from './operations/shape.ts';
import { apply, Variable, type VariableLike } from './variable.ts';

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

/** One element of each row of x (N, C): those at these columns. */
export function pick(x: VariableLike, columns: Indices): Variable {
  return apply('pick', picking, [x], columns);
}

const picking = shapes.moving(([x], columns: Indices) => picked(x, columns));

/** x with values put before these places of an axis. Throws as insert of tensors does. */
export function insert(
  x: VariableLike, indices: number | readonly number[], values: VariableLike, axis: number = 0,
): Variable {
  return apply('insert', inserting, [x, values], indices, axis);
}

const inserting = shapes.moving(
  ([x, values], indices: number | readonly number[], axis: number) => inserted(x, indices, values, axis),
);

/** Every window of this shape, as slidingWindowView of tensors: an element gets the gradients of all its windows. */
export function slidingWindowView(
  x: VariableLike, windowShape: ShapeLike, axis?: number | readonly number[],
): Variable {
  return apply('slidingWindowView', sliding, [x], windowShape, axis);
}

const sliding = shapes.moving(
  ([x], windowShape: ShapeLike, axis: number | readonly number[] | undefined) => windows(x, windowShape, axis),
);

/** As einsum of tensors; every axis has a letter. Throws RangeError for '...'. */
export function einsum(subscripts: string, ...operands: VariableLike[]): Variable {
  return apply('einsum', products.einsum, operands, subscripts);
}

/** The product of a and b summed over the last axes of a and the first of b, or over pairs of axes, as of tensors. */
export function tensordot(a: Variable, b: Variable, axes: number | AxisPairs = 2): Variable {
  for (const [name, value] of Object.entries({ a, b })) {
    if (!(value instanceof Variable)) throw new TypeError(`tensordot: ${name} must be a Variable, got ${describe(value)}`);
  }
  const [ofA, ofB] = tensordotAxes(a.value, b.value, axes);
  const letter = (i: number): string => String.fromCharCode(97 + i);
  const left = a.shape.map((_, i) => letter(i));
  let next = left.length;
  const right = b.shape.map((_, i) => (ofB.includes(i) ? left[ofA[ofB.indexOf(i)]] : letter(next++)));
  const kept = [...left.filter((_, i) => !ofA.includes(i)), ...right.filter((_, i) => !ofB.includes(i))];
  return einsum(`${left.join('')},${right.join('')}->${kept.join('')}`, a, b);
}

/** An operation of the user's own: its forward pass and its way back, on tensors. */
export interface CustomFunction<Cache> {
  /** the output, and whatever the way back needs */
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
      saved: inputs,
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

function checkList(fn: string, values: readonly VariableLike[]): readonly VariableLike[] {
  if (!Array.isArray(values)) throw new TypeError(`${fn}: values must be an array, got ${describe(values)}`);
  return values;
}
