/**
 * No framework: the three-layer convnet of layers called one by one, forward and backward.
 *
 *   npx tsx examples/levels/by-hand.ts
 *
 * Outside this repository, import from 'tilegrad', 'tilegrad/nn' and so on.
 */

import { batches, type PreparedImages } from '../../src/data/index.ts';
import { Rng, type Tensor } from '../../src/index.ts';
import {
  affineBackward, affineForward, convReluBackward, convReluForward, kaimingInit, softmaxLoss,
} from '../../src/layers/index.ts';
import { zeros } from '../../src/tensor/index.ts';
import { sgdMomentum, type UpdateConfig } from '../../src/train/index.ts';
import { start } from './data.ts';

/** Trains the network for an epoch. */
export function byHand(data: PreparedImages): void {
  const rng = new Rng(0);
  const params = {
    W1: kaimingInit(3, 32, { k: 5, rng }), b1: zeros(32, 'float32'),
    W2: kaimingInit(32, 16, { k: 3, rng }), b2: zeros(16, 'float32'),
    W3: kaimingInit(16 * 32 * 32, 10, { relu: false, rng }), b3: zeros(10, 'float32'),
  };
  const names = Object.keys(params) as Array<keyof typeof params>;
  const configs = Object.fromEntries(names.map((name) =>
    [name, { learningRate: 3e-3, momentum: 0.9 } as UpdateConfig]));
  const [wide, narrow] = [{ stride: 1, pad: 2 }, { stride: 1, pad: 1 }];

  /** Prints the share of right guesses. */
  const checkAccuracy = (X: Tensor, y: Int32Array, name: string): void => {
    let correct = 0;
    for (const [images, labels] of batches(X, y)) {
      const [first] = convReluForward(images, params.W1, params.b1, wide);
      const [second] = convReluForward(first, params.W2, params.b2, narrow);
      const guesses = affineForward(second, params.W3, params.b3)[0].argmax(1).data;
      correct += labels.filter((label, i) => label === guesses[i]).length;
    }
    const share = ((100 * correct) / y.length).toFixed(2);
    console.log(`Checking accuracy on the ${name} set: got ${correct} / ${y.length} correct (${share}%)`);
  };

  let iteration = 0;
  for (const [X, y] of batches(data.XTrain, data.yTrain, { batchSize: 64, rng: new Rng(1) })) {
    // Forward: X (64, 3, 32, 32) -> (64, 32, 32, 32) -> (64, 16, 32, 32) -> scores (64, 10).
    const [first, cache1] = convReluForward(X, params.W1, params.b1, wide);
    const [second, cache2] = convReluForward(first, params.W2, params.b2, narrow);
    const [scores, cache3] = affineForward(second, params.W3, params.b3);
    const [loss, dscores] = softmaxLoss(scores, y);
    // Backward: the same layers in reverse order, each with the cache that its forward left.
    const [dsecond, W3, b3] = affineBackward(dscores, cache3);
    const [dfirst, W2, b2] = convReluBackward(dsecond, cache2);
    const [, W1, b1] = convReluBackward(dfirst, cache1, false);
    const grads = { W1, b1, W2, b2, W3, b3 };
    for (const name of names) [params[name]] = sgdMomentum(params[name], grads[name], configs[name]);
    if (iteration % 100 === 0) {
      console.log(`Iteration ${iteration}, loss = ${loss.toFixed(4)}`);
      checkAccuracy(data.XVal, data.yVal, 'validation');
    }
    iteration++;
  }
  checkAccuracy(data.XTest, data.yTest, 'test');
}

await start(import.meta.url, byHand);
