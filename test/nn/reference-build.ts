/** The modules that the cases of reference.json are about, with their parameters put in. */

import * as nn from '../../src/nn/index.ts';
import type { Tensor } from '../../src/tensor/tensor.ts';
import { stored } from '../support/reference.ts';
import type { LayerCase, ModelCase } from '../support/reference.ts';

export type Float = 'float64' | 'float32';

/** A module, and its parameters by the names that the file has for them. */
interface BuiltLayer {
  readonly module: nn.Module;
  readonly parameters: Readonly<Record<string, nn.Variable>>;
}

const padded: Readonly<Record<string, readonly string[]>> = { w: ['w', 'b'], gamma: ['gamma', 'beta'] };

/** The module of a layer case, in training or test mode as the case says. */
export function buildLayer(layer: LayerCase, dtype: Float): BuiltLayer {
  const { op, inputs, params = {} } = layer;
  const make = makers[op];
  if (make === undefined) throw new Error(`reference.json has a layer without a module: ${op}`);
  const module = make(layer, dtype);
  const names = 'w' in inputs ? padded.w : 'gamma' in inputs ? padded.gamma : [];
  const found = module.parameters();
  nn.noGrad(() => names.forEach((name, i) => found[i].assign(stored(inputs[name], dtype))));
  if (inputs.runningMean !== undefined) {
    const state = { running_mean: stored(inputs.runningMean, dtype), running_var: stored(inputs.runningVar, dtype) };
    module.loadStateDict(state, { strict: false });
  }
  if (params.mode === 'test') module.eval();
  return { module, parameters: Object.fromEntries(names.map((name, i) => [name, found[i]])) };
}

type Maker = (layer: LayerCase, dtype: Float) => nn.Module;

const window = ({ params = {} }: LayerCase): [[number, number], { stride: number }] =>
  [[Number(params.poolHeight), Number(params.poolWidth)], { stride: Number(params.stride) }];

const makers: Readonly<Record<string, Maker>> = {
  affine: ({ inputs: { x, w } }, dtype) => {
    const linear = new nn.Linear(w.shape[0], w.shape[1], { dtype });
    return x.shape.length > 2 ? nn.sequential(new nn.Flatten(), linear) : linear;
  },
  conv: ({ inputs: { w: { shape } }, params = {} }, dtype) => new nn.Conv2d(shape[1], shape[0], [shape[2], shape[3]], {
    stride: Number(params.stride), padding: Number(params.pad), dtype,
  }),
  relu: () => new nn.ReLU(), sigmoid: () => new nn.Sigmoid(), tanh: () => new nn.Tanh(),
  leakyRelu: ({ params = {} }) => new nn.LeakyReLU(Number(params.alpha)),
  elu: ({ params = {} }) => new nn.ELU(Number(params.alpha)),
  maxPool: (layer) => new nn.MaxPool2d(...window(layer)), avgPool: (layer) => new nn.AvgPool2d(...window(layer)),
  globalAvgPool: () => nn.sequential(new nn.AdaptiveAvgPool2d(1), new nn.Flatten()),
  batchnorm: ({ inputs, params = {} }, dtype) =>
    new nn.BatchNorm1d(inputs.x.shape[1], { eps: Number(params.eps), dtype }),
  spatialBatchnorm: ({ inputs, params = {} }, dtype) =>
    new nn.BatchNorm2d(inputs.x.shape[1], { eps: Number(params.eps), dtype }),
  layernorm: ({ inputs, params = {} }, dtype) =>
    new nn.LayerNorm(inputs.x.shape[1], { eps: Number(params.eps), dtype }),
  spatialGroupnorm: ({ inputs, params = {} }, dtype) =>
    new nn.GroupNorm(Number(params.G), inputs.x.shape[1], { eps: Number(params.eps), dtype }),
};

interface BuiltNetwork {
  readonly parameters: Readonly<Record<string, nn.Variable>>;
  /** scores of a batch, and the loss with the penalty on the weight matrices */
  loss(X: Tensor, y: readonly number[]): [scores: nn.Variable, loss: nn.Variable];
}

/** The network of a model case, computed as a chain (whose neighbours are fused) or layer by layer. */
export function buildNetwork({ model, config, reg, l2Factor, params }: ModelCase, fused: boolean): BuiltNetwork {
  const make = networks[model];
  if (make === undefined) throw new Error(`reference.json has a model without a network of modules: ${model}`);
  const layers = make(config);
  const chain = nn.sequential(...layers);
  const found = chain.parameters();
  const parameters = Object.fromEntries(Object.keys(params).map((name, i) => [name, found[i]]));
  nn.noGrad(() => found.forEach((parameter, i) => parameter.assign(stored(Object.values(params)[i]))));
  const weights = Object.entries(parameters).filter(([name]) => name.startsWith('W')).map(([, weight]) => weight);
  return {
    parameters,
    loss(X, y) {
      const x = nn.variable(X);
      const scores = fused ? chain.forward(x) : layers.reduce((out, layer) => layer.forward(out), x);
      const penalty = weights.map((weight) => weight.square().sum()).reduce((a, b) => a.add(b));
      return [scores, nn.crossEntropy(scores, y).add(penalty.mul(l2Factor * reg))];
    },
  };
}

const dtype = 'float64';

const networks: Readonly<Record<string, (config: Readonly<Record<string, unknown>>) => nn.Module[]>> = {
  FullyConnectedNet: (config) => {
    const { hiddenDims, inputDim, numClasses, normalization } = config as
      { hiddenDims: number[]; inputDim: number | number[]; numClasses: number; normalization: string | null };
    const sizes = [[inputDim].flat().reduce((a, b) => a * b), ...hiddenDims];
    const norm = { batchnorm: nn.BatchNorm1d, layernorm: nn.LayerNorm }[normalization ?? ''];
    const hidden = hiddenDims.flatMap((size, i) => [
      new nn.Linear(sizes[i], size, { dtype }),
      ...(norm === undefined ? [] : [new norm(size, { dtype })]), new nn.ReLU(),
    ]);
    return [new nn.Flatten(), ...hidden, new nn.Linear(sizes[hiddenDims.length], numClasses, { dtype })];
  },
  ThreeLayerConvNet: (config) => nn.threeLayerConvNet({ ...config, dtype }).modules().slice(1),
  DeepConvNet: (config) => nn.deepConvNet({ ...config, dtype }).modules().slice(1),
};
