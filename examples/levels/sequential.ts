/**
 * Networks as lists of layers, trained by a loop as those of the other levels, then by compile and fit.
 *
 *   npx tsx examples/levels/sequential.ts
 *
 * Outside this repository, import from 'tilegrad', 'tilegrad/nn' and so on.
 */

import { Rng } from '../../src/index.ts';
import { Conv2d, Flatten, Linear, ReLU, sequential, SGD } from '../../src/nn/index.ts';
import { loadImages } from './data.ts';
import { trainModule } from './training.ts';

const data = await loadImages();
const rng = new Rng(0);
const nesterov = { lr: 1e-2, momentum: 0.9, nesterov: true };

const twoLayers = sequential(new Flatten(), new Linear(3072, 4000, { rng }), new ReLU(), new Linear(4000, 10, { rng }));
trainModule('two-layer network', twoLayers, new SGD(twoLayers.parameters(), nesterov), data);

const convnet = sequential(
  new Conv2d(3, 32, 5, { padding: 2, rng }), new ReLU(), new Conv2d(32, 16, 3, { padding: 1, rng }), new ReLU(),
  new Flatten(), new Linear(16 * 32 * 32, 10, { rng }),
);
console.log(`\n${convnet.summary([3, 32, 32])}`);
trainModule('three-layer convnet', convnet, new SGD(convnet.parameters(), nesterov), data);

console.log('\ntwo-layer network, by compile and fit');
const fitted = sequential(new Flatten(), new Linear(3072, 400, { rng }), new ReLU(), new Linear(400, 10, { rng }));
fitted.compile({ loss: 'crossEntropy', optimizer: (parameters) => new SGD(parameters, nesterov), metrics: ['accuracy'] });
await fitted.fit(data.XTrain, data.yTrain, {
  epochs: 1, batchSize: 64, validation: [data.XVal, data.yVal], rng: new Rng(1), verbose: true,
});
const { loss, accuracy } = fitted.evaluate(data.XTest, data.yTest);
console.log(`test: loss = ${loss.toFixed(4)}, accuracy = ${(100 * accuracy).toFixed(2)}%`);
