/** What a hostile user met as an engine's error, refused by name. */

import { describe, expect, it } from 'vitest';
import { Rng, zeros } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import { Solver } from '../../src/train/index.ts';

describe('refusals', () => {
  it('name sizes that no tensor has', () => {
    expect(() => new nn.Linear(100_000, 100_000)).toThrow(/has more than 2147483647 elements/);
    expect(() => nn.mobileNetLike({ widthFactor: 1e9, rng: new Rng(0) })).toThrow(/elements/);
    expect(() => zeros([70_000, 1]).matmul(zeros([1, 70_000])))
      .toThrow('matmul: the shape of the result 70000x70000 has more than 2147483647 elements');
  });

  it('name a loss that is no variable of one element', async () => {
    for (const loss of [() => 5, (out: nn.Variable) => out]) {
      const net = nn.sequential(new nn.Linear(3, 2)).compile({ loss: loss as never, optimizer: 'adam' });
      await expect(net.fit(zeros([4, 3]), [0, 1, 0, 1], { epochs: 1, verbose: false }))
        .rejects.toThrow(/the loss function must return a variable of one element/);
    }
  });

  it('name frozen where it is no set', () => {
    const data = { XTrain: zeros([4, 3]), yTrain: [0, 1, 0, 1], XVal: zeros([4, 3]), yVal: [0, 1, 0, 1] };
    const model = { params: { w: zeros([3, 2]) }, frozen: ['w'], loss: () => [0, {}] };
    expect(() => new Solver(model as never, data)).toThrow('Solver: model.frozen must be a Set of parameters\' names');
  });
});
