/** States for PyTorch, and weights of Keras: names, layouts, and what is refused. */

import { describe, expect, it } from 'vitest';
import { Rng, type Tensor, zeros } from '../../src/index.ts';
import {
  decodeNpz, decodeOnnx, decodeSafetensors, encodeNpz, encodeOnnx, encodeSafetensors, loadKerasWeights, loadModel,
  loadStateDict, saveModel, saveStateDict, verifyModel, verifyOnnx,
} from '../../src/io/index.ts';
import * as models from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';

const X = new Rng(1).normal(0, 1, [3, 3, 8, 8]).astype('float32');
const deep = (seed: number): models.DeepConvNet => {
  const network = new models.DeepConvNet({
    inputDim: [3, 8, 8], numFilters: [4, 5], batchnorm: true, weightScale: 'kaiming', rng: new Rng(seed),
  });
  network.loss(X, [1, 2, 3]);
  return network;
};
const scores = (net: nn.Module, x: Tensor = X): unknown =>
  net.testing(() => net.forward(nn.variable(x)).value.toArray());

describe.each(['safetensors', 'npz'] as const)('saveStateDict as %s', (format) => {
  it('goes round for a module and for a course network with the same bits', () => {
    const net = nn.resNet20({ width: 2, rng: new Rng(1) });
    net.train().forward(nn.variable(X));
    const other = nn.resNet20({ width: 2, rng: new Rng(2) });
    loadStateDict(other, saveStateDict(net, { format, inputShape: [3, 8, 8] }));
    expect(scores(other)).toEqual(scores(net));
    const [network, blank] = [deep(1), deep(2)];
    expect(loadStateDict(blank, saveStateDict(network, { format }))).toEqual({ missing: [], unexpected: [] });
    expect(blank.loss(X).toArray()).toEqual(network.loss(X).toArray());
    const untrained = new models.DeepConvNet({ inputDim: [3, 8, 8], numFilters: [4, 5], batchnorm: true });
    loadStateDict(untrained, saveStateDict(network, { format }));
    expect(untrained.loss(X).toArray()).toEqual(network.loss(X).toArray());
  });

  it("has PyTorch's names and layout, the sample, and says so", () => {
    const bytes = saveStateDict(deep(1), { format });
    const tensors = format === 'npz' ? decodeNpz(bytes) : decodeSafetensors(bytes).tensors;
    expect(Object.keys(tensors).filter((name) => !name.startsWith('__'))).toEqual([
      '0.weight', '0.bias', '1.weight', '1.bias', '1.running_mean', '1.running_var', '1.num_batches_tracked',
      '4.weight', '4.bias', '5.weight', '5.bias', '5.running_mean', '5.running_var', '5.num_batches_tracked',
      '9.weight', '9.bias',
    ]);
    expect(tensors['0.weight'].shape).toEqual([4, 3, 3, 3]);
    expect(Object.entries(tensors).findLast(([name]) => /^\d+\.weight$/.test(name))![1].shape).toEqual([10, 20]);
    expect(tensors.__output__.shape).toEqual([2, 10]);
    expect(verifyModel(bytes)).toEqual({ difference: 0, largest: expect.any(Number) as number });
    const bare = saveStateDict(deep(1), { format, sample: false });
    const hint = 'saveModel and saveStateDict put one there where their inputShape says what the network takes';
    const none = new RangeError(`verifyModel: the file carries no sample input with its output: ${hint}`);
    expect(() => verifyModel(bare)).toThrow(none);
    expect(() => verifyModel(saveModel(nn.sequential(new nn.Linear(2, 2))))).toThrow(none);
  });
});

