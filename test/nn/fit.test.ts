/** fit: how it ends, goes on, and takes its inputs. */

import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { alternatingFlip, makeShapes } from '../../src/data/index.ts';
import { Rng, type Tensor, zeros } from '../../src/index.ts';
import * as nn from '../../src/nn/index.ts';
import { cosineSchedule } from '../../src/train/index.ts';

const values = (v: nn.Variable | Tensor): number[] => Array.from(('value' in v ? v.value : v).contiguous().data, Number);

describe('fit', () => {
  const { train } = makeShapes({ seed: 2, numTrain: 96, numTest: 10 });
  const X = train.images.slice(null, null, [8, 20], [8, 20]).astype('float32').div(255);
  const network = (): nn.Sequential => {
    const layer = { rng: new Rng(1) };
    return nn.sequential(
      new nn.Conv2d(3, 4, 3, layer), new nn.BatchNorm2d(4), new nn.ReLU(), new nn.Flatten(),
      new nn.Dropout(0.2, { rng: new Rng(2) }), new nn.Linear(400, 10, layer),
    ).compile({ optimizer: (parameters) => new nn.Adam(parameters, { lr: 1e-2 }) });
  };
  const options = (): nn.FitOptions => ({
    epochs: 4, batchSize: 20, validation: 0.25, rng: new Rng(3), clipNorm: 1, restoreBest: false,
    schedule: (iteration, iterations) => 1 - iteration / iterations,
  });

  it('refuses to train on no examples', async () => {
    const net = network();
    await expect(net.fit(zeros([0, 3, 12, 12]), new Int32Array(0), { epochs: 2 })).rejects
      .toThrow(new RangeError('Sequential.fit: x must hold at least one example, got none'));
    await expect(net.fit(zeros([0, 3, 12, 12]), new Int32Array(0), { validation: [X, train.labels] })).rejects
      .toThrow('at least one example');
  });

  it('goes on after a stop to the same bits', async () => {
    const whole = network();
    const straight = await whole.fit(X, train.labels, options());
    const first = await network().fit(X, train.labels, {
      ...options(), callbacks: { onEpoch: ({ epoch }) => epoch < 2 },
    });
    expect([first.stopped, first.state.epoch]).toEqual(['callback', 2]);
    expect(inspect(first)).toContain('state: [after epoch 2]');
    const other = network();
    const rest = await other.fit(X, train.labels, { ...options(), rng: new Rng(99), resume: first.state });
    expect(rest.lossHistory).toEqual(straight.lossHistory);
    expect(rest.figures).toEqual(straight.figures);
    const state = other.stateDict();
    for (const [name, value] of Object.entries(whole.stateDict())) expect(values(state[name])).toEqual(values(value));
    const wrong = { ...options(), resume: { epoch: 9 } as never };
    await expect(other.fit(X, train.labels, wrong)).rejects.toThrow(/resume: epoch/);
    const misfit = { ...first.state, optimizer: { state: {}, groups: [] } };
    await expect(other.fit(X, train.labels, { ...options(), resume: misfit })).rejects.toThrow(/0 groups/);
    for (const [name, value] of Object.entries(whole.stateDict())) {
      expect(values(other.stateDict()[name])).toEqual(values(value));
    }
  });

  it('tells augmentation the epoch that it goes on with', async () => {
    const given = (): nn.FitOptions => ({ ...options(), augment: alternatingFlip });
    const straight = await network().fit(X, train.labels, given());
    const first = await network().fit(X, train.labels, { ...given(), callbacks: { onEpoch: () => false } });
    const rest = await network().fit(X, train.labels, { ...given(), resume: first.state });
    expect(rest.lossHistory).toEqual(straight.lossHistory);
  });

  it('says which layer a callback put in between, and is not compiled meanwhile', async () => {
    const net = network();
    const change = (): void => { Object.assign(net, { 5: new nn.Linear(400, 10) }); };
    await expect(net.fit(X, train.labels, { epochs: 2, callbacks: { onEpoch: change } }))
      .rejects.toThrow('the optimiser has no parameter 5.weight');
    const again = { onEpoch: () => { net.compile(); } };
    await expect(net.compile().fit(X, train.labels, { callbacks: again }))
      .rejects.toThrow('Sequential.compile: the model is being trained already');
    await net.compile().fit(X, train.labels);
  });

  it.each(['aborted', 'an error', 'a crash, resumed'])('has the best weights after the end by %s within an epoch', async (end) => {
    const net = network();
    const controller = new AbortController();
    const reports: nn.EpochReport[] = [];
    const weights: nn.StateDict[] = [];
    const stop = (): void => {
      if (end === 'aborted') controller.abort();
      else throw new RangeError('own');
    };
    const training = net.fit(X, train.labels, {
      ...options(), restoreBest: true, monitor: 'loss', signal: controller.signal,
      callbacks: {
        onStep: ({ iteration }) => { if (iteration === 10) stop(); }, // four steps an epoch
        onEpoch(report) {
          reports.push(report);
          weights.push(net.stateDict());
        },
      },
    });
    if (end === 'aborted') {
      const { stopped, bestEpoch, epochs } = await training;
      expect([stopped, bestEpoch, epochs]).toEqual(['aborted', 2, 2]);
    } else {
      await expect(training).rejects.toThrow('own');
    }
    expect(reports.map(({ isBest }) => isBest)).toEqual([true, true]);
    expect(net.stateDict()).toEqual(weights[1]);
    if (end === 'a crash, resumed') {
      const [other, whole] = [network(), network()];
      const rest = await other.fit(X, train.labels, { ...options(), resume: reports[1].state });
      const { lossHistory } = await whole.fit(X, train.labels, options());
      expect(rest.lossHistory).toEqual(lossHistory);
      expect(other.stateDict()).toEqual(whole.stateDict());
    }
  });

  it('goes on with the learning rates of the state', async () => {
    const first = await network().fit(X, train.labels, { ...options(), epochs: 1 });
    const other = network().compile({ optimizer: (parameters) => new nn.Adam(parameters, { lr: 7 }) });
    const rest = await other.fit(X, train.labels, { ...options(), epochs: 2, resume: first.state });
    const straight = await network().fit(X, train.labels, { ...options(), epochs: 2, schedule: undefined });
    expect(rest.state.optimizer.groups[0].lr).toBe(straight.state.optimizer.groups[0].lr);
  });

  it('takes a learning rate for an optimiser by name', async () => {
    const after = async (net: ReturnType<typeof network>): Promise<nn.StateDict> => {
      await net.fit(X, train.labels, { ...options(), epochs: 1 });
      return net.stateDict();
    };
    const named = await after(network().compile({ optimizer: 'adam', learningRate: 3e-3 }));
    const made = network().compile({ optimizer: (parameters) => new nn.Adam(parameters, { lr: 3e-3 }) });
    expect(named).toEqual(await after(made));
    const both = { optimizer: new nn.SGD(made.parameters()), learningRate: 1 };
    expect(() => network().compile(both)).toThrow('learningRate is for optimizers given by name');
    expect(() => network().compile({ learningRate: -1 })).toThrow(RangeError);
  });

  it('stops when the figure asked for no longer improves, and has the best weights then', async () => {
    const net = network();
    const seen: nn.StateDict[] = [];
    let epoch = 0;
    const judge: nn.Metric = { // better for two epochs, then worse
      name: 'own', update: () => undefined, reset: () => undefined, result: () => [1, 2, 0, 0, 0, 0][epoch],
    };
    const compiled = net.compile({ optimizer: 'adam', metrics: [judge] });
    const { stopped, bestEpoch, epochs, figures } = await compiled.fit(X, train.labels, {
      epochs: 6, monitor: 'valOwn', patience: 2, validation: 0.5, rng: new Rng(1),
      callbacks: [{ onEpoch: () => { epoch++; } }, { onEpoch: () => { seen.push(net.stateDict()); } }],
    });
    expect([stopped, bestEpoch, epochs]).toEqual(['patience', 2, 4]);
    expect(figures.valOwn).toEqual([1, 2, 0, 0]);
    expect(net.stateDict()).toEqual(seen[1]);
  });

  it('reports an accuracy of class scores only, and keeps what a regression has learnt', async () => {
    const metricsOf = (loss: nn.CompileOptions['loss']): string[] =>
      nn.sequential(new nn.Linear(3, 2)).compile({ loss }).compiled('test').metrics.map(({ name }) => name);
    const ofClasses = ['crossEntropy', nn.hingeLoss, nn.categoricalCrossEntropy, undefined] as const;
    for (const loss of ofClasses) expect(metricsOf(loss)).toEqual(['accuracy']);
    for (const loss of ['mse', nn.mse, (out: nn.Variable) => out.sum()] as const) expect(metricsOf(loss)).toEqual([]);
    const x = new Rng(1).normal(0, 1, [40, 3]).astype('float32');
    const y = x.sum(1, true).mul(0.5).add(0.25);
    const net = nn.sequential(new nn.Linear(3, 1, { rng: new Rng(2) })).compile({ loss: 'mse', optimizer: 'sgd', learningRate: 0.1 });
    const { figures, bestEpoch } = await net.fit(x, y, { epochs: 8, validation: [x, y], rng: new Rng(3) });
    expect(Object.keys(figures)).toEqual(['loss', 'valLoss']);
    expect(bestEpoch).toBe(8);
    expect(net.evaluate(x, y).loss).toBe(figures.valLoss[7]);
  });

  it('decides between epochs of one figure by the loss of the validation data', async () => {
    const net = network();
    const same: nn.Metric = { name: 'same', update: () => undefined, reset: () => undefined, result: () => 1 };
    net.compile({ optimizer: 'sgd', learningRate: 1e-3, metrics: [same] });
    const fitted = { epochs: 3, monitor: 'valSame', validation: [X, train.labels] as const, rng: new Rng(1) };
    const { bestEpoch, figures } = await net.fit(X, train.labels, fitted);
    expect(figures.valSame).toEqual([1, 1, 1]);
    expect(figures.valLoss[bestEpoch - 1]).toBe(Math.min(...figures.valLoss));
    expect(bestEpoch).toBeGreaterThan(1);
    expect(net.evaluate(X, train.labels).loss).toBe(Math.min(...figures.valLoss));
  });

  it('stops at once without time, and refuses a diverging loss', async () => {
    const { stopped, lossHistory } = await network().fit(X, train.labels, { timeLimit: 0 });
    expect([stopped, lossHistory]).toEqual(['timeLimit', []]);
    const net = network().compile({ loss: (out) => out.sum().mul(NaN) });
    const weights = values(net.parameters()[0]);
    await expect(net.fit(X, train.labels)).rejects.toThrow(/^Sequential\.fit: the loss became NaN at step 1/);
    expect(values(net.parameters()[0])).toEqual(weights);
  });

  it('averages weights and follows a schedule', async () => {
    const net = network();
    const averaged = new nn.AveragedWeights(net, { decay: 0 });
    const rates: number[] = [];
    await net.fit(X, train.labels, {
      batchSize: 32, epochs: 2, schedule: cosineSchedule(), rng: new Rng(1),
      callbacks: {
        onStep() {
          averaged.update();
          rates.push(net.compiled('test').optimizer.groups[0].lr);
        },
      },
    });
    const cosine = [0, 1, 2, 3, 4, 5].map((i) => 0.5 * (1 + Math.cos((Math.PI * i) / 6)));
    rates.forEach((rate, i) => expect(rate / 1e-2).toBeCloseTo(cosine[i], 14));
    expect(rates).toHaveLength(6);
    expect(net.compiled('test').optimizer.groups[0].lr).toBe(1e-2);
    expect(values(averaged.stateDict()['0.weight'])).toEqual(values(net.stateDict()['0.weight']));
  });

  it('trains behind a softmax as it does on logits', async () => {
    const layers = (): nn.Module[] => [new nn.Flatten(), new nn.Linear(432, 10, { rng: new Rng(1) })];
    const optimizer = 'sgd';
    const logits = await nn.sequential(...layers()).compile({ optimizer }).fit(X, train.labels, { rng: new Rng(2) });
    const net = nn.sequential(...layers(), new nn.Softmax()).compile({ optimizer, loss: 'categoricalCrossEntropy' });
    const probabilities = await net.fit(X, train.labels, { rng: new Rng(2) });
    expect(probabilities.figures.loss[0]).toBeCloseTo(logits.figures.loss[0], 5);
    expect(probabilities.figures.accuracy).toEqual(logits.figures.accuracy);
  });

  it('takes several inputs', async () => {
    const [image, extra] = [nn.input([3, 12, 12]), nn.input([2])];
    const flat = new nn.Flatten().apply(image);
    const joined = new nn.Concatenate().apply(flat, extra);
    const net = nn.model([image, extra], new nn.Linear(434, 10, { rng: new Rng(4) }).apply(joined)).compile();
    const x = [X, zeros([96, 2], 'float32')];
    const history = await net.fit(x, train.labels, { validation: 0.25, epochs: 2, rng: new Rng(5) });
    expect(history.figures.loss[1]).toBeLessThan(history.figures.loss[0]);
    expect(net.predict(x).shape).toEqual([96, 10]);
    await expect(net.fit([X, zeros([95, 2])], train.labels)).rejects.toThrow(/as many examples each, got 96, 95/);
  });
});
