/** Building networks: options, shapes, summaries, saved state, and depth. */

import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { DeepConvNet, FastConvNet, FullyConnectedNet, ThreeLayerConvNet, TwoLayerNet } from '../../src/models/index.ts';
import type { DeepConvNetOptions, FastConvNetOptions, FullyConnectedNetOptions, Network } from '../../src/models/index.ts';
import { whiteningFilters } from '../../src/layers/index.ts';
import { decodeSafetensors, encodeSafetensors } from '../../src/io/index.ts';
import { RandomState, Rng, tensor, zeros } from '../../src/tensor/index.ts';
import type { Tensor } from '../../src/tensor/index.ts';
import { normals, randomLabels } from '../support/random.ts';
import { adam } from './adam.ts';

/** Shapes and values, for comparison. */
function texts(state: Readonly<Record<string, Tensor>>): unknown {
  return Object.entries(state).map(([name, t]) => [name, t.shape, t.toArray()]);
}

function shapes(model: Network): Record<string, string> {
  return Object.fromEntries(Object.entries(model.params).map(([name, t]) => [name, t.shape.join('x')]));
}

describe('defaults', () => {
  it('TwoLayerNet', () => {
    expect(shapes(new TwoLayerNet())).toEqual({ W1: '3072x100', b1: '100', W2: '100x10', b2: '10' });
  });

  it('FullyConnectedNet', () => {
    const model = new FullyConnectedNet([50, 20], { normalization: 'layernorm' });
    expect(shapes(model)).toEqual({
      W1: '3072x50', b1: '50', gamma1: '50', beta1: '50', W2: '50x20', b2: '20', gamma2: '20', beta2: '20',
      W3: '20x10', b3: '10',
    });
    expect(model.params.W1.std().item()).toBeCloseTo(1e-2, 3);
  });

  it('ThreeLayerConvNet', () => {
    const model = new ThreeLayerConvNet();
    expect(shapes(model)).toEqual({ W1: '32x3x7x7', b1: '32', W2: '8192x100', b2: '100', W3: '100x10', b3: '10' });
    expect(model.params.W2.dtype).toBe('float32');
    expect(model.params.W2.std().item()).toBeCloseTo(1e-3, 5);
  });

  it('DeepConvNet', () => {
    expect(shapes(new DeepConvNet({ batchnorm: true, numFilters: [8, 16], maxPools: [1] }))).toEqual({
      W1: '8x3x3x3', b1: '8', gamma1: '8', beta1: '8', W2: '16x8x3x3', b2: '16', gamma2: '16', beta2: '16',
      W3: '4096x10', b3: '10',
    });
    expect(shapes(new DeepConvNet()).W6).toBe('8x10');
    const poolsOf = (options: DeepConvNetOptions): unknown => new DeepConvNet(options).config.maxPools;
    expect(poolsOf({})).toEqual([0, 1, 2, 3, 4]);
    expect(poolsOf({ numFilters: [4, 4] })).toEqual([0, 1]);
    expect(poolsOf({ numFilters: new Array<number>(7).fill(2) })).toEqual([0, 1, 2, 3, 4]);
    expect(poolsOf({ inputDim: [1, 9, 30] })).toEqual([0, 1, 2]);
    expect(poolsOf({ inputDim: [1, 1, 8], numFilters: [4] })).toEqual([]);
  });

  it('the same seed gives the same network, and none the seed 0', () => {
    const [a, b] = [new TwoLayerNet({ inputDim: 5, rng: new Rng(0) }), new TwoLayerNet({ inputDim: 5 })];
    expect(a.params.W1.toArray()).toEqual(b.params.W1.toArray());
  });

  it('Kaiming scales each layer by its fan-in', () => {
    const model = new DeepConvNet({ numFilters: [64, 64], maxPools: [0, 1], weightScale: 'kaiming' });
    expect(model.params.W1.std().item() / Math.sqrt(2 / 27)).toBeCloseTo(1, 1);
    expect(model.params.W2.std().item() / Math.sqrt(2 / 576)).toBeCloseTo(1, 1);
    expect(model.params.W3.std().item() / Math.sqrt(1 / 4096)).toBeCloseTo(1, 1);
  });

  it('config holds the options with their defaults, and JSON keeps it', () => {
    const { config } = new DeepConvNet({ numFilters: [4], maxPools: [0], reg: 0.1 });
    expect(JSON.parse(JSON.stringify(config))).toEqual({
      inputDim: [3, 32, 32], numFilters: [4], maxPools: [0], batchnorm: false, weightScale: 1e-3, numClasses: 10,
      reg: 0.1, l2Factor: 0.5, dtype: 'float32',
    });
    const again = new DeepConvNet(config as DeepConvNetOptions);
    expect(again.config).toEqual(config);
    const dense = new FullyConnectedNet([4, 3], { inputDim: 6, normalization: 'layernorm', seed: 1, dropoutKeep: 0.5 });
    const options = dense.config as FullyConnectedNetOptions;
    expect(new FullyConnectedNet(options.hiddenDims!, options).config).toEqual(dense.config);
  });
});

