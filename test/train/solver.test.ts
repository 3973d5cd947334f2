import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FullyConnectedNet } from '../../src/models/index.ts';
import { arange, RandomState, Rng, Tensor, zeros } from '../../src/tensor/index.ts';
import { cosineSchedule, sgd, Solver } from '../../src/train/index.ts';
import type { Progress, SolverData, SolverOptions, UpdateRule } from '../../src/train/index.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { bits, points, smallNet } from './support.ts';

const quiet: SolverOptions = { verbose: false, optimConfig: { learningRate: 0.1 }, batchSize: 20, numEpochs: 4 };

function solver(
  options: SolverOptions = {}, model: FullyConnectedNet = smallNet(), data: SolverData = points(),
): Solver {
  return new Solver(model, data, { ...quiet, ...options });
}

describeOnEveryBackend('Solver', () => {
  it('learns', async () => {
    const s = solver({ numEpochs: 40, updateRule: 'adam', optimConfig: { learningRate: 0.02 } });
    expect(await s.train()).toBe('finished');
    expect(s.lossHistory).toHaveLength(120);
    expect(s.lossHistory.at(-1)).toBeLessThan(0.2);
    expect(s.trainAccHistory.at(-1)).toBeGreaterThan(0.95);
    expect(s.bestValAcc).toBe(Math.max(...s.valAccHistory));
    expect(s.bestValAcc).toBeGreaterThan(0.8);
  });

  it('gives the same bits for the same seed, and others for another', async () => {
    const run = async (seed: number): Promise<unknown> => {
      const s = solver({ rng: new Rng(seed) });
      await s.train();
      return [s.lossHistory, s.valAccHistory, bits(s.model.params)];
    };
    const first = await run(3);
    expect(await run(3)).toEqual(first);
    expect(await run(4)).not.toEqual(first);
  });

  it('trains a step at a time with the bits of train()', async () => {
    const whole = solver();
    await whole.train();
    const single = solver();
    const losses = Array.from({ length: whole.iterations }, () => single.step());
    expect(losses).toEqual(whole.lossHistory);
    expect(single.lossHistory).toEqual(losses);
    expect([single.epoch, single.iteration]).toEqual([4, 12]);
    expect(single.trainAccHistory).toEqual([]);
  });

  it('leaves the tensors that the caller holds as they were', () => {
    const model = smallNet();
    const held = { ...model.params };
    const before = bits(held);
    const s = solver({}, model);
    s.step();
    expect(bits(held)).toEqual(before);
    expect(bits(model.params)).not.toEqual(before);
  });

  it('takes parameters that are views', () => {
    const straight = solver();
    const model = smallNet();
    model.params.W1 = model.params.W1.transpose().clone().transpose();
    expect(model.params.W1.isContiguous).toBe(false);
    const viewed = solver({}, model);
    expect([viewed.step(), viewed.step()]).toEqual([straight.step(), straight.step()]);
  });

  it('trains on images of any element type in the type of the parameters', () => {
    const pixels = new Rng(1).integers(0, 256, [40, 6]);
    const y = Array.from({ length: 40 }, (_, i) => i % 3);
    const data = (X: Tensor): SolverData => ({ XTrain: X, yTrain: y, XVal: X, yVal: y });
    const types = ['uint8', 'int32', 'float32', 'float64'] as const;
    for (const dtype of ['float32', 'float64'] as const) {
      const losses = types.map((type) => {
        const s = solver({ optimConfig: { learningRate: 1e-5 } }, smallNet({ dtype }), data(pixels.astype(type)));
        return [s.step(), s.step(), s.model.params.W1.dtype];
      });
      for (const other of losses) expect(other).toEqual([losses[0][0], losses[0][1], dtype]);
    }
  });
});

describe('Solver follows the course', () => {
  let lines: string[];
  beforeEach(() => {
    lines = [];
    vi.spyOn(console, 'log').mockImplementation((line: string) => void lines.push(line));
  });
  afterEach(() => vi.restoreAllMocks());

  it('prints its lines', async () => {
    const s = solver({ verbose: true, printEvery: 2, numEpochs: 2 });
    await s.train();
    const loss = s.lossHistory.map((value) => value.toFixed(6));
    const accuracy = s.trainAccHistory.map((acc, i) => `train acc: ${acc.toFixed(6)}; val_acc: ${s.valAccHistory[i].toFixed(6)}`);
    expect(lines).toEqual([
      `(Iteration 1 / 6) loss: ${loss[0]}`,
      `(Epoch 0 / 2) ${accuracy[0]}`,
      `(Iteration 3 / 6) loss: ${loss[2]}`,
      `(Epoch 1 / 2) ${accuracy[1]}`,
      `(Iteration 5 / 6) loss: ${loss[4]}`,
      `(Epoch 2 / 2) ${accuracy[2]}`,
    ]);
    expect(lines[0]).toMatch(/^\(Iteration 1 \/ 6\) loss: \d\.\d{6}$/);
    expect(lines[1]).toMatch(/^\(Epoch 0 \/ 2\) train acc: \d\.\d{6}; val_acc: \d\.\d{6}$/);
  });

  it('prints nothing unless verbose', async () => {
    await solver().train();
    expect(lines).toEqual([]);
  });

  it('has its defaults', () => {
    const data = points();
    const s = new Solver(smallNet(), data);
    // batchSize 100 of 66 examples: one step an epoch; 10 epochs
    expect([s.iterationsPerEpoch, s.iterations]).toEqual([1, 10]);
    expect(solver({ batchSize: 20 }).iterationsPerEpoch).toBe(3);
  });
});

