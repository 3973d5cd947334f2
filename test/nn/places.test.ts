/** States of modules that stand in several places, and what `fit` asks of metrics and validation data beforehand. */

import { describe, expect, it } from 'vitest';
import { ones, Rng, type Tensor, zeros } from '../../src/index.ts';
import { loadModel, saveModel } from '../../src/io/index.ts';
import * as nn from '../../src/nn/index.ts';

const shared = (seed: number): nn.Sequential => {
  const layer = new nn.Linear(3, 3, { rng: new Rng(seed) });
  return nn.sequential(layer, new nn.ReLU(), layer);
};

describe('a module in two places', () => {
  it('takes a state that has it under one of its names, as earlier versions wrote it', () => {
    const state = shared(1).stateDict();
    const x = new Rng(2).normal(0, 1, [4, 3]).astype('float32');
    for (const place of ['0', '2']) {
      const one = Object.fromEntries(Object.entries(state).filter(([name]) => name.startsWith(place)));
      const net = shared(3);
      expect(net.loadStateDict(one)).toEqual({ missing: [], unexpected: [] });
      expect(net.predict(x).toArray()).toEqual(shared(1).predict(x).toArray());
    }
    expect(() => shared(3).loadStateDict({ '0.weight': state['0.weight'] })).toThrow('missing "0.bias", "2.bias"');
    expect((loadModel(saveModel(shared(1))).model as nn.Sequential).predict(x).toArray())
      .toEqual(shared(1).predict(x).toArray());
  });

  it('comes once where modules refer to each other in a circle', () => {
    class Peer extends nn.Module {
      layer: nn.Linear = new nn.Linear(2, 2);
      peers: Peer[] = [];
      forward(x: nn.Variable): nn.Variable {
        return this.layer.forward(x);
      }
    }
    class Net extends nn.Module {
      nodes: Peer[] = Array.from({ length: 9 }, () => new Peer());
      constructor() {
        super();
        for (const node of this.nodes) node.peers = this.nodes.filter((other) => other !== node);
      }

      forward(x: nn.Variable): nn.Variable {
        return this.nodes[0].forward(x);
      }
    }
    const state = new Net().stateDict();
    expect(Object.keys(state)).toHaveLength(18);
    expect(new Net().loadStateDict(state)).toEqual({ missing: [], unexpected: [] });
  });

  it('is computed by its own forward behind a proxy', () => {
    const layers = [new nn.Linear(3, 4, { rng: new Rng(1) }), new nn.ReLU()];
    const x = ones([2, 3]);
    const plain = nn.sequential(...layers).predict(x).toArray();
    expect(nn.sequential(layers[0], new Proxy(layers[1], {})).predict(x).toArray()).toEqual(plain);
  });
});

describe('fit', () => {
  const x = new Rng(1).normal(0, 1, [130, 4]).astype('float32');
  const y = Int32Array.from({ length: 130 }, (_, i) => i % 3);
  const net = (metric: nn.Metric): nn.Sequential =>
    nn.sequential(new nn.Linear(4, 3, { rng: new Rng(1) })).compile({ optimizer: 'sgd', metrics: [metric] });

  it('measures no metric on validation data beforehand, and no loss of fewer examples than evaluate does', async () => {
    const sizes: number[] = [];
    const loss = (out: nn.Variable, targets: Tensor | ArrayLike<number>): nn.Variable => {
      sizes.push(out.shape[0]);
      return nn.crossEntropy(out, targets as Tensor);
    };
    const metric = { name: 'strict', reset: () => undefined, update: () => undefined, result: () => sizes.length };
    const model = net(metric).compile({ loss, optimizer: 'sgd', metrics: [metric] });
    await model.fit(x, y, { validation: [x, y], epochs: 1, batchSize: 65 });
    expect(sizes).toEqual([100, 65, 65, 100, 30]);
  });

  it('can be called again after a metric could not be reset', async () => {
    let isBroken = true;
    const metric = {
      name: 'm', update: () => undefined, result: () => 1,
      reset: () => {
        if (isBroken) throw new Error('broken');
      },
    };
    const model = net(metric);
    await expect(model.fit(x, y)).rejects.toThrow('broken');
    isBroken = false;
    expect((await model.fit(x, y)).figures.m).toEqual([1]);
  });

  it('draws nothing for validation data beforehand that training would draw otherwise', async () => {
    class Noise extends nn.Module {
      rng: Rng = new Rng(5);
      layer: nn.Linear = new nn.Linear(4, 3, { rng: new Rng(1) });
      override generators(): Rng[] {
        return [this.rng];
      }

      forward(input: nn.Variable): nn.Variable {
        return this.layer.forward(input.add(this.rng.normal(0, 1, [4]).astype('float32')));
      }
    }
    const losses: number[] = [];
    for (const validation of [undefined, [zeros([5, 4]), [0, 1, 2, 0, 1]] as const]) {
      const model = nn.sequential(new Noise()).compile({ optimizer: 'sgd' });
      losses.push((await model.fit(x, y, { validation, rng: new Rng(1), batchSize: 130 })).lossHistory[0]);
    }
    expect(losses[1]).toBe(losses[0]);
  });
});
