/** The course networks as chains of modules, and as plain data. */

import { describe, expect, it } from 'vitest';
import { Rng, type Tensor } from '../../src/index.ts';
import * as models from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';

const images = new Rng(1).normal(0, 1, [4, 3, 8, 8]).astype('float32');
const labels = [0, 1, 2, 1];
const shared = { numClasses: 3, reg: 0.1 } as const;
const inputDim = [3, 8, 8];

const networks: Readonly<Record<string, () => models.Network>> = {
  TwoLayerNet: () => new models.TwoLayerNet({ ...shared, inputDim, hiddenDim: 5, weightScale: 0.1, rng: new Rng(2) }),
  FullyConnectedNet: () => new models.FullyConnectedNet([6, 5], {
    ...shared, inputDim, normalization: 'batchnorm', dropoutKeep: 0.5, weightScale: 0.1, rng: new Rng(2),
  }),
  'FullyConnectedNet with layernorm': () => new models.FullyConnectedNet([6], {
    ...shared, inputDim: 192, normalization: 'layernorm', dropoutDrop: 0.5, dtype: 'float64', weightScale: 0.1,
    rng: new Rng(2),
  }),
  ThreeLayerConvNet: () => new models.ThreeLayerConvNet({
    ...shared, inputDim, numFilters: 4, filterSize: 3, hiddenDim: 6, weightScale: 0.1, rng: new Rng(2),
  }),
  DeepConvNet: () => new models.DeepConvNet({
    ...shared, inputDim, numFilters: [4, 5, 6], maxPools: [0, 2], batchnorm: true, weightScale: 'kaiming', rng: new Rng(2),
  }),
  FastConvNet: () => new models.FastConvNet({
    ...shared, inputDim, blocks: [[4, 4], [6]], whiteningFilters: 8, rng: new Rng(2),
  }),
};

/** After a step's forward pass, so that there are running averages, and with parameters that are no round numbers. */
function trained(make: () => models.Network): models.Network {
  const network = make();
  const [, grads] = network.loss(images, labels);
  for (const [name, gradient] of Object.entries(grads)) {
    network.params[name].assign(network.params[name].sub(gradient.mul(0.1)));
  }
  return network;
}

function scores(module: nn.Module, X: Tensor): unknown {
  return module.testing(() => module.forward(nn.variable(X)).value.toArray());
}

it('knows every network that is exported', () => {
  const names = Object.keys(models).filter((name) => (models as Record<string, unknown>)[name] !== models.Network &&
    ((models as Record<string, unknown>)[name] as { prototype?: unknown }).prototype instanceof models.Network);
  expect(names.filter((name) => !(name in networks))).toEqual([]);
});

describe.each(Object.entries(networks))('%s', (_, make) => {
  it('is a chain of modules with the same scores, bit by bit', () => {
    const network = trained(make);
    const X = images.astype(network.params.W1.dtype);
    const module = models.networkModule(network);
    expect(scores(module, X)).toEqual(network.loss(X).toArray());
    expect(module.training).toBe(false);
    expect(module.parameters().reduce((sum, { size }) => sum + size, 0))
      .toBe(Object.values(network.params).reduce((sum, { size }) => sum + size, 0));
  });

  it('takes the parameters of such a chain', () => {
    const network = trained(make);
    const other = make();
    models.loadNetworkModule(other, models.networkModule(network));
    expect(other.loss(images).toArray()).toEqual(network.loss(images).toArray());
    expect(Object.keys(other.params)).toEqual(Object.keys(network.params));
  });

  it('is described as plain data, of which another is built', () => {
    const network = trained(make);
    const architecture = JSON.parse(JSON.stringify(models.describeNetwork(network))) as nn.LayerArchitecture;
    const other = models.buildNetwork(architecture);
    for (const [name, value] of Object.entries(network.params)) other.params[name].assign(value);
    other.loadState(network.state());
    expect(other.loss(images).toArray()).toEqual(network.loss(images).toArray());
    expect(other.config).toEqual(network.config);
  });
});

describe('wrong networks', () => {
  it('are refused before anything changes', () => {
    const network = trained(networks.DeepConvNet);
    const before = network.loss(images).toArray();
    expect(() => models.loadNetworkModule(network, new nn.Linear(2, 2))).toThrow(TypeError);
    expect(() => models.loadNetworkModule(network, nn.sequential(new nn.Linear(2, 2)))).toThrow(/state does not fit/);
    expect(network.loss(images).toArray()).toEqual(before);
  });

  it('without running averages are no chain yet', () => {
    expect(() => models.networkModule(networks.DeepConvNet()))
      .toThrow(/no running averages.*: train it, or compute a loss with labels once, as loss\(X, y\)$/);
  });

  it('of a class of their own are not described', () => {
    class Mine extends models.TwoLayerNet {}
    expect(() => models.describeNetwork(new Mine())).toThrow('describeNetwork: "Mine" is a class of its own');
    expect(() => models.buildNetwork({ layer: 'toString' })).toThrow(RangeError);
    expect(() => models.buildNetwork({ layer: 'TwoLayerNet', settings: { hiddenDim: -1 } })).toThrow('buildNetwork: TwoLayerNet: hiddenDim');
  });
});
