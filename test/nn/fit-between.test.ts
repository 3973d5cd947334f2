/** What happens before the first step of fit, and what callbacks do between its steps. */

import { describe, expect, it } from 'vitest';
import { Rng, Tensor, zeros } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';

const X = new Rng(1).normal(0, 1, [40, 6]).astype('float32');
const y = Int32Array.from({ length: 40 }, (_, i) => i % 3);
const [held, heldLabels] = [new Rng(2).normal(0, 1, [9, 6]).astype('float32'), Int32Array.from({ length: 9 }, () => 1)];

function network(): nn.Sequential {
  const rng = new Rng(3);
  return nn.sequential(new nn.Linear(6, 8, { rng }), new nn.ReLU(), new nn.Linear(8, 3, { rng }));
}

/** How often a label is given; with no fresh one of its kind. */
class Share implements nn.Metric {
  readonly name: string = 'share';
  #seen: number[] = [];
  update(_out: Tensor, targets: Tensor | ArrayLike<number>): void {
    this.#seen.push(...Array.from((targets as Tensor).data));
  }

  reset(): void { this.#seen = []; }
  result(): number { return this.#seen.filter((label) => label === 1).length / this.#seen.length; }
}

/** The same, of which there may be several. */
class FreshShare extends Share {
  fresh(): FreshShare { return new FreshShare(); }
}

describe('metrics', () => {
  const options = (): nn.FitOptions => ({ epochs: 2, batchSize: 8, rng: new Rng(4) });

  it('of an epoch are the same where the network is evaluated meanwhile', async () => {
    const metrics = (): nn.Metric[] => [new nn.Accuracy(), new nn.TopKAccuracy(2), new FreshShare()];
    const plain = await network().compile({ metrics: metrics() }).fit(X, y, options());
    const net = network().compile({ metrics: metrics() });
    const alone = net.evaluate(held, heldLabels);
    const during: nn.Figures[] = [];
    const onStep = (): void => { if (during.length === 0) during.push(net.evaluate(held, heldLabels)); };
    const history = await net.fit(X, y, { ...options(), callbacks: { onStep } });
    expect(history.figures).toEqual(plain.figures);
    expect(during[0].share).toBe(1);
    expect(Object.keys(during[0])).toEqual(Object.keys(alone));
  });

  it('that two networks share are gathered apart while both are trained', async () => {
    const shared = new nn.Accuracy();
    const nets = [0, 1].map(() => network().compile({ metrics: [shared] }));
    const both = await Promise.all(nets.map((net, i) => net.fit(X, i === 0 ? y : y.map(() => 0), options())));
    const apart = await network().compile({ metrics: [new nn.Accuracy()] }).fit(X, y, options());
    expect(both[0].figures.accuracy).toEqual(apart.figures.accuracy);
  });

  it('of a class without fresh, or which makes another, are refused meanwhile, and left as they are', async () => {
    class Own extends nn.Accuracy { override readonly name: string = 'own'; }
    for (const metric of [new Share(), new Own()]) {
      const net = network().compile({ metrics: [metric] });
      const plain = await network().compile({ metrics: [metric] }).fit(X, y, options());
      const refused: unknown[] = [];
      const onStep = (): void => {
        try {
          net.evaluate(held, heldLabels);
        } catch (error) {
          refused.push(error);
        }
      };
      const onEpoch = (): void => { net.evaluate(held, heldLabels); };
      const { figures } = await net.fit(X, y, { ...options(), callbacks: { onStep, onEpoch } });
      expect(figures).toEqual(plain.figures);
      expect(refused).toHaveLength(10);
      expect(refused[0]).toBeInstanceOf(TypeError);
      expect(String(refused[0])).toContain(`Sequential.evaluate: the metric ${metric.name} must have a method fresh`);
      const onError = (): never => { throw new RangeError('own'); };
      await expect(net.fit(X, y, { callbacks: { onStep: onError } })).rejects.toThrow('own');
      expect(net.evaluate(held, heldLabels)).toHaveProperty(metric.name);
    }
  });
});

describe('before anything has changed, fit', () => {
  it.each([
    ['too few labels', { validation: [held, [1]] }, 'Sequential.fit: validation: y must have a target for each of 9'],
    ['no examples', { validation: [held.slice([0, 0]), []] }, 'Sequential.fit: validation must hold at least one example'],
    ['examples of another shape', { validation: [zeros([4, 5]), [0, 1, 2, 0]] }, /x/],
    ['a label that is too high', { validation: [held, [0, 1, 2, 0, 3, 2, 1, 0, 0]] }, /3/],
    ['a label that is too low', { validation: [held, new Tensor(Int32Array.of(0, 1, 2, 0, -1, 2, 1, 0, 0))] }, /-1/],
    ['a figure that is not measured', { monitor: 'valLoss' }, 'Sequential.fit: monitor must be one of loss, accuracy, got'],
    ['a figure by another name', { validation: 0.5, monitor: 'val_loss' }, /must be one of .*valLoss, valAccuracy, got/],
    ['restoreBest that is no boolean', { restoreBest: 'no' }, 'Sequential.fit: restoreBest must be true or false, got'],
    ['verbose that is no boolean', { verbose: 1 }, 'Sequential.fit: verbose must be true or false, got 1'],
  ])('refuses %s', async (_what, options, message) => {
    const net = network().compile();
    const before = net.stateDict();
    let steps = 0;
    const onStep = (): void => { steps++; };
    const given = { ...options, callbacks: { onStep } } as unknown as nn.FitOptions;
    const error: unknown = await net.fit(X, y, given).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf('validation' in options || 'monitor' in options ? RangeError : TypeError);
    expect((error as Error).message).toMatch(message);
    expect(steps).toBe(0);
    expect(net.stateDict()).toEqual(before);
  });
});

describe('a learning rate that a callback sets', () => {
  type Change = (optimizer: nn.Optimizer, epoch: number) => void;
  const halve: Change = ({ groups }) => { groups[0].lr *= 0.5; };
  const schedule = (iteration: number, iterations: number): number => 1 - iteration / iterations;

  it.each([
    ['', {}], [' with a schedule', { schedule }], [' after a step', { within: true }],
  ])('goes on after resume%s', async (_how, { schedule: given, within = false }: { schedule?: typeof schedule; within?: boolean }) => {
    const run = async (epochs: number, resume?: nn.FitState): Promise<[nn.History, number, nn.FitState]> => {
      const optimizer = (parameters: nn.Variable[]): nn.Optimizer => new nn.SGD(parameters, { lr: 0.4 });
      const net = network().compile({ optimizer });
      const compiled = net.compiled('test').optimizer;
      let reported: nn.FitState | null = null;
      const history = await net.fit(X, y, {
        epochs: 4, batchSize: 10, rng: new Rng(5), resume, schedule: given,
        callbacks: [
          { onStep: ({ iteration }) => { if (within && iteration % 4 === 0) halve(compiled, 0); } },
          { onEpoch: () => { if (!within) halve(compiled, 0); } },
          { onEpoch: ({ epoch, state }) => { reported = state; return epoch < epochs; } },
        ],
      });
      return [history, compiled.groups[0].lr, reported!];
    };
    const [straight, rate] = await run(4);
    const [first] = await run(2);
    const [rest, lastRate, reported] = await run(4, first.state);
    expect(rest.lossHistory).toEqual(straight.lossHistory);
    expect(first.state.optimizer.groups[0].lr).toBeCloseTo(0.1, 15);
    expect(rate).toBeCloseTo(0.025, 15);
    expect(lastRate).toBe(rate);
    expect(reported.optimizer).toEqual(rest.state.optimizer);
  });

  it('is taken up with the state, as are weights that a callback changes', async () => {
    const net = network().compile();
    const reports: nn.EpochReport[] = [];
    const seen: nn.FitState[] = [];
    const history = await net.fit(X, y, {
      epochs: 2,
      callbacks: {
        onEpoch(report) {
          net.parameters()[0].value.assign(0);
          reports.push(report);
          seen.push(report.state);
        },
      },
    });
    expect(history.state.weights['0.weight'].toArray()).toEqual(zeros([8, 6], 'float32').toArray());
    expect(reports.map(({ state }) => state.epoch)).toEqual([1, 2]);
    expect(reports.map(({ state }) => state.weights)).toEqual(seen.map(({ weights }) => weights));
    expect(reports[1].state).toBe(history.state);
  });
});

describe('figures that are no numbers', () => {
  const judge = (figures: readonly number[]): [nn.Metric, () => void] => {
    let epoch = 0;
    const metric = { name: 'own', update: () => undefined, reset: () => undefined, result: () => figures[epoch] };
    return [metric, () => { epoch++; }];
  };

  it.each([
    [[NaN, 2, 3, 4, 3], 4, 'finished'], [[NaN, NaN, 1, 0, 0], 3, 'patience'], [[NaN, NaN, NaN], 1, 'patience'],
    [[1, NaN, 2, 1, 1], 3, 'patience'],
  ])('never are better than one: %j', async (figures, best, end) => {
    const [metric, onEpoch] = judge(figures);
    const { bestEpoch, stopped } = await network().compile({ metrics: [metric] })
      .fit(X, y, { epochs: figures.length, monitor: 'own', patience: 2, callbacks: { onEpoch } });
    expect([bestEpoch, stopped]).toEqual([best, end]);
  });
});

describe('a state to resume', () => {
  it.each([
    ['figures that are no lists', { figures: { loss: 3 } }, TypeError, 'figures.loss must be a list of numbers, got 3'],
    ['figures of too many epochs', { figures: { loss: [1, 2] } }, RangeError, 'figures.loss must have at most 1 entries, got 2'],
    ['losses of other steps', { lossHistory: [1, 2] }, RangeError, 'must have 4 entries, for 1 epochs of 4 steps, got 2'],
    ['losses that are no numbers', { lossHistory: [1, 2, 'x', 4] }, TypeError, 'lossHistory[2] must be a number'],
    ['a best figure that is none', { best: { score: 'x' } }, TypeError, 'best.score must be a number, got'],
    ['a best epoch to come', { best: { epoch: 2 } }, RangeError, 'best.epoch must be an integer >= 1 and <= 1, got 2'],
    ['no best weights', { best: { state: undefined } }, TypeError, 'state must be a record of tensors'],
  ])('is refused with %s, and nothing has changed', async (_what, change, type, message) => {
    const first = network().compile();
    const { state } = await first.fit(X, y, { batchSize: 10, rng: new Rng(7) });
    const net = network().compile();
    const before = [net.stateDict(), net.compiled('test').optimizer.stateDict()];
    const rng = new Rng(8);
    const drawn = rng.getState();
    const best = 'best' in change ? { best: { ...state.best, ...change.best } } : {};
    const resume = { ...state, ...change, ...best } as unknown as nn.FitState;
    const options = { epochs: 2, batchSize: 10, rng };
    const error: unknown = await net.fit(X, y, { ...options, resume }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(type);
    expect((error as Error).message).toContain(message);
    expect([net.stateDict(), net.compiled('test').optimizer.stateDict()]).toEqual(before);
    expect(rng.getState()).toEqual(drawn);
    await net.fit(X, y, { ...options, resume: state });
  });
});
