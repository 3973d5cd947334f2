/** Layers: forward passes that return `[out, cache]`, each with the backward pass that takes `(dout, cache)`. */

export { affineBackward, affineForward } from './affine.ts';
export type { AffineCache, AffineGradients } from './affine.ts';
export {
  affineBatchnormReluBackward, affineBatchnormReluForward, affineLayernormReluBackward, affineLayernormReluForward,
  affineReluBackward, affineReluForward,
} from './affine-sandwich.ts';
export type {
  AffineBatchnormReluCache, AffineLayernormReluCache, AffineNormGradients, AffineReluCache,
} from './affine-sandwich.ts';
export {
  eluBackward, eluForward, geluBackward, geluForward, leakyReluBackward, leakyReluForward, reluBackward, reluForward,
  sigmoidBackward, sigmoidForward, siluBackward, siluForward, tanhBackward, tanhForward,
} from './activation.ts';
export type { EluCache, GeluCache, LeakyReluCache, ReluCache, SigmoidCache, SiluCache, TanhCache } from './activation.ts';
export type { Cache, FloatType, InputGradient } from './arguments.ts';
export type {
  AdaptivePoolGeometry, AvgPoolGeometry, ChannelGeometry, ConvGeometry, GroupGeometry, PoolGeometry,
} from '../kernels/geometry.ts';
export {
  batchnormBackward, batchnormBackwardAlt, batchnormForward, spatialBatchnormBackward, spatialBatchnormForward,
} from './batchnorm.ts';
export type { BatchnormCache, BatchnormContent, BatchnormParam, NormGradients } from './batchnorm.ts';
export {
  convBatchnormReluBackward, convBatchnormReluForward, convBatchnormReluPoolBackward, convBatchnormReluPoolForward,
  convReluBackward, convReluForward, convReluPoolBackward, convReluPoolForward,
} from './conv-sandwich.ts';
export type {
  ConvBatchnormReluCache, ConvBatchnormReluPoolCache, ConvNormGradients, ConvReluCache, ConvReluPoolCache,
} from './conv-sandwich.ts';
export {
  convBackward, convBackwardFast, convBackwardNaive, convForward, convForwardFast, convForwardNaive,
} from './convolution.ts';
export type { ConvCache, ConvGradients, ConvParam } from './convolution.ts';
export { dropoutBackward, dropoutForward } from './dropout.ts';
export type { DropoutCache, DropoutParam } from './dropout.ts';
export {
  layernormBackward, layernormForward, spatialGroupnormBackward, spatialGroupnormForward,
} from './groupnorm.ts';
export type {
  GroupnormContent, GroupnormParam, LayernormCache, SpatialGroupnormCache, SpatialGroupnormParam,
} from './groupnorm.ts';
export { diracInit, kaimingInit, xavierInit } from './initialize.ts';
export type { DiracOptions, KaimingOptions, XavierOptions } from './initialize.ts';
export { maxoutBackward, maxoutForward } from './maxout.ts';
export type { MaxoutCache } from './maxout.ts';
export { preluBackward, preluForward } from './prelu.ts';
export type { PreluCache } from './prelu.ts';
export { softmaxBackward, softmaxForward } from './softmax.ts';
export type { SoftmaxCache } from './softmax.ts';
export { softmaxLoss, svmLoss } from './loss.ts';
export type { Labels, SoftmaxLossOptions } from './loss.ts';
export {
  adaptiveAvgPoolBackward, adaptiveAvgPoolForward, avgPoolBackward, avgPoolForward, globalAvgPoolBackward,
  globalAvgPoolForward, maxPoolBackward, maxPoolBackwardFast, maxPoolBackwardNaive, maxPoolForward,
  maxPoolForwardFast, maxPoolForwardNaive,
} from './pooling.ts';
export type {
  AdaptiveAvgPoolCache, AverageRecord, AvgPoolCache, AvgPoolParam, MaxPoolCache, PoolParam,
} from './pooling.ts';
export type { Pad, PerAxis } from './geometry.ts';
export { whiteningFilters } from './whitening.ts';
export type { WhiteningOptions } from './whitening.ts';
