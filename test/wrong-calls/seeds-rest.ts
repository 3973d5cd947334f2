/** Valid calls of all that stands on tensors and layers: models, training, data, files in memory, pictures, node. */

import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as data from '../../src/data/index.ts';
import { Rng, Tensor, ones, tensor, zeros } from '../../src/index.ts';
import * as io from '../../src/io/index.ts';
import * as models from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';
import * as train from '../../src/train/index.ts';
import * as viz from '../../src/viz/index.ts';
import { releaseArchive } from '../node/archive.ts';
import { matrix, methodsOf } from './seeds-tensor.ts';
import { defaults, large } from './walk.ts';
import type { Seed, Table } from './walk.ts';

const rng = new Rng(5);
const shared = { numClasses: 3, reg: 0.1, l2Factor: 1, dtype: 'float32', weightScale: 0.1 } as const;
const images = rng.normal(0, 1, [2, 3, 4, 4]);
const rows = rng.normal(0, 1, [4, 6]);
const labels = (): Int32Array => Int32Array.of(0, 1, 2, 0);

const twoOptions = (): models.TwoLayerNetOptions => ({ ...shared, inputDim: 6, hiddenDim: 4, rng: new Rng(1) });
const fullOptions = (): models.FullyConnectedNetOptions => ({
  ...shared, hiddenDims: [4], inputDim: [2, 3], normalization: 'batchnorm', dropoutKeep: 0.5, seed: 3, rng: new Rng(1),
});
const threeOptions = (): models.ThreeLayerConvNetOptions =>
  ({ ...shared, inputDim: [3, 4, 4], numFilters: 2, filterSize: 3, hiddenDim: 4, rng: new Rng(1) });
const deepOptions = (): models.DeepConvNetOptions =>
  ({ ...shared, inputDim: [3, 4, 4], numFilters: [2, 2], maxPools: [0], batchnorm: true, rng: new Rng(1) });

const fastOptions = (): models.FastConvNetOptions => ({
  numClasses: 3, reg: 0.1, l2Factor: 1, dtype: 'float32', labelSmoothing: 0.2, inputDim: [3, 4, 4], blocks: [[2, 8]],
  whiteningFilters: 4, logitScale: 0.1, batchnormMomentum: 0.6, learnFirst: true, testTimeViews: 'mirror-shift', rng: new Rng(1),
});

const convNet = (): nn.Sequential => nn.sequential(new nn.Conv2d(3, 2, 3), new nn.BatchNorm2d(2), new nn.Flatten());
const onnxNet = (): nn.GraphModel => {
  const image = nn.input([3, 4, 4]);
  return nn.model(image, convNet().apply(image));
};
const twoNet = (): models.TwoLayerNet => new models.TwoLayerNet(twoOptions());

/** Methods that are protected or private. */
const networkInternals = [
  'checkInput', 'forwardLayer', 'inferLayer', 'layerRows', 'placeParams', 'layerParams', 'checkParams', 'input', 'scores', 'lossAndGradients', 'backpropagate', 'regularise', 'pooledSize', 'convParam', 'featureCount', 'denseLayer', 'dropoutParam',
];

const network = (type: string, make: () => models.Model, X: Tensor, y: readonly number[]): Table => ({
  ...methodsOf(type, make, {
    loss: [() => [X, [...y]], () => [X]], summary: [], toString: [], state: [], loadState: () => [make().state()],
    ...Object.fromEntries(networkInternals.map((name) => [name, 'internal'])),
  }),
});

/** 2x2 pixels of grey. */
const jpeg = new Uint8Array(Buffer.from(
  '/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABALDA4MChAODQ4SERATGCgaGBYWGDEjJR0oOjM9PDkzODdASFxOQERXRTc4UG1RV19i' +
  'Z2hnPk1xeXBkeFxlZ2P/wAALCAACAAIBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABf/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAI' +
  'AQEAAD8AMf/Z',
  'base64',
));

