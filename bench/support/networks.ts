/** The networks that whole training steps and inference are timed on: those of the peers' scripts, layer for layer. */

import type { RuleName } from '../../src/update/update-rules.ts';
import { DeepConvNet, ThreeLayerConvNet, TwoLayerNet } from '../../src/models/index.ts';
import { resNet20 } from '../../src/nn/index.ts';
import { Rng } from '../../src/tensor/index.ts';
import { modelOf } from '../../src/train/module-model.ts';
import type { SolverModel } from '../../src/train/index.ts';
import { ConvNet5x5 } from './conv-net-5x5.ts';

export type NetworkKey = 'a' | 'b' | 'c' | 'd' | 'e' | 'f' | 'resnet';

export interface NetworkCase {
  readonly key: NetworkKey;
  /** what a picture calls it */
  readonly name: string;
  readonly title: string;
  /** what the peers' scripts call it */
  readonly peer: string;
  readonly rule: RuleName;
  readonly build: () => SolverModel;
  /**
   * the same in float64, whose gradients are compared with the definition's in its place: through many layers float32's
   * rounding decides a ReLU here and there, and one is a whole gradient
   */
  readonly buildExact?: () => SolverModel;
  /** images a training step */
  readonly batches: readonly number[];
  /** images an inference call */
  readonly inferenceBatches: readonly number[];
  /** multiplications plus additions of the definition in a forward pass of one image */
  readonly forwardOperations: number;
}

interface Convolution {
  readonly filters: number;
  readonly side: number;
  readonly pool: boolean;
}

/** Forward operations of convolutions that keep the size of 3x32x32 images, then of affine layers. */
function operations(convolutions: readonly Convolution[], affine: readonly number[]): number {
  let [channels, size, total] = [3, 32, 0];
  for (const { filters, side, pool } of convolutions) {
    total += 2 * size * size * filters * channels * side * side;
    channels = filters;
    if (pool) size /= 2;
  }
  let features = channels * size * size;
  for (const outputs of affine) {
    total += 2 * features * outputs;
    features = outputs;
  }
  return total;
}

/** Forward operations of a residual network on 3x32x32 images whose stages have so many blocks of two convolutions. */
function residualOperations(stages: readonly number[], blocks: number): number {
  let [size, from] = [32, stages[0]];
  let total = 2 * size * size * from * 3 * 9;
  for (const [s, filters] of stages.entries()) {
    if (s > 0) size /= 2;
    const projection = from === filters ? 0 : from * filters;
    total += 2 * size * size * (9 * filters * (from + (2 * blocks - 1) * filters) + projection);
    from = filters;
  }
  return total + 2 * from * 10;
}

function deep(
  key: NetworkKey, peer: string, name: string, title: string, filters: readonly number[], maxPools: readonly number[],
  batchnorm: boolean, batches: readonly number[], inferenceBatches: readonly number[],
): NetworkCase {
  return {
    key, peer, name, title, batches, inferenceBatches, rule: 'adam',
    build: () => new DeepConvNet({ numFilters: filters, maxPools, batchnorm, weightScale: 'kaiming', rng: new Rng(1) }),
    forwardOperations: operations(
      filters.map((count, i) => ({ filters: count, side: 3, pool: maxPools.includes(i) })), [10],
    ),
  };
}

function residual(dtype: 'float32' | 'float64'): SolverModel {
  return modelOf(resNet20({ rng: new Rng(1), dtype })) as SolverModel;
}

export const networks: readonly NetworkCase[] = [
  {
    key: 'a', peer: 'a_three', name: 'three-layer convnet', title: 'three-layer convnet, 32 filters 7x7, hidden 500',
    rule: 'adam', batches: [50], inferenceBatches: [100, 1],
    build: () =>
      new ThreeLayerConvNet({ numFilters: 32, filterSize: 7, hiddenDim: 500, weightScale: 1e-2, rng: new Rng(1) }),
    forwardOperations: operations([{ filters: 32, side: 7, pool: true }], [500, 10]),
  },
  deep('b', 'b_deep', 'deep convnet', 'deep convnet [8,16,32,64], four pools',
    [8, 16, 32, 64], [0, 1, 2, 3], false, [10, 100], []),
  deep('c', 'c_deepbn', 'deep with batchnorm', 'deep convnet with batchnorm [16,32,32,64,64], five pools',
    [16, 32, 32, 64, 64], [0, 1, 2, 3, 4], true, [100], [1000, 100, 8, 1]),
  deep('d', 'd_vgg', 'VGG-like with batchnorm', 'VGG-like with batchnorm [64,64,128,128,256,256], three pools',
    [64, 64, 128, 128, 256, 256], [1, 3, 5], true, [128], [100, 8, 1]),
  {
    key: 'e', peer: 'e_mlp', name: 'fully connected', title: 'fully connected 3072-1000-10',
    rule: 'sgd', batches: [100], inferenceBatches: [],
    build: () =>
      new TwoLayerNet({ inputDim: 3072, hiddenDim: 1000, numClasses: 10, weightScale: 1e-2, rng: new Rng(1) }),
    forwardOperations: operations([], [1000, 10]),
  },
  {
    key: 'f', peer: 'f_conv5', name: '5x5 convolutions', title: '5x5 convolutions [64,32,32], pooled, then 512-256-10',
    rule: 'adam', batches: [64], inferenceBatches: [], build: () => new ConvNet5x5(new Rng(1)),
    forwardOperations: operations([64, 32, 32].map((filters) => ({ filters, side: 5, pool: true })), [512, 256, 10]),
  },
  {
    key: 'resnet', peer: 'resnet20', name: 'ResNet-20', title: 'ResNet-20 with projections, through tilegrad/nn',
    rule: 'adam', batches: [100], inferenceBatches: [], build: () => residual('float32'),
    buildExact: () => residual('float64'),
    forwardOperations: residualOperations([16, 32, 64], 3),
  },
];

export const networkKeys: readonly NetworkKey[] = networks.map(({ key }) => key);

/** Operations of a training step: gradients at the input and at the weights cost as much as the forward pass each. */
export function stepOperations(network: NetworkCase, batch: number): number {
  return 3 * batch * network.forwardOperations;
}
