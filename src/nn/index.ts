/** The framework levels: variables that record, modules, sequential networks, graphs. */

export {
  concat, customFunction, dot, einsum, insert, outer, pick, slidingWindowView, sort, stack, take, tensordot, trace,
  where,
} from '../autograd/functions.ts';
export type { CustomFunction } from '../autograd/functions.ts';
export { isRecording, noGrad } from '../autograd/recording.ts';
export { parameter, Variable, variable } from '../autograd/variable.ts';
export type { BackwardOptions, VariableLike, VariableOptions } from '../autograd/variable.ts';
export { buildModule, describeModule } from './architecture/describe.ts';
export { layerGraph } from './architecture/graph.ts';
export type { LayerGraph, LayerNode } from './architecture/graph.ts';
export type { GraphValue, LayerDefinition, Through } from './architecture/definition.ts';
export { registerLayer } from './architecture/registry.ts';
export type { Architecture, LayerArchitecture, Plain, SameLayer, Settings } from './architecture/types.ts';
export { AveragedWeights } from './averaged-weights.ts';
export type { AveragedWeightsOptions } from './averaged-weights.ts';
export { Concat, Residual, Sequential, sequential } from './containers.ts';
export type { Compiled, Figures, Loss } from './compiled.ts';
export { DataLoader } from './data-loader.ts';
export type { Batch, DataLoaderOptions, Inputs } from './data-loader.ts';
export { manualSeed } from './defaults.ts';
export type { LayerOptions } from './defaults.ts';
export type { Callbacks, EpochReport, FitOptions, FitState, History, StepReport } from './fit-options.ts';
export { clipGradNorm, clipGradValue } from './gradients.ts';
export {
  adaptiveAvgPool2d, avgPool2d, batchNorm, conv2d, dropout, groupNorm, layerNorm, linear, maxout, maxPool2d,
} from './functional.ts';
export type {
  BatchNormFunctionOptions, ConvFunctionOptions, DropoutFunctionOptions, NormFunctionOptions,
} from './functional.ts';
export { Add, Concatenate, GraphModel, input, model } from './graph.ts';
export type { SeveralOutputs } from './graph.ts';
export { Conv2d } from './layers/convolution.ts';
export type { Conv2dOptions } from './layers/convolution.ts';
export {
  ChannelsFirst, Dropout, ELU, Flatten, GELU, LeakyReLU, Maxout, PReLU, ReLU, Scale, Sigmoid, SiLU, Softmax, Tanh,
} from './layers/elementwise.ts';
export type { DropoutOptions, PReLUOptions } from './layers/elementwise.ts';
export { Linear } from './layers/linear.ts';
export type { LinearOptions } from './layers/linear.ts';
export { BatchNorm1d, BatchNorm2d, GroupNorm, LayerNorm } from './layers/norm.ts';
export type { AffineOptions, BatchNormOptions, NormOptions } from './layers/norm.ts';
export { AdaptiveAvgPool2d, AvgPool2d, MaxPool2d } from './layers/pooling.ts';
export type { AvgPoolOptions, PoolOptions } from './layers/pooling.ts';
export {
  initializeLikeKeras, kaimingNormal, kaimingUniform, truncatedNormal, varianceScaling, xavierNormal, xavierUniform,
} from './initializers.ts';
export type {
  InitializerOptions, KaimingInitializerOptions, TruncatedNormalOptions, VarianceScalingOptions,
  XavierInitializerOptions,
} from './initializers.ts';
export { categoricalCrossEntropy, crossEntropy, hingeLoss, mse } from './losses.ts';
export type { CrossEntropyOptions } from './losses.ts';
export { Accuracy, Mean, TopKAccuracy } from './metrics.ts';
export type { Metric } from './metrics.ts';
export { Module } from './module.ts';
export type { LoadStateOptions, LoadStateResult, StateDict } from './module.ts';
export { Adagrad, Adam, AdamW, Optimizer, RMSprop, SGD } from './optimizers.ts';
export type {
  AdagradSettings, AdamSettings, OptimizerState, ParameterGroup, Parameters, RMSpropSettings, SGDSettings,
} from './optimizers.ts';
export { replaceHead } from './replace-head.ts';
export type { StateEntry } from './state-entry.ts';
export type { SymbolicValue } from './symbol.ts';
export { Trainable } from './trainable.ts';
export type { CompileOptions, EvaluateOptions, LossName, OptimizerName } from './trainable.ts';
export { convStack } from './zoo/conv-stack.ts';
export type { ConvStackOptions } from './zoo/conv-stack.ts';
export { deepConvNet } from './zoo/deep-conv-net.ts';
export type { DeepOptions } from './zoo/deep-conv-net.ts';
export { denseNet } from './zoo/dense-net.ts';
export type { DenseNetOptions } from './zoo/dense-net.ts';
export { mobileNetLike } from './zoo/mobile-net-like.ts';
export type { MobileNetLikeOptions } from './zoo/mobile-net-like.ts';
export type { ZooOptions } from './zoo/options.ts';
export { resNet18, resNet20 } from './zoo/res-net.ts';
export type { ResNetOptions } from './zoo/res-net.ts';
export { threeLayerConvNet } from './zoo/three-layer-conv-net.ts';
export type { ThreeLayerOptions } from './zoo/three-layer-conv-net.ts';
export { vggLike } from './zoo/vgg-like.ts';
export type { VggLikeOptions } from './zoo/vgg-like.ts';
