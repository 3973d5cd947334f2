/** The numbers that the course's notebooks print for networks: recipes in test/fixtures/golden.json. */

import { expect, it } from 'vitest';
import { FullyConnectedNet, TwoLayerNet } from '../../src/models/index.ts';
import type { FullyConnectedNetOptions } from '../../src/models/index.ts';
import { linspace, RandomState, tensor } from '../../src/tensor/index.ts';
import type { NestedNumbers, Tensor } from '../../src/tensor/index.ts';
import { relError } from '../../src/train/rel-error.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { goldenArray, goldenSeeded } from '../support/golden.ts';

/** The data of the fully connected recipes, and the stream to draw nets from. */
function seededBatch(): { X: Tensor; y: Tensor; rng: RandomState } {
  const rng = new RandomState(231);
  const X = rng.randn(2, 15);
  return { X, y: rng.randint(10, null, 2), rng };
}

function initialLoss(batch: ReturnType<typeof seededBatch>, options: FullyConnectedNetOptions): number {
  const { X, y, rng } = batch;
  const model = new FullyConnectedNet([20, 30], { inputDim: 15, weightScale: 5e-2, dtype: 'float64', rng, ...options });
  return model.loss(X, y)[0];
}

describeOnEveryBackend('golden network numbers', () => {
  it('TwoLayerNet', () => {
    const row = goldenArray<{ scores: NestedNumbers; lossReg0: number; lossReg1: number; absError: number }>('TwoLayerNet');
    const model = new TwoLayerNet({ inputDim: 5, hiddenDim: 50, numClasses: 7, dtype: 'float64' });
    model.params.W1 = linspace(-0.7, 0.3, 250).reshape(5, 50);
    model.params.b1 = linspace(-0.1, 0.9, 50);
    model.params.W2 = linspace(-0.3, 0.4, 350).reshape(50, 7);
    model.params.b2 = linspace(-0.9, 0.1, 7);
    const X = linspace(-5.5, 4.5, 15).reshape(5, 3).transpose();
    const y = [0, 5, 1];
    // Printed to eight decimals.
    expect(model.loss(X).sub(tensor(row.scores, null, 'float64')).abs().max().item()).toBeLessThan(5.1e-9);
    expect(Math.abs(model.loss(X, y)[0] - row.lossReg0)).toBeLessThan(row.absError);
    model.reg = 1;
    expect(Math.abs(model.loss(X, y)[0] - row.lossReg1)).toBeLessThan(row.absError);
  });

  it('fully connected, initial loss without and with regularisation', () => {
    const golden = goldenSeeded<Record<string, number>>('fully connected, initial loss');
    const batch = seededBatch();
    expect(relError(initialLoss(batch, { reg: 0 }), golden.reg0)).toBeLessThan(1e-12);
    expect(relError(initialLoss(batch, { reg: 3.14 }), golden['reg3.14'])).toBeLessThan(1e-12);
  });

  it('fully connected with dropout', () => {
    const golden = goldenSeeded<Record<string, number>>('fully connected with dropout, initial loss');
    const batch = seededBatch();
    for (const dropoutKeep of [1, 0.75, 0.5]) {
      expect(relError(initialLoss(batch, { dropoutKeep, seed: 123 }), golden[`keep${dropoutKeep}`])).toBeLessThan(1e-12);
    }
  });

  it('fully connected with batchnorm', () => {
    const golden = goldenSeeded<Record<string, number>>('fully connected with batchnorm, initial loss');
    const batch = seededBatch();
    expect(relError(initialLoss(batch, { normalization: 'batchnorm', reg: 0 }), golden.reg0)).toBeLessThan(1e-12);
    expect(relError(initialLoss(batch, { normalization: 'batchnorm', reg: 3.14 }), golden['reg3.14'])).toBeLessThan(1e-12);
  });
});
