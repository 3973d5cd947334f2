/** Bad arguments: a TypeError or RangeError that names the function, the argument, what was expected and what came. */

import { describe, expect, it } from 'vitest';
import * as layers from '../../src/layers/index.ts';
import type { BatchnormParam, ConvParam, DropoutParam, KaimingOptions, PoolParam } from '../../src/layers/index.ts';
import { ones, RandomState, Tensor, tensor, zeros } from '../../src/tensor/index.ts';

type Thrown = readonly [call: () => unknown, type: typeof TypeError | typeof RangeError, message: string];

function expectThrown(cases: Readonly<Record<string, Thrown>>): void {
  it.each(Object.entries(cases))('%s', (_, [call, type, message]) => {
    expect(call).toThrow(type);
    expect(call).toThrow(message);
  });
}

const rng = new RandomState(1);
const images = zeros([2, 3, 8, 8]);
const filters = zeros([6, 3, 3, 3]);
const b6 = zeros(6);
const list = [[1, 2], [3, 4]] as unknown as Tensor;

describe('affine', () => {
  const [x, w, b] = [zeros([2, 4, 5, 6]), zeros([120, 3]), zeros(3)];
  const [, cache] = layers.affineForward(x, w, b);
  expectThrown({
    'x that is no tensor': [
      () => layers.affineForward(list, w, b), TypeError, 'affineForward: x must be a Tensor, got an array of 2',
    ],
    'w of another length': [
      () => layers.affineForward(x, zeros([100, 3]), b), RangeError,
      'affineForward: w has 100 input features, x has 120 (x 2x4x5x6, w 100x3)',
    ],
    'w of another rank': [
      () => layers.affineForward(x, zeros([4, 5, 6]), b), RangeError,
      'affineForward: w must have 2 axes, got 3 (w 4x5x6)',
    ],
    'b of another length': [
      () => layers.affineForward(x, w, zeros(4)), RangeError, 'affineForward: b has 4 elements, w has 3 outputs',
    ],
    'an empty batch': [
      () => layers.affineForward(zeros([0, 120]), w, b), RangeError, 'affineForward: x must not be empty, got shape 0x120',
    ],
    'a scalar': [() => layers.affineForward(zeros([]), w, b), RangeError, 'affineForward: x must have at least one axis'],
    'dout of another shape': [
      () => layers.affineBackward(zeros([3, 2]), cache), RangeError,
      'affineBackward: dout must have shape 2x3, got 3x2',
    ],
    'a cache of another layer': [
      () => layers.affineBackward(zeros([2, 3]), layers.reluForward(x)[1] as never), TypeError,
      'affineBackward: cache must come from the affine forward pass, got one of relu',
    ],
    'no cache': [
      () => layers.affineBackward(zeros([2, 3]), undefined as never), TypeError,
      'affineBackward: cache must be what the affine forward pass returned, got undefined',
    ],
  });
});

describe('activations', () => {
  expectThrown({
    'x that is no tensor': [() => layers.reluForward(list), TypeError, 'reluForward: x must be a Tensor'],
    'alpha that is not finite': [
      () => layers.leakyReluForward(images, NaN), RangeError, 'leakyReluForward: alpha must be a finite number, got NaN',
    ],
    'alpha that is no number': [
      () => layers.eluForward(images, '1' as never), TypeError, 'eluForward: alpha must be a number, got "1"',
    ],
    'dout of another shape': [
      () => layers.tanhBackward(zeros(3), layers.tanhForward(zeros(4))[1]), RangeError,
      'tanhBackward: dout must have shape 4, got 3',
    ],
  });
});

