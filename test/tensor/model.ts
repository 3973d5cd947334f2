/** Nested arrays as a model of tensors, written for obviousness: what property tests compare with. */

import fc from 'fast-check';
import { tensor } from '../../src/index.ts';
import type { NestedNumbers, Tensor } from '../../src/index.ts';

/** Nested arrays of the given shape whose element at each index is f(index). */
export function build(shape: readonly number[], f: (index: number[]) => number, prefix: number[] = []): NestedNumbers {
  if (prefix.length === shape.length) return f(prefix);
  return Array.from({ length: shape[prefix.length] }, (_, i) => build(shape, f, [...prefix, i]));
}

/** The element at an index. */
export function at(nested: NestedNumbers, index: readonly number[]): number {
  return index.reduce<NestedNumbers>((part, i) => (part as readonly NestedNumbers[])[i], nested) as number;
}

/** All elements in row-major order. */
export function flat(nested: NestedNumbers): number[] {
  return typeof nested === 'number' ? [nested] : nested.flatMap(flat);
}

/** Every index of a shape, in row-major order. */
export function indices(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (all, extent) => all.flatMap((index) => Array.from({ length: extent }, (_, i) => [...index, i])),
    [[]],
  );
}

/** Small shapes, empty axes and 0-d included. */
const shapes: fc.Arbitrary<number[]> = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });

/** A tensor and its model. */
export interface Modelled {
  tensor: Tensor;
  model: NestedNumbers;
}

/** Float64 tensors of small integers, so that arithmetic on them is exact. */
export function modelled(shape: fc.Arbitrary<number[]> = shapes): fc.Arbitrary<Modelled> {
  return fc.tuple(shape, fc.integer({ min: 1, max: 1000 })).map(([sizes, seed]) => {
    let state = seed;
    const model = build(sizes, () => {
      state = (state * 16807) % 2147483647;
      return (state % 19) - 9;
    });
    return { tensor: tensor(model, sizes, 'float64'), model };
  });
}
