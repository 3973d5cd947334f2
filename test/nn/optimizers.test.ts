/** Optimisers: parameters that are views, and what a state must be to be taken up. */

import { describe, expect, it } from 'vitest';
import { Rng, type Tensor } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';

const classes: Readonly<Record<string, (parameters: nn.Variable[]) => nn.Optimizer>> = {
  SGD: (parameters) => new nn.SGD(parameters, { lr: 0.1 }),
  'SGD with momentum': (parameters) => new nn.SGD(parameters, { lr: 0.1, momentum: 0.9 }),
  Adam: (parameters) => new nn.Adam(parameters, { lr: 0.1, weightDecay: 0.1 }) as never,
  AdamW: (parameters) => new nn.AdamW(parameters, { lr: 0.1 }) as never,
  RMSprop: (parameters) => new nn.RMSprop(parameters, { lr: 0.1 }) as never,
  Adagrad: (parameters) => new nn.Adagrad(parameters, { lr: 0.1 }) as never,
};

const views: Readonly<Record<string, Tensor>> = {
  'a transposed view': new Rng(0).normal(0, 1, [2, 4]).astype('float32').transpose(),
  'a broadcast view': new Rng(0).normal(0, 1, [4, 1]).astype('float32').broadcastTo(4, 2),
  'a part of a wider one': new Rng(0).normal(0, 1, [4, 5]).astype('float32').slice(null, [1, 3]),
};

const x = new Rng(1).normal(0, 1, [16, 4]).astype('float32');
const target = new Rng(2).normal(0, 1, [16, 2]).astype('float32');

/** A layer of this weight. */
function layer(weight: Tensor): nn.Linear {
  const linear = new nn.Linear(4, 2, { bias: false });
  expect(linear.weight.shape).toEqual(weight.shape);
  linear.weight.value = weight;
  return linear;
}

describe('an optimiser', () => {
  for (const [name, make] of Object.entries(classes)) {
    it.each(Object.keys(views))(`${name} updates a parameter that is %s as one of memory of its own`, (kind) => {
      const [viewed, plain] = [layer(views[kind]), layer(views[kind].clone())];
      const before = views[kind].toArray();
      for (const linear of [viewed, plain]) {
        const optimizer = make(linear.parameters());
        for (let step = 0; step < 3; step++) {
          optimizer.zeroGrad();
          nn.mse(linear.forward(nn.variable(x)), target).backward();
          optimizer.step();
        }
      }
      expect(viewed.weight.toArray()).toEqual(plain.weight.toArray());
      expect(viewed.weight.toArray()).not.toEqual(before);
      expect(views[kind].toArray()).toEqual(before);
    });
  }

  it('trains such a parameter in fit', async () => {
    const net = nn.sequential(layer(views['a transposed view'])).compile({ loss: 'mse', metrics: [] });
    const { lossHistory } = await net.fit(x, target, { epochs: 3, batchSize: 16 });
    expect(new Set(lossHistory).size).toBe(3);
  });
});