describe('the layout of a file', () => {
  const net = (): nn.Sequential => nn.sequential(new nn.Linear(4, 4), new nn.ReLU(), new nn.Linear(4, 2));
  const raw = (from: nn.Module): Record<string, Tensor> =>
    Object.fromEntries(from.namedParameters().map(([name, { value }]) => [name, value]));

  it('must be known where a square weight would be taken either way', () => {
    const [from, to] = [net(), net()];
    const before = scores(to, X.slice([0, 1]).slice(0, 0, [0, 4], [0, 4]));
    for (const encoded of [encodeSafetensors(raw(from)), encodeNpz(raw(from))]) {
      expect(() => loadStateDict(to, encoded)).toThrow(/^loadStateDict: the file does not say its layout.*"0.weight"/);
    }
    expect(scores(to, X.slice([0, 1]).slice(0, 0, [0, 4], [0, 4]))).toEqual(before);
    loadStateDict(to, encodeSafetensors(from.stateDict()), { layout: 'pytorch' });
    expect(to.stateDict()).toEqual(from.stateDict());
    loadStateDict(to, encodeSafetensors(from.stateDict(), { layout: 'pytorch' }));
  });

  it('is checked by shapes where none is square', () => {
    const flat = (): nn.Sequential => nn.sequential(new nn.Linear(4, 3));
    expect(() => loadStateDict(flat(), encodeSafetensors(raw(flat())))).toThrow('0.weight must have shape 3x4, got 4x3');
    loadStateDict(flat(), encodeSafetensors(flat().stateDict()));
  });

  it('must be one that is known, with all entries and no others', () => {
    const state = net().stateDict();
    expect(() => loadStateDict(net(), encodeSafetensors(state, { layout: 'jax' }))).toThrow(`layout must be "pytorch", got "jax"`);
    expect(() => loadStateDict(net(), new Uint8Array(3))).toThrow(/^loadStateDict: /);
    const { '0.bias': _, ...rest } = state;
    const partial = encodeSafetensors({ ...rest, extra: zeros([1]) }, { layout: 'pytorch' });
    expect(() => loadStateDict(net(), partial)).toThrow('missing "0.bias"; unknown "extra"');
    expect(loadStateDict(net(), partial, { strict: false })).toEqual({ missing: ['0.bias'], unexpected: ['extra'] });
  });
});

it("has torchvision's names for the residual networks", () => {
  const names = Object.keys(nn.resNet18({ width: 2 }).stateDict());
  const norm = (name: string): string[] =>
    ['weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'].map((entry) => `${name}.${entry}`);
  const expected = ['conv1.weight', ...norm('bn1')];
  for (let layer = 1; layer <= 4; layer++) {
    for (let block = 0; block < 2; block++) {
      const at = `layer${layer}.${block}`;
      expected.push(`${at}.conv1.weight`, ...norm(`${at}.bn1`), `${at}.conv2.weight`, ...norm(`${at}.bn2`));
      if (layer > 1 && block === 0) expected.push(`${at}.downsample.0.weight`, ...norm(`${at}.downsample.1`));
    }
  }
  expected.push('fc.weight', 'fc.bias');
  expect(new Set(names)).toEqual(new Set(expected));
});

describe('verifyModel', () => {
  it('says how far off a changed file is', () => {
    const good = saveModel(deep(1));
    expect(verifyModel(good).difference).toBe(0);
    const { tensors, metadata } = decodeSafetensors(good);
    tensors.b3 = tensors.b3.add(0.25);
    expect(verifyModel(encodeSafetensors(tensors, metadata)).difference).toBeCloseTo(0.25, 5);
    const nameless = saveModel(nn.sequential(new nn.ReLU(), new nn.Linear(2, 2)));
    expect(() => verifyModel(nameless)).toThrow('verifyModel: the file carries no sample');
  });

  it('finds a square weight that was stored the other way round', () => {
    const net = nn.sequential(new nn.Linear(4, 4));
    const { tensors, metadata } = decodeSafetensors(saveStateDict(net, { inputShape: [4] }));
    tensors['0.weight'] = tensors['0.weight'].transpose();
    expect(verifyModel(encodeSafetensors(tensors, metadata)).difference).toBeGreaterThan(0.01);
  });
});

