/** Networks that end in a softmax: their output is of probabilities, and nobody takes the softmax of it again. */

import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/index.ts';
import { classifier } from '../../src/io/index.ts';
import { isSoftmax, softmaxForward } from '../../src/layers/softmax.ts';
import * as nn from '../../src/nn/index.ts';
import { ensemble, Solver } from '../../src/train/index.ts';

const X = new Rng(1).normal(0, 1, [24, 12]).astype('float32');
const y = Int32Array.from({ length: 24 }, (_, i) => i % 4);

const linear = (): nn.Linear => new nn.Linear(12, 4, { rng: new Rng(2) });

/** A class that nobody has registered. */
class Own extends nn.Trainable {
  readonly fc: nn.Linear = linear();
  readonly softmax: nn.Softmax = new nn.Softmax(1);

  forward(x: nn.Variable): nn.Variable {
    return this.softmax.forward(this.fc.forward(x));
  }
}

class ByFunction extends nn.Trainable {
  readonly fc: nn.Linear = linear();

  forward(x: nn.Variable): nn.Variable {
    return this.fc.forward(x).softmax();
  }
}

const graph = (): nn.Trainable => {
  const x = nn.input([12]);
  return nn.model([x], new nn.Softmax().apply(linear().apply(x)));
};

const nets: Readonly<Record<string, () => nn.Trainable>> = {
  'a chain': () => nn.sequential(linear(), new nn.Softmax()),
  'a chain that was changed': () => {
    const net = nn.sequential(linear(), new nn.ReLU());
    net.compile();
    return Object.assign(net, { 1: new nn.Softmax() });
  },
  'a graph': graph,
  'a class of its own': () => new Own(),
  'a function of its own': () => new ByFunction(),
};

const fitted = async (net: nn.Trainable, options: nn.CompileOptions): Promise<nn.History> =>
  net.compile({ optimizer: 'sgd', ...options }).fit(X, y, { epochs: 2, batchSize: 8, rng: new Rng(3), validation: [X, y] });

describe.each(Object.entries(nets))('%s', (_, make) => {
  it('is trained and measured on cross-entropy of probabilities, with the accuracy beside it', async () => {
    const found = await fitted(make(), {});
    const wanted = await fitted(make(), { loss: 'categoricalCrossEntropy' });
    const scores = await fitted(nn.sequential(linear()), {});
    expect(Object.keys(found.figures)).toEqual(['loss', 'accuracy', 'valLoss', 'valAccuracy']);
    expect(found.figures).toEqual(wanted.figures);
    expect(found.lossHistory).toEqual(wanted.lossHistory);
    found.lossHistory.forEach((loss, i) => expect(loss).toBeCloseTo(scores.lossHistory[i], 5));
  });

  it('is trained so by a loss that compile was given before, and left alone where another was asked for', async () => {
    const net = make().compile();
    const categorical = net.evaluate(X, y).loss;
    expect(categorical).toBeCloseTo(nn.sequential(linear()).compile().evaluate(X, y).loss, 5);
    expect(net.compile({ loss: 'crossEntropy' }).evaluate(X, y).loss).not.toBeCloseTo(categorical, 2);
  });

  it('is trained so by Solver', () => {
    const data = { XTrain: X, yTrain: y, XVal: X, yVal: y };
    const options = { batchSize: 8, verbose: false, optimConfig: { learningRate: 0.1 } };
    const solvers = [make(), nn.sequential(linear())]
      .map((net) => new Solver(net, data, { ...options, rng: new Rng(4) }));
    for (let step = 0; step < 3; step++) {
      const [found, wanted] = solvers.map((solver) => solver.step());
      expect(found).toBeCloseTo(wanted, 5);
    }
  });

  it('gives its probabilities to predict and ensemble', () => {
    const probabilities = make().predict(X).toArray() as number[][];
    const wanted = probabilities.map((row) => Math.max(...row));
    classifier(make(), { inputShape: [12] }).predict(X)
      .forEach(({ probability }, i) => expect(probability).toBeCloseTo(wanted[i], 7));
    const mean = ensemble([make(), nn.sequential(linear())], X, { batchSize: 5 }).toArray() as number[][];
    mean.flat().forEach((value, i) => expect(value).toBeCloseTo(probabilities.flat()[i], 6));
  });
});

it('is what softmax gave over the last axis, until it is changed', () => {
  const x = new Rng(5).normal(0, 1, [3, 3]);
  const [out] = softmaxForward(x);
  expect([isSoftmax(out), isSoftmax(out.clone()), isSoftmax(softmaxForward(x, 0)[0]), isSoftmax(x)])
    .toEqual([true, false, false, false]);
  out.mulInPlace(2);
  expect(isSoftmax(out)).toBe(false);
});
