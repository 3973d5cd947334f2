/**
 * Keras's manner, by subclasses: layers are fields, the network ends in probabilities, metrics gather the figures.
 *
 *   npx tsx examples/levels/keras-subclass.ts
 *
 * Outside this repository, import from 'tilegrad', 'tilegrad/nn' and so on.
 */

import type { PreparedImages } from '../../src/data/index.ts';
import { Rng } from '../../src/index.ts';
import { Adam, Conv2d, Flatten, Linear, Module, SGD, Softmax, type Variable, varianceScaling } from '../../src/nn/index.ts';
import { start } from './data.ts';
import { trainWithMetrics } from './keras-training.ts';

/** Weights of variance 2 / fanIn and biases of 0 for all layers of a network. */
function initialize<Net extends Module>(net: Net, rng: Rng): Net {
  net.apply((layer) => {
    if (!(layer instanceof Conv2d || layer instanceof Linear)) return;
    varianceScaling(layer.weight, { scale: 2, rng });
    layer.bias!.value.assign(0);
  });
  return net;
}

/** affine - relu - affine - softmax */
class TwoLayerNet extends Module {
  readonly flatten: Flatten = new Flatten();
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly softmax: Softmax = new Softmax();

  constructor(hiddenDim: number, numClasses: number) {
    super();
    this.fc1 = new Linear(3072, hiddenDim);
    this.fc2 = new Linear(hiddenDim, numClasses);
  }

  forward(x: Variable): Variable {
    return this.softmax.forward(this.fc2.forward(this.fc1.forward(this.flatten.forward(x)).relu()));
  }
}

/** conv 5x5 - relu - conv 3x3 - relu - affine - softmax */
class ThreeLayerConvNet extends Module {
  readonly conv1: Conv2d;
  readonly conv2: Conv2d;
  readonly flatten: Flatten = new Flatten();
  readonly fc: Linear;
  readonly softmax: Softmax = new Softmax();

  constructor(channels1: number, channels2: number, numClasses: number) {
    super();
    this.conv1 = new Conv2d(3, channels1, 5, { padding: 'same' });
    this.conv2 = new Conv2d(channels1, channels2, 3, { padding: 'same' });
    this.fc = new Linear(channels2 * 32 * 32, numClasses);
  }

  forward(x: Variable): Variable {
    const second = this.conv2.forward(this.conv1.forward(x).relu()).relu();
    return this.softmax.forward(this.fc.forward(this.flatten.forward(second)));
  }
}

/** Trains both networks for an epoch each. */
export function kerasSubclass(data: PreparedImages, hiddenDim: number = 4000): void {
  const rng = new Rng(0);
  const twoLayers = initialize(new TwoLayerNet(hiddenDim, 10), rng);
  trainWithMetrics('two-layer network', twoLayers, new SGD(twoLayers.parameters(), { lr: 1e-2 }), data);
  const convnet = initialize(new ThreeLayerConvNet(32, 16, 10), rng);
  trainWithMetrics('three-layer convnet', convnet, new Adam(convnet.parameters(), { lr: 1e-3 }), data);
}

await start(import.meta.url, kerasSubclass);
