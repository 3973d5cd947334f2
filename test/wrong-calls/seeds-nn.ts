/** Valid calls of `tilegrad/nn`: variables, losses, modules and their methods, optimisers, data, the zoo. */

import { Rng, Tensor, ones, tensor, zeros } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import { methodsOf } from './seeds-tensor.ts';
import { defaults, large } from './walk.ts';
import type { Seed, Table } from './walk.ts';

const rng = new Rng(7);
const layer = (): nn.LayerOptions => ({ rng: new Rng(1), dtype: 'float32' });
const rows = (): nn.Variable => nn.variable(rng.normal(0, 1, [4, 3]), { requiresGrad: true });
const images = (): nn.Variable => nn.variable(rng.normal(0, 1, [2, 2, 4, 4]).astype('float32'));
const labels = (): Int32Array => Int32Array.of(0, 1, 2, 0);
const linear = (): nn.Linear => new nn.Linear(3, 3, layer());

/** What Variable, which is not made by callers, can do. */
const variableTable: Table = {
  Variable: 'internal',
  ...methodsOf('Variable', rows, {
    ...Object.fromEntries([
      'neg', 'exp', 'expm1', 'log', 'log1p', 'sqrt', 'square', 'abs', 'sin', 'cos', 'relu', 'gelu', 'silu', 'sigmoid',
      'tanh', 'sign', 'floor', 'ceil', 'round', 'flatten', 'detach', 'retainGrad', 'zeroGrad', 'toArray', 'toString',
    ].map((name) => [name, []])),
    ...Object.fromEntries(
      ['add', 'sub', 'mul', 'div', 'mod', 'pow', 'maximum', 'minimum'].map((name) => [name, [() => [tensor([1, 2, 3])], () => [2]]]),
    ),
    ...Object.fromEntries(['sum', 'mean', 'prod', 'max', 'min'].map((name) => [name, () => [0, true]])),
    backward: () => [ones([4, 3]), { retainGraph: true }], accumulate: 'internal', assign: 'internal',
    std: () => [0, true, 1], softmax: () => [0], logSoftmax: () => [1],
    prelu: [() => [tensor([0.1, 0.2, 0.3])], () => [tensor([0.1])]],
    expandDims: () => [1], squeeze: () => [[]], swapaxes: () => [0, 1], moveaxis: () => [0, [1]],
    rot90: () => [1, [0, 1]],
    clip: () => [-1, 1], matmul: () => [tensor([1, 2, 3])], leakyRelu: () => [0.1], elu: () => [0.5],
    var: () => [0, true, 1], reshape: () => [3, 4], transpose: () => [1, 0],
    broadcastTo: { args: () => [2, 4, 3], without: large },
    flip: () => [[0]], slice: () => [0, [0, 2, 1]], pad: { args: () => [[[1, 0], [0, 2]], 0], without: large },
  }),
  ...methodsOf('Variable', () => nn.variable(tensor([7])), { item: [], assign: () => [tensor([1])] }),
};

const listed = [
  'namedModules', 'modules', 'namedParameters', 'parameters', 'zeroGrad', 'eval', 'stateEntries', 'generators',
  'bufferDict', 'stateDict', 'toString',
];
const inherited = [
  'requiresGrad', 'freeze', 'train', 'apply', 'outputShape', 'probe', 'summary', 'testing', 'loadStateDict', '_hasForwardOf',
  ...listed,
];

/**
 * What every module can do; `x` are its inputs, `also` what an error on the way may begin with: a layer's path. What
 * all inherit from Module is walked on a few of them.
 */
function moduleMethods(type: string, make: () => nn.Module, x: Seed, also: readonly string[] = []): Table {
  const forward = methodsOf(type, make, { forward: { args: x, also } });
  if (!['Linear', 'Residual', 'Sequential', 'GraphModel'].includes(type)) {
    return { ...forward, ...Object.fromEntries(inherited.map((name) => [`${type}.${name}`, 'internal'])) };
  }
  const shapes = (): unknown[] => x().map((each) => (each as nn.Variable).shape.slice(1));
  return {
    ...forward,
    ...methodsOf(type, make, {
      ...Object.fromEntries(listed.map((name) => [name, []])),
      requiresGrad: () => [false], freeze: () => [false], train: () => [true], apply: () => [() => undefined],
      outputShape: { args: shapes, without: large, also }, summary: { args: shapes, without: large, also },
      testing: () => [() => 1], _hasForwardOf: 'internal',
      probe: { args: () => [shapes(), () => 0], without: large, also },
      loadStateDict: () => [make().stateDict(), { strict: true }],
    }),
  };
}

