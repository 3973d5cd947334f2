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

  it('is refused by a Solver that was made before', () => {
    const net = chain();
    const solver = new Solver(net, { XTrain: x, yTrain: y, XVal: x, yVal: y }, { batchSize: 6 });
    net[3] = new nn.Linear(8, 3);
    expect(() => solver.step()).toThrow(/must hold a Tensor for 3\.weight/);
  });
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
