/** The training loop in Keras's manner: metrics gather loss and accuracy, and a line holds those of both sets. */

import { batches, type PreparedImages } from '../../src/data/index.ts';
import { Rng } from '../../src/index.ts';
import {
  Accuracy, categoricalCrossEntropy, Mean, type Module, noGrad, type Optimizer, variable,
} from '../../src/nn/index.ts';

/** One epoch in batches of 64 of a network that ends in probabilities, with its figures every 100 iterations. */
export function trainWithMetrics(name: string, net: Module, optimizer: Optimizer, data: PreparedImages): void {
  console.log(`\n${name}`);
  const [trainLoss, trainAccuracy] = [new Mean(), new Accuracy()];
  let iteration = 0;
  for (const [X, y] of batches(data.XTrain, data.yTrain, { batchSize: 64, rng: new Rng(1) })) {
    const probabilities = net.forward(variable(X));
    const loss = categoricalCrossEntropy(probabilities, y);
    trainLoss.add(loss.item(), y.length);
    trainAccuracy.update(probabilities.value, y);
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    if (iteration % 100 === 0) {
      const [valLoss, valAccuracy] = evaluate(net, data.XVal, data.yVal);
      console.log(
        `Iteration ${iteration}, Epoch 1, Loss: ${trainLoss.result().toFixed(4)}, ` +
        `Accuracy: ${percent(trainAccuracy.result())}, Val Loss: ${valLoss.toFixed(4)}, Val Accuracy: ${percent(valAccuracy)}`,
      );
    }
    iteration++;
  }
  const [loss, accuracy] = evaluate(net, data.XTest, data.yTest);
  console.log(`Test Loss: ${loss.toFixed(4)}, Test Accuracy: ${percent(accuracy)}`);
}

/** Mean loss and accuracy in test mode. */
function evaluate(net: Module, X: PreparedImages['XVal'], y: Int32Array): [loss: number, accuracy: number] {
  const [loss, accuracy] = [new Mean(), new Accuracy()];
  net.eval();
  for (const [images, labels] of batches(X, y)) {
    noGrad(() => {
      const probabilities = net.forward(variable(images));
      loss.add(categoricalCrossEntropy(probabilities, labels).item(), labels.length);
      accuracy.update(probabilities.value, labels);
    });
  }
  net.train();
  return [loss.result(), accuracy.result()];
}

function percent(share: number): string {
  return `${(100 * share).toFixed(2)}%`;
}
