/** Networks that are exported in tests: every layer and every reference network, small enough to run in no time. */

import { decodeNpz, encodeNpz, loadKerasWeights } from '../../src/io/index.ts';
import type { BatchnormRecord } from '../../src/layers/records/normalization.ts';
import {
  DeepConvNet, FastConvNet, FullyConnectedNet, type Network, ThreeLayerConvNet, TwoLayerNet,
} from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';
import { Rng } from '../../src/tensor/index.ts';

export type Exported = nn.Module | Network;

/** A network with the shapes of an example of each input. */
export interface Case {
  readonly name: string;
  readonly model: Exported;
  readonly shapes: ReadonlyArray<readonly number[]>;
}

/** A block of a user's own, which computes with variables beside its layers. */
class Gate extends nn.Module {
  readonly conv: nn.Conv2d;

  constructor(channels: number) {
    super();
    this.conv = new nn.Conv2d(channels, channels, 1, { rng: new Rng(9) });
  }

  forward(x: nn.Variable): nn.Variable {
    const pooled = x.mean([2, 3], true);
    return this.conv.forward(pooled).sigmoid().mul(x).add(x.slice(null, null, [null, null, -1]).mul(0.5));
  }
}

/** Networks for pictures of 3x16x16. */
function layers(): Record<string, nn.Module> {
  const rng = new Rng(1);
  const conv = (from: number, to: number, size: number | [number, number], options: nn.Conv2dOptions = {}): nn.Conv2d =>
    new nn.Conv2d(from, to, size, { rng, ...options });
  return {
    plain: nn.sequential(
      conv(3, 8, 3, { padding: 1 }), new nn.BatchNorm2d(8), new nn.ReLU(), new nn.MaxPool2d(2), new nn.Flatten(),
      new nn.Linear(512, 5, { rng }),
    ),
    convolutions: nn.sequential(
      conv(3, 6, [3, 5], { padding: 'same' }), conv(6, 6, 3, { padding: 'same', stride: 2 }),
      conv(6, 6, 4, { padding: 'same' }), conv(6, 12, 3, { groups: 3, padding: [1, 2] }),
      conv(12, 12, 3, { groups: 12, dilation: 2, padding: 2, bias: false }), conv(12, 4, 1, { stride: [2, 1] }),
    ),
    activations: nn.sequential(
      conv(3, 8, 1), new nn.LeakyReLU(0.2), conv(8, 8, 1), new nn.ELU(0.7), conv(8, 8, 1), new nn.GELU(), conv(8, 8, 1),
      new nn.SiLU(), new nn.PReLU(8), conv(8, 8, 1), new nn.PReLU(), new nn.Sigmoid(), new nn.Tanh(), new nn.Maxout(2),
      new nn.Dropout(0.5, { rng }), new nn.Softmax(1),
    ),
    norms: nn.sequential(
      conv(3, 8, 3), new nn.GroupNorm(4, 8), new nn.ReLU(), new nn.BatchNorm2d(8, { affine: false }),
      new nn.LayerNorm([14, 14]), new nn.Flatten(), new nn.Linear(1568, 12, { rng }), new nn.BatchNorm1d(12),
      new nn.LayerNorm(12), new nn.Linear(12, 6, { rng, bias: false }), new nn.BatchNorm1d(6),
    ),
    pools: nn.sequential(
      new nn.MaxPool2d(3, { stride: 2, padding: 1 }), conv(3, 6, 3, { padding: 1 }),
      new nn.AvgPool2d(3, { stride: 1, padding: 1 }),
      new nn.AvgPool2d([2, 3], { stride: 1, padding: [1, 1], countIncludePad: false }), new nn.MaxPool2d([2, 1]),
      new nn.AdaptiveAvgPool2d([3, 5]), new nn.AdaptiveAvgPool2d(1), new nn.Flatten(),
    ),
    samePools: nn.sequential(
      new nn.MaxPool2d([2, 3], { stride: 1, padding: 'same' }), new nn.AvgPool2d(4, { stride: 1, padding: 'same' }),
      new nn.AvgPool2d(2, { stride: [1, 3], padding: 'same', countIncludePad: false }),
      new nn.MaxPool2d(3, { padding: 'valid' }),
    ),
    evenly: nn.sequential(new nn.AdaptiveAvgPool2d([4, 8]), new nn.Linear(8, 3, { rng })),
    branches: nn.sequential(
      new nn.Residual(nn.sequential(conv(3, 3, 3, { padding: 1 }), new nn.BatchNorm2d(3), new nn.ReLU())),
      new nn.Concat(conv(3, 4, 1), conv(3, 2, 3, { padding: 1 }), nn.sequential(new nn.ReLU())),
      new nn.Residual(conv(9, 4, 1), conv(9, 4, 1)),
    ),
    own: nn.sequential(
      conv(3, 4, 3), new nn.BatchNorm2d(4), new Gate(4), new Gate(4), new nn.Flatten(), new nn.Linear(784, 3, { rng }),
    ),
  };
}

