/** The numbers that the course's notebooks print for layers: recipes in test/fixtures/golden.json. */

import { describe, expect, it } from 'vitest';
import {
  affineForward, batchnormForward, convForwardFast, convForwardNaive, dropoutForward, maxPoolForwardFast,
  maxPoolForwardNaive, reluForward, softmaxLoss, spatialBatchnormForward, spatialGroupnormForward, svmLoss,
} from '../../src/layers/index.ts';
import type { BatchnormParam } from '../../src/layers/index.ts';
import { linspace, ones, RandomState, tensor, zeros } from '../../src/tensor/index.ts';
import type { Tensor } from '../../src/tensor/index.ts';
import { relError } from '../../src/train/rel-error.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { goldenArray, goldenSeeded } from '../support/golden.ts';

/** Equality to the eight decimals that NumPy prints. */
function expectPrinted(got: Tensor, printed: readonly number[]): void {
  expect(got.size).toBe(printed.length);
  printed.forEach((value, i) => expect(Math.abs(got.get(i) - value)).toBeLessThan(5.1e-9));
}

function expectGolden(out: Tensor, op: string): void {
  const row = goldenArray(op);
  expect(relError(out, tensor(row.out, null, 'float64'))).toBeLessThan(row.relError);
}

interface Statistics {
  readonly means: number[];
  readonly stds: number[];
  readonly stdsAfter: number[];
}

const gamma = (n: number): Tensor => ones(n, 'float64');
const beta = (n: number): Tensor => zeros(n, 'float64');

