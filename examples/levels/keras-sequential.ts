/**
 * Keras's manner, by lists of layers: trained by a loop, then by compile and fit.
 *
 *   npx tsx examples/levels/keras-sequential.ts
 *
 * Outside this repository, import from 'tilegrad', 'tilegrad/nn' and so on.
 */

import type { PreparedImages } from '../../src/data/index.ts';
import { Rng } from '../../src/index.ts';
import {
  categoricalCrossEntropy, Conv2d, Flatten, initializeLikeKeras, Linear, ReLU, type Sequential, sequential, SGD,
  Softmax,
} from '../../src/nn/index.ts';
import { start } from './data.ts';
import { trainWithMetrics } from './keras-training.ts';

/** Trains a two-layer network by a loop and by fit, then a three-layer convnet by a loop, for an epoch each. */
export async function kerasSequential(data: PreparedImages, hiddenDim: number = 4000): Promise<void> {
  const rng = new Rng(0);
  const twoLayers = (): Sequential => initializeLikeKeras(sequential(
    new Flatten(), new Linear(3072, hiddenDim), new ReLU(), new Linear(hiddenDim, 10), new Softmax(),
  ), { rng });
  const nesterov = { lr: 1e-2, momentum: 0.9, nesterov: true };

  const looped = twoLayers();
  trainWithMetrics('two-layer network', looped, new SGD(looped.parameters(), { lr: 1e-2 }), data);

  console.log('\ntwo-layer network, by compile and fit');
  const fitted = twoLayers();
  fitted.compile({
    loss: (out, targets) => categoricalCrossEntropy(out, targets),
    optimizer: (parameters) => new SGD(parameters, nesterov),
    metrics: ['accuracy'],
  });
  await fitted.fit(data.XTrain, data.yTrain, {
    epochs: 1, batchSize: 64, validation: [data.XVal, data.yVal], rng: new Rng(1), verbose: true,
  });
  const { loss, accuracy } = fitted.evaluate(data.XTest, data.yTest);
  console.log(`Test Loss: ${loss.toFixed(4)}, Test Accuracy: ${(100 * accuracy).toFixed(2)}%`);

  const convnet = initializeLikeKeras(sequential(
    new Conv2d(3, 32, 5, { padding: 'same' }), new ReLU(), new Conv2d(32, 16, 3, { padding: 'same' }), new ReLU(),
    new Flatten(), new Linear(16 * 32 * 32, 10), new Softmax(),
  ), { rng });
  trainWithMetrics('three-layer convnet', convnet, new SGD(convnet.parameters(), nesterov), data);
}

await start(import.meta.url, kerasSequential);