describe.each([
  ['Naive', layers.convForwardNaive, layers.convBackwardNaive],
  ['Fast', layers.convForwardFast, layers.convBackwardFast], ['', layers.convForward, layers.convBackward],
] as const)('convolution %s', (_, forward, backward) => {
  expectThrown({
    'channels that do not fit': [
      () => forward(images, zeros([6, 4, 3, 3]), b6), RangeError,
      `${forward.name}: w has 4 input channels, x has 3 (x 2x3x8x8, w 6x4x3x3)`,
    ],
    'x of another rank': [
      () => forward(zeros([3, 8, 8]), filters, b6), RangeError, `${forward.name}: x must have 4 axes, got 3 (x 3x8x8)`,
    ],
    'w of another rank': [() => forward(images, zeros([6, 27]), b6), RangeError, `${forward.name}: w must have 4 axes, got 2`],
    'b of another length': [
      () => forward(images, filters, zeros(5)), RangeError, `${forward.name}: b has 5 elements, w has 6 filters (w 6x3x3x3)`,
    ],
    'a window larger than the padded input': [
      () => forward(images, zeros([6, 3, 11, 3]), b6, { pad: 1 }), RangeError,
      `${forward.name}: w has a window of 11x3, larger than the padded input of 10x10 (x 2x3x8x8, w 6x3x11x3)`,
    ],
    'a stride of 0': [
      () => forward(images, filters, b6, { stride: 0 }), RangeError, `${forward.name}: stride must be an integer >= 1, got 0`,
    ],
    'a fractional stride': [
      () => forward(images, filters, b6, { stride: 1.5 }), RangeError,
      `${forward.name}: stride must be an integer >= 1, got 1.5`,
    ],
    'a negative pad': [
      () => forward(images, filters, b6, { pad: -1 }), RangeError, `${forward.name}: pad must be an integer >= 0, got -1`,
    ],
    'a stride that is no number': [
      () => forward(images, filters, b6, { stride: '2' as never }), TypeError,
      `${forward.name}: stride must be an integer, got "2"`,
    ],
    'an unknown option': [
      () => forward(images, filters, b6, { padding: 1 } as ConvParam), TypeError,
      `${forward.name}: unknown option "padding", known options are stride, pad`,
    ],
    'options that are no object': [
      () => forward(images, filters, b6, 1 as never), TypeError, `${forward.name}: options must be an object, got 1`,
    ],
    'an empty batch': [
      () => forward(zeros([0, 3, 8, 8]), filters, b6), RangeError, `${forward.name}: x must not be empty, got shape 0x3x8x8`,
    ],
    'no filters': [
      () => forward(images, zeros([0, 3, 3, 3]), zeros(0)), RangeError, `${forward.name}: w must not be empty`,
    ],
    'dout of another shape': [
      () => backward(zeros([2, 6, 8, 8]), forward(images, filters, b6)[1]), RangeError,
      `${backward.name}: dout must have shape 2x6x6x6, got 2x6x8x8`,
    ],
  });
});

describe.each([
  ['maxPoolForwardNaive', layers.maxPoolForwardNaive], ['maxPoolForwardFast', layers.maxPoolForwardFast],
  ['avgPoolForward', layers.avgPoolForward],
] as const)('%s', (name, forward) => {
  const param = { poolHeight: 2, poolWidth: 2, stride: 2 };
  expectThrown({
    'a window larger than the input': [
      () => forward(images, { ...param, poolHeight: 9 }), RangeError,
      `${name}: the window of 9x2 is larger than the input of 8x8 (x 2x3x8x8)`,
    ],
    'x of another rank': [() => forward(zeros([8, 8]), param), RangeError, `${name}: x must have 4 axes, got 2 (x 8x8)`],
    'a missing size': [
      () => forward(images, { poolHeight: 2, stride: 2 } as PoolParam), TypeError,
      `${name}: poolWidth must be an integer, got undefined`,
    ],
    'a fractional stride': [
      () => forward(images, { ...param, stride: 0.5 }), RangeError, `${name}: stride must be an integer >= 1, got 0.5`,
    ],
    'an unknown option': [
      () => forward(images, { ...param, padding: 1 } as PoolParam), TypeError, `${name}: unknown option "padding"`,
    ],
    'an empty batch': [() => forward(zeros([0, 3, 8, 8]), param), RangeError, `${name}: x must not be empty`],
  });
});