describeOnEveryBackend('golden layer numbers', () => {
  it('affineForward', () => {
    const x = linspace(-0.1, 0.5, 240).reshape(2, 4, 5, 6);
    const w = linspace(-0.2, 0.3, 360).reshape(120, 3);
    expectGolden(affineForward(x, w, linspace(-0.3, 0.1, 3))[0], 'affineForward');
  });

  it('reluForward', () => expectGolden(reluForward(linspace(-0.5, 0.5, 12).reshape(3, 4))[0], 'reluForward'));

  it.each(Object.entries({ convForwardNaive, convForwardFast }))('%s', (_, convForward) => {
    const x = linspace(-0.1, 0.5, 96).reshape(2, 3, 4, 4);
    const w = linspace(-0.2, 0.3, 144).reshape(3, 3, 4, 4);
    expectGolden(convForward(x, w, linspace(-0.1, 0.2, 3), { stride: 2, pad: 1 })[0], 'convForward');
  });

  it.each(Object.entries({ maxPoolForwardNaive, maxPoolForwardFast }))('%s', (_, maxPoolForward) => {
    const x = linspace(-0.3, 0.4, 96).reshape(2, 3, 4, 4);
    expectGolden(maxPoolForward(x, { poolHeight: 2, poolWidth: 2, stride: 2 })[0], 'maxPoolForward');
  });

  it('losses', () => {
    const rng = new RandomState(231);
    const x = rng.randn(50, 10).mul(0.001);
    const y = rng.randint(10, null, 50);
    const golden = goldenSeeded<{ svmLoss: number; softmaxLoss: number }>('losses');
    expect(relError(svmLoss(x, y)[0], golden.svmLoss)).toBeLessThan(1e-12);
    expect(relError(softmaxLoss(x, y)[0], golden.softmaxLoss)).toBeLessThan(1e-12);
  });

  it('batchnorm of the output of two layers', () => {
    const rng = new RandomState(231);
    const [X, W1, W2] = [rng.randn(200, 50), rng.randn(50, 60), rng.randn(60, 3)];
    const a = X.matmul(W1).maximum(0).matmul(W2);
    const golden = goldenSeeded<Statistics>('batchnorm input');
    expectPrinted(a.mean(0), golden.means);
    expectPrinted(a.std(0), golden.stds);
    const [out] = batchnormForward(a, tensor([1, 2, 3], null, 'float64'), tensor([11, 12, 13], null, 'float64'), {
      mode: 'train',
    });
    [11, 12, 13].forEach((mean, i) => expect(out.mean(0).get(i)).toBeCloseTo(mean, 10));
    [1, 2, 3].forEach((std, i) => expect(out.std(0).get(i)).toBeCloseTo(std, 6));
  });

  it('batchnorm at test time', () => {
    const rng = new RandomState(231);
    const [W1, W2] = [rng.randn(50, 60), rng.randn(60, 3)];
    const activations = (): Tensor => rng.randn(200, 50).matmul(W1).maximum(0).matmul(W2);
    const bnParam: BatchnormParam = { mode: 'train' };
    for (let t = 0; t < 50; t++) batchnormForward(activations(), gamma(3), beta(3), bnParam);
    bnParam.mode = 'test';
    const [out] = batchnormForward(activations(), gamma(3), beta(3), bnParam);
    const golden = goldenSeeded<Statistics>('batchnorm at test time');
    expectPrinted(out.mean(0), golden.means);
    expectPrinted(out.std(0), golden.stds);
  });

  it.each([231, 260])('spatial batchnorm, seed %i', (seed) => {
    const x = new RandomState(seed).randn(2, 3, 4, 5).mul(4).add(10);
    const golden = goldenSeeded<Statistics>(`spatial batchnorm input, seed ${seed}`);
    expectPrinted(x.mean([0, 2, 3]), golden.means);
    expectPrinted(x.std([0, 2, 3]), golden.stds);
    const [out] = spatialBatchnormForward(x, gamma(3), beta(3), { mode: 'train' });
    for (const mean of (out.mean([0, 2, 3])).data) expect(mean).toBeCloseTo(0, 12);
    expectPrinted(out.std([0, 2, 3]), golden.stdsAfter);
  });

  it.each([231, 260])('spatial batchnorm at test time, seed %i', (seed) => {
    const rng = new RandomState(seed);
    const bnParam: BatchnormParam = { mode: 'train' };
    const images = (): Tensor => rng.randn(10, 4, 11, 12).mul(2.3).add(13);
    for (let t = 0; t < 50; t++) spatialBatchnormForward(images(), gamma(4), beta(4), bnParam);
    bnParam.mode = 'test';
    const [out] = spatialBatchnormForward(images(), gamma(4), beta(4), bnParam);
    const golden = goldenSeeded<Statistics>(`spatial batchnorm at test time, seed ${seed}`);
    expectPrinted(out.mean([0, 2, 3]), golden.means);
    expectPrinted(out.std([0, 2, 3]), golden.stds);
  });

  it('spatial groupnorm', () => {
    const x = new RandomState(231).randn(2, 6, 4, 5).mul(4).add(10);
    const golden = goldenSeeded<Statistics>('group norm input');
    expectPrinted(x.reshape(4, -1).mean(1), golden.means);
    expectPrinted(x.reshape(4, -1).std(1), golden.stds);
    const [out] = spatialGroupnormForward(x, ones([1, 6, 1, 1], 'float64'), zeros([1, 6, 1, 1], 'float64'), 2);
    for (const mean of (out.reshape(4, -1).mean(1)).data) expect(mean).toBeCloseTo(0, 12);
    expectPrinted(out.reshape(4, -1).std(1), golden.stdsAfter);
  });
});

describe('golden dropout numbers', () => {
  it('means and fractions of zeros for three keep probabilities', () => {
    const rng = new RandomState(231);
    const x = rng.randn(500, 500).add(10);
    const golden = goldenSeeded<{
      meanOfInput: number; meanOfOutput: Record<string, number>; fractionZero: Record<string, number>;
    }>('dropout');
    expect(relError(x.mean(), golden.meanOfInput)).toBeLessThan(1e-12);
    for (const keepProb of [0.25, 0.4, 0.7]) {
      const [out] = dropoutForward(x, { keepProb, mode: 'train', rng });
      expect(relError(out.mean(), golden.meanOfOutput[keepProb])).toBeLessThan(1e-12);
      expect(out.data.filter((value) => value === 0).length / out.size).toBe(golden.fractionZero[keepProb]);
    }
  });
});
