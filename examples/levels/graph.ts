/**
 * Networks as graphs of symbols: a two-layer network, then one with a skip and a dense connection.
 *
 *   npx tsx examples/levels/graph.ts
 *
 * Outside this repository, import from 'tilegrad', 'tilegrad/nn' and so on.
 */

import type { PreparedImages } from '../../src/data/index.ts';
import { Rng } from '../../src/index.ts';
import {
  Add, BatchNorm2d, Concatenate, Conv2d, Flatten, type GraphModel, input, Linear, MaxPool2d, model, ReLU, SGD,
} from '../../src/nn/index.ts';
import { start } from './data.ts';

/** Compiles, fits for one epoch, and prints loss and accuracy on the test images. */
async function train(name: string, data: PreparedImages, net: GraphModel): Promise<void> {
  console.log(`\n${name}\n${net.summary()}`);
  net.compile({ optimizer: (parameters) => new SGD(parameters, { lr: 1e-2, momentum: 0.9, nesterov: true }) });
  await net.fit(data.XTrain, data.yTrain, {
    epochs: 1, batchSize: 64, validation: [data.XVal, data.yVal], rng: new Rng(1), verbose: true,
    callbacks: {
      onStep({ iteration, loss }) {
        if (iteration % 100 === 1) console.log(`Iteration ${iteration - 1}, loss = ${loss.toFixed(4)}`);
      },
    },
  });
  const { loss, accuracy } = net.evaluate(data.XTest, data.yTest);
  console.log(`test: loss = ${loss.toFixed(4)}, accuracy = ${(100 * accuracy).toFixed(2)}%`);
}

/** Trains both networks for an epoch each. */
export async function byGraph(data: PreparedImages, hiddenDim: number = 4000): Promise<void> {
  const rng = new Rng(0);
  const image = input([3, 32, 32]);
  const hidden = new ReLU().apply(new Linear(3072, hiddenDim, { rng }).apply(new Flatten().apply(image)));
  await train('two-layer network', data, model(image, new Linear(hiddenDim, 10, { rng }).apply(hidden)));

  const stem = new MaxPool2d(2).apply(new ReLU().apply(new Conv2d(3, 16, 3, { padding: 'same', rng }).apply(image)));
  const inner = new BatchNorm2d(16).apply(new Conv2d(16, 16, 3, { padding: 'same', rng }).apply(stem));
  const skipped = new ReLU().apply(new Add().apply(inner, stem));
  const dense = new MaxPool2d(2).apply(new Concatenate(1).apply(skipped, stem));
  await train(
    'convnet with a skip and a dense connection', data,
    model(image, new Linear(32 * 8 * 8, 10, { rng }).apply(new Flatten().apply(dense))),
  );
}

await start(import.meta.url, byGraph);
