import { expect } from 'vitest';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { largest } from './errors.ts';
import { stored, type StoredTensor } from './reference.ts';

/** Expects the shape of what was stored, and its elements to within so much of the largest. */
export function near(actual: Tensor, expected: StoredTensor, limit: number): void {
  expect(actual.shape).toEqual(expected.shape);
  const wanted = stored(expected);
  const scale = Math.max(0.01, largest(wanted.data));
  expect(largest(actual.astype('float64').sub(wanted).data) / scale).toBeLessThan(limit);
}
