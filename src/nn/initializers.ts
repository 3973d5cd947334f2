/**
 * Initial parameters. fanIn is the number of inputs that one output sums over, fanOut the number of outputs that one
 * input goes to.
 */

import type { FloatArray } from '../kernels/contract.ts';
import { allocateCollected } from '../kernels/memory/allocate.ts';
import type { FloatType } from '../layers/arguments.ts';
import type { RandomSource } from '../tensor/random/source.ts';
import { sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';

/** Uniform between -bound and bound. */
function uniformWithin(shape: readonly number[], bound: number, rng: RandomSource, dtype: FloatType): Tensor {
  const values = allocateCollected(dtype, sizeOf(shape)) as FloatArray;
  for (let i = 0; i < values.length; i++) values[i] = bound * (2 * rng.random() - 1);
  return new Tensor(values, shape);
}

/** Uniform between -1 / sqrt(fanIn) and 1 / sqrt(fanIn): what PyTorch's linear and convolution layers start from. */
export function uniformByFanIn(shape: readonly number[], fanIn: number, rng: RandomSource, dtype: FloatType): Tensor {
  return uniformWithin(shape, 1 / Math.sqrt(fanIn), rng, dtype);
}
