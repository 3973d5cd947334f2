/** What changes between and beside the steps of a training: other trainings, frozen layers, a last example alone. */

import { describe, expect, it } from 'vitest';
import { Rng } from '../../src/index.ts';
import { FullyConnectedNet } from '../../src/models/index.ts';
import * as nn from '../../src/nn/index.ts';
import { Solver, type SolverOptions } from '../../src/train/index.ts';

const X = new Rng(1).normal(0, 1, [17, 6]).astype('float32');
const y = Int32Array.from({ length: 17 }, (_, i) => i % 3);
const data = { XTrain: X, yTrain: y, XVal: X, yVal: y };
const options: SolverOptions = { batchSize: 8, numEpochs: 2, verbose: false };

function network(norm: boolean = false): nn.Sequential {
  const rng = new Rng(2);
  return nn.sequential(
    new nn.Linear(6, 8, { rng }), ...(norm ? [new nn.BatchNorm1d(8)] : []), new nn.ReLU(), new nn.Linear(8, 3, { rng }),
  );
}

const busy = 'the model is being trained already, by fit(), Solver.train() or trainOnDevice(); await that, stop it with its signal, or close() it';

describe('a network that is being trained', () => {
  it('by fit is trained by nothing else, and again afterwards', async () => {
    const net = network().compile();
    const first = net.fit(X, y);
    await expect(net.fit(X, y)).rejects.toThrow(new TypeError(`Sequential.fit: ${busy}`));
    const outer = nn.sequential(net).compile();
    await expect(outer.fit(X, y)).rejects.toThrow(busy);
    const solver = new Solver(net, data, options);
    expect(() => solver.step()).toThrow(new TypeError(`Solver.step: ${busy}`));
    await expect(solver.train()).rejects.toThrow(new TypeError(`Solver.train: ${busy}`));
    await first;
    await net.fit(X, y);
    await expect(net.fit(X, y, { epochs: -1 })).rejects.toThrow('epochs');
    await solver.train();
    await outer.fit(X, y);
  });

  it.each(['a module', 'a course network'])('by a Solver, %s, is trained by nothing else', async (kind) => {
    const net = network().compile();
    const model = kind === 'a module' ? net : new FullyConnectedNet([8], { inputDim: [6], rng: new Rng(1) });
    const [one, other] = [new Solver(model, data, options), new Solver(model, data, options)];
    const first = one.train();
    await expect(other.train()).rejects.toThrow(new TypeError(`Solver.train: ${busy}`));
    if (model === net) await expect(net.fit(X, y)).rejects.toThrow(busy);
    await first;
    await other.train();
  });

  it('may share what is frozen with another', async () => {
    const shared = network().freeze();
    const nets = [0, 1].map(() => nn.sequential(shared, new nn.Linear(3, 3)).compile());
    const histories = await Promise.all(nets.map((net) => net.fit(X, y)));
    expect(histories.map(({ epochs }) => epochs)).toEqual([1, 1]);
  });
});