/** Graphs of two inputs and two outputs; a layer that is applied twice. */
function graph(): nn.GraphModel {
  const rng = new Rng(2);
  const [image, numbers] = [nn.input([3, 8, 8]), nn.input(4)];
  const shared = new nn.Conv2d(3, 3, 3, { padding: 1, rng });
  const twice = shared.apply(new nn.ReLU().apply(shared.apply(image)));
  const sum = new nn.Add().apply(twice, image);
  const features = new nn.Flatten().apply(new nn.Concatenate(1).apply(sum, twice));
  const both = new nn.Concatenate().apply(features, new nn.Linear(4, 6, { rng }).apply(numbers));
  return nn.model([image, numbers], [new nn.Softmax().apply(new nn.Linear(390, 5, { rng }).apply(both)), sum]);
}

/** Reference networks and the course's, narrow or at full size. */
function references(full: boolean): Case[] {
  const rng = new Rng(3);
  const picture = [[3, 32, 32]];
  const flat = [[3072]];
  const scale = { rng, weightScale: 0.05 };
  const made = (name: string, model: Exported, shapes: Case['shapes'] = picture): Case => ({ name, model, shapes });
  return [
    made('resNet20', nn.resNet20({ rng, ...(full ? {} : { width: 4 }) })),
    made('resNet20-pad', nn.resNet20({ rng, shortcut: 'pad', ...(full ? {} : { width: 4 }) })),
    made('resNet18', nn.resNet18({ rng, ...(full ? {} : { width: 4 }) })),
    made('vggLike', nn.vggLike({ rng })),
    made('denseNet', nn.denseNet({ rng, ...(full ? {} : { depths: [2, 2] }) })),
    made('mobileNetLike', nn.mobileNetLike({ rng, ...(full ? {} : { widthFactor: 0.25 }) })),
    made('convStack', nn.convStack({ rng, batchnorm: 'beforeRelu', hiddenDims: [20], dropout: 0.2 })),
    made('convStack-after', nn.convStack({ rng, batchnorm: 'afterRelu', downsample: 'stride', blocks: [[8], [8, 8]] })),
    made('threeLayerConvNet', nn.threeLayerConvNet({ rng, weightScale: 0.05 })),
    made('deepConvNet', nn.deepConvNet({ rng, batchnorm: true, weightScale: 'kaiming' })),
    made('TwoLayerNet', new TwoLayerNet({ rng, weightScale: 0.05 }), flat),
    made('TwoLayerNet-images', new TwoLayerNet({ rng, weightScale: 0.05, inputDim: [3, 32, 32] })),
    made('FullyConnectedNet', new FullyConnectedNet([30, 20], { ...scale, normalization: 'layernorm', dropoutKeep: 0.7 }), flat),
    made('FullyConnectedNet-batchnorm', new FullyConnectedNet([30], { ...scale, normalization: 'batchnorm' }), flat),
    made('ThreeLayerConvNet', new ThreeLayerConvNet({ rng, weightScale: 0.05 })),
    made('DeepConvNet', new DeepConvNet({ rng, weightScale: 'kaiming', batchnorm: true })),
    made('FastConvNet', new FastConvNet({ rng, blocks: [[16, 16], [32, 32]] })),
    made('FastConvNet-views', new FastConvNet({ rng, blocks: [[16], [32]], testTimeViews: 'mirror-shift' })),
  ];
}

