/** Gradients of whole networks against numeric ones, in float64, at the tolerances of the course. */

import { expect, it } from 'vitest';
import { DeepConvNet, FastConvNet, FullyConnectedNet, ThreeLayerConvNet, TwoLayerNet } from '../../src/models/index.ts';
import type { Network, NetworkOptions } from '../../src/models/index.ts';
import { RandomState } from '../../src/tensor/index.ts';
import { evalNumericalGradient } from '../../src/train/numeric-gradient.ts';
import { relError } from '../../src/train/rel-error.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { normals, randomLabels } from '../support/random.ts';

type Build = (shared: NetworkOptions) => Network;

// Weights of this size give gradients far above what numeric differences lose to rounding.
const dense = { inputDim: 7, numClasses: 4, weightScale: 0.4 };

const fullyConnected: Readonly<Record<string, Build>> = {
  TwoLayerNet: (shared) => new TwoLayerNet({ ...dense, hiddenDim: 8, ...shared }),
  FullyConnectedNet: (shared) => new FullyConnectedNet([8, 6], { ...dense, ...shared }),
  'FullyConnectedNet with layernorm': (shared) =>
    new FullyConnectedNet([8, 6], { ...dense, normalization: 'layernorm', ...shared }),
  'FullyConnectedNet with dropout': (shared) =>
    new FullyConnectedNet([8, 6], { ...dense, dropoutKeep: 0.5, seed: 123, ...shared }),
  'FullyConnectedNet with batchnorm': (shared) =>
    new FullyConnectedNet([8, 6], { ...dense, normalization: 'batchnorm', ...shared }),
};

const small = { inputDim: [2, 6, 4], numClasses: 4 };

const convolutional: Readonly<Record<string, Build>> = {
  ThreeLayerConvNet: (shared) =>
    new ThreeLayerConvNet({ ...small, numFilters: 3, filterSize: 3, hiddenDim: 5, weightScale: 0.3, ...shared }),
  DeepConvNet: (shared) =>
    new DeepConvNet({ ...small, numFilters: [3, 2], maxPools: [0], weightScale: 0.3, ...shared }),
  'DeepConvNet with Kaiming initialisation': (shared) =>
    new DeepConvNet({ ...small, numFilters: [3, 2], maxPools: [1], weightScale: 'kaiming', ...shared }),
  'DeepConvNet with batchnorm': (shared) => new DeepConvNet({
    ...small, numFilters: [3, 2], maxPools: [0], batchnorm: true, weightScale: 'kaiming', ...shared,
  }),
  'FastConvNet, labels smoothed': (shared) => {
    const model = new FastConvNet({
      ...small, blocks: [[4, 4, 4]], whiteningFilters: 6, labelSmoothing: 0.2, logitScale: 2, ...shared,
    });
    // The identity hands on zeros of the ReLU, between which the pool's maximum has no derivative.
    for (const parameter of Object.values(model.params)) parameter.addInPlace(normals(5)(...parameter.shape).mul(0.5));
    return model;
  },
};

/** The largest relative error over the parameters. */
function worstGradient(model: Network, shape: readonly number[]): number {
  const X = normals(1)(...shape);
  const y = randomLabels(2, shape[0], 4);
  const [, grads] = model.loss(X, y);
  expect(Object.keys(grads)).toEqual(Object.keys(model.params).filter((name) => !model.frozen.has(name)));
  const errors = Object.entries(grads).map(([name, grad]) => {
    if (`gamma${name.slice(1)}` in model.params && model.bnParams.length > 0 && /^b\d/.test(name)) {
      // A bias before a batchnorm changes nothing: its gradient is 0, and relative errors mean nothing.
      return grad.abs().max().item() < 1e-14 ? 0 : Infinity;
    }
    return relError(grad, evalNumericalGradient(() => model.loss(X, y)[0], model.params[name]));
  });
  return Math.max(...errors);
}

function withStrengths(builds: Readonly<Record<string, Build>>): Array<[reg: number, name: string, build: Build]> {
  return [0, 3.14].flatMap((reg) =>
    Object.entries(builds).map(([name, build]): [number, string, Build] => [reg, name, build]));
}

describeOnEveryBackend('numeric gradients of networks', () => {
  const options = (reg: number): NetworkOptions => ({ reg, dtype: 'float64', rng: new RandomState(231) });

  it.each(withStrengths(fullyConnected))('reg %f: %s', (reg, _, build) => {
    expect(worstGradient(build(options(reg)), [6, 7])).toBeLessThan(1e-6);
  });

  it.each(withStrengths(convolutional))('reg %f: %s', (reg, _, build) => {
    expect(worstGradient(build(options(reg)), [3, 2, 6, 4])).toBeLessThan(reg === 0 ? 1e-5 : 1e-4);
  });
});
