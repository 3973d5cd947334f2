/** Optimisers: parameters that are views, and what a state must be to be taken up. */

import { describe, expect, it } from 'vitest';
import { Rng, tensor, type Tensor } from '../../src/index.ts';
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

describe('the state of an optimiser', () => {
  /** An optimiser after one step, and its state. */
  function stepped(name: string): [optimizer: nn.Optimizer, saved: ReturnType<nn.Optimizer['stateDict']>] {
    const linear = layer(views['a transposed view'].clone());
    const optimizer = classes[name](linear.parameters());
    nn.mse(linear.forward(nn.variable(x)), target).backward();
    optimizer.step();
    return [optimizer, optimizer.stateDict()];
  }

  it.each(Object.keys(classes))('of %s goes in and out, before a step too', (name) => {
    const [optimizer, saved] = stepped(name);
    const other = classes[name](layer(views['a transposed view'].clone()).parameters());
    const before = other.stateDict();
    other.loadStateDict(saved);
    expect(other.stateDict()).toEqual(saved);
    other.loadStateDict(before);
    expect(other.stateDict()).toEqual(before);
    for (const key of Object.keys(saved.state)) {
      const { [key]: _, ...rest } = saved.state;
      if (Object.keys(rest).length === 0) continue;
      expect(() => optimizer.loadStateDict({ ...saved, state: rest }))
        .toThrow(new RegExp(`^\\w+\\.loadStateDict: saved\\.state lacks ${key.replace('.', '\\.')}, which \\w+ remembers$`));
    }
    expect(optimizer.stateDict()).toEqual(saved);
  });

  it.each(['SGD', 'SGD with momentum', 'RMSprop', 'Adagrad'])('of Adam is none of %s', (name) => {
    const [optimizer, { groups, state: before }] = stepped(name);
    const { state } = stepped('Adam')[1];
    expect(() => optimizer.loadStateDict({ groups, state: { ...before, ...state } })).toThrow(
      /^\w+\.loadStateDict: saved\.state has "0\.[mvt]", which belongs to none of 1 parameters$/,
    );
    expect(optimizer.stateDict().state).toEqual(before);
  });

  it.each(['00.m', '0.m.x', ' 0.m', '.m', '1.m', '0.velocity'])('has no entry %s', (key) => {
    const [optimizer, saved] = stepped('Adam');
    const state = { ...saved.state, [key]: saved.state['0.m'] };
    expect(() => optimizer.loadStateDict({ ...saved, state })).toThrow(RangeError);
  });

  it.each([-1, 0, NaN, 1.5, Infinity])('does not count %d steps', (t) => {
    const [optimizer, saved] = stepped('Adam');
    const state = { ...saved.state, '0.t': tensor(t) };
    expect(() => optimizer.loadStateDict({ ...saved, state }))
      .toThrow(`Adam.loadStateDict: 0.t must be an integer >= 1, got ${t}`);
    expect(optimizer.stateDict()).toEqual(saved);
  });

  it('has the parameter\'s element type', () => {
    const [optimizer, saved] = stepped('Adam');
    const state = { ...saved.state, '0.m': saved.state['0.m'].astype('float64') };
    expect(() => optimizer.loadStateDict({ ...saved, state }))
      .toThrow('Adam.loadStateDict: 0.m must be float32 like the parameter, got float64');
  });

  it('shares no array with the optimiser, nor does what it was made with', () => {
    const given: [number, number] = [0.8, 0.9];
    const [w, b] = [0, 1].map((seed) => nn.parameter(new Rng(seed).normal(0, 1, [2])));
    const optimizer = new nn.Adam([{ params: [w] }, { params: [b] }], { betas: given });
    const saved = optimizer.stateDict();
    const change = (betas: readonly number[]): void => { (betas as number[])[0] = 0.5; };
    change(given);
    change(saved.groups[0].betas);
    expect(optimizer.groups.map(({ betas }) => betas)).toEqual([[0.8, 0.9], [0.8, 0.9]]);
    const before = optimizer.stateDict();
    optimizer.loadStateDict(before);
    change(before.groups[0].betas);
    change(optimizer.groups[1].betas);
    expect(optimizer.groups.map(({ betas }) => betas[0])).toEqual([0.8, 0.5]);
  });
});
