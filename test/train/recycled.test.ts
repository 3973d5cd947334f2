/**
 * Nothing reads the memory that a step has given back on its way back: with all of it overwritten as soon as it comes
 * back, training comes to the same bits.
 */

import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { TypedArray } from '../../src/kernels/memory/allocate.ts';
import { HeapStepMemory } from '../../src/kernels/memory/step.ts';
import { DeepConvNet, FullyConnectedNet, ThreeLayerConvNet, type TrainableModel } from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';
import { configure } from '../../src/runtime/settings.ts';
import { Rng, type Tensor } from '../../src/tensor/index.ts';
import { Solver } from '../../src/train/index.ts';

beforeAll(() => configure({ backend: 'simd', threads: 1 }));
afterAll(() => configure({ backend: 'auto', threads: 'auto' }));
afterEach(() => vi.restoreAllMocks());

/** Overwrites what comes back with numbers that show; returns how often any did. */
function overwriteWhatComesBack(): () => number {
  const original = HeapStepMemory.prototype.borrow;
  let count = 0;
  vi.spyOn(HeapStepMemory.prototype, 'borrow').mockImplementation(function (this: HeapStepMemory, dtype, length) {
    const borrowed = original.call(this, dtype, length);
    if (borrowed === null) return null;
    const [array, loan] = borrowed;
    const release = loan.release.bind(loan);
    loan.release = () => {
      if (loan.valid) {
        array.fill(dtype === 'float32' || dtype === 'float64' ? NaN : 77);
        count++;
      }
      release();
    };
    return borrowed;
  });
  return () => count;
}

type Trainable = ConstructorParameters<typeof Solver>[0];

const image = [3, 32, 32];
const classes = 10;
const rng = (): Rng => new Rng(5);

/** Losses and parameters after three steps. */
function train(build: () => Trainable, batch: number): TypedArray[] {
  const X = new Rng(1).normal(0, 1, [2 * batch, ...image]);
  const y = Int32Array.from({ length: 2 * batch }, (_, i) => i % classes);
  const model = build();
  const solver = new Solver(model, { XTrain: X, yTrain: y, XVal: X, yVal: y }, {
    updateRule: 'adam', optimConfig: { learningRate: 1e-3 }, batchSize: batch, numEpochs: 5, verbose: false,
  });
  const losses = [1, 2, 3].map(() => solver.step());
  const parameters: Tensor[] = model instanceof nn.Module
    ? model.parameters().map(({ value }) => value)
    : Object.values((model as TrainableModel).params);
  return [Float64Array.from(losses), ...parameters.map((parameter) => parameter.clone().data)];
}

const models: Record<string, () => Trainable> = {
  'three layers': () => new ThreeLayerConvNet({ inputDim: image, numFilters: 32, filterSize: 5, reg: 0.1, rng: rng() }),
  convolutions: () => new DeepConvNet({ inputDim: image, numFilters: [8, 12], maxPools: [1], reg: 0.1, rng: rng() }),
  'convolutions with batchnorm': () => new DeepConvNet({
    inputDim: image, numFilters: [16, 12, 16], maxPools: [0, 2], batchnorm: true, weightScale: 'kaiming', rng: rng(),
  }),
  'in float64': () => new DeepConvNet({
    inputDim: image, numFilters: [8, 8], maxPools: [0], batchnorm: true, dtype: 'float64', rng: rng(),
  }),
  'dropout and layernorm': () => new FullyConnectedNet([1100, 1050], {
    inputDim: image, normalization: 'layernorm', dropoutKeep: 0.8, rng: rng(),
  }),
  'dropout and batchnorm': () => new FullyConnectedNet([1100, 1050], {
    inputDim: image, normalization: 'batchnorm', dropoutKeep: 0.5, rng: rng(),
  }),
  'a residual network': () => nn.resNet20({ rng: rng() }),
  'every kind of layer': () => {
    const own = rng();
    return nn.sequential(
      new nn.Conv2d(3, 16, 3, { padding: 1, rng: own }), new nn.GroupNorm(4, 16), new nn.SiLU(),
      new nn.Conv2d(16, 16, 3, { padding: 1, groups: 16, rng: own }), new nn.BatchNorm2d(16), new nn.GELU(),
      new nn.Residual(nn.sequential(new nn.Conv2d(16, 16, 1, { rng: own }), new nn.LeakyReLU(0.1))),
      new nn.Concat(new nn.AvgPool2d(3, { stride: 1, padding: 1 }), new nn.ELU()),
      new nn.Dropout(0.2, { rng: own }), new nn.Conv2d(32, 16, 5, { padding: 2, stride: 2, rng: own }), new nn.Tanh(),
      new nn.MaxPool2d(2), new nn.Flatten(), new nn.Linear(1024, 700, { rng: own }), new nn.LayerNorm(700),
      new nn.Sigmoid(), new nn.Linear(700, classes, { rng: own }),
    );
  },
  'a graph': () => {
    const own = rng();
    const x = nn.input(image);
    const stem = new nn.Conv2d(3, 16, 3, { padding: 1, rng: own }).apply(x);
    const shared = new nn.Conv2d(16, 16, 3, { padding: 1, rng: own });
    const left = new nn.ReLU().apply(shared.apply(stem));
    const right = new nn.Tanh().apply(shared.apply(left));
    const both = new nn.Concatenate().apply(left, right, new nn.Add().apply(stem, right));
    const pooled = new nn.Flatten().apply(new nn.AdaptiveAvgPool2d(1).apply(both));
    return nn.model(x, new nn.Linear(48, classes, { rng: own }).apply(pooled));
  },
};

describe('what comes back to a step is not read again', () => {
  for (const [name, build] of Object.entries(models)) {
    it(name, () => {
      const batch = name.startsWith('dropout') ? 128 : 24; // arrays of half a megabyte or more
      const expected = train(build, batch);
      expect(expected.every((values) => values.every((value) => Number.isFinite(value)))).toBe(true);
      const times = overwriteWhatComesBack();
      const found = train(build, batch);
      found.forEach((values, k) => expect(values.findIndex((value, i) => value !== expected[k][i])).toBe(-1));
      expect(times()).toBeGreaterThanOrEqual(3);
    });
  }
});
