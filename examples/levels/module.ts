/**
 * Networks as classes: layers are fields, forward says how they are connected, an optimiser updates the parameters.
 *
 *   npx tsx examples/levels/module.ts
 *
 * Outside this repository, import from 'tilegrad', 'tilegrad/nn' and so on.
 */

import type { PreparedImages } from '../../src/data/index.ts';
import { Rng } from '../../src/index.ts';
import { Adam, Conv2d, Flatten, Linear, Module, SGD, type Variable } from '../../src/nn/index.ts';
import { start } from './data.ts';
import { trainModule } from './training.ts';

/** affine - relu - affine */
class TwoLayerNet extends Module {
  readonly flatten: Flatten = new Flatten();
  readonly fc1: Linear;
  readonly fc2: Linear;

  constructor(inputSize: number, hiddenSize: number, numClasses: number, rng: Rng) {
    super();
    this.fc1 = new Linear(inputSize, hiddenSize, { rng });
    this.fc2 = new Linear(hiddenSize, numClasses, { rng });
  }

  forward(x: Variable): Variable {
    return this.fc2.forward(this.fc1.forward(this.flatten.forward(x)).relu());
  }
}

/** conv 5x5 - relu - conv 3x3 - relu - affine */
class ThreeLayerConvNet extends Module {
  readonly conv1: Conv2d;
  readonly conv2: Conv2d;
  readonly flatten: Flatten = new Flatten();
  readonly fc: Linear;

  constructor(inChannels: number, channels1: number, channels2: number, numClasses: number, rng: Rng) {
    super();
    this.conv1 = new Conv2d(inChannels, channels1, 5, { padding: 2, rng });
    this.conv2 = new Conv2d(channels1, channels2, 3, { padding: 1, rng });
    this.fc = new Linear(channels2 * 32 * 32, numClasses, { rng });
  }

  forward(x: Variable): Variable {
    const first = this.conv1.forward(x).relu();
    return this.fc.forward(this.flatten.forward(this.conv2.forward(first).relu()));
  }
}

/** Trains both networks for an epoch each. */
export function byModule(data: PreparedImages, hiddenDim: number = 4000): void {
  const rng = new Rng(0);
  const twoLayers = new TwoLayerNet(3072, hiddenDim, 10, rng);
  trainModule('two-layer network', twoLayers, new SGD(twoLayers.parameters(), { lr: 1e-2 }), data);
  const convnet = new ThreeLayerConvNet(3, 32, 16, 10, rng);
  trainModule('three-layer convnet', convnet, new Adam(convnet.parameters(), { lr: 1e-3 }), data);
}

await start(import.meta.url, byModule);