export const modelsTable: Table = {
  Network: 'internal', // the base of the networks, whose methods are walked on each of them
  ...Object.fromEntries(['loss', 'summary', 'toString', 'state', 'loadState', ...networkInternals].map((name) => [`Network.${name}`, 'internal'])),
  networkModule: () => [new models.TwoLayerNet(twoOptions())],
  loadNetworkModule: () => {
    const given = new models.TwoLayerNet(twoOptions());
    return [given, models.networkModule(given)];
  },
  describeNetwork: () => [new models.TwoLayerNet(twoOptions())],
  buildNetwork: {
    args: () => [{ layer: 'TwoLayerNet', settings: { inputDim: 6, hiddenDim: 4, numClasses: 3 } }],
    without: new Set([...large, ...defaults]),
  },
  TwoLayerNet: () => [twoOptions()],
  FullyConnectedNet: () => [[4], fullOptions()],
  ThreeLayerConvNet: { args: () => [threeOptions()], without: defaults },
  DeepConvNet: [() => [deepOptions()], () => [{ ...deepOptions(), weightScale: 'kaiming' }]],
  FastConvNet: { args: () => [fastOptions()], without: defaults },
  ...network('TwoLayerNet', () => new models.TwoLayerNet(twoOptions()), rows, [0, 1, 2, 0]),
  ...network('FullyConnectedNet', () => new models.FullyConnectedNet([4], fullOptions()), rows, [0, 1, 2, 0]),
  ...network('ThreeLayerConvNet', () => new models.ThreeLayerConvNet(threeOptions()), images, [0, 1]),
  ...network('DeepConvNet', () => new models.DeepConvNet(deepOptions()), images, [0, 1]),
  ...network('FastConvNet', () => new models.FastConvNet(fastOptions()), images, [0, 1]),
  ...methodsOf('FastConvNet', () => new models.FastConvNet(fastOptions()), {
    whiten: () => [images, { images: 2, epsilon: 1e-3 }],
  }),
};

const solverData = (): train.SolverData => ({ XTrain: rows, yTrain: labels(), XVal: rows, yVal: labels() });
const solverOptions = (): train.SolverOptions => ({
  updateRule: 'sgdMomentum', optimConfig: { learningRate: 1e-3, momentum: 0.9 }, lrDecay: 0.9,
  schedule: train.constantSchedule(), batchSize: 2, numEpochs: 1, numTrainSamples: 4, numValSamples: null,
  printEvery: 1,
  verbose: false, checkpointName: 'kept', checkpointStore: { write: () => Promise.resolve() }, rng: new Rng(1),
  onProgress: () => undefined, transform: (X) => X, stopWhenDiverged: true, draw: 'permutation',
  timeBudget: 10, lookahead: { every: 2, keep: 0.5 },
});
const solver = (): train.Solver =>
  new train.Solver(new models.TwoLayerNet(twoOptions()), solverData(), solverOptions());
const saved = solver().checkpoint();

const rule = (config: Readonly<Record<string, unknown>>): Seed =>
  () => [ones([2]), ones([2]), { learningRate: 0.1, ...config }];
const squares = (x: Tensor): number => x.mul(x).sum().item();

export const trainTable: Table = {
  sgd: rule({}), sgdMomentum: rule({ momentum: 0.9, velocity: zeros([2]) }), nesterov: rule({ momentum: 0.9 }),
  rmsprop: rule({ decayRate: 0.9, epsilon: 1e-8, cache: zeros([2]) }),
  adagrad: rule({ epsilon: 1e-8, cache: zeros([2]) }),
  adam: rule({ beta1: 0.9, beta2: 0.9, epsilon: 1e-8, m: zeros([2]), v: zeros([2]), t: 1 }),
  adamW: rule({ beta1: 0.9, beta2: 0.9, epsilon: 1e-8, weightDecay: 0.1 }),
  constantSchedule: () => [],
  stepSchedule: () => [{ at: [0.2, 0.4], factor: 0.1 }],
  cosineSchedule: () => [{ warmup: 0.1, end: 0 }],
  oneCycleSchedule: () => [{ rise: 0.3, start: 0.1, end: 0.01, shape: 'linear' }],
  setDefaultCheckpointStore: () => [null],
  evalNumericalGradient: () => [squares, tensor([1, 2], null, 'float64'), { h: 1e-5, verbose: false }],
  evalNumericalGradientArray: () => [
    (x: Tensor) => x.mul(2),
    tensor([1, 2], null, 'float64'),
    ones([2]),
    { h: 1e-5, verbose: false },
  ],
  gradCheckSparse: {
    args: () => [squares, tensor([1, 2], null, 'float64'), tensor([2, 4]), { numChecks: 2, h: 1e-5, rng: new Rng(1) }],
    without: large,
  },
  relError: () => [[1, 2], tensor([1, 2])],
  ensemble: () => [[new models.TwoLayerNet(twoOptions())], rows, { batchSize: 2 }],
  DivergenceError: 'internal',
  Solver: () => [new models.TwoLayerNet(twoOptions()), solverData(), solverOptions()],
  ...methodsOf('Solver', solver, {
    step: [],
    train: () => [{ timeLimit: 0, signal: new AbortController().signal }],
    checkAccuracy: () => [rows, labels(), { numSamples: 2, batchSize: 2 }],
    checkpoint: [],
    restore: () => [saved],
  }),
};

