/** A batch that makes a step throw leaves no trace in running averages. */

import { describe, expect, it } from 'vitest';
import { Rng, type Tensor } from '../../src/index.ts';
import { batchnormForward, type BatchnormParam } from '../../src/layers/index.ts';
import { FullyConnectedNet } from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';
import { DivergenceError, Solver } from '../../src/train/index.ts';

const X = new Rng(1).normal(0, 1, [16, 6]).astype('float32');
const y = Int32Array.from({ length: 16 }, (_, i) => i % 3);
const data = { XTrain: X, yTrain: y, XVal: X, yVal: y };

function network(momentum: number | null = 0.1): nn.Sequential {
  const rng = new Rng(2);
  return nn.sequential(
    new nn.Linear(6, 8, { rng }), new nn.BatchNorm1d(8, { momentum }), new nn.Tanh(), new nn.Linear(8, 3, { rng }),
  );
}

/** Makes the batches from the given one on NaN, in one element each. */
function spoiled(from: number): (x: Tensor) => Tensor {
  let batches = 0;
  return (x) => {
    if (batches++ < from) return x;
    const changed = x.clone();
    changed.set(NaN, 0, 0);
    return changed;
  };
}

const plain = (state: nn.StateDict): unknown => Object.entries(state).map(([name, t]) => [name, t.toArray()]);

describe('a batch with a NaN', () => {
  it.each([0.1, null])('leaves a module in a Solver as it was, momentum %s', (momentum) => {
    const net = network(momentum);
    const solver = new Solver(net, data, { batchSize: 8, transform: spoiled(1), verbose: false });
    solver.step();
    const before = plain(net.stateDict());
    expect(() => solver.step()).toThrow(DivergenceError);
    expect(plain(net.stateDict())).toEqual(before);
    expect(solver.checkAccuracy(X, y)).toBeGreaterThanOrEqual(0);
  });

  it.each([0, 1])('leaves a course network as it was after %i good ones', (good) => {
    const net = new FullyConnectedNet([8], { inputDim: [6], normalization: 'batchnorm', rng: new Rng(2) });
    const solver = new Solver(net, data, { batchSize: 8, transform: spoiled(good), verbose: false });
    for (let i = 0; i < good; i++) solver.step();
    const before = plain({ ...net.params, ...net.state() });
    expect(() => solver.step()).toThrow(DivergenceError);
    expect(plain({ ...net.params, ...net.state() })).toEqual(before);
    expect(solver.checkAccuracy(X, y)).toBeGreaterThanOrEqual(0);
  });

  it('leaves a network in fit as it was', async () => {
    const net = network().compile({ metrics: [] });
    const before = plain(net.stateDict());
    await expect(net.fit(X, y, { batchSize: 16, augment: spoiled(0) })).rejects.toThrow('the loss became NaN at step 1');
    expect(plain(net.stateDict())).toEqual(before);
    expect(net.evaluate(X, y).loss).toBeGreaterThan(0);
  });

  it('leaves averages of the user\'s own as they were, functional ones and those of a layer', () => {
    const mean = new Rng(3).normal(0, 1, [6]).astype('float32');
    const variance = mean.square();
    const param: BatchnormParam = { mode: 'train' };
    const net = new class extends nn.Module {
      weight = nn.parameter(new Rng(4).normal(0, 1, [6, 3]).astype('float32'));
      gamma = nn.parameter(mean.mul(0).add(1));
      forward(x: nn.Variable): nn.Variable {
        const out = nn.batchNorm(x, this.gamma, this.gamma, {
          runningMean: mean, runningVar: variance, training: this.training,
        });
        if (this.training) batchnormForward(x.value, this.gamma.value, this.gamma.value, param);
        return out.matmul(this.weight);
      }
    }();
    const solver = new Solver(net, data, { batchSize: 8, transform: spoiled(1), verbose: false });
    const now = (): unknown => [mean, variance, param.runningMean, param.runningVar].map((t) => t?.toArray());
    const first = now();
    solver.step();
    const before = now();
    expect(before).not.toEqual(first);
    expect(() => solver.step()).toThrow(DivergenceError);
    expect(now()).toEqual(before);
  });
});

it('a step that throws behind the forward pass leaves running averages as they were', async () => {
  const net = network().compile({
    metrics: [],
    loss: (out, targets) => {
      if (net.training) throw new Error('no loss today');
      return nn.crossEntropy(out, targets);
    },
  });
  const before = plain(net.stateDict());
  await expect(net.fit(X, y)).rejects.toThrow('no loss today');
  expect(plain(net.stateDict())).toEqual(before);
  const rule = (): never => { throw new Error('no update today'); };
  const solver = new Solver(net, data, { batchSize: 8, updateRule: rule, verbose: false });
  expect(() => solver.step()).toThrow('no update today');
  expect(plain(net.stateDict())).toEqual(before);
});
