/** A layer whose forward somebody has wrapped, as one does to look into a network, and one in two places. */

import { describe, expect, it } from 'vitest';
import { trainOnDevice } from '../../src/gpu/index.ts';
import { Rng, zeros } from '../../src/index.ts';
import {
  decodeSafetensors, loadKerasWeights, loadModel, loadStateDict, saveModel, saveStateDict,
} from '../../src/io/index.ts';
import * as nn from '../../src/nn/index.ts';

const x = new Rng(1).normal(0, 1, [4, 3, 6, 6]).astype('float32');
const rows = new Rng(2).normal(0, 1, [4, 3]).astype('float32');

describe('a forward that was put in the place of a layer\'s', () => {
  it.each([false, true])('is called, and computes, among layers that are computed as one (once computed before: %s)', (before) => {
    const layer = { rng: new Rng(3) };
    const layers = [
      new nn.Conv2d(3, 4, 3, layer), new nn.BatchNorm2d(4), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Flatten(),
      new nn.Linear(16, 5, layer), new nn.LayerNorm(5), new nn.ReLU(),
    ];
    const net = nn.sequential(...layers);
    const plain = net.predict(x);
    for (const [i, each] of layers.entries()) {
      const { forward } = each;
      const chain = before ? net : null;
      let calls = 0;
      each.forward = (input) => {
        calls++;
        return forward.call(each, input);
      };
      const found = (chain ?? nn.sequential(...layers)).predict(x);
      expect([i, calls]).toEqual([i, 1]);
      expect(found.sub(plain).abs().max().item()).toBeLessThan(1e-5); // layers computed singly round otherwise
      each.forward = (input) => forward.call(each, input).mul(0);
      const none = layers.slice(0, i + 1).reduce((out, next) => next.eval().forward(out), nn.variable(x)).value;
      expect(nn.sequential(...layers.slice(0, i + 1)).predict(x).toArray()).toEqual(none.toArray());
      each.forward = forward;
    }
    expect(net.predict(x).toArray()).toEqual(plain.toArray());
  });

  it('ends a residual block', () => {
    const net = nn.resNet20({ numClasses: 3, rng: new Rng(4) });
    const picture = zeros([1, 3, 32, 32], 'float32');
    net.predict(picture);
    const norms = net.modules().filter((module): module is nn.BatchNorm2d => module instanceof nn.BatchNorm2d);
    let calls = 0;
    for (const norm of norms) {
      const { forward } = norm;
      norm.forward = (input) => {
        calls++;
        return forward.call(norm, input);
      };
    }
    net.predict(picture);
    expect(calls).toBe(norms.length);
  });

  it('is refused by a device', async () => {
    const relu = new nn.ReLU();
    relu.forward = (input) => input.mul(0);
    const net = nn.sequential(new nn.Linear(3, 2), relu);
    await expect(trainOnDevice(net, new nn.SGD(net.parameters()), { inputShape: 3 }))
      .rejects.toThrow(new TypeError('trainOnDevice: 1 (ReLU) has a forward of its own, which devices do not compute'));
  });
});

describe('a layer that stands in two places', () => {
  const twice = (seed: number): nn.Sequential => {
    const layer = new nn.Linear(3, 3, { rng: new Rng(seed) });
    const norm = new nn.BatchNorm1d(3);
    return nn.sequential(layer, norm, new nn.ReLU(), nn.sequential(norm, layer));
  };
  const linear = ['weight', 'bias'];
  const batchnorm = [...linear, 'running_mean', 'running_var', 'num_batches_tracked'];

  it('has its entries under both names, as in PyTorch, and one parameter', () => {
    const net = twice(5);
    const names = [['0', linear], ['1', batchnorm], ['3.0', batchnorm], ['3.1', linear]] as const;
    expect(Object.keys(net.stateDict())).toEqual(names.flatMap(([path, own]) => own.map((name) => `${path}.${name}`)));
    expect(net.parameters()).toHaveLength(4);
    const { tensors } = decodeSafetensors(saveStateDict(net));
    expect(tensors['3.1.weight'].toArray()).toEqual(tensors['0.weight'].toArray());
    const other = twice(6);
    expect(loadStateDict(other, saveStateDict(net))).toEqual({ missing: [], unexpected: [] });
    expect(other.predict(rows).toArray()).toEqual(net.predict(rows).toArray());
    expect((loadModel(saveModel(net)).model as nn.Module).stateDict()).toEqual(net.stateDict());
    const { '0.bias': _, '3.1.bias': _too, ...less } = net.stateDict();
    expect(() => other.loadStateDict(less)).toThrow('missing "0.bias", "3.1.bias"');
  });

  it('has an end of names where a layer refers to the one above it', () => {
    const child = new nn.Linear(2, 2) as nn.Linear & { parent?: nn.Module };
    const net = nn.sequential(child);
    child.parent = net;
    expect(Object.keys(net.stateDict())).toEqual(['0.weight', '0.bias']);
  });

  it('takes up weights of Keras, and gets a new head', () => {
    const shared = new nn.ReLU();
    const layer = new nn.Linear(3, 3);
    const net = nn.sequential(layer, shared, layer, shared);
    const weight = new Rng(7).normal(0, 1, [3, 3]).astype('float32');
    loadKerasWeights(net, { arr_0: weight, arr_1: zeros([3]), arr_2: weight, arr_3: zeros([3]) });
    expect(layer.weight.value.toArray()).toEqual(weight.toArray());
    const head = new nn.Linear(3, 2);
    const { model } = nn.replaceHead(nn.sequential(new nn.ReLU(), new nn.Concat(head, head)), 5);
    expect(model.predict(rows).shape).toEqual([4, 10]);
  });
});
