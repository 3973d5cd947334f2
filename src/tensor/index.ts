/** Tensors: the class, and everything that makes, combines and rearranges them. */

export type { DType, TypedArray } from '../kernels/memory/allocate.ts';
export { arange, eye, full, linspace, ones, onesLike, tensor, zeros, zerosLike } from './creation.ts';
export type { Values } from './creation.ts';
export type { ShapeLike } from './shape.ts';
export { Tensor } from './tensor.ts';
export type { NestedNumbers } from './tensor.ts';
export { broadcastTo, expandDims, flip, moveaxis, rot90, squeeze, swapaxes } from './views.ts';
export type { Range } from './views.ts';
export { argwhere, insert, pick, take } from './indexing.ts';
export type { Indices } from './indexing.ts';
export { RandomState } from './random/random-state.ts';
export { Rng } from './random/rng.ts';
export type { GeneratorState, RandomSource } from './random/source.ts';
