/** A new last layer on a network that is kept: replaceHead and freeze. */

import { describe, expect, it } from 'vitest';
import { fineTune } from '../../examples/fine-tune.ts';
import { Rng, zeros } from '../../src/index.ts';
import { loadKerasWeights } from '../../src/io/index.ts';
import { DeepConvNet, networkModule } from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';

const x = new Rng(1).normal(0, 1, [6, 3, 8, 8]).astype('float32');
const y = [0, 1, 2, 0, 1, 2];

const nets: Readonly<Record<string, [make: () => nn.Trainable, head: string]>> = {
  resNet20: [() => nn.resNet20({ width: 4, rng: new Rng(2) }), 'fc'],
  denseNet: [() => nn.denseNet({ depths: [1, 1], growth: 3, rng: new Rng(2) }), '11'],
  'a chain in a chain': [() => nn.sequential(
    new nn.Conv2d(3, 4, 3),
    nn.sequential(new nn.BatchNorm2d(4), new nn.Flatten(), nn.sequential(new nn.Linear(144, 10))),
  ), '1.2.0'],
  'a course network': [() => {
    const network = new DeepConvNet({ inputDim: [3, 8, 8], numFilters: [4], batchnorm: true, weightScale: 'kaiming' });
    network.loss(x, y);
    return networkModule(network);
  }, '5'],
};

describe.each(Object.entries(nets))('%s', (_, [make, path]) => {
  it('gets a head of its own, and keeps all else', () => {
    const net = make();
    net.train().forward(nn.variable(x));
    const before = net.stateDict();
    const { model, head } = nn.replaceHead(net, 3, { rng: new Rng(3) });
    expect(head.weight.shape[1]).toBe(3);
    expect(model.predict(x).shape).toEqual([6, 3]);
    expect(net.stateDict()).toEqual(before);
    const after = model.stateDict();
    expect(Object.keys(after)).toEqual(Object.keys(before));
    for (const [name, value] of Object.entries(before)) {
      if (name.startsWith(`${path}.`)) expect(after[name].shape[0]).toBe(3);
      else expect(after[name].toArray()).toEqual(value.toArray());
    }
    expect(nn.replaceHead(net, 3, { rng: new Rng(3) }).head.weight.toArray()).toEqual(head.weight.toArray());
  });

  it('learns in its head alone where the rest is frozen, running averages too', async () => {
    const { model, head } = nn.replaceHead(make(), 3);
    model.freeze();
    head.freeze(false);
    const before = model.stateDict();
    await model.compile().fit(x, y, { epochs: 2, batchSize: 3 });
    for (const [name, value] of Object.entries(model.stateDict())) {
      const same = expect(value.toArray());
      if (name.startsWith(`${path}.`)) same.not.toEqual(before[name].toArray());
      else same.toEqual(before[name].toArray());
    }
    model.freeze(false);
    await model.compile().fit(x, y, { epochs: 1, batchSize: 3 });
    const [first] = Object.keys(before);
    expect(model.stateDict()[first].toArray()).not.toEqual(before[first].toArray());
  });
});

it('shares nothing between the new head and the rest', () => {
  const net = nn.sequential(new nn.Linear(4, 4), new nn.Linear(4, 4), new nn.Linear(4, 4), new nn.Linear(4, 4));
  const [first, second, third, last] = net._modules as unknown as Array<{ weight: nn.Variable; bias: nn.Variable }>;
  third.weight = second.weight;
  last.weight = second.weight;
  first.bias = last.bias;
  const { model, head } = nn.replaceHead(net, 4, { rng: new Rng(3) });
  const after = (model as nn.Sequential)._modules as unknown as typeof first[];
  expect(after[2].weight).toBe(after[1].weight);
  expect(after[1].weight.value.toArray()).toEqual(second.weight.value.toArray());
  expect(after[0].bias.value.toArray()).toEqual(first.bias.value.toArray());
  expect(head.weight).not.toBe(after[1].weight);
  expect(nn.replaceHead(net, 3).head.weight.shape).toEqual([4, 3]);
});

it('refuses networks that end in no Linear', () => {
  expect(() => nn.replaceHead(nn.sequential(new nn.ReLU()), 3)).toThrow('replaceHead: module must end in a Linear layer');
  expect(() => nn.replaceHead(nn.sequential(new nn.Linear(2, 2), new nn.LayerNorm(2)), 3)).toThrow('got "LayerNorm"');
  expect(() => nn.replaceHead(new nn.Linear(2, 2), 3)).toThrow(RangeError);
  expect(() => nn.replaceHead(nn.sequential(new nn.Linear(2, 2)), 0)).toThrow(RangeError);
});

class Own extends nn.Module {
  readonly fc: nn.Linear;

  constructor(fc: nn.Linear = new nn.Linear(4, 2)) {
    super();
    this.fc = fc;
  }

  forward(x: nn.Variable): nn.Variable {
    return this.fc.forward(x);
  }
}

it('says of a class of its own what makes its head known, and takes it then', () => {
  const net = (): nn.Sequential => nn.sequential(new nn.ReLU(), new Own());
  expect(() => nn.replaceHead(net(), 3)).toThrow(new TypeError(
    'replaceHead: 1: "Own" is a class of its own; registerLayer makes it known, with children and trace where the last ' +
    'layer is in it'));
  expect(() => loadKerasWeights(net(), {})).toThrow('loadKerasWeights: 1: "Own" is a class of its own; registerLayer');
  const definition: nn.LayerDefinition<Own> = { type: Own, describe: () => ({}), build: () => new Own() };
  nn.registerLayer('OwnHead', definition);
  expect(() => nn.replaceHead(net(), 3)).toThrow(new RangeError(
    'replaceHead: module must end in a Linear layer in a container, got "OwnHead"; registerLayer is told by children and ' +
    'trace what is in a class of its own'));
  nn.registerLayer('OwnHead', {
    ...definition,
    children: ({ fc }) => ({ fc }),
    build: (_, { fc }) => new Own(fc as nn.Linear),
    trace: ({ fc }, [x], through) => [through(fc, x)],
  });
  expect(nn.replaceHead(net(), 3).model.predict(zeros([5, 4], 'float32')).shape).toEqual([5, 3]);
  expect(nn.replaceHead(new Own(), 3).head.weight.shape).toEqual([4, 3]);
});

it('says of a course network how it becomes a module', () => {
  const network = new DeepConvNet({ inputDim: [3, 8, 8], numFilters: [4] });
  type Call = (...given: unknown[]) => unknown;
  for (const call of [nn.replaceHead, nn.layerGraph, nn.describeModule] as readonly Call[]) {
    expect(() => call(network, 3)).toThrow(new TypeError(`${call.name}: module must be a Module, got a DeepConvNet; ` +
      'networkModule of tilegrad/models makes a Module of a course network'));
    expect(() => call({ params: {} }, 3)).toThrow(/must be a Module, got an Object$/);
  }
});

it('does better than a network that begins anew where pictures are few', { timeout: 60_000 }, async () => {
  const { tuned, anew } = await fineTune();
  expect(tuned).toBeGreaterThan(0.8);
  expect(tuned).toBeGreaterThan(anew);
});
