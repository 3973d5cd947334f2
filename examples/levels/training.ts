/** The training loop that the levels share: what it needs of a network is a function from images to scores. */

import { batches, type PreparedImages } from '../../src/data/index.ts';
import { Rng, type Tensor } from '../../src/index.ts';
import { crossEntropy, type Module, noGrad, type Optimizer, type Variable, variable } from '../../src/nn/index.ts';

/** From images (N, 3, 32, 32) to scores (N, 10). */
export type Scores = (x: Variable) => Variable;

/** Prints and returns the share of right guesses, in percent. */
export function checkAccuracy(scores: Scores, X: Tensor, y: Int32Array, name: string): number {
  let correct = 0;
  for (const [images, labels] of batches(X, y)) {
    const guesses = noGrad(() => scores(variable(images)).value.argmax(1).data);
    correct += labels.filter((label, i) => label === guesses[i]).length;
  }
  const accuracy = (100 * correct) / y.length;
  console.log(`Checking accuracy on the ${name} set: got ${correct} / ${y.length} correct (${accuracy.toFixed(2)}%)`);
  return accuracy;
}

/** One epoch in batches of 64; `update` changes the parameters once the gradients are there. */
export function trainEpoch(scores: Scores, update: () => void, data: PreparedImages, validate: () => void): void {
  let iteration = 0;
  for (const [X, y] of batches(data.XTrain, data.yTrain, { batchSize: 64, rng: new Rng(1) })) {
    const loss = crossEntropy(scores(variable(X)), y);
    loss.backward();
    update();
    if (iteration % 100 === 0) {
      console.log(`Iteration ${iteration}, loss = ${loss.item().toFixed(4)}`);
      validate();
    }
    iteration++;
  }
}

/** One epoch of a module with an optimiser, then its accuracy on the test images. */
export function trainModule(name: string, net: Module, optimizer: Optimizer, data: PreparedImages): void {
  console.log(`\n${name}`);
  const scores: Scores = (x) => net.forward(x);
  const validate = (): void => {
    net.eval();
    checkAccuracy(scores, data.XVal, data.yVal, 'validation');
    net.train();
  };
  trainEpoch(scores, () => {
    optimizer.step();
    optimizer.zeroGrad();
  }, data, validate);
  net.eval();
  checkAccuracy(scores, data.XTest, data.yTest, 'test');
}