/** A layer: how it is made, and what it takes. */
function layerTable(type: string, args: Seed, x: Seed, without?: ReadonlySet<string>, also?: readonly string[]): Table {
  const create = (nn as unknown as Record<string, new (...args: readonly unknown[]) => nn.Module>)[type];
  return {
    [type]: { args, without },
    ...moduleMethods(type, () => new create(...args()), x, also),
    ...(create.prototype instanceof nn.Trainable || !('layerParameters' in create.prototype)
      ? {}
      : methodsOf(type, () => new create(...args()), { layerParameters: [], takes: 'internal' })),
  };
}

const conv = (): nn.Conv2dOptions =>
  ({ stride: [1, 2], padding: [1, 0], dilation: 1, groups: 2, bias: true, ...layer() });
const pool = { stride: [1, 2], padding: [1, 0] };
const norm = (): nn.BatchNormOptions => ({ eps: 1e-5, momentum: 0.1, ...layer() });

const layersOfModules: Table = {
  ...layerTable('Linear', () => [3, 2, { bias: true, ...layer() }], () => [rows()], large),
  ...layerTable('Conv2d', () => [2, 4, [3, 2], conv()], () => [images()], large),
  ...layerTable('BatchNorm1d', () => [3, norm()], () => [rows()], large),
  ...layerTable('BatchNorm2d', () => [2, norm()], () => [images()], large),
  ...layerTable('LayerNorm', () => [[4, 4], { eps: 1e-5, ...layer() }], () => [images()], large),
  ...layerTable('GroupNorm', () => [1, 2, { eps: 1e-5, ...layer() }], () => [images()], large),
  ...layerTable('Dropout', () => [0.5, { rng: new Rng(1) }], () => [rows()]),
  ...layerTable('Softmax', () => [1], () => [rows()]), ...layerTable('Maxout', () => [2], () => [images()]),
  ...layerTable('PReLU', () => [2, { init: 0.1, dtype: 'float32' }], () => [images()], large),
  ...layerTable('ChannelsFirst', () => [], () => [images()]),
  ...layerTable('LeakyReLU', () => [0.1], () => [rows()]), ...layerTable('Scale', () => [0.1], () => [rows()]), ...layerTable('ELU', () => [0.5], () => [rows()]),
  ...Object.assign({}, ...['ReLU', 'GELU', 'SiLU', 'Sigmoid', 'Tanh', 'Flatten'].map((type) =>
    layerTable(type, () => [], () => [rows()]))) as Table,
  ...layerTable('MaxPool2d', () => [[2, 2], { ...pool }], () => [images()]),
  ...layerTable('AvgPool2d', () => [[2, 2], { ...pool, countIncludePad: false }], () => [images()]),
  ...layerTable('AdaptiveAvgPool2d', () => [[2, 1]], () => [images()], large),
  ...layerTable('Residual', () => [linear(), linear()], () => [rows()], undefined, ['body', 'shortcut']),
  ...layerTable('Concat', () => [linear(), linear()], () => [rows()], undefined, ['branches.0']),
  ...layerTable('Add', () => [], () => [rows(), rows()], undefined, ['add']),
  ...layerTable('Concatenate', () => [1], () => [rows(), rows()], undefined, ['concat']),
};

const compiled = (): nn.Sequential =>
  nn.sequential(linear()).compile({ loss: 'crossEntropy', optimizer: (w) => new nn.SGD(w, { lr: 0.1 }), metrics: ['accuracy'] });
const fitOptions = (): nn.FitOptions => ({
  epochs: 1, batchSize: 2, validation: [rows().value, labels()], shuffle: true, rng: new Rng(1), augment: (x) => x,
  schedule: () => 1, callbacks: [{ onStep: () => undefined, onEpoch: () => true }], patience: 1, monitor: 'valLoss',
  restoreBest: true, clipNorm: 1, signal: new AbortController().signal, timeLimit: 10, verbose: false,
});

function trainableMethods(type: string, make: () => nn.Trainable, also: readonly string[]): Table {
  const net = (): nn.Trainable => make().compile();
  return {
    ...moduleMethods(type, make, () => [rows()], also),
    ...methodsOf(type, make, {
      compile: () => [{ loss: 'hingeLoss', optimizer: 'sgd', metrics: ['accuracy'] }],
      summary: { args: () => [[3]], without: large, also },
    }),
    ...methodsOf(type, net, {
      compiled: 'internal',
      fit: { args: () => [rows().value, labels(), fitOptions()], also: [...also, 'DataLoader', 'crossEntropy'], without: new Set(['1e9', '2**53']) },
      evaluate: { args: () => [rows().value, labels(), { batchSize: 2 }], also: [...also, 'DataLoader', 'crossEntropy'] },
      predict: { args: () => [rows().value, { batchSize: 2 }], also },
    }),
  };
}

const graph = (): nn.GraphModel => {
  const symbol = nn.input([3]);
  return nn.model([symbol], [linear().apply(symbol)]);
};

