/** The reference networks: shapes, parameter counts as published, one step of training, state. */

import { describe, expect, it } from 'vitest';
import { Rng, zeros } from '../../src/index.ts';
import { DeepConvNet, type Network, ThreeLayerConvNet } from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';

const y = [3, 1, 4, 1];
const image = new Rng(1).normal(0, 1, [4, 3, 32, 32]);

function count(net: nn.Module): number {
  return net.parameters().reduce((sum, { size }) => sum + size, 0);
}

function step(net: nn.Module, lr: number): number {
  const optimizer = new nn.SGD(net.parameters(), { lr });
  optimizer.zeroGrad();
  const loss = nn.crossEntropy(net.forward(nn.variable(image)), y);
  loss.backward();
  optimizer.step();
  return loss.item();
}

const small: Readonly<Record<string, (options: nn.ZooOptions) => nn.Trainable>> = {
  threeLayerConvNet: (options) => nn.threeLayerConvNet({ numFilters: 4, filterSize: 3, weightScale: 0.05, ...options }),
  deepConvNet: (options) => nn.deepConvNet({ batchnorm: true, weightScale: 'kaiming', ...options }),
  vggLike: (options) => nn.vggLike({ widths: [[4, 4], [8]], ...options }),
  resNet20: (options) => nn.resNet20({ width: 4, ...options }),
  'resNet20 without projections': (options) => nn.resNet20({ width: 4, shortcut: 'pad', ...options }),
  resNet18: (options) => nn.resNet18({ width: 4, ...options }),
  denseNet: (options) => nn.denseNet({ depths: [2, 2], growth: 4, ...options }),
  convStack: (options) => nn.convStack({ blocks: [[4, 4], [6]], hiddenDims: [8], batchnorm: 'beforeRelu', ...options }),
  'convStack of strided convolutions': (options) => nn.convStack({
    blocks: [[4], [6, 6]], downsample: 'stride', batchnorm: 'afterRelu', filterSize: 5, ...options,
  }),
  mobileNetLike: (options) => nn.mobileNetLike({ widthFactor: 0.125, ...options }),
};

describe.each(Object.entries(small))('%s', (_, make) => {
  it('makes scores of images, and one step lowers the loss', () => {
    const net = make({ numClasses: 7, rng: new Rng(0) });
    expect(net.predict(image).shape).toEqual([4, 7]);
    expect(net.outputShape([3, 32, 32])).toEqual([7]);
    net.train();
    const before = step(net, 0.01);
    expect(step(net, 0.01)).toBeLessThan(before);
    expect(net.summary([3, 32, 32])).toContain(count(net).toLocaleString('en-US'));
  });

  it('gives its state to another of its kind, and draws the same weights from the same generator', () => {
    const net = make({ rng: new Rng(0) });
    const untrained = net.predict(image).toArray();
    expect(make({ rng: new Rng(0) }).predict(image).toArray()).toEqual(untrained);
    step(net, 0.01);
    const other = make({ rng: new Rng(1) });
    other.loadStateDict(net.stateDict());
    expect(other.predict(image).toArray()).toEqual(net.predict(image).toArray());
    expect(net.predict(image).toArray()).not.toEqual(untrained);
  });

  it('computes in float64, and refuses options that it does not have', () => {
    const net = make({ dtype: 'float64' });
    expect(net.predict(image.astype('float64')).dtype).toBe('float64');
    expect(() => make({ numClasses: 0 })).toThrow(RangeError);
    expect(() => make({ classes: 3 } as nn.ZooOptions)).toThrow(TypeError);
  });
});

it.each<[string, () => nn.Module, number]>([
  ['threeLayerConvNet', () => nn.threeLayerConvNet(), 825_046],
  ['deepConvNet', () => nn.deepConvNet(), 2_650],
  ['vggLike', () => nn.vggLike(), 308_394],
  ['vggLike of sixteen layers', () => nn.vggLike({
    widths: [[64, 64], [128, 128], [256, 256, 256], [512, 512, 512], [512, 512, 512]],
  }), 14_728_266],
  ['resNet20', () => nn.resNet20(), 272_474],
  ['resNet20 as published', () => nn.resNet20({ shortcut: 'pad' }), 269_722],
  ['resNet18', () => nn.resNet18(), 11_173_962],
  ['denseNet', () => nn.denseNet(), 270_706],
  ['denseNet of 40 layers', () => nn.denseNet({ depths: [12, 12, 12] }), 1_019_722],
  ['mobileNetLike', () => nn.mobileNetLike(), 3_217_226],
])('%s has so many parameters', (_, make, expected) => {
  expect(count(make())).toBe(expected);
});

it('names the parts of ResNet-18 as torchvision does', () => {
  const names = Object.keys(nn.resNet18({ width: 4 }).stateDict());
  expect(names).toEqual(expect.arrayContaining([
    'conv1.weight', 'bn1.running_mean', 'layer1.0.conv1.weight', 'layer1.0.bn1.bias', 'layer4.1.bn2.num_batches_tracked',
    'layer2.0.downsample.0.weight', 'layer2.0.downsample.1.weight', 'fc.weight', 'fc.bias',
  ]));
  expect(names.length).toBe(122);
  expect(names.filter((name) => name.startsWith('layer1.')).length).toBe(4 * 6);
});

it('folds the stem at test time, and only then: what a chain keeps to itself follows train and eval', () => {
  const net = nn.resNet20({ width: 4, rng: new Rng(0) });
  const once = net.forward(nn.variable(image)).toArray();
  const twice = net.forward(nn.variable(image)).toArray();
  expect(twice).toEqual(once);
  net.eval();
  expect(net.forward(nn.variable(image)).toArray()).not.toEqual(once);
});

it('names a layer inside of a residual network by its path', () => {
  expect(() => nn.resNet20({ width: 4 }).forward(nn.variable(zeros([1, 4, 32, 32], 'float32')))).toThrow(/^conv1: /);
});

describe('the twins of the course networks', () => {
  const three = { inputDim: [3, 16, 16], numFilters: 4, filterSize: 3, hiddenDim: 12, weightScale: 0.05 };
  const deep = { inputDim: [3, 16, 16], numFilters: [4, 6], maxPools: [1], batchnorm: true, weightScale: 'kaiming' } as const;

  it.each<[string, () => nn.Module, () => Network]>([
    ['threeLayerConvNet', () => nn.threeLayerConvNet({ ...three, rng: new Rng(2) }),
      () => new ThreeLayerConvNet({ ...three, rng: new Rng(2) })],
    ['deepConvNet', () => nn.deepConvNet({ ...deep, rng: new Rng(2) }), () => new DeepConvNet({ ...deep, rng: new Rng(2) })],
  ])('%s: the same initial parameters, loss and gradients', (_, makeTwin, makeCourse) => {
    const twin = makeTwin();
    const course = makeCourse();
    const names = Object.keys(course.params);
    const params = names.map((name) => course.params[name].toArray());
    expect(twin.parameters().map(({ value }) => value.toArray())).toEqual(params);
    const x = image.slice(null, null, [0, 16], [0, 16]).contiguous();
    const [loss, grads] = course.loss(x, y);
    const own = nn.crossEntropy(twin.forward(nn.variable(x)), y);
    own.backward();
    expect(own.item()).toBe(loss);
    expect(twin.parameters().map(({ grad }) => grad!.toArray())).toEqual(names.map((name) => grads[name].toArray()));
  });
});
