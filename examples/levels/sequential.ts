/**
 * Networks as lists of layers, trained by a loop as those of the other levels, then by compile and fit.
 *
 *   npx tsx examples/levels/sequential.ts
 *
 * Outside this repository, import from 'tilegrad', 'tilegrad/nn' and so on.
 */

import type { PreparedImages } from '../../src/data/index.ts';
import { Rng } from '../../src/index.ts';
import {
  Adam, BatchNorm2d, Conv2d, Flatten, Linear, MaxPool2d, type Module, ReLU, sequential, SGD,
} from '../../src/nn/index.ts';
import { start } from './data.ts';
import { trainModule } from './training.ts';

/** Trains a two-layer network, a three-layer convnet and a small deep one for an epoch each. */
export async function bySequential(data: PreparedImages, hiddenDim: number = 4000): Promise<void> {
  const rng = new Rng(0);
  const nesterov = { lr: 1e-2, momentum: 0.9, nesterov: true };

  const twoLayers = sequential(
    new Flatten(), new Linear(3072, hiddenDim, { rng }), new ReLU(), new Linear(hiddenDim, 10, { rng }),
  );
  trainModule('two-layer network', twoLayers, new SGD(twoLayers.parameters(), nesterov), data);

  const convnet = sequential(
    new Conv2d(3, 32, 5, { padding: 2, rng }), new ReLU(), new Conv2d(32, 16, 3, { padding: 1, rng }), new ReLU(),
    new Flatten(), new Linear(16 * 32 * 32, 10, { rng }),
  );
  console.log(`\n${convnet.summary([3, 32, 32])}`);
  trainModule('three-layer convnet', convnet, new SGD(convnet.parameters(), nesterov), data);

  const block = (from: number, to: number): Module[] =>
    [new Conv2d(from, to, 3, { padding: 1, rng }), new BatchNorm2d(to), new ReLU(), new MaxPool2d(2)];
  const deep = sequential(
    ...block(3, 24), ...block(24, 48), ...block(48, 96), new Flatten(), new Linear(96 * 4 * 4, 10, { rng }),
  );
  console.log('\ndeep convnet with batchnorm, by compile and fit');
  deep.compile({ loss: 'crossEntropy', optimizer: (parameters) => new Adam(parameters, { lr: 2e-3 }), metrics: ['accuracy'] });
  await deep.fit(data.XTrain, data.yTrain, {
    epochs: 1, batchSize: 64, validation: [data.XVal, data.yVal], rng: new Rng(1), verbose: true,
  });
  const { loss, accuracy } = deep.evaluate(data.XTest, data.yTest);
  console.log(`test: loss = ${loss.toFixed(4)}, accuracy = ${(100 * accuracy).toFixed(2)}%`);
}

await start(import.meta.url, bySequential);