const bases = ['Module', 'Trainable', 'Optimizer'].flatMap((base) => {
  const type = (nn as unknown as Record<string, { prototype: object }>)[base];
  const methods: string[] = [];
  for (let at = type.prototype; at !== Object.prototype; at = Object.getPrototypeOf(at) as object) {
    methods.push(...Object.getOwnPropertyNames(at).filter((name) => name !== 'constructor'));
  }
  return [base, ...methods.map((name) => `${base}.${name}`)];
});

const optimizer = (type: string, settings: Readonly<Record<string, unknown>>): Table => {
  const create = (nn as unknown as Record<string, new (...args: readonly unknown[]) => nn.Optimizer>)[type];
  const options = { lr: 0.1, weightDecay: 0.1, ...settings };
  const make = (): nn.Optimizer => {
    const w = rows();
    w.sum().backward();
    return new create([w], options);
  };
  return {
    [type]: [() => [[rows()], { ...options }], () => [[{ params: [rows()], lr: 0.2 }], {}]],
    ...methodsOf(type, make, {
      step: [], zeroGrad: [], stateDict: [], loadStateDict: () => [make().stateDict()],
      plan: [], rule: 'internal', checkOwn: 'internal', settings: 'internal',
    }),
  };
};

const metric = (type: string, make: () => nn.Metric): Table => methodsOf(type, make, {
  update: { args: () => [rows().value, labels()], also: ['accuracy', 'top2Accuracy'] }, reset: [], result: [], fresh: [],
});

const symbol = nn.input([3]);
const applied = linear().apply(symbol);

class Twice extends nn.Module {
  forward(x: nn.Variable): nn.Variable { return x.mul(2); }
}

const zoo = (): nn.ZooOptions => ({ numClasses: 3, ...layer() });
const withoutLarge = new Set([...large, ...defaults]);

