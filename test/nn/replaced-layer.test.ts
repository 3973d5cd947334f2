/** A layer that was put in another's place is the one that computes, learns and is stored. */

import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/index.ts';
import { loadModel, saveModel } from '../../src/io/index.ts';
import * as nn from '../../src/nn/index.ts';
import { Solver } from '../../src/train/index.ts';

const x = new Rng(1).normal(0, 1, [12, 6]).astype('float32');
const y = Int32Array.from({ length: 12 }, (_, i) => i % 3);
const pictures = new Rng(1).normal(0, 1, [4, 3, 8, 8]).astype('float32');

type Fields = Record<string, nn.Module>;

function chain(): nn.Sequential & Fields {
  const rng = new Rng(2);
  return nn.sequential(
    new nn.Linear(6, 8, { rng }), new nn.BatchNorm1d(8), new nn.ReLU(), new nn.Linear(8, 3, { rng }),
  ) as nn.Sequential & Fields;
}

describe('a layer of a chain that was replaced', () => {
  it('computes, as one among its neighbours too', () => {
    const net = chain();
    net.forward(nn.variable(x));
    for (const [at, layer] of [[3, new nn.Linear(8, 3)], [0, new nn.Linear(6, 8)], [2, new nn.GELU()]] as const) {
      net[at] = layer;
      const parts = [net[0], net[1], net[2], net[3]];
      const expected = parts.reduce((out, part) => part.eval().forward(out), nn.variable(x)).toArray();
      expect(net.predict(x).toArray()).toEqual(expected);
      expect(nn.sequential(...parts).predict(x).toArray()).toEqual(expected);
    }
  });

  it('learns, and is stored', async () => {
    const net = chain();
    net[3] = new nn.Linear(8, 3);
    const before = net.stateDict();
    await net.compile({ learningRate: 0.1 }).fit(x, y, { epochs: 1 });
    const after = net.stateDict();
    expect(after['3.weight'].toArray()).not.toEqual(before['3.weight'].toArray());
    const again = loadModel(saveModel(net)).model as nn.Trainable;
    expect(again.predict(x).toArray()).toEqual(net.predict(x).toArray());
    const other = chain();
    other.loadStateDict(after);
    expect(other.predict(x).toArray()).toEqual(net.predict(x).toArray());
  });

  it('may be one more or one less, but not missing or no module', () => {
    const net = chain();
    const logits = net.predict(x);
    net[4] = new nn.Softmax();
    expect(net.predict(x).toArray()).toEqual(nn.variable(logits).softmax(1).toArray());
    delete (net as Fields)[4];
    expect(net.predict(x).toArray()).toEqual(logits.toArray());
    net[1] = 5 as never;
    expect(() => net.predict(x)).toThrow(new TypeError('Sequential: layer 1 must be a Module, got 5'));
    delete (net as Fields)[1];
    expect(() => net.predict(x)).toThrow('Sequential: layer 1 must be a Module');
  });

  it('is refused by fit where the optimiser cannot know of it, as is one that was unfrozen since', async () => {
    const net = chain().compile() as nn.Sequential & Fields;
    net[3] = new nn.Linear(8, 3);
    await expect(net.fit(x, y)).rejects.toThrow(
      'Sequential.fit: the optimiser has no parameter 3.weight, which was not there or frozen when compile was called; ' +
      'call compile again',
    );
    net[0].freeze();
    net.compile();
    net[0].freeze(false);
    await expect(net.fit(x, y)).rejects.toThrow(/no parameter 0\.(weight|bias), which was not there or frozen/);
    await net.compile({ optimizer: new nn.SGD(net[3].parameters()) }).fit(x, y); // whose choice it is
  });

  it('is refused by a Solver that was made before, as is one that was added or taken out', async () => {
    const data = { XTrain: x, yTrain: y, XVal: x, yVal: y };
    const solverOf = (net: nn.Module): Solver => new Solver(net, data, { batchSize: 6, numEpochs: 2, verbose: false });
    const refusal = (change: string): TypeError =>
      new TypeError(`Solver: the parameter ${change} after the Solver was made: make a new Solver`);
    const net = chain();
    const solver = solverOf(net);
    solver.step();
    net[3] = new nn.Linear(8, 3);
    expect(() => solver.step()).toThrow(refusal('3.weight was replaced'));
    await expect(solver.train()).rejects.toThrow(refusal('3.weight was replaced'));
    await solverOf(net).train(); // nothing keeps it from being trained by another
    const second = solverOf(net);
    net[4] = new nn.Linear(3, 3);
    await expect(second.train()).rejects.toThrow(refusal('4.weight was added'));
    const third = solverOf(net);
    delete (net as Fields)[4];
    expect(() => third.step()).toThrow(refusal('4.weight was taken out'));
  });
});

