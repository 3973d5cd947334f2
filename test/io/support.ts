/** Generators and comparisons for the tests of file formats. */

import { expect } from 'vitest';
import fc from 'fast-check';
import { Tensor } from '../../src/tensor/index.ts';
import type { DType } from '../../src/tensor/index.ts';

/** Same shape, type and bits (NaN equals NaN, -0 differs from 0). */
export function expectSameTensor(got: Tensor, expected: Tensor): void {
  expect(got.shape).toEqual(expected.shape);
  expect(got.dtype).toBe(expected.dtype);
  expect(got.toArray()).toEqual(expected.toArray());
}

/** Tensors of every element type with up to three axes, some of them empty, some of them transposed views. */
export const anyTensor: fc.Arbitrary<Tensor> = fc
  .record({
    dtype: fc.constantFrom<DType>('float32', 'float64', 'int32', 'uint8'),
    shape: fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
    transposed: fc.boolean(),
    seed: fc.double({ noNaN: true, min: -1e6, max: 1e6 }),
  })
  .map(({ dtype, shape, transposed, seed }) => {
    const size = shape.reduce((product, extent) => product * extent, 1);
    const values = Array.from({ length: size }, (_, i) => (i % 5 === 4 ? NaN : seed * (i + 1)));
    const arrays = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array };
    const t = new Tensor(arrays[dtype].from(values), shape);
    return transposed ? t.transpose() : t;
  });

/** One of the files with a few bytes overwritten, removed or inserted. */
export function mutations(files: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    place: fc.double({ min: 0, max: 1, noNaN: true }),
    // Header bytes matter most, so half of the edits are aimed at the front.
    front: fc.boolean(),
    remove: fc.integer({ min: 0, max: 3 }),
    insert: fc.uint8Array({ maxLength: 3 }),
  });
  return fc.tuple(fc.constantFrom(...files), fc.array(edit, { minLength: 1, maxLength: 4 })).map(([file, edits]) => {
    let bytes = Array.from(file);
    for (const { place, front, remove, insert } of edits) {
      const at = Math.floor(place * Math.min(bytes.length, front ? 160 : Infinity));
      bytes = [...bytes.slice(0, at), ...insert, ...bytes.slice(at + remove)];
    }
    return Uint8Array.from(bytes);
  });
}
