/**
 * A two-layer network trained without Solver or models: forward, loss, backward and update, each called by hand.
 *
 *   npx tsx examples/two-layer-by-hand.ts
 *
 * Outside this repository, import from 'tilegrad', 'tilegrad/layers', 'tilegrad/train' and 'tilegrad/data'.
 */

import { batches, makeShapes, prepareImages } from '../src/data/index.ts';
import { Rng } from '../src/index.ts';
import {
  affineBackward,
  affineForward,
  affineReluBackward,
  affineReluForward,
  kaimingInit,
  softmaxLoss,
} from '../src/layers/index.ts';
import { sgdMomentum } from '../src/train/index.ts';
import type { UpdateConfig } from '../src/train/index.ts';
import { zeros } from '../src/tensor/index.ts';

const data = prepareImages(makeShapes({ seed: 0, numTrain: 2200, numTest: 500 }), {
  numValidation: 200,
  normalize: true,
});
const rng = new Rng(0);
const params = {
  W1: kaimingInit(3072, 100, { relu: true, rng }),
  b1: zeros(100),
  W2: kaimingInit(100, 10, { relu: false, rng }),
  b2: zeros(10),
};
const names = Object.keys(params) as Array<keyof typeof params>;
const configs = Object.fromEntries(names.map((name) => [name, { learningRate: 1e-2, momentum: 0.9 } as UpdateConfig]));

for (let epoch = 1; epoch <= 8; epoch++) {
  let total = 0;
  let steps = 0;
  for (const [X, y] of batches(data.XTrain, data.yTrain, { batchSize: 100, rng })) {
    // Forward: X (100, 3, 32, 32) -> hidden (100, 100) -> scores (100, 10).
    const [hidden, cache1] = affineReluForward(X, params.W1, params.b1);
    const [scores, cache2] = affineForward(hidden, params.W2, params.b2);
    const [loss, dscores] = softmaxLoss(scores, y);
    // Backward: the same layers in reverse order, each with the cache that its forward left.
    const [dhidden, dW2, db2] = affineBackward(dscores, cache2);
    const [, dW1, db1] = affineReluBackward(dhidden, cache1);
    const grads = { W1: dW1, b1: db1, W2: dW2, b2: db2 };
    for (const name of names) [params[name]] = sgdMomentum(params[name], grads[name], configs[name]);
    total += loss;
    steps++;
  }
  const [hidden] = affineReluForward(data.XTest, params.W1, params.b1);
  const [scores] = affineForward(hidden, params.W2, params.b2);
  const guesses = scores.argmax(1).data;
  const right = data.yTest.filter((label, i) => label === guesses[i]).length;
  console.log(
    `epoch ${epoch}: loss ${(total / steps).toFixed(3)}, ` +
    `test accuracy ${((100 * right) / data.yTest.length).toFixed(1)}%`,
  );
}
