/** Model files: what is saved comes back as the same network, and what is no such file is refused. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeShapes, prepareImages } from '../../src/data/index.ts';
import { Rng, tensor, type Tensor, zeros } from '../../src/index.ts';
import {
  classifier, decodeSafetensors, encodeOnnx, encodeSafetensors, loadModel, saveModel, saveStateDict,
  type SafetensorsContent,
} from '../../src/io/index.ts';
import * as models from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';
import { tensorToPicture } from '../../src/viz/index.ts';

const inputShape = [3, 16, 16];
const X = new Rng(1).normal(0, 1, [4, ...inputShape]).astype('float32');

const modules: Readonly<Record<string, () => nn.Module>> = {
  resNet20: () => nn.resNet20({ width: 2, rng: new Rng(2) }),
  denseNet: () => nn.denseNet({ depths: [1, 1], growth: 2, rng: new Rng(2) }),
  vggLike: () => nn.vggLike({ inputDim: inputShape, widths: [[2], [3]], rng: new Rng(2) }),
  'a graph with a shared layer': () => {
    const image = nn.input(inputShape);
    const shared = new nn.Conv2d(3, 3, 3, { padding: 'same' });
    const joined = new nn.Add().apply(shared.apply(image), shared.apply(shared.apply(image)));
    const pooled = new nn.Flatten().apply(new nn.AdaptiveAvgPool2d(1).apply(joined));
    return nn.model(image, new nn.Linear(3, 10).apply(pooled));
  },
};

const networks: Readonly<Record<string, () => models.Network>> = {
  TwoLayerNet: () => new models.TwoLayerNet({ inputDim: inputShape, hiddenDim: 5, weightScale: 0.1 }),
  FullyConnectedNet: () => new models.FullyConnectedNet([6], {
    inputDim: 768, normalization: 'batchnorm', dropoutKeep: 0.5, weightScale: 0.1, dtype: 'float64',
  }),
  ThreeLayerConvNet: () => new models.ThreeLayerConvNet({ inputDim: inputShape, numFilters: 2, weightScale: 0.1 }),
  DeepConvNet: () => new models.DeepConvNet({ inputDim: inputShape, numFilters: [4, 5], batchnorm: true }),
  FastConvNet: () => new models.FastConvNet({ inputDim: inputShape, blocks: [[4]], testTimeViews: 'mirror' }),
};

function scores(model: nn.Module | models.Network): unknown {
  if (model instanceof models.Network) return model.loss(X).toArray();
  return model.testing(() => model.forward(nn.variable(X)).value.toArray());
}

describe.each(Object.entries(modules))('%s', (_, make) => {
  it('comes back with the same bits, in test mode', () => {
    const net = make();
    net.train().forward(nn.variable(X)); // running averages
    const { model, classNames } = loadModel(saveModel(net, { inputShape, classNames: [...'abcdefghij'] }));
    expect(scores(model)).toEqual(scores(net));
    expect((model as nn.Module).training).toBe(false);
    expect(classNames).toEqual([...'abcdefghij']);
  });
});

describe.each(Object.entries(networks))('%s', (_, make) => {
  it('comes back with the same bits and trains on as it would have', () => {
    const network = make();
    network.loss(X, [1, 2, 3, 4]);
    const model = loadModel(saveModel(network)).model as models.Network;
    expect(model.constructor).toBe(network.constructor);
    expect(model.config).toEqual(network.config);
    expect(scores(model)).toEqual(scores(network));
    const [loss, grads] = network.loss(X, [1, 2, 3, 4]);
    const [same, others] = model.loss(X, [1, 2, 3, 4]);
    expect(same).toBe(loss);
    expect(others.W1?.toArray()).toEqual(grads.W1?.toArray());
  });

  it('comes back before it was trained', () => {
    const network = make();
    expect(scores(loadModel(saveModel(network)).model)).toEqual(scores(network));
  });
});

it('reads files that hold a course network without a version', () => {
  const network = networks.DeepConvNet();
  network.loss(X, [1, 2, 3, 4]);
  const { tensors } = decodeSafetensors(saveModel(network, { mean: zeros(inputShape), std: [1, 2, 3] }));
  delete tensors['sample/input'];
  delete tensors['sample/output'];
  const old = encodeSafetensors(tensors, {
    model: 'DeepConvNet', config: JSON.stringify(network.config), classNames: JSON.stringify([...'abcdefghij']),
  });
  const found = loadModel(old);
  expect(scores(found.model)).toEqual(scores(network));
  expect(found.classNames).toEqual([...'abcdefghij']);
  expect(found.std?.flatten().toArray()).toEqual([1, 2, 3]);
  expect(found.inputShape).toEqual(inputShape);
});

it('refuses a deviation or mean by which every score would be no number', () => {
  const network = networks.DeepConvNet();
  for (const odd of [0, -1, NaN, Infinity]) {
    const std = zeros([inputShape[0], 1, 1]).add(odd);
    expect(() => saveModel(network, { std })).toThrow(`saveModel: std must hold finite numbers above 0, got ${odd}`);
  }
  expect(() => saveModel(network, { mean: [0, 0, 0].map(() => NaN) })).toThrow(/mean/);
  const mean = zeros([inputShape[0], 1, 1]).add(NaN);
  expect(() => saveModel(network, { mean })).toThrow('saveModel: mean must hold finite numbers, got NaN');
  const file = decodeSafetensors(saveModel(network, { std: [1, 2, 3] }));
  const edited = encodeSafetensors({ ...file.tensors, 'input/std': zeros([3, 1, 1]) }, file.metadata);
  expect(() => loadModel(edited)).toThrow('loadModel: the file: std must hold finite numbers above 0, got 0');
});

describe('predict', () => {
  const set = makeShapes({ numTrain: 40, numTest: 12 });
  const data = prepareImages(set, { normalize: true, numValidation: 0 });
  const network = new models.ThreeLayerConvNet({ numFilters: 2, weightScale: 0.1 });
  const asked = loadModel(saveModel(network, { mean: data.mean, std: data.std, classNames: data.classNames }));
  const expected = Array.from(network.loss(data.XTest).toArray() as number[][], (row) => row.indexOf(Math.max(...row)));

  it('prepares uint8 pictures as the training images were, and gives labels with probabilities', () => {
    const found = asked.predict(set.test.images, { top: 10 });
    expect(found.map(({ index }) => index)).toEqual(expected);
    expect(found.map(({ label }) => label)).toEqual(expected.map((index) => data.classNames[index]));
    for (const { label, probability, top } of found) {
      expect(top[0]).toEqual({ label, index: data.classNames.indexOf(label), probability });
      const probabilities = top.map((each) => each.probability);
      expect(probabilities).toEqual([...probabilities].sort((a, b) => b - a));
      expect(top.reduce((sum, each) => sum + each.probability, 0)).toBeCloseTo(1, 12);
    }
  });

  it('takes one picture, a Picture, a list, and floats that are prepared', () => {
    const all = asked.predict(set.test.images);
    expect(asked.predict(set.test.images.slice(3))).toEqual([all[3]]);
    const pictures = [0, 1].map((i) => tensorToPicture(set.test.images.slice(i)));
    expect(asked.predict(pictures)).toEqual(all.slice(0, 2));
    expect(asked.predict(pictures[1])).toEqual([all[1]]);
    expect(asked.predict(data.XTest)).toEqual(all);
    expect(asked.predict(data.XTest.slice(2))).toEqual([all[2]]);
  });

  it('brings pictures of other sizes and channels to the form of the network', () => {
    const flat = (channels: number, values: readonly number[], height: number, width: number): Tensor =>
      tensor(Array.from({ length: channels * height * width }, (_, i) => values[Math.floor(i / (height * width))]),
        [channels, height, width], 'uint8');
    const [red] = asked.predict(flat(3, [200, 40, 90], 32, 32), { top: 10 });
    expect(asked.predict(flat(3, [200, 40, 90], 90, 40), { top: 10 })).toEqual([red]);
    expect(asked.predict(flat(4, [200, 40, 90, 255], 10, 64), { top: 10 })).toEqual([red]);
    const [grey, white] = asked.predict([flat(3, [7, 7, 7], 32, 32), flat(3, [255, 255, 255], 32, 32)], { top: 10 });
    expect(asked.predict([flat(1, [7], 5, 5), flat(2, [0, 0], 5, 5)], { top: 10 })).toEqual([grey, white]);
  });

  it('refuses what are no pictures, and examples of another shape', () => {
    expect(() => asked.predict(zeros([3, 31, 32]))).toThrow('predict: a prepared example must have shape 3x32x32, got 3x31x32');
    expect(() => asked.predict(zeros([2, 32, 32, 3], 'uint8')))
      .toThrow('predict: pictures must be 3x32x32 or Nx3x32x32, channels first, got 2x32x32x3');
    expect(() => asked.predict([zeros([32, 32, 3], 'uint8')])).toThrow('channels first, got 32x32x3');
    const flat = classifier(new models.TwoLayerNet(), { mean: [1, 2, 3] });
    expect(() => flat.predict(zeros([2, 32, 32, 3], 'uint8')))
      .toThrow('predict: pictures must be 3xHxW or Nx3xHxW, channels first, got 2x32x32x3');
    expect(() => flat.predict(zeros([2, 3, 28, 28], 'uint8')))
      .toThrow('predict: a prepared example must have shape 3072, got 2352 (of pictures 2x3x28x28)');
    expect(() => asked.predict(zeros([2, 3, 32, 32], 'int32'))).toThrow('predict: pictures must be uint8, or float');
    expect(() => asked.predict(zeros([32, 32], 'uint8'))).toThrow('predict: pictures must have 3 or 4 axes');
    expect(() => asked.predict('cat.png' as never)).toThrow(TypeError);
    expect(() => asked.predict(set.test.images, { top: 0 })).toThrow(RangeError);
    expect(() => asked.predict(set.test.images, { topk: 3 } as never)).toThrow('unknown option "topk"');
    const broken = new models.TwoLayerNet({ inputDim: [3, 32, 32], hiddenDim: 2 });
    broken.params.b2.assign(tensor([NaN, ...Array.from({ length: 9 }, () => 0)]));
    expect(() => classifier(broken).predict(set.test.images)).toThrow('predict: picture 0 has scores that are not finite');
  });

  it('wants a name for every output, before a file is written', () => {
    const wrong = /classNames must name each of the model's 3 outputs, got 2 names/;
    const net = nn.sequential(new nn.Flatten(), new nn.Linear(12, 3));
    const options = { classNames: ['a', 'b'], inputShape: [3, 2, 2] };
    expect(() => saveModel(net, options)).toThrow(wrong);
    expect(() => encodeOnnx(net, options)).toThrow(wrong);
    const network = new models.TwoLayerNet({ inputDim: [3, 2, 2], hiddenDim: 2, numClasses: 3 });
    expect(() => saveModel(network, options)).toThrow(wrong);
    expect(() => classifier(network, { classNames: ['a', 'b'] })).toThrow(wrong);
  });

  it('wants them too where no shape of an input says what comes out', () => {
    const wrong = (fn: string, outputs: number): RangeError =>
      new RangeError(`${fn}: classNames must name each of the model's ${outputs} outputs, got 3 names`);
    const classNames = ['a', 'b', 'c'];
    const flat = [new nn.Flatten(), new nn.Linear(12, 2)];
    const ends: ReadonlyArray<readonly nn.Module[]> = [
      [], [new nn.ReLU()], [new nn.BatchNorm1d(2), new nn.Dropout(0.5), new nn.Softmax()],
    ];
    for (const end of ends) {
      const net = nn.sequential(...flat, ...end);
      expect(() => saveModel(net, { classNames })).toThrow(wrong('saveModel', 2));
      expect(() => classifier(net, { classNames })).toThrow(wrong('classifier', 2));
      expect(loadModel(saveModel(net, { classNames: ['a', 'b'] })).classNames).toEqual(['a', 'b']);
    }
    expect(() => saveModel(nn.resNet20({ width: 2 }), { classNames })).toThrow(wrong('saveModel', 10));
    const joined = nn.sequential(...flat, new nn.Maxout(2)); // 1 number, of which predict tells
    expect(loadModel(saveModel(joined, { classNames })).classNames).toEqual(classNames);
  });

  it('takes what a loaded model says of itself, null where it says nothing', () => {
    const nets = [nn.sequential(new nn.Flatten(), new nn.Linear(12, 3)), networks.TwoLayerNet()];
    for (const net of nets) {
      const bytes = saveModel(net);
      const { model, classNames, mean, std, inputShape } = loadModel(bytes);
      expect(saveModel(model, { classNames, mean, std, inputShape })).toEqual(bytes);
      expect(classifier(model, { classNames, mean, std, inputShape }).classNames).toBeNull();
      expect(saveStateDict(model, { inputShape })).toEqual(saveStateDict(model));
      const shape = inputShape ?? [3, 2, 2];
      const onnx = encodeOnnx(model, { classNames, mean, std, inputShape: shape });
      expect(onnx).toEqual(encodeOnnx(model, { inputShape: shape }));
    }
    expect(() => encodeOnnx(nets[0] as nn.Module, { inputShape: null })).toThrow('encodeOnnx: inputShape must be given');
    const { model, ...known } = loadModel(saveModel(nets[0], {
      classNames: ['a', 'b', 'c'], mean: [1, 2, 3], std: [4, 5, 6], inputShape: [3, 2, 2],
    }));
    const { classNames, mean, std, inputShape } = known;
    expect(loadModel(saveModel(model, { classNames, mean, std, inputShape }))).toMatchObject({
      classNames, inputShape, mean: { shape: [3, 1, 1] }, std: { shape: [3, 1, 1] },
    });
  });

  it('takes prepared pictures for a network of plain numbers, as its loss does', () => {
    const net = new models.TwoLayerNet({ inputDim: 12, hiddenDim: 4, numClasses: 3, weightScale: 1 });
    const module = nn.sequential(new nn.Linear(12, 3));
    const x = new Rng(7).normal(0, 1, [5, 3, 2, 2]).astype('float32');
    for (const model of [net, module]) {
      const { predict } = classifier(model, { inputShape: [12] });
      const expected = predict(x.reshape(5, 12), { top: 3 });
      expect(predict(x, { top: 3 })).toEqual(expected);
      expect(predict(x.slice([0, 1]), { top: 3 })).toEqual(expected.slice(0, 1));
      expect(predict(x.slice(2), { top: 3 })).toEqual([expected[2]]);
      expect(predict([x.slice(1), x.slice(3).flatten()], { top: 3 })).toEqual([expected[1], expected[3]]);
      expect(() => predict(x.slice(null, [0, 2]))).toThrow(
        'predict: a prepared example must have shape 12, got 2x2x2 (of pictures 5x2x2x2)',
      );
    }
  });

  it('takes the outputs of a network that ends in a Softmax as they are', () => {
    const net = nn.sequential(new nn.Flatten(), new nn.Linear(12, 3), new nn.Softmax());
    const x = new Rng(3).normal(0, 1, [1, 3, 2, 2]).astype('float32');
    const [{ probability }] = classifier(net, { inputShape: [3, 2, 2] }).predict(x);
    const out = net.predict(x).toArray() as number[][];
    expect(probability).toBeCloseTo(Math.max(...out[0]), 7);
  });
});

describe('a file that is none', () => {
  const good = saveModel(nn.sequential(new nn.Linear(4, 3), new nn.ReLU(), new nn.Linear(3, 2)), {
    inputShape: [4], classNames: ['a', 'b'],
  });
  const changed = (change: (content: SafetensorsContent) => void): Uint8Array => {
    const content = decodeSafetensors(good);
    change(content);
    return encodeSafetensors(content.tensors, content.metadata);
  };
  type Data = { children: Record<string, { layer: string; settings: Record<string, unknown> }> };
  const architecture = (edit: (data: Data) => void) => ({ metadata }: SafetensorsContent): void => {
    const data = JSON.parse(metadata.architecture) as Data;
    edit(data);
    metadata.architecture = JSON.stringify(data);
  };

  it.each<[string, (content: SafetensorsContent) => void, string]>([
    ['a newer version', ({ metadata }) => { metadata.version = '2'; }, 'loadModel: the file is of version 2, this tilegrad reads those up to 1'],
    ['no version', ({ metadata }) => { metadata.version = 'x'; }, 'loadModel: the file must have a version, got "x"'],
    ['no architecture', ({ metadata }) => { delete metadata.architecture; }, 'loadModel: the file holds tensors, but not the network'],
    ['an architecture that is no JSON', ({ metadata }) => { metadata.architecture = '{'; }, 'loadModel: the architecture in the file is not valid JSON'],
    ['an unknown layer', architecture(({ children }) => { children[1].layer = 'Warp\u001b[2J'; }), 'loadModel: buildModule: 1: the layer "Warp\\u001b[2J" is not known'],
    ['more parameters than there are', architecture(({ children }) => {
      children[0].settings.outFeatures = 30_000;
      children[0].settings.inFeatures = 30_000;
    }), 'takes 900000000 parameters more, of which only 1048'],
    ['a missing tensor', ({ tensors }) => { delete tensors['2.bias']; }, 'the state does not fit: missing "2.bias"'],
    ['a tensor too many', ({ tensors }) => { tensors['3.weight'] = zeros([100]); }, 'the state does not fit: unknown "3.weight"'],
    ['a tensor of another shape', ({ tensors }) => { tensors['0.weight'] = zeros([4, 3]); }, '0.weight must have shape 3x4, got 4x3'],
    ['class names that are none', ({ metadata }) => { metadata.classNames = '{"a": 1}'; }, 'classNames must be an array of strings'],
    ['an input of another planet', ({ metadata }) => { metadata.inputShape = '[3, 1e6, 1e6]'; }, 'loadModel: the file: inputShape'],
    ['statistics that do not fit', ({ tensors }) => { tensors['input/mean'] = zeros([2, 2]); }, 'mean must have shape'],
  ])('is refused for %s', (_, change, message) => {
    const bytes = changed(change);
    expect(() => loadModel(bytes)).toThrow(message);
    expect(() => loadModel(bytes)).toThrow(/^loadModel: /);
  });

  it('is refused for a course network that asks for more than is there', () => {
    const bytes = (config: Record<string, unknown>): Uint8Array => encodeSafetensors({ W1: zeros([2, 2]) }, {
      format: 'tilegrad', version: '1', architecture: JSON.stringify({ layer: 'TwoLayerNet', settings: config }),
    });
    expect(() => loadModel(bytes({ hiddenDim: 1e8 }))).toThrow(RangeError);
    expect(() => loadModel(bytes({ inputDim: 2, hiddenDim: 2, numClasses: 1e9 }))).toThrow(RangeError);
    expect(() => loadModel(bytes({ hiddenDim: 'x' }))).toThrow('loadModel: buildNetwork: TwoLayerNet: hiddenDim');
  });

  it('is refused, and no more than that, with any bytes changed or cut off', () => {
    fc.assert(fc.property(fc.nat(good.length - 1), fc.nat(255), fc.boolean(), (at, byte, cut) => {
      const bytes = cut ? good.slice(0, at) : good.slice();
      if (!cut) bytes[at] = byte;
      try {
        loadModel(bytes);
      } catch (error) {
        expect(error instanceof TypeError || error instanceof RangeError).toBe(true);
        expect((error as Error).message).toMatch(/^loadModel: [\x20-\x7e]*$/);
      }
    }), { numRuns: 500 });
  });
});

it('refuses to save what cannot be read again', () => {
  class Mine extends nn.Module {
    forward(x: nn.Variable): nn.Variable { return x; }
  }
  expect(() => saveModel(nn.sequential(new nn.ReLU(), new Mine()))).toThrow('saveModel: describeModule: 1: "Mine" is a class of its own');
  const save = (): unknown => saveModel(new nn.Linear(3, 2), { inputShape: [4] });
  expect(save).toThrow(/^saveModel: .*Linear: x must have 3 features/);
  expect(() => saveModel({} as never)).toThrow('saveModel: model must be a Module or a network of tilegrad/models');
  expect(() => saveModel(new nn.Linear(3, 2), { mean: [NaN] as never, size: 3 } as never)).toThrow('unknown option "size"');
});