const pixels = (n: number): Tensor => new Tensor(new Uint8Array(n * 3072), [n, 3, 32, 32]);
const dataset = (): data.ImageDataset => ({
  train: { images: pixels(4), labels: labels() }, test: { images: pixels(2), labels: Int32Array.of(1, 2) },
  classNames: ['a', 'b', 'c'],
});

export const dataTable: Table = {
  readCifar10Archive: () => [new Blob([releaseArchive(1) as BlobPart]).stream()],
  parseCifar10: () => [new Uint8Array(3073)], encodeCifar10: () => [pixels(1), [3]],
  makeShapes: { args: () => [{ seed: 1, numTrain: 1, numTest: 1 }], without: defaults },
  prepareImages: () =>
    [dataset(), { numTraining: 2, numValidation: 1, numTest: 1, subtractMean: true, normalize: true }],
  normalizeImages: () => [images, zeros([3, 1, 1]), ones([3, 1, 1])],
  cropCenter: () => [images, 1, 2], resizeImages: { args: () => [images, 3, 2], without: large },
  augment: () => [data.randomFlip, data.randomShift], randomFlip: () => [images, new Rng(1), { probability: 0.5 }],
  randomShift: () => [images, new Rng(1), { maxShift: 2, fill: 0, border: 'reflect' }],
  alternatingFlip: () => [images, new Rng(1), { batch: { indices: [3, 5], epoch: 1 } }],
  randomCrop: () => [images, new Rng(1), { minArea: 0.5, maxRatio: 1.2 }],
  colorJitter: () => [
    images, new Rng(1),
    { brightness: 0.1, contrast: 0.1, saturation: 0.1, mean: zeros([3, 1, 1]), std: ones([3, 1, 1]) },
  ],
  cutout: () => [images, new Rng(1), { size: 2, fill: 0 }],
  mixup: () => [images, new Rng(1), { alpha: 0.3, batch: { indices: [3, 5], epoch: 1, labels: Int32Array.of(0, 1) } }],
  batches: () => [rows, labels(), { batchSize: 2, rng: new Rng(1), dropLast: true, transform: (X: Tensor) => X }],
  shuffled: () => [dataset().train, new Rng(1)],
  stratifiedSplit: () => [labels(), 0.5, new Rng(1)],
  datasetFromArrays: () => [
    { x_train: pixels(4), y_train: tensor([0, 1, 2, 0], null, 'int32') },
    { layout: 'NCHW', classNames: ['a', 'b', 'c'], testShare: 0.5, seed: 1 },
  ],
};

const trained = (): models.Network => new models.ThreeLayerConvNet(threeOptions());

export const ioTable: Table = {
  encodeSafetensors: () => [{ a: matrix() }, { note: 'text' }],
  decodeSafetensors: () => [io.encodeSafetensors({ a: matrix() })],
  encodeNpy: () => [matrix()], decodeNpy: () => [io.encodeNpy(matrix())],
  encodeNpz: () => [{ a: matrix() }, { compress: true }],
  encodeIdx: () => [matrix()], decodeIdx: () => [io.encodeIdx(matrix())],
  decodeNpz: () => [io.encodeNpz({ a: matrix() }), { maxBytes: 1e6 }],
  saveModel: {
    args: () => [trained(), { classNames: ['a', 'b', 'c'], mean: [1, 2, 3], std: [1, 2, 3], inputShape: [3, 4, 4] }],
    without: large,
  },
  loadModel: () => [io.saveModel(trained())],
  classifier: () => [trained(), { classNames: ['a', 'b', 'c'], mean: [1, 2, 3], std: [1, 2, 3], inputShape: [3, 4, 4] }],
  saveStateDict: { args: () => [trained(), { format: 'npz', inputShape: [3, 4, 4], sample: true }], without: large },
  loadStateDict: () => [trained(), io.saveStateDict(trained()), { layout: 'pytorch', strict: true }],
  verifyModel: () => [io.saveModel(trained())],
  loadKerasWeights: () => [
    new models.TwoLayerNet({ inputDim: 2, hiddenDim: 2, numClasses: 2 }),
    { 'a/kernel': ones([2, 2]), 'a/bias': ones([2]), 'b/kernel': ones([2, 2]), 'b/bias': ones([2]) },
  ],
  encodeOnnx: [
    () => [onnxNet(), {
      batchnorm: 'keep', dtype: 'float64', classNames: [...'abcdefgh'], mean: [1, 2, 3], std: tensor([2]), preprocessingInGraph: true,
      sampleSeed: 3,
    }],
    () => [twoNet()],
    { args: () => [convNet(), { inputShape: [3, 4, 4] }], without: large, also: ['0: Conv2d'] },
    { args: () => [convNet(), { inputShapes: [[3, 4, 4]] }], without: large, also: ['0: Conv2d', 'Sequential'] },
  ],
  decodeOnnx: () => [io.encodeOnnx(onnxNet()), { inputShape: [3, 4, 4] }],
  verifyOnnx: () => [io.encodeOnnx(onnxNet())],
  onnxMetadata: () => [io.encodeOnnx(onnxNet())],
  encodeEvents: () => [[{ step: 1, wallTime: 2, scalars: { loss: 3 } }], { begin: false }],
};