/** All of them, with running averages as if they had been trained. */
export function cases(full: boolean = false): Case[] {
  const all: Case[] = [
    ...Object.entries(layers()).map(([name, model]) => ({ name, model, shapes: [[3, 16, 16]] })),
    {
      name: 'channels-last', shapes: [[8, 6, 3]],
      model: nn.sequential(
        new nn.ChannelsFirst(), new nn.Conv2d(3, 4, 3, { rng: new Rng(4) }), new nn.AdaptiveAvgPool2d(1),
        new nn.Flatten(),
      ),
    },
    {
      name: 'sequence', shapes: [[3, 7]],
      model: nn.sequential(
        new nn.BatchNorm1d(3), new nn.Linear(7, 4, { rng: new Rng(4) }), new nn.LayerNorm([3, 4]), new nn.LayerNorm(4),
      ),
    },
    { name: 'graph', model: graph(), shapes: [[3, 8, 8], [4]] },
    ...references(full),
  ];
  for (const { model } of all) train(model, new Rng(5));
  return [...all, { name: 'keras', model: fromKeras(), shapes: [[9, 7, 3]] }];
}

/** A chain with weights from Keras, its pictures with the channels last. */
function fromKeras(): nn.Sequential {
  const rng = new Rng(6);
  const net = nn.sequential(
    new nn.ChannelsFirst(), new nn.Conv2d(3, 4, [3, 2]), new nn.BatchNorm2d(4, { eps: 1e-3 }), new nn.ReLU(),
    new nn.Conv2d(4, 8, 3, { groups: 4, padding: 'same' }), new nn.MaxPool2d(2), new nn.Flatten(),
    new nn.Linear(72, 5), new nn.LayerNorm(5, { eps: 1e-3 }), new nn.Linear(5, 5), new nn.Softmax(),
  );
  const shapes = [[3, 2, 3, 4], [4], [4], [4], [4], [4], [3, 3, 4, 2], [8], [72, 5], [5], [5], [5], [5, 5], [5]];
  const weights = shapes.map((shape, i) => [`arr_${i}`, rng.normal(0.2, 0.3, shape).abs().astype('float32')] as const);
  loadKerasWeights(net, decodeNpz(encodeNpz(Object.fromEntries(weights))));
  return net;
}

/** Gives a network the running averages and scales of one that has been trained a little. */
function train(model: Exported, rng: Rng): void {
  if (!(model instanceof nn.Module)) {
    for (const { record } of model.layers) {
      if (record.kind !== 'batchnorm') continue;
      const { param, parameters: [{ shape }] } = record as BatchnormRecord;
      param.runningMean = rng.normal(0, 0.2, shape);
      param.runningVar = rng.normal(0, 0.2, shape).abs().add(0.5);
    }
    return;
  }
  const state = model.stateDict();
  for (const [name, value] of Object.entries(state)) {
    if (name.endsWith('running_mean')) state[name] = rng.normal(0, 0.2, value.shape);
    else if (name.endsWith('running_var')) state[name] = rng.normal(0, 0.2, value.shape).abs().add(0.5);
    else if (name.endsWith('weight') && value.ndim === 1) state[name] = rng.normal(1, 0.2, value.shape);
  }
  model.loadStateDict(state);
}