describe('Solver batches', () => {
  /** A model that notes which examples it was shown, by the one number each of them is. */
  class Recorder {
    params: Record<string, Tensor> = { W: zeros(1) };
    readonly batches: number[][] = [];
    loss(X: Tensor): Tensor;
    loss(X: Tensor, y: unknown): [number, Record<string, Tensor>];
    loss(X: Tensor, y?: unknown): Tensor | [number, Record<string, Tensor>] {
      if (y === undefined) return zeros([X.shape[0], 2]);
      expect(y).toBeInstanceOf(Tensor);
      expect((y as Tensor).dtype).toBe('int32');
      expect((y as Tensor).toArray()).toEqual((X.toArray() as number[][]).map(([value]) => value % 2));
      this.batches.push((X.toArray() as number[][]).flat());
      return [1, { W: zeros(1) }];
    }
  }
  const numbers = arange(10);
  const yTrain = numbers.toArray() as number[];
  const data = { XTrain: numbers.reshape(10, 1), yTrain, XVal: zeros([1, 1]), yVal: [0] };
  data.yTrain = data.yTrain.map((value) => value % 2);

  it('are a permutation cut in pieces, a new one every epoch', () => {
    const model = new Recorder();
    const s = new Solver(model, data, { ...quiet, batchSize: 3, rng: new Rng(1) });
    for (let i = 0; i < 6; i++) s.step();
    const epochs = [model.batches.slice(0, 3).flat(), model.batches.slice(3).flat()];
    for (const epoch of epochs) expect(new Set(epoch).size).toBe(9);
    expect(epochs[0]).not.toEqual(epochs[1]);
    const rng = new Rng(1);
    const orders = [rng.permutation(10).toArray(), rng.permutation(10).toArray()] as number[][];
    expect(epochs).toEqual(orders.map((order) => order.slice(0, 9)));
  });

  it('hold all examples when there are fewer than batchSize', () => {
    const model = new Recorder();
    const s = new Solver(model, data, { ...quiet, batchSize: 64, rng: new RandomState(2) });
    s.step();
    expect(model.batches[0].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('pass through transform, with the generator', () => {
    const seen: unknown[] = [];
    const rng = new Rng(8);
    const plain = solver({ rng: new Rng(8) });
    const s = solver({ rng, transform: (X, given) => { seen.push(X.shape, given); return X; } });
    expect(s.step()).toBe(plain.step());
    expect(seen).toEqual([[20, 6], rng]);
    const doubled = solver({ rng: new Rng(8), transform: (X) => X.assign(0) });
    expect(doubled.step()).not.toBe(plain.lossHistory[0]);
  });

  it('must come back from transform as a batch', () => {
    expect(() => solver({ transform: (() => 1) as never }).step()).toThrow('the result of transform must be a Tensor, got 1');
    expect(() => solver({ transform: (X) => X.slice([0, 3]) }).step()).toThrow('transform made 3x6 of a batch of shape 20x6');
  });
});

describe('Solver learning rate', () => {
  const rates = (options: SolverOptions, steps: number): number[] => {
    const seen: number[] = [];
    const rule: UpdateRule = (w, dw, config = {}) => {
      if (w.ndim === 1 && w.size === 3) seen.push(config.learningRate!);
      return sgd(w, dw, config);
    };
    const s = solver({ updateRule: rule, ...options });
    for (let i = 0; i < steps; i++) s.step();
    return seen;
  };

  it('decays after every epoch', () => {
    expect(rates({ lrDecay: 0.5 }, 7)).toEqual([0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.025]);
  });

  it('follows a schedule, times the decay', () => {
    const factor = (i: number): number => 0.5 * (1 + Math.cos(Math.PI * i / 12));
    const expected = [0, 1, 2, 3].map((i) => 0.1 * (i < 3 ? 1 : 0.5) * factor(i));
    const found = rates({ lrDecay: 0.5, schedule: cosineSchedule() }, 4);
    found.forEach((rate, i) => expect(rate).toBeCloseTo(expected[i], 15));
  });

  it('must not become NaN', () => {
    expect(() => solver({ schedule: () => NaN }).step()).toThrow('the value of schedule must be a finite number >= 0, got NaN');
  });
});

describe('Solver with a rule of the user\'s own', () => {
  it('gives the bits of the library\'s rule, and lets it keep what it got', () => {
    const kept: Tensor[] = [];
    const rule: UpdateRule = (w, dw, config) => {
      kept.push(dw);
      return sgd(w, dw, config);
    };
    const own = solver({ updateRule: rule });
    const named = solver({ updateRule: 'sgd' });
    const passed = solver({ updateRule: sgd });
    for (let i = 0; i < 4; i++) {
      const loss = own.step();
      expect([named.step(), passed.step()]).toEqual([loss, loss]);
    }
    expect(bits(own.model.params)).toEqual(bits(named.model.params));
    expect(kept).toHaveLength(16);
    for (const gradient of kept) expect(Number.isFinite(gradient.data[0])).toBe(true);
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'updateRule must return [nextW, config], got undefined'],
    ['another shape', [zeros([2, 2]), {}], 'updateRule returned W1 of shape 2x2, it was 6x16'],
  ])('refuses a rule that returns %s', (_, result, message) => {
    expect(() => solver({ updateRule: () => result as never }).step()).toThrow(message);
  });
});

describe('Solver.train', () => {
  /** Ten epochs that learn, then steps so long that they spoil everything. */
  const worseAtTheEnd: SolverOptions = { schedule: (i) => (i < 30 ? 1 : 200), numEpochs: 12, stopWhenDiverged: false };

  it('keeps the best parameters and puts them into the model', async () => {
    const s = solver(worseAtTheEnd);
    await s.train();
    expect(s.valAccHistory.at(-1)).toBeLessThan(s.bestValAcc);
    expect(bits(s.model.params)).toEqual(bits(s.bestParams));
    const { XVal, yVal } = points();
    expect(s.checkAccuracy(XVal, yVal)).toBe(s.bestValAcc);
  });

  it('keeps batchnorm\'s running averages that belong to them', async () => {
    const s = solver(worseAtTheEnd, smallNet({ normalization: 'batchnorm' }));
    await s.train();
    const { XVal, yVal } = points();
    expect(s.valAccHistory.at(-1)).toBeLessThan(s.bestValAcc);
    expect(s.checkAccuracy(XVal, yVal)).toBe(s.bestValAcc);
  });

  it('stops at the time limit, measures, and goes on from there', async () => {
    const whole = solver();
    await whole.train();
    const s = solver();
    expect(await s.train({ timeLimit: 0 })).toBe('timeLimit');
    expect(s.iteration).toBe(0);
    expect(await s.train({ timeLimit: 1e-9 })).toBe('timeLimit');
    expect(s.iteration).toBe(1);
    expect(s.trainAccHistory).toHaveLength(1);
    s.step();
    expect(await s.train({ timeLimit: 0 })).toBe('timeLimit');
    expect(s.trainAccHistory).toHaveLength(2);
    expect(await s.train()).toBe('finished');
    expect(s.lossHistory).toEqual(whole.lossHistory);
    expect(await s.train()).toBe('finished');
    expect(s.iteration).toBe(12);
  });

  it('stops at once on a signal and goes on later with the same bits', async () => {
    const whole = solver();
    await whole.train();
    const abort = new AbortController();
    const s = solver({ onProgress: ({ iteration }) => { if (iteration === 5) abort.abort(); } });
    expect(await s.train({ signal: abort.signal })).toBe('aborted');
    expect(s.iteration).toBe(5);
    expect(bits(s.model.params)).toEqual(bits(s.bestParams));
    expect(await s.train()).toBe('finished');
    const histories = (of: Solver): number[][] => [of.lossHistory, of.trainAccHistory, of.valAccHistory];
    expect(histories(s)).toEqual(histories(whole));
    expect(bits(s.model.params)).toEqual(bits(whole.model.params));
  });

  it('makes up for an accuracy check that a signal cut off', async () => {
    const whole = solver({ numEpochs: 2 });
    await whole.train();
    const abort = new AbortController();
    const s = solver({ numEpochs: 2, onProgress: ({ iteration }) => { if (iteration === 3) abort.abort(); } });
    expect(await s.train({ signal: abort.signal })).toBe('aborted');
    expect(s.trainAccHistory).toHaveLength(1);
    await s.train();
    expect(s.trainAccHistory).toEqual(whole.trainAccHistory);
  });

  it.each(['setImmediate', 'MessageChannel'])('lets other work run, by %s', async (way) => {
    if (way === 'MessageChannel') vi.stubGlobal('setImmediate', undefined); // as in browsers
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    const busy = (): void => {
      const end = performance.now() + 5;
      while (performance.now() < end);
    };
    await solver({ numEpochs: 10, onProgress: busy }).train();
    clearInterval(timer);
    vi.unstubAllGlobals();
    expect(ticks).toBeGreaterThan(2);
  });

  it('reports progress', async () => {
    const reports: Progress[] = [];
    const s = solver({ onProgress: (progress) => reports.push(progress), lrDecay: 0.5 });
    await s.train();
    expect(reports.map(({ iteration }) => iteration)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    expect(reports.map(({ loss }) => loss)).toEqual(s.lossHistory);
    const rates = [0.1, 0.05, 0.025, 0.0125].flatMap((rate) => [rate, rate, rate]);
    expect(reports.map(({ learningRate }) => learningRate)).toEqual(rates);
    const none = { trainAcc: undefined, valAcc: undefined };
    expect(reports[0]).toMatchObject({ iterations: 12, numEpochs: 4, epoch: 0, ...none });
    expect(reports[2].epoch).toBe(1);
    expect(reports[3]).toMatchObject({ trainAcc: s.trainAccHistory[1], valAcc: s.valAccHistory[1] });
    expect(reports.every(({ imagesPerSecond, secondsLeft }) => imagesPerSecond > 0 && secondsLeft >= 0)).toBe(true);
    expect(reports[11]).toMatchObject({ secondsLeft: 0, trainSeconds: s.trainSeconds });
  });

  it('refuses to run twice at once', async () => {
    const s = solver();
    const first = s.train();
    await expect(s.train()).rejects.toThrow('Solver.train: the model is being trained already');
    expect(() => s.step()).toThrow('Solver.step: the model is being trained already');
    await first;
  });

  it('passes on what a callback throws, and can go on', async () => {
    let fail = true;
    const s = solver({ onProgress: () => { if (fail) throw new Error('display broke'); } });
    await expect(s.train()).rejects.toThrow('display broke');
    fail = false;
    expect(await s.train()).toBe('finished');
  });

  it.each<[string, unknown, string]>([
    ['an unknown option', { seconds: 3 }, 'Solver.train: unknown option "seconds"'],
    ['a negative limit', { timeLimit: -1 }, 'Solver.train: timeLimit must be'],
    ['a signal that is none', { signal: true }, 'signal must be an AbortSignal, got true'],
  ])('refuses %s', async (_, options, message) => {
    await expect(solver().train(options as never)).rejects.toThrow(message);
  });
});

describe('Solver and a loss that diverges', () => {
  it('stops with an error that says where, and leaves the parameters', () => {
    const s = solver({ optimConfig: { learningRate: 1e30 } });
    s.step();
    let before: unknown;
    expect(() => {
      for (let i = 0; i < 20; i++) {
        before = bits(s.model.params);
        s.step();
      }
    }).toThrow(/^Solver: the loss became NaN at iteration \d+ \(learning rate 1e\+30\): training diverged/);
    expect(bits(s.model.params)).toEqual(before);
    expect(s.lossHistory).toHaveLength(s.iteration);
  });

  it('goes on where that is wanted', async () => {
    const s = solver({ optimConfig: { learningRate: 1e30 }, stopWhenDiverged: false });
    expect(await s.train()).toBe('finished');
    expect(s.lossHistory.at(-1)).toBeNaN();
  });
});

describe('Solver.checkAccuracy', () => {
  const s = solver();
  const { XTrain, yTrain } = points();

  it('is the share of right predictions, in batches of any size', () => {
    const scores = smallNet().loss(XTrain);
    const predicted = scores.argmax(1).toArray() as number[];
    const right = predicted.filter((label, i) => label === (yTrain as Int32Array)[i]).length / 66;
    for (const batchSize of [1, 7, 66, 100]) expect(s.checkAccuracy(XTrain, yTrain, { batchSize })).toBe(right);
  });

  it('takes a sample that does not disturb training', () => {
    const twin = solver();
    const sampled = s.checkAccuracy(XTrain, yTrain, { numSamples: 10 });
    expect(sampled * 10).toBeCloseTo(Math.round(sampled * 10), 12);
    expect(s.checkAccuracy(XTrain, yTrain, { numSamples: 10 })).toBe(sampled);
    expect(s.step()).toBe(twin.step());
  });

  it('refuses unusable arguments', () => {
    expect(() => s.checkAccuracy(zeros([3]), [0, 1, 0])).toThrow(/^checkAccuracy: .*X has 1 numbers an example/);
    expect(() => s.checkAccuracy(XTrain, [1])).toThrow('checkAccuracy: y must have 66 labels, one an example, got 1');
    expect(() => s.checkAccuracy(XTrain, yTrain, { batchSize: 0 })).toThrow(RangeError);
    expect(() => s.checkAccuracy(XTrain, yTrain, { samples: 1 } as never)).toThrow('unknown option "samples"');
  });
});