export const nnTable: Table = {
  ...Object.fromEntries(bases.map((name) => [name, 'internal'])),
  ...variableTable, ...layersOfModules,
  variable: [() => [[1, 2], { requiresGrad: true }], () => [tensor([1]), { requiresGrad: false }]],
  parameter: () => [ones([2])],
  concat: () => [[rows(), rows().value], 0], stack: () => [[rows(), rows()], 1], take: () => [rows(), [0, 2], 0],
  where: () => [tensor([1, 0, 1]), rows(), 0], noGrad: () => [() => 1], isRecording: () => [],
  customFunction: () => [{ forward: (x: Tensor) => [x, null], backward: (dout: Tensor) => dout }],
  crossEntropy: [
    () => [rows(), labels(), { labelSmoothing: 0.1, ignoreIndex: 1 }], () => [rows(), ones([4, 3])],
    () => [rows(), labels()],
  ],
  hingeLoss: () => [rows(), labels()], mse: () => [rows(), zeros([4, 3])],
  manualSeed: () => [3],
  einsum: [() => ['ij,kj->ik', rows(), rows()], () => ['ij', rows()]],
  tensordot: [() => [rows(), rows(), [[0], [0]]], () => [rows(), rows(), 2]],
  dot: () => [rows(), tensor([1, 2, 3])], outer: () => [rows(), tensor([1, 2])], trace: () => [rows()],
  sort: () => [rows(), 0],
  pick: () => [rows(), [0, 1, 2, 0]], insert: () => [rows(), [0, 2], 1, 1],
  slidingWindowView: [() => [rows(), [2, 2], [0, 1]], () => [rows(), 2, 1]],
  categoricalCrossEntropy: [() => [rows(), labels(), { epsilon: 1e-3 }], () => [rows(), ones([4, 3])]],
  clipGradNorm: () => [[rows()], 1], clipGradValue: () => [[rows()], 1],
  linear: () => [rows(), rows().transpose(), nn.variable(zeros([4]))],
  conv2d: () => [images(), nn.variable(ones([4, 1, 2, 2])), nn.variable(ones([4])), {
    stride: [1, 2], padding: [1, 0], dilation: 1, groups: 2,
  }],
  maxPool2d: () => [images(), [2, 2], { ...pool }],
  avgPool2d: () => [images(), [2, 2], { ...pool, countIncludePad: true }],
  layerNorm: () => [rows(), nn.variable(ones([3])), nn.variable(ones([3])), { eps: 1e-5 }],
  groupNorm: () => [images(), 2, nn.variable(ones([2])), nn.variable(ones([2])), { eps: 1e-5 }],
  maxout: () => [images(), 2], adaptiveAvgPool2d: { args: () => [images(), [2, 1]], without: large },
  batchNorm: [
    () => [rows(), nn.variable(ones([3])), nn.variable(ones([3])), { eps: 1e-5 }],
    () => [images(), nn.variable(ones([2])), nn.variable(ones([2])), { runningMean: ones([2]), runningVar: ones([2]) }],
  ],
  dropout: () => [rows(), 0.5, { training: true, rng: new Rng(1) }],
  AveragedWeights: () => [linear(), { decay: 0.9 }],
  ...methodsOf('AveragedWeights', () => new nn.AveragedWeights(linear()), {
    update: [], apply: [], during: () => [() => 1], stateDict: [],
    loadStateDict: () => [new nn.AveragedWeights(linear()).stateDict()],
  }),
  initializeLikeKeras: () => [linear(), { rng: new Rng(1) }],
  kaimingNormal: () => [rows(), { rng: new Rng(1), mode: 'fanIn', gain: 1 }],
  kaimingUniform: () => [rows(), { rng: new Rng(1), mode: 'fanOut', gain: 1 }],
  xavierNormal: () => [rows(), { rng: new Rng(1), gain: 1 }],
  xavierUniform: () => [rows(), { rng: new Rng(1), gain: 1 }],
  truncatedNormal: () => [rows(), { rng: new Rng(1), mean: 1, std: 2 }],
  varianceScaling: () => [rows(), { rng: new Rng(1), scale: 1, mode: 'fanAverage', distribution: 'normal' }],
  DataLoader: {
    args: () => [rows().value, labels(), {
      batchSize: 2, shuffle: true, dropLast: true, indices: [0, 1, 3], rng: new Rng(1), augment: (x: Tensor) => x,
    }],
  },
  Mean: () => [], ...methodsOf('Mean', () => new nn.Mean(), { add: () => [2, 3], reset: [], result: [] }),
  Accuracy: () => [], ...metric('Accuracy', () => new nn.Accuracy()),
  TopKAccuracy: () => [2], ...metric('TopKAccuracy', () => new nn.TopKAccuracy(2)),
  ...optimizer('SGD', { momentum: 0.9, nesterov: true }), ...optimizer('Adam', { betas: [0.9, 0.99], eps: 1e-8 }),
  ...optimizer('AdamW', { betas: [0.9, 0.99], eps: 1e-8 }), ...optimizer('RMSprop', { alpha: 0.9, eps: 1e-8 }),
  ...optimizer('Adagrad', { eps: 1e-8 }),
  sequential: () => [linear(), new nn.ReLU()],
  Sequential: { args: () => [linear(), new nn.ReLU()], also: ['sequential'] },
  ...trainableMethods('Sequential', compiled, ['0', 'sequential']),
  input: { args: () => [[3, 2]], without: large },
  model: () => [[symbol], [applied]],
  GraphModel: { args: () => [[symbol], [applied]], also: ['model'] },
  ...trainableMethods('GraphModel', graph, ['layers.0', 'model']),
  ...methodsOf('GraphModel', graph, { forwardAll: { args: () => [rows()], also: ['model', 'Linear'] }, summary: [] }),
  describeModule: () => [nn.sequential(linear(), new nn.ReLU())],
  buildModule: {
    args: () => [{ layer: 'Sequential', settings: { length: 2 }, children: { 0: { layer: 'ReLU' }, 1: { same: '0' } } }],
  },
  replaceHead: { args: () => [nn.sequential(linear(), new nn.ReLU()), 2, { rng: new Rng(1) }], without: large },
  layerGraph: () => [nn.sequential(linear(), new nn.ReLU())],
  registerLayer: () => ['Twice', { type: Twice, describe: () => ({}), build: () => new Twice() }],
  convStack: {
    args: () => [{
      ...zoo(), inputDim: [2, 4, 4], blocks: [[2], [2]], filterSize: 3, downsample: 'stride', batchnorm: 'afterRelu',
      hiddenDims: [3], dropout: 0.5,
    }],
    without: withoutLarge,
  },
  deepConvNet: {
    args: () => [{
      ...zoo(), inputDim: [2, 8, 8], numFilters: [2, 2], maxPools: [0], batchnorm: true, weightScale: 0.1,
    }],
    without: withoutLarge,
  },
  threeLayerConvNet: {
    args: () => [{
      ...zoo(), inputDim: [2, 4, 4], numFilters: 2, filterSize: 3, hiddenDim: 4, weightScale: 0.1,
    }],
    without: withoutLarge,
  },
  vggLike: { args: () => [{ ...zoo(), inputDim: [2, 4, 4], widths: [[2], [3]] }], without: withoutLarge },
  denseNet: { args: () => [{ ...zoo(), inChannels: 2, depths: [1, 1], growth: 2 }], without: withoutLarge },
  mobileNetLike: { args: () => [{ ...zoo(), inChannels: 2, widthFactor: 0.1 }], without: withoutLarge },
  resNet20: { args: () => [{ ...zoo(), inChannels: 2, width: 2, shortcut: 'pad' }], without: withoutLarge },
  resNet18: { args: () => [{ ...zoo(), inChannels: 2, width: 2, shortcut: 'projection' }], without: withoutLarge },
};