describe('parameters that the optimiser was not given', () => {
  it.each([1, 3])('are left alone by fit in %i steps, and have no gradient of its steps afterwards', async (steps) => {
    const net = network();
    const [body, head] = [0, 2].map((i) => net._modules[i] as nn.Linear);
    net.compile({ optimizer: () => new nn.SGD(head.parameters(), { lr: 0.1 }) });
    const before = net.stateDict();
    const { lossHistory } = await net.fit(X, y, { batchSize: Math.ceil(17 / steps) });
    expect(lossHistory).toHaveLength(steps);
    expect(body.weight.value.toArray()).toEqual(before['0.weight'].transpose().toArray());
    expect(head.weight.value.toArray()).not.toEqual(before['2.weight'].transpose().toArray());
    expect(net.parameters().map(({ grad }) => grad)).toEqual([null, null, null, null]);
    nn.crossEntropy(net.forward(nn.variable(X)), y).backward();
    expect(body.weight.grad!.toArray()).toHaveLength(6);
  });

  it('have no gradient of a step that failed on its way back either', async () => {
    const broken = nn.customFunction({
      forward: (t) => [t.clone(), null], backward: () => { throw new RangeError('own'); },
    });
    const middle = new class extends nn.Module {
      forward(x: nn.Variable): nn.Variable { return broken(x); }
    }();
    const net = nn.sequential(new nn.Linear(6, 8), middle, new nn.Linear(8, 3)).compile();
    await expect(net.fit(X, y)).rejects.toThrow('own');
    expect(net.parameters().map(({ grad }) => grad)).toEqual([null, null, null, null]);
  });

  it('are refused by a Solver where the module does not show them', () => {
    const net = new class extends nn.Module {
      first = new nn.Linear(6, 8);
      readonly #second = new nn.Linear(8, 3);
      forward(x: nn.Variable): nn.Variable { return this.#second.forward(this.first.forward(x)); }
    }();
    expect(() => new Solver(net, data, options).step()).toThrow(new TypeError(
      'Solver: a parameter of shape 8x3 that Linear uses is none of the module\'s; keep its layer in a field whose name ' +
      'does not begin with # or _',
    ));
    expect(net.parameters().map(({ grad }) => grad)).toEqual([null, null]);
  });
});

describe('a layer in a Solver', () => {
  it.each([undefined, { every: 2 }])('is frozen and learns again between steps, with lookahead %o', (lookahead) => {
    const net = network(true);
    const layer = (net as unknown as nn.Module[])[0] as nn.Linear;
    const solver = new Solver(net, data, { ...options, lookahead });
    const weight = (): unknown => layer.weight.toArray();
    let before = weight();
    const changes = (): boolean => {
      for (let i = 0; i < 3; i++) solver.step();
      const same = JSON.stringify(before) === JSON.stringify(weight());
      before = weight();
      return !same;
    };
    expect(changes()).toBe(true);
    layer.freeze();
    expect(changes()).toBe(false);
    layer.freeze(false);
    expect(changes()).toBe(true);
  });

  it('that was frozen first learns once it is not, and goes into checkpoints', async () => {
    const net = network();
    net.freeze();
    (net as unknown as nn.Module[])[2].freeze(false);
    const solver = new Solver(net, data, { ...options, updateRule: 'adam', lookahead: { every: 2 } });
    const before = net.stateDict();
    solver.step();
    expect(net.stateDict()['0.weight'].toArray()).toEqual(before['0.weight'].toArray());
    net.freeze(false);
    solver.step();
    solver.step();
    expect(net.stateDict()['0.weight'].toArray()).not.toEqual(before['0.weight'].toArray());
    const bytes = solver.checkpoint();
    const other = network();
    const again = new Solver(other, data, { ...options, updateRule: 'adam', lookahead: { every: 2 } });
    again.restore(bytes);
    expect(again.step()).toBe(solver.step());
  });
});

describe('a last example that is left alone', () => {
  it('is learnt with those before it where there is batchnorm', async () => {
    const { lossHistory } = await network(true).compile().fit(X, y, { batchSize: 8, epochs: 2 });
    expect(lossHistory).toHaveLength(4);
    expect((await network().compile().fit(X, y, { batchSize: 8, epochs: 2 })).lossHistory).toHaveLength(6);
  });

  it('is taken into the batch before by a loader that is asked to, which loses none', () => {
    const sizes = (batchSize: number, more: nn.DataLoaderOptions, size: number = 17): number[] => {
      const loader = new nn.DataLoader(X.slice([0, size]), y.slice(0, size), { batchSize, ...more });
      const found = [...loader].map(([x]) => x.shape[0]);
      expect(loader).toHaveLength(found.length);
      return found;
    };
    expect(sizes(8, { joinLast: true })).toEqual([8, 9]);
    expect(sizes(8, {})).toEqual([8, 8, 1]);
    expect(sizes(8, { joinLast: true, dropLast: true })).toEqual([8, 8]);
    expect(sizes(5, { joinLast: true })).toEqual([5, 5, 5, 2]);
    expect(sizes(1, { joinLast: true }, 2)).toEqual([1, 1]);
    expect(sizes(8, { joinLast: true }, 1)).toEqual([1]);
    expect(sizes(8, { joinLast: true }, 0)).toEqual([]);
  });
});