describe('normalisations', () => {
  const [x, gamma, beta] = [zeros([4, 5]), ones(5), zeros(5)];
  const train: BatchnormParam = { mode: 'train' };
  expectThrown({
    'gamma of another length': [
      () => layers.batchnormForward(x, ones(4), beta, train),
      RangeError,
      'batchnormForward: gamma must have shape 5, got 4 (x 4x5)',
    ],
    'beta that is no tensor': [
      () => layers.batchnormForward(x, gamma, 0 as never, train),
      TypeError,
      'batchnormForward: beta must be a Tensor, got 0',
    ],
    'x of another rank': [
      () => layers.batchnormForward(images, ones(3), zeros(3), train),
      RangeError,
      'batchnormForward: x must have 2 axes, got 4',
    ],
    'images without planes': [
      () => layers.spatialBatchnormForward(x, gamma, beta, train),
      RangeError,
      'spatialBatchnormForward: x must have 4 axes, got 2',
    ],
    'an unknown mode': [
      () => layers.batchnormForward(x, gamma, beta, { mode: 'eval' as never }),
      RangeError,
      'batchnormForward: mode must be one of train, test, got "eval"',
    ],
    'no param': [
      () => layers.batchnormForward(x, gamma, beta, undefined as never),
      TypeError,
      'batchnormForward: options must be an object, got undefined',
    ],
    'a misspelt option': [
      () => layers.batchnormForward(x, gamma, beta, { mode: 'train', epsilon: 1 } as BatchnormParam),
      TypeError,
      'batchnormForward: unknown option "epsilon"',
    ],
    'a negative eps': [
      () => layers.batchnormForward(x, gamma, beta, { mode: 'train', eps: -1 }),
      RangeError,
      'batchnormForward: eps must be a finite number >= 0, got -1',
    ],
    'momentum above 1': [
      () => layers.batchnormForward(x, gamma, beta, { mode: 'train', momentum: 2 }),
      RangeError,
      'batchnormForward: momentum must be a finite number >= 0 and <= 1, got 2',
    ],
    'test mode without running averages': [
      () => layers.batchnormForward(x, gamma, beta, { mode: 'test' }),
      TypeError,
      "batchnormForward: mode 'test' needs runningMean",
    ],
    'running averages of another length': [
      () => layers.batchnormForward(x, gamma, beta, { mode: 'train', runningVar: ones(3) }),
      RangeError,
      'batchnormForward: runningVar must have shape 5, got 3',
    ],
    'one value per channel in training': [
      () => layers.batchnormForward(zeros([1, 5]), gamma, beta, train),
      RangeError,
      "batchnormForward: x must have more than 1 value per channel in mode 'train'",
    ],
    'one pixel per channel in training': [
      () => layers.spatialBatchnormForward(zeros([1, 3, 1, 1]), ones(3), zeros(3), train),
      RangeError,
      "spatialBatchnormForward: x must have more than 1 value per channel in mode 'train'",
    ],
    'a param that cannot keep the running averages': [
      () => layers.batchnormForward(x, gamma, beta, Object.freeze({ mode: 'train' })),
      TypeError,
      'batchnormForward: the batchnorm param must be writable, got one whose runningMean is frozen or read-only',
    ],
    'an empty batch for batchnorm': [
      () => layers.batchnormForward(zeros([0, 5]), gamma, beta, train),
      RangeError,
      'batchnormForward: x must not be empty',
    ],
    'two different G': [
      () => layers.spatialGroupnormForward(zeros([2, 4, 3, 3]), ones(4), zeros(4), 2, { G: 4 }),
      RangeError,
      'spatialGroupnormForward: gnParam.G must repeat the argument G, got 4 and 2',
    ],
    'an unknown option of groupnorm': [
      () => layers.spatialGroupnormForward(zeros([2, 4, 3, 3]), ones(4), zeros(4), 2, { momentum: 1 } as never),
      TypeError,
      'spatialGroupnormForward: unknown option "momentum", known options are G, eps, mode',
    ],
    'an unknown mode of layernorm': [
      () => layers.layernormForward(x, gamma, beta, { mode: 'eval' as never }),
      RangeError,
      'layernormForward: mode must be one of train, test, got "eval"',
    ],
    'groups that do not divide the channels': [
      () => layers.spatialGroupnormForward(images, ones(3), zeros(3), 2),
      RangeError,
      'spatialGroupnormForward: G must divide the channels of x, got 2 for 3 (x 2x3x8x8)',
    ],
    'gamma of groupnorm in another shape': [
      () => layers.spatialGroupnormForward(images, ones([3, 1, 1]), zeros(3), 3),
      RangeError,
      'spatialGroupnormForward: gamma must have shape 3 or 1x3x1x1, got 3x1x1',
    ],
    'a fractional number of groups': [
      () => layers.spatialGroupnormForward(images, ones(3), zeros(3), 1.5),
      RangeError,
      'spatialGroupnormForward: G must be an integer >= 1, got 1.5',
    ],
  });

  it('leave the running averages as they were when an argument is bad', () => {
    const bnParam: BatchnormParam = { mode: 'train' };
    const poolParam = { poolHeight: 9, poolWidth: 2, stride: 2 };
    expect(() => layers.convBatchnormReluPoolForward(
      images, filters, b6, ones(6), zeros(6), { pad: 1 }, bnParam, poolParam,
    )).toThrow('convBatchnormReluPoolForward: the window of 9x2 is larger than the input of 8x8');
    expect(bnParam).toEqual({ mode: 'train' });
  });
});

