/** Seeded tensors for tests. */

import { RandomState } from '../../src/tensor/random/random-state.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';

/** Draws standard normal float64 tensors, the same for the same seed. */
export function normals(seed: number): (...shape: number[]) => Tensor {
  const rng = new RandomState(seed);
  return (...shape) => rng.randn(shape);
}

/** Draws labels 0..classes-1, the same for the same seed. */
export function randomLabels(seed: number, n: number, classes: number): Tensor {
  return new RandomState(seed).randint(classes, null, [n]);
}