describe('a graph of several inputs and outputs', () => {
  const graph = (): nn.GraphModel => {
    const [image, numbers] = [nn.input([3, 4, 4]), nn.input(5)];
    const features = new nn.Flatten().apply(new nn.Conv2d(3, 2, 3).apply(image));
    const both = new nn.Concatenate().apply(features, new nn.Linear(5, 6).apply(numbers));
    return nn.model([image, numbers], [new nn.Linear(14, 3).apply(both), new nn.Softmax().apply(both)]);
  };
  const forms: Record<string, (model: nn.GraphModel) => Uint8Array> = {
    'model file': saveModel, safetensors: saveStateDict, npz: (model) => saveStateDict(model, { format: 'npz' }),
  };

  it.each(Object.entries(forms))('carries a sample of all of them as %s', (_, save) => {
    const bytes = save(graph());
    expect(verifyModel(bytes)).toEqual({ difference: 0, largest: expect.any(Number) as number });
    const { tensors, metadata } = bytes[0] === 0x50
      ? { tensors: decodeNpz(bytes), metadata: null } : decodeSafetensors(bytes);
    const encode = (all: Record<string, Tensor>): Uint8Array =>
      (metadata === null ? encodeNpz(all) : encodeSafetensors(all, metadata));
    const named = (part: string): string => Object.keys(tensors).find((name) => name.includes(part))!;
    expect(tensors[named('input_1')].shape).toEqual([2, 5]);
    const second = named('output_1');
    expect(tensors[second].shape).toEqual([2, 14]);
    tensors[second] = tensors[second].add(0.5);
    expect(verifyModel(encode(tensors)).difference).toBeCloseTo(0.5, 5);
    const { [second]: _second, ...without } = tensors;
    const missing = 'the sample has outputs of shape 2x3, the network gives 2x3, 2x14';
    expect(() => verifyModel(encode(without))).toThrow(missing);
    tensors[named('input_1')] = zeros([2, 4]);
    expect(() => verifyModel(encode(tensors))).toThrow('must have shape Nx5, got 2x4');
  });

  it('goes on to ONNX with that sample, and back', () => {
    const { model } = loadModel(saveModel(graph()));
    expect(verifyOnnx(encodeOnnx(model)).difference).toBeLessThan(1e-6);
  });
});