describe('dropout', () => {
  const x = ones([3, 4]);
  expectThrown({
    'keepProb 0': [
      () => layers.dropoutForward(x, { keepProb: 0, mode: 'train', rng }), RangeError,
      'dropoutForward: keepProb must be above 0, got 0',
    ],
    'dropProb 1': [
      () => layers.dropoutForward(x, { dropProb: 1, mode: 'train', rng }), RangeError,
      'dropoutForward: dropProb must be below 1, got 1',
    ],
    'both probabilities': [
      () => layers.dropoutForward(x, { keepProb: 0.5, dropProb: 0.5, mode: 'test' }), TypeError,
      'dropoutForward: keepProb and dropProb say the same in two ways',
    ],
    'neither probability': [
      () => layers.dropoutForward(x, { mode: 'test' }), TypeError, 'dropoutForward: keepProb must be',
    ],
    'keepProb above 1': [
      () => layers.dropoutForward(x, { keepProb: 1.1, mode: 'test' }), RangeError,
      'dropoutForward: keepProb must be a finite number >= 0 and <= 1, got 1.1',
    ],
    'training without a generator': [
      () => layers.dropoutForward(x, { keepProb: 0.5, mode: 'train' }), TypeError,
      'dropoutForward: rng or seed must be given for training, got neither',
    ],
    'an unknown mode': [
      () => layers.dropoutForward(x, { keepProb: 0.5, mode: 'on' as never }), RangeError,
      'dropoutForward: mode must be one of train, test, got "on"',
    ],
    'a seed that is no integer': [
      () => layers.dropoutForward(x, { keepProb: 0.5, mode: 'train', seed: 0.5 }), RangeError,
      'dropoutForward: seed must be an integer >= 0 and <= 4294967295, got 0.5',
    ],
    'an unknown option': [
      () => layers.dropoutForward(x, { p: 0.5, mode: 'train' } as unknown as DropoutParam), TypeError,
      'dropoutForward: unknown option "p"',
    ],
  });
});

describe.each([['softmaxLoss', layers.softmaxLoss], ['svmLoss', layers.svmLoss]] as const)('%s', (name, loss) => {
  const x = zeros([3, 4]);
  expectThrown({
    'a label out of range': [
      () => loss(x, [0, 4, 1]), RangeError, `${name}: y[1] must be an integer from 0 to 3, got 4`,
    ],
    'a negative label': [() => loss(x, Int32Array.of(0, 1, -1)), RangeError, `${name}: y[2] must be an integer from 0 to 3`],
    'a fractional label': [() => loss(x, tensor([0, 1.5, 2])), RangeError, `${name}: y[1] must be an integer from 0 to 3`],
    'a label that is NaN': [() => loss(x, [NaN, 1, 2]), RangeError, `${name}: y[0] must be an integer from 0 to 3, got NaN`],
    'a label that is no number': [
      () => loss(x, ['cat', 1, 2] as never), TypeError, `${name}: y[0] must be an integer, got "cat"`,
    ],
    'too few labels': [() => loss(x, [0, 1]), RangeError, `${name}: y must have 3 labels, one an example, got 2`],
    'no labels': [() => loss(x, undefined as never), TypeError, `${name}: y must be an array`],
    'a matrix of labels': [() => loss(x, zeros([3, 1])), RangeError, `${name}: y must have 1 axes, got 2`],
    'scores of another rank': [() => loss(zeros(4), [0]), RangeError, `${name}: x must have 2 axes, got 1`],
    'an empty batch': [() => loss(zeros([0, 4]), []), RangeError, `${name}: x must not be empty`],
  });
});

describe('initialisers', () => {
  expectThrown({
    'no generator': [
      () => layers.kaimingInit(3, 4, {} as KaimingOptions), TypeError,
      'kaimingInit: rng must be an Rng or a RandomState, got undefined',
    ],
    'no options': [
      () => layers.kaimingInit(3, 4, undefined as never), TypeError, 'kaimingInit: options must be an object',
    ],
    'a size of 0': [() => layers.kaimingInit(0, 4, { rng }), RangeError, 'kaimingInit: din must be an integer >= 1, got 0'],
    'a fractional filter': [
      () => layers.xavierInit(3, 4, { k: 2.5, rng }), RangeError, 'xavierInit: k must be an integer >= 1, got 2.5',
    ],
    'an integer type': [
      () => layers.kaimingInit(3, 4, { rng, dtype: 'int32' as never }), RangeError,
      'kaimingInit: dtype must be one of float32, float64, got "int32"',
    ],
    'an option of the other one': [
      () => layers.xavierInit(3, 4, { rng, relu: true } as KaimingOptions), TypeError, 'xavierInit: unknown option "relu"',
    ],
  });
});