describe('bad options', () => {
  const cases: Readonly<Record<string, readonly [() => unknown, typeof TypeError | typeof RangeError, string]>> = {
    'an unknown one': [
      () => new TwoLayerNet({ hiddenDims: 5 } as object), TypeError, 'TwoLayerNet: unknown option "hiddenDims"',
    ],
    'hiddenDims that are no list': [
      () => new FullyConnectedNet(100 as never), TypeError, 'FullyConnectedNet: hiddenDims must be an array of integers',
    ],
    'two different hiddenDims': [
      () => new FullyConnectedNet([4, 3], { hiddenDims: [4] }), RangeError,
      'FullyConnectedNet: options.hiddenDims must repeat the first argument, got [4] and [4,3]',
    ],
    'a hidden size of 0': [
      () => new FullyConnectedNet([5, 0]), RangeError, 'FullyConnectedNet: hiddenDims[1] must be an integer >= 1, got 0',
    ],
    'an unknown normalization': [
      () => new FullyConnectedNet([5], { normalization: 'groupnorm' as never }), RangeError,
      'FullyConnectedNet: normalization (or null) must be one of batchnorm, layernorm, got "groupnorm"',
    ],
    'dropoutKeep 0': [
      () => new FullyConnectedNet([5], { dropoutKeep: 0 }), RangeError, 'FullyConnectedNet: dropoutKeep must be above 0',
    ],
    'an image without channels': [
      () => new ThreeLayerConvNet({ inputDim: [32, 32] }), RangeError,
      'ThreeLayerConvNet: inputDim must be [channels, height, width], got 2 numbers',
    ],
    'an even filter': [
      () => new ThreeLayerConvNet({ filterSize: 4 }), RangeError, 'ThreeLayerConvNet: filterSize must be odd',
    ],
    'a negative reg': [
      () => new ThreeLayerConvNet({ reg: -1 }), RangeError, 'ThreeLayerConvNet: reg must be a finite number >= 0, got -1',
    ],
    'no classes': [
      () => new TwoLayerNet({ numClasses: 0 }), RangeError, 'TwoLayerNet: numClasses must be an integer >= 1, got 0',
    ],
    'an integer type': [
      () => new TwoLayerNet({ dtype: 'int32' as never }), RangeError,
      'TwoLayerNet: dtype must be one of float32, float64, got "int32"',
    ],
    'a seed in place of a generator': [
      () => new TwoLayerNet({ rng: 5 as never }), TypeError, 'TwoLayerNet: rng must be an Rng or a RandomState, got 5',
    ],
    'a pool after a convolution that is not there': [
      () => new DeepConvNet({ numFilters: [4, 4], maxPools: [2] }), RangeError,
      'DeepConvNet: maxPools[0] must be an integer >= 0 and <= 1, got 2',
    ],
    'a pool named twice': [
      () => new DeepConvNet({ numFilters: [4, 4], maxPools: [1, 1] }), RangeError, 'DeepConvNet: maxPools names 1 twice',
    ],
    'more pools than the image has room for': [
      () => new DeepConvNet({ inputDim: [3, 2, 2], numFilters: [4, 4], maxPools: [0, 1] }), RangeError,
      'DeepConvNet: maxPools leaves nothing to pool after convolution 1, got planes of 1x1 (inputDim 3x2x2)',
    ],
    'no convolution': [
      () => new DeepConvNet({ numFilters: [], maxPools: [] }), RangeError,
      'DeepConvNet: numFilters must name at least one convolution, got none',
    ],
    'another word for a weight scale': [
      () => new DeepConvNet({ weightScale: 'xavier' as never }), RangeError,
      'DeepConvNet: weightScale must be "kaiming" or a number, got "xavier"',
    ],
  };
  it.each(Object.entries(cases))('%s', (_, [build, type, message]) => {
    expect(build).toThrow(type);
    expect(build).toThrow(message);
  });
});

