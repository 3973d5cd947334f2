import { describe, expect, it } from 'vitest';
import { TwoLayerNet } from '../../src/models/index.ts';
import { Rng, tensor } from '../../src/tensor/index.ts';
import { ensemble } from '../../src/train/index.ts';

const net = (seed: number, numClasses: number = 3): TwoLayerNet =>
  new TwoLayerNet({ inputDim: 4, hiddenDim: 5, numClasses, weightScale: 1, rng: new Rng(seed) });
const X = new Rng(9).normal(0, 1, [7, 4], 'float64');

describe('ensemble', () => {
  it('is the mean of the softmax of the scores, whatever the batches', () => {
    const models = [net(1), net(2), net(3)];
    const expected = Array.from({ length: 7 }, () => [0, 0, 0]);
    for (const model of models) {
      const scores = model.loss(X).toArray() as number[][];
      scores.forEach((row, i) => {
        const sum = row.reduce((total, score) => total + Math.exp(score), 0);
        row.forEach((score, j) => (expected[i][j] += Math.exp(score) / sum / 3));
      });
    }
    for (const batchSize of [1, 3, 100]) {
      const found = ensemble(models, X, { batchSize });
      expect([found.shape, found.dtype]).toEqual([[7, 3], 'float64']);
      (found.toArray() as number[][]).flat().forEach((p, i) => expect(p).toBeCloseTo(expected.flat()[i], 6));
    }
  });

  it('stays finite where scores are huge, and refuses what cannot be averaged', () => {
    const sure = { params: net(1).params, loss: () => tensor([[1e30, 0, -1e30]], null, 'float64') };
    expect(ensemble([sure as unknown as TwoLayerNet], X.slice([0, 1])).toArray()).toEqual([[1, 0, 0]]);
    expect(() => ensemble([], X)).toThrow('ensemble: models must hold a model at least, got none');
    expect(() => ensemble([net(1), net(1, 4)], X)).toThrow('models must have the same classes, got models of 3 and of 4');
    expect(() => ensemble([net(1)], X.slice([0, 0]))).toThrow('ensemble: X must hold examples');
  });
});