it('a Solver says which parameter a loss does not depend on, and that it takes one output', async () => {
  const net = new class extends nn.Module {
    first = new nn.Linear(6, 3);
    second = new nn.Linear(6, 3);
    forward(input: nn.Variable): nn.Variable { return this.first.forward(input); }
  }();
  const data = { XTrain: x, yTrain: y, XVal: x, yVal: y };
  const solver = new Solver(net, data, { verbose: false });
  expect(() => solver.step()).toThrow(new TypeError(
    'Solver: the loss does not depend on second.weight: freeze it, or take its layer out of the fields',
  ));
  net.second.freeze();
  solver.step();
  expect(net.parameters().map(({ grad }) => grad)).toEqual([null, null, null, null]);
  nn.crossEntropy(net.forward(nn.variable(x)), y).backward(); // adds to nothing of the Solver's
  const symbol = nn.input([6]);
  const two = nn.model(symbol, [net.first.apply(symbol), net.second.apply(symbol)]);
  expect(() => new Solver(two, data)).toThrow(new TypeError('Solver: the module must have one output, got an array of 2'));
});

describe('a layer of a graph that was replaced', () => {
  function graph(): nn.GraphModel {
    const rng = new Rng(2);
    const twice = new nn.Linear(6, 6, { rng });
    const symbol = nn.input([6]);
    return nn.model(symbol, new nn.Linear(6, 3, { rng }).apply(twice.apply(new nn.ReLU().apply(twice.apply(symbol)))));
  }

  it('computes wherever it was applied, learns and is stored', async () => {
    const net = graph();
    const [first, second, third] = [new nn.Linear(6, 6), new nn.Tanh(), new nn.Linear(6, 5)];
    net.layers.splice(0, 3, first, second, third);
    const expected = nn.sequential(first, second, first, third).predict(x).toArray();
    expect(net.predict(x).toArray()).toEqual(expected);
    expect((loadModel(saveModel(net)).model as nn.Trainable).predict(x).toArray()).toEqual(expected);
    expect(nn.layerGraph(net).nodes.map(({ module }) => module)).toEqual([first, second, first, third]);
    await net.compile({ learningRate: 0.1 }).fit(x, y);
    expect(net.predict(x).toArray()).not.toEqual(expected);
  });

  it('must be a module, and to be stored another than the rest', () => {
    const net = graph();
    net.layers[1] = 5 as never;
    expect(() => net.predict(x)).toThrow(new TypeError('GraphModel: layers[1] must be a Module, got 5'));
    net.layers[1] = net.layers[0];
    expect(net.predict(x).shape).toEqual([12, 3]);
    expect(() => saveModel(net)).toThrow('layers must be different modules, each of them used, to be described');
  });
});

it('layers of a residual network that were replaced are stored as what they are now', () => {
  const net = nn.resNet20({ width: 4, rng: new Rng(3) });
  const before = net.predict(pictures).toArray();
  const fields = net as unknown as Fields & { layer1: Fields[]; layer2: Fields[] };
  const changes = [
    () => { fields.relu = new nn.GELU(); },
    () => { fields.conv1 = new nn.Conv2d(3, 4, 3, { stride: 2, padding: 1 }); },
    () => { fields.layer1[0].relu = new nn.Tanh(); },
    () => { fields.layer2[1].bn2 = new nn.BatchNorm2d(8, { eps: 0.5 }); },
  ];
  for (const change of changes) {
    change();
    const found = net.predict(pictures).toArray();
    expect(found).not.toEqual(before);
    expect((loadModel(saveModel(net)).model as nn.Trainable).predict(pictures).toArray()).toEqual(found);
  }
});

it.each(['conv1', 'bn1', 'relu', 'layer2', 'fc', 'layer1.0.conv1', 'layer1.0.bn2', 'layer3.1.relu'])(
  'a residual network computes with what its field %s was given', (path) => {
    const make = (): nn.Trainable => nn.resNet20({ width: 4, rng: new Rng(3) });
    const [net, other] = [make(), make()];
    const names = path.split('.');
    const last = names.pop()!;
    const owner = (root: nn.Module): Fields =>
      names.reduce((at, name) => at[name] as never as Fields, root as never as Fields);
    const layer = last === 'relu' ? new nn.GELU() : owner(nn.resNet20({ width: 4, rng: new Rng(9) }))[last];
    const before = net.predict(pictures).toArray();
    for (const each of last === 'relu' ? [] : layer.parameters()) each.value.addInPlace(0.5);
    owner(net)[last] = layer;
    expect(net.predict(pictures).toArray()).not.toEqual(before);
    if (last === 'relu') return;
    other.loadStateDict(net.stateDict());
    expect(net.predict(pictures).toArray()).toEqual(other.predict(pictures).toArray());
  },
);