describe('summary', () => {
  it('lists layers, output shapes, parameters, FLOPs and totals', () => {
    const model = new ThreeLayerConvNet({ hiddenDim: 500 });
    const parameters = Object.values(model.params).reduce((sum, t) => sum + t.size, 0);
    const lines = model.summary().split('\n');
    expect(lines[0]).toBe('ThreeLayerConvNet, float32');
    expect(lines.slice(4, -2).map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['conv 7x7', '32x32x32', '4,736', '9,633,792'],
      ['relu', '32x32x32', '0', '32,768'],
      ['max pool 2x2', '32x16x16', '0', '24,576'],
      ['affine', '500', '4,096,500', '8,192,000'],
      ['relu', '500', '0', '500'],
      ['affine', '10', '5,010', '10,000'],
    ]);
    expect(lines[lines.length - 1].trim().split(/ {2,}/)).toEqual(['total', '4,106,246', '17,893,636']);
    expect(parameters).toBe(4106246);
    expect(new Set(lines.slice(1).map((line) => line.length)).size).toBe(1);
  });

  it.each([
    new TwoLayerNet(), new FullyConnectedNet([20, 30], { normalization: 'batchnorm', dropoutKeep: 0.5 }),
    new FullyConnectedNet([20, 30], { normalization: 'layernorm' }),
    new DeepConvNet({ numFilters: [4, 8, 8], maxPools: [1], batchnorm: true }),
  ])('counts the parameters that there are: $name', (model) => {
    const parameters = Object.values(model.params).reduce((sum, t) => sum + t.size, 0);
    const total = model.summary().split('\n').at(-1)!.trim().split(/ {2,}/)[1];
    expect(total.replaceAll(',', '')).toBe(String(parameters));
  });
});

describe('in print', () => {
  it('a network is its summary, not its numbers', () => {
    const model = new TwoLayerNet();
    expect(inspect({ model })).toContain(model.summary().split('\n').join('\n  '));
    expect(String(model)).toBe(model.summary());
    expect(Object.keys({ ...model })).toEqual(Object.keys(model));
  });
});

describe('state', () => {
  const X = normals(1)(8, 12);
  const y = randomLabels(2, 8, 10);
  const build = (): FullyConnectedNet => new FullyConnectedNet([9, 7], {
    inputDim: 12, normalization: 'batchnorm', dropoutKeep: 0.5, dtype: 'float64', rng: new RandomState(1),
    weightScale: 0.3,
  });

  it('holds all that is needed to go on with the same bits', () => {
    const model = build();
    for (let t = 0; t < 3; t++) model.loss(X, y);
    const state = model.state();
    expect(Object.keys(state)).toEqual([
      'runningMean1', 'runningVar1', 'runningMean2', 'runningVar2', 'dropoutGenerator',
    ]);
    const expected = [model.loss(X, y)[0], model.loss(X, y)[0], model.loss(X).toArray()];
    const again = build();
    again.loadState(state);
    expect([again.loss(X, y)[0], again.loss(X, y)[0], again.loss(X).toArray()]).toEqual(expected);
  });

  it('is a copy, both ways', () => {
    const model = build();
    model.loss(X, y);
    const state = model.state();
    state.runningMean1.assign(5);
    expect(model.state().runningMean1.toArray()).not.toEqual(state.runningMean1.toArray());
    model.loadState(state);
    state.runningMean1.assign(6);
    expect(model.state().runningMean1.get(0)).toBe(5);
  });

  it('of an untrained network makes a trained one forget its averages', () => {
    const model = build();
    const untrained = model.state();
    model.loss(X, y);
    model.loadState(untrained);
    expect(texts(model.state())).toEqual(texts(untrained));
    expect([untrained.runningMean1, untrained.runningVar2].map(({ shape }) => shape)).toEqual([[0], [0]]);
    const { tensors } = decodeSafetensors(encodeSafetensors(untrained));
    model.loadState(tensors);
    expect(texts(model.state())).toEqual(texts(untrained));
  });

  it('is refused whole when it does not fit', () => {
    const model = build();
    model.loss(X, y);
    const before = texts(model.state());
    const state = model.state();
    const refused: ReadonlyArray<readonly [Record<string, unknown>, typeof TypeError | typeof RangeError, string]> = [
      [{ ...state, W1: zeros(3) }, TypeError, 'FullyConnectedNet.loadState: unknown entry "W1"'],
      [{ ...state, runningVar2: zeros(3) }, RangeError, 'runningVar2 must have shape 7, got 3'],
      [{ ...state, runningVar2: undefined }, TypeError, 'state.runningVar2 must be a Tensor, got undefined'],
      [{ ...state, runningVar2: zeros(0) }, RangeError, 'state.runningVar2 must have shape 7, got 0'],
      [{ ...state, runningVar2: zeros(7, 'int32') }, TypeError, 'state.runningVar2 must be float32 or float64, got int32'],
      [{}, TypeError, 'FullyConnectedNet.loadState: state lacks runningMean1, this network stores runningMean1, runningVar1'],
      [{ ...state, dropoutGenerator: undefined }, TypeError, 'state.dropoutGenerator must be a Tensor'],
      [5 as never, TypeError, 'FullyConnectedNet.loadState: state must be an object, got 5'],
      [null as never, TypeError, 'FullyConnectedNet.loadState: state must be an object, got null'],
      [[] as never, TypeError, 'FullyConnectedNet.loadState: state must be an object, got an array of 0'],
      [{ ...state, runningMean1: 1 }, TypeError, 'runningMean1 must be a Tensor, got 1'],
      [{ ...state, dropoutGenerator: tensor([1, 2]) }, RangeError, 'dropoutGenerator must have shape'],
      [{ ...state, dropoutGenerator: state.dropoutGenerator.mul(0.3) }, RangeError, 'must be an integer'],
    ];
    for (const [bad, type, message] of refused) {
      const load = (): void => model.loadState(bad as never);
      expect(load).toThrow(type);
      expect(load).toThrow(message);
      expect(texts(model.state())).toEqual(before);
    }
    expect(() => new TwoLayerNet().loadState(state)).toThrow('this network stores nothing');
  });
});