const picture = (): viz.Picture => ({ width: 2, height: 1, channels: 3, data: new Uint8Array(6) });
const run = (): viz.TrainingHistory =>
  ({ lossHistory: [3, 2, 1], trainAccHistory: [0.1, 0.5], valAccHistory: [0.1, 0.4], accuracyEpochs: [0, 1] });
const grid = { columns: 2, padding: 1, scale: 1, background: 255, normalize: 'each' };

export const vizTable: Table = {
  accuracyChart: () => [{ a: run() }], lossChart: () => [{ a: run() }, 2],
  confusionMatrix: () => [[0, 1], [1, 1], 2],
  display: {
    args: () => [[{ accuracy: 0.5, name: 'a' }], { width: 300 }],
    also: ['chartSvg:', 'accuracyChart:', 'lossChart:', 'panelsSvg:', 'encodePng:', 'imageGrid:'],
  },
  displayInJupyter: () => [], progressDisplay: () => [],
  lineChart: () => [{ a: [1, 2] }, { title: 'a', xLabel: 'b', yLabel: 'c', x: [0, 1], percent: false }],
  filterGrid: () => [images, grid], imageGrid: () => [images, grid],
  pictureToTensor: () => [picture()], tensorToPicture: () => [zeros([3, 2, 2])],
  encodePng: () => [picture()], decodePng: () => [viz.encodePng(picture()), { maxPixels: 100 }],
  decodeJpeg: () => [jpeg, { maxPixels: 100 }], decodePicture: () => [viz.encodePng(picture()), { maxPixels: 100 }],
  samplesSvg: () => [images, [0, 1], ['a', 'b'], { perClass: 2 }],
  panelsSvg: () => [[[{ title: 'a', picture: picture() }]], { width: 64 }],
  curvesHtml: () => [{ a: run() }, 'title'],
  reportHtml: () => [{
    title: 'a', subtitle: 'b', runs: { a: run() }, summary: [{ label: 'a', value: 'b', note: 'c' }], filters: picture(),
    confusion: { counts: [[1]], classNames: ['a'] },
    samples: [{ picture: picture(), actual: 'a', predicted: 'b', confidence: 0.5 }], configuration: { a: 1 }, footer: 'd',
  }],
  smooth: () => [[1, 2, 3], 2], chartSvg: () => [viz.lossChart({ a: run() }), { width: 300, height: 200, theme: 'dark' }],
};

const nowhere = join(tmpdir(), 'tilegrad-no-such-folder');

/** node's functions that neither wait nor write: the others are walked by the tests of their own. */
export const nodeTable: Table = {
  cacheFolder: () => [{ platform: 'linux', env: { XDG_CACHE_HOME: '/cache' }, home: '/home/someone' }],
  findCifar10: () => [{ platform: 'linux', env: { CIFAR10: '/data' }, home: nowhere }],
  fileCheckpointStore: () => [nowhere],
  atomicWriteFile: 'internal', getCifar10Data: 'internal', loadCifar10: 'internal', downloadCifar10: 'internal',
  loadImageFolder: 'internal', loadDataSet: 'internal', recogniseDataSet: 'internal',
  // made by the library alone: exported to be caught
  DataFileError: 'internal', DecoderThreadError: 'internal', DownloadError: 'internal',
};