describe('loadKerasWeights', () => {
  const make = (): nn.Sequential => nn.sequential(
    new nn.ChannelsFirst(), new nn.Conv2d(3, 4, [3, 2]), new nn.BatchNorm2d(4), new nn.ReLU(),
    new nn.Conv2d(4, 8, 3, { groups: 4, padding: 1 }), new nn.MaxPool2d(2), new nn.Flatten(), new nn.ReLU(),
    new nn.Linear(8 * 3 * 3, 5), new nn.LayerNorm(5), new nn.Linear(5, 5, { bias: false }),
  );
  const rng = new Rng(4);
  const drawn = (...shape: number[]): Tensor => rng.normal(0.5, 1, shape).abs().astype('float32');
  /** As Keras holds them, by layer and weight. */
  const arrays: Record<string, Tensor> = {
    'conv2d/kernel:0': drawn(3, 2, 3, 4), 'conv2d/bias:0': drawn(4),
    'bn/gamma': drawn(4), 'bn/beta': drawn(4), 'bn/moving_mean': drawn(4), 'bn/moving_variance': drawn(4),
    'model/dw/depthwise_kernel': drawn(3, 3, 4, 2), 'model/dw/bias': drawn(8),
    'dense/kernel': drawn(72, 5), 'dense/bias': drawn(5),
    'ln/gamma': drawn(5), 'ln/beta': drawn(5), 'last/kernel': drawn(5, 5),
  };
  const a = Object.fromEntries(Object.entries(arrays).map(([name, value]) => [name.split('/').slice(-2).join('/'), value]));

  /** The network in loops over arrays laid out as Keras has them: channels last, kernels HWIO, dense (in, out). */
  const loops = (x: Tensor): number[] => {
    const [H, W] = [x.shape[1] - 2, x.shape[2] - 1];
    const at = (t: Tensor, ...i: number[]): number => t.slice(...i).item();
    const first = (y: number, c: number, f: number): number => {
      let sum = at(a['conv2d/bias:0'], f);
      for (let i = 0; i < 3; i++) for (let j = 0; j < 2; j++) for (let k = 0; k < 3; k++) {
        sum += at(x, 0, y + i, c + j, k) * at(a['conv2d/kernel:0'], i, j, k, f);
      }
      const normed = (sum - at(a['bn/moving_mean'], f)) / Math.sqrt(at(a['bn/moving_variance'], f) + 1e-5);
      return Math.max(0, normed * at(a['bn/gamma'], f) + at(a['bn/beta'], f));
    };
    const hidden = Array.from({ length: H }, (_, y) =>
      Array.from({ length: W }, (_, c) => [0, 1, 2, 3].map((f) => first(y, c, f))));
    const second = (y: number, c: number, k: number, m: number): number => {
      let sum = at(a['dw/bias'], k * 2 + m);
      for (let i = -1; i < 2; i++) for (let j = -1; j < 2; j++) {
        sum += (hidden[y + i]?.[c + j]?.[k] ?? 0) * at(a['dw/depthwise_kernel'], i + 1, j + 1, k, m);
      }
      return sum;
    };
    const flat: number[] = [];
    for (let y = 0; y < 6; y += 2) for (let c = 0; c < 6; c += 2) for (let f = 0; f < 8; f++) {
      const window = [[0, 0], [0, 1], [1, 0], [1, 1]].map(([i, j]) => second(y + i, c + j, Math.floor(f / 2), f % 2));
      flat.push(Math.max(0, ...window));
    }
    const dense = [0, 1, 2, 3, 4].map((o) =>
      flat.reduce((sum, value, i) => sum + value * at(a['dense/kernel'], i, o), at(a['dense/bias'], o)));
    const mean = dense.reduce((s, v) => s + v) / 5;
    const deviation = Math.sqrt(dense.reduce((s, v) => s + (v - mean) ** 2, 0) / 5 + 1e-5);
    const normed = dense.map((v, i) => ((v - mean) / deviation) * at(a['ln/gamma'], i) + at(a['ln/beta'], i));
    return [0, 1, 2, 3, 4].map((o) => normed.reduce((sum, v, i) => sum + v * at(a['last/kernel'], i, o), 0));
  };

  const x = new Rng(5).normal(0, 1, [1, 8, 7, 3]).astype('float32');

  it('computes what the Keras network does, with names and without', () => {
    const expected = loops(x);
    const unnamed = Object.fromEntries(Object.values(arrays).map((value, i) => [`arr_${i}`, value]));
    const shuffled = Object.fromEntries(Object.entries(unnamed).reverse());
    for (const given of [arrays, unnamed, shuffled]) {
      const net = make();
      loadKerasWeights(net, given);
      const [found] = scores(net, x) as number[][];
      found.forEach((value, i) => expect(value / expected[i]).toBeCloseTo(1, 4));
    }
  });

  it('goes on to ONNX, which computes the same', () => {
    const net = make();
    loadKerasWeights(net, decodeNpz(encodeNpz(arrays)));
    const bytes = encodeOnnx(net, { inputShape: [8, 7, 3] });
    const [found] = decodeOnnx(bytes).predict(x).toArray() as number[][];
    const [own] = scores(net, x) as number[][];
    const expected = loops(x);
    const largest = Math.max(...own.map(Math.abs));
    found.forEach((value, i) => {
      expect(Math.abs(value - own[i]) / largest).toBeLessThan(1e-6);
      expect(value / expected[i]).toBeCloseTo(1, 4);
    });
    const verified = verifyOnnx(bytes);
    expect(verified.difference / verified.largest).toBeLessThan(1e-6);
  });

  it('refuses what does not fit by name, and changes nothing then', () => {
    const net = make();
    const before = net.stateDict();
    const without = (name: string): Record<string, Tensor> => {
      const { [name]: _, ...rest } = arrays;
      return rest;
    };
    expect(() => loadKerasWeights(net, without('bn/gamma'))).toThrow(/^loadKerasWeights: layer "2" \(BatchNorm2d\) takes gamma, beta, .*"bn" has/);
    expect(() => loadKerasWeights(net, without('last/kernel'))).toThrow('layer "10" (Linear) takes kernel, and no weights are left');
    expect(() => loadKerasWeights(net, { ...arrays, 'more/kernel': zeros([1]) })).toThrow('the module has no layer for "more"');
    expect(() => loadKerasWeights(net, { ...arrays, 'dense/kernel': zeros([5, 72]) })).toThrow(`"dense"'s kernel must have shape 72x5, got 5x72`);
    expect(() => loadKerasWeights(net, { ...arrays, x: zeros([1]) })).toThrow('arrays must be named layer/weight');
    expect(() => loadKerasWeights(nn.sequential(new nn.Residual(new nn.Linear(2, 2))), {})).toThrow('must be a chain');
    expect(net.stateDict()).toEqual(before);
  });

  it('fills a course network', () => {
    const network = new models.TwoLayerNet({ inputDim: 4, hiddenDim: 3, numClasses: 2 });
    const kernel = drawn(4, 3);
    loadKerasWeights(network, { 'a/kernel': kernel, 'a/bias': drawn(3), 'b/kernel': drawn(3, 2), 'b/bias': drawn(2) });
    expect(network.params.W1.toArray()).toEqual(kernel.toArray());
  });
});