describe('31 layers', () => {
  const X = normals(1)(4, 3, 8, 8);
  const y = [0, 1, 2, 3];

  /** The lowest loss within 100 steps of Adam. */
  function lowestLoss(weightScale: number | 'kaiming'): number {
    const model = new DeepConvNet({
      inputDim: [3, 8, 8], numFilters: new Array<number>(30).fill(8), maxPools: [9, 19, 29], numClasses: 4, weightScale,
      rng: new RandomState(0),
    });
    const step = adam(model, 2e-3);
    let lowest = Infinity;
    for (let t = 0; t < 100; t++) {
      const [loss, grads] = model.loss(X, y);
      lowest = Math.min(lowest, loss);
      step(grads);
    }
    return lowest;
  }

  it('train with Kaiming initialisation', () => {
    expect(lowestLoss('kaiming')).toBeLessThan(0.8);
  });

  it.each([1e-1, 1e-2, 1e-3])('do not train with weight scale %d', (weightScale) => {
    // Nothing of the pictures reaches the scores: the loss stays that of guessing.
    expect(lowestLoss(weightScale)).toBeGreaterThan(Math.log(4) - 0.01);
  });
});

describe('FastConvNet', () => {
  const options = { blocks: [[6, 8], [10]], whiteningFilters: 12, inputDim: [3, 16, 18], numClasses: 4 };

  it('halves the image with its frozen first layer and once a block', () => {
    const model = new FastConvNet({ ...options, labelSmoothing: 0.1 });
    expect(shapes(model)).toMatchObject({ W1: '12x3x4x4', W2: '6x12x3x3', W3: '8x6x3x3', W4: '10x8x3x3', W5: '10x4' });
    expect([...model.frozen]).toEqual(['W1', 'b1', 'gamma2', 'gamma3', 'gamma4']);
    expect(new FastConvNet(model.config as FastConvNetOptions).config).toEqual(model.config);
    const X = normals(3)(5, 3, 16, 18);
    const [, gradients] = model.loss(X, [0, 1, 2, 3, 0]);
    expect(Object.keys(gradients)).toEqual(['W2', 'beta2', 'W3', 'beta3', 'W4', 'beta4', 'W5']);
    expect(model.loss(X).shape).toEqual([5, 4]);
  });

  it('begins as the identity behind whitening filters', () => {
    const X = normals(3)(40, 3, 16, 18);
    const model = new FastConvNet(options);
    model.whiten(X);
    const { W1, W2 } = model.params;
    expect(W1.toArray()).toEqual(whiteningFilters(X, { size: 4, filters: 12 }).toArray());
    expect(W2.sum().item()).toBe(6);
    const wrong = normals(1)(40, 4, 16, 18);
    expect(() => model.whiten(wrong)).toThrow(/^FastConvNet.whiten: images must have 3 channels, got 4/);
  });

  it('gives its state to another', () => {
    const [X, y] = [normals(3)(6, 3, 16, 18), randomLabels(2, 6, 4)];
    const [model, other] = [new FastConvNet(options), new FastConvNet(options)];
    model.loss(X, y);
    expect(texts(other.state())).not.toEqual(texts(model.state()));
    other.loadState(model.state());
    expect(other.loss(X).toArray()).toEqual(model.loss(X).toArray());
  });

  it('refuses more blocks than the image can be halved', () => {
    const deep = { ...options, blocks: [[2], [2], [2], [2]] };
    expect(() => new FastConvNet(deep))
      .toThrow(/^FastConvNet: blocks must be 1 to 3 lists .*inputDim leaves room for 3/);
    expect(() => new FastConvNet({ ...options, whiteningFilters: 97 })).toThrow(RangeError);
  });
});
