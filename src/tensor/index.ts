/** Tensors: the class, and everything that makes, combines and rearranges them. */

export type { FloatArray } from '../kernels/contract.ts';
export type { DType, TypedArray } from '../kernels/memory/allocate.ts';
export { add, div, maximum, minimum, mod, mul, pow, sub } from './arithmetic.ts';
export type { Operand } from './arithmetic.ts';
export {
  allClose, clip, equal, greater, greaterEqual, less, lessEqual, logicalAnd, logicalNot, logicalOr, notEqual, where,
} from './comparison.ts';
export { arange, eye, full, linspace, logspace, ones, onesLike, tensor, zeros, zerosLike } from './creation.ts';
export type { NestedBooleans, Values } from './creation.ts';
export { einsum } from './einsum.ts';
export { argwhere, insert, pick, take } from './indexing.ts';
export type { Indices } from './indexing.ts';
export { concat, pad, stack } from './joining.ts';
export type { PadMode, PadPair, PadWidth } from './joining.ts';
export { dot, matmul, outer, tensordot, trace } from './linear-algebra.ts';
export type { AxisPairs } from './linear-algebra.ts';
export { fromNdarray, toNdarray } from './ndarray.ts';
export type { NdarrayLike, NdarrayView } from './ndarray.ts';
export { RandomState } from './random/random-state.ts';
export { Rng } from './random/rng.ts';
export type { FloatType } from './random/rng.ts';
export type { GeneratorState, RandomSource, Shuffled } from './random/source.ts';
export { all, any, argmax, argmin, max, mean, min, prod, std, sum, variance } from './reductions.ts';
export type { Axes } from './reductions.ts';
export type { ShapeLike } from './shape.ts';
export { argsort, sort } from './sorting.ts';
export { eigh } from './symmetric-eigen.ts';
export { Tensor } from './tensor.ts';
export type { NestedNumbers } from './tensor.ts';
export {
  abs, ceil, cos, exp, expm1, floor, log, log1p, neg, round, sigmoid, sign, sin, sqrt, square, tanh,
} from './unary.ts';
export { broadcastTo, expandDims, flip, moveaxis, rot90, squeeze, swapaxes } from './views.ts';
export type { Range } from './views.ts';
export { slidingWindowView } from './windows.ts';
