/** What is left when training diverges, or ends by an error: the best parameters, and checkpoints to go on from. */

import { afterEach, describe, expect, it, vi } from 'vitest';
import { FullyConnectedNet } from '../../src/models/index.ts';
import { Rng, Tensor } from '../../src/tensor/index.ts';
import { DivergenceError, sgd, Solver } from '../../src/train/index.ts';
import type { CheckpointStore, SolverOptions, TrainableModel, UpdateRule } from '../../src/train/index.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { bits, points, smallNet } from './support.ts';

const base: SolverOptions = { verbose: false, optimConfig: { learningRate: 0.1 }, batchSize: 22, numEpochs: 6 };

function solver(options: SolverOptions = {}, model: TrainableModel = smallNet()): Solver {
  return new Solver(model, points(), { ...base, ...options });
}

/** A store that keeps everything it is given. */
function keeping(): { written: Uint8Array[]; options: SolverOptions } {
  const written: Uint8Array[] = [];
  const store: CheckpointStore = { write: (_, bytes) => Promise.resolve(void written.push(bytes)) };
  return { written, options: { checkpointName: 'run', checkpointStore: store } };
}

function allFinite(params: Record<string, Tensor>): boolean {
  return Object.values(params).every((t) => Array.from(t.data).every((value) => Number.isFinite(value)));
}

async function failure(s: Solver): Promise<DivergenceError> {
  const error: unknown = await s.train().then(() => null, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(DivergenceError);
  return error as DivergenceError;
}

describeOnEveryBackend('a learning rate far too high', () => {
  it.each([1e30, 1e308])('%d from the first step leaves the parameters that training began with', async (learningRate) => {
    for (const dtype of ['float32', 'float64'] as const) {
      const model = smallNet({ dtype, normalization: 'batchnorm' });
      const before = bits(model.params);
      const { written, options } = keeping();
      const s = solver({ optimConfig: { learningRate }, ...options }, model);
      const error = await failure(s);
      expect(error.message).toMatch(/^Solver: .+ became (NaN|-?Infinity) at iteration \d+ /);
      expect(error.message).toMatch(/\(learning rate 1e\+\d+\): training diverged; a lower learning rate/);
      expect([error.name, error.learningRate]).toEqual(['DivergenceError', learningRate]);
      expect(error.iteration).toBeGreaterThan(0);
      if (s.valAccHistory.length === 0) expect(bits(model.params)).toEqual(before);
      expect(allFinite(model.params)).toBe(true);
      // Trying again changes nothing: training stands where it diverged.
      await failure(s);
      expect(allFinite(model.params)).toBe(true);
      if (s.valAccHistory.length === 0) expect(written).toEqual([]);
    }
  });

  it.each([1e30, 1e308])('%d later on leaves the best parameters and a checkpoint to go on from', async (rate) => {
    const model = smallNet({ normalization: 'batchnorm' });
    const { written, options } = keeping();
    const schedule = (i: number): number => (i < 10 ? 1 : rate);
    const s = solver({ schedule, ...options }, model);
    const error = await failure(s);
    expect(error.iteration).toBeGreaterThan(10);
    expect(s.bestValAcc).toBe(Math.max(...s.valAccHistory));
    expect(bits(model.params)).toEqual(bits(s.bestParams));
    const { XVal, yVal } = points();
    expect(s.checkAccuracy(XVal, yVal)).toBe(s.bestValAcc);
    // Every checkpoint that was written can be gone on from, the last one too.
    for (const bytes of written) {
      const next = solver({}, smallNet({ normalization: 'batchnorm' }));
      next.restore(bytes);
      expect(allFinite(next.model.params)).toBe(true);
      expect(await next.train()).toBe('finished');
    }
    expect(written.length).toBeGreaterThan(2);
  });
});

describe('a last update that makes parameters NaN', () => {
  const rule = (from: number): SolverOptions['updateRule'] => {
    let calls = 0;
    // Four parameters: the update of step n begins at call 4 (n - 1).
    return (w, dw, config) => (calls++ >= 4 * (from - 1) ? [w.mul(NaN), config!] : sgd(w, dw, config));
  };

  it('is not a finished training', async () => {
    const { written, options } = keeping();
    const s = solver({ updateRule: rule(18), ...options });
    const error = await failure(s);
    expect(error.message).toMatch(/^Solver: parameter W1 became NaN at iteration 18 \(learning rate 0.1\)/);
    expect(bits(s.model.params)).toEqual(bits(s.bestParams));
    expect([s.iteration, s.valAccHistory.length, written.length]).toEqual([18, 6, 6]);
    expect(() => s.checkpoint()).toThrow(DivergenceError);
    const next = solver({ updateRule: rule(100) });
    next.restore(written.at(-1)!);
    expect(await next.train()).toBe('finished');
  });

  it('is found before the checkpoint of a time limit or of a signal', async () => {
    for (const reason of ['timeLimit', 'aborted'] as const) {
      const { written, options } = keeping();
      const abort = new AbortController();
      const s = solver({ updateRule: rule(5), ...options, onProgress: ({ iteration }) => {
        if (iteration === 5) abort.abort();
      } });
      for (let i = 0; i < 4; i++) s.step();
      const limits = reason === 'aborted' ? { signal: abort.signal } : { timeLimit: 1e-9 };
      await expect(s.train(limits)).rejects.toThrow('parameter W1 became NaN at iteration 5');
      expect(written).toEqual([]);
      expect(allFinite(s.model.params)).toBe(true);
    }
  });

  it('shows in checkAccuracy', () => {
    const s = solver({ updateRule: rule(1) });
    s.step();
    const { XVal, yVal } = points();
    expect(() => s.checkAccuracy(XVal, yVal)).toThrow(/^Solver: a score became NaN at iteration 1 /);
    expect(solver({ stopWhenDiverged: false }).checkAccuracy(XVal, yVal)).toBeGreaterThan(0);
  });
});

describe('running averages that overflow', () => {
  it('count as diverged, though every parameter and score is finite', async () => {
    const model = smallNet({ normalization: 'batchnorm' });
    const { written, options } = keeping();
    const s = solver({ ...options, onProgress: ({ iteration }) => {
      if (iteration === 4) model.bnParams[0].runningVar!.assign(Infinity);
    } }, model);
    expect((await failure(s)).message).toContain('state runningVar1 became Infinity at iteration 6');
    expect(written).toHaveLength(2);
    expect(s.valAccHistory).toHaveLength(2);
  });
});

describe('with stopWhenDiverged: false', () => {
  afterEach(() => vi.restoreAllMocks());

  it('training goes on, and keeps what was sound', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
    const { written, options } = keeping();
    const schedule = (i: number): number => (i < 7 ? 1 : 1e30);
    const s = solver({ schedule, stopWhenDiverged: false, ...options });
    expect(await s.train()).toBe('finished');
    expect(s.lossHistory.at(-1)).toBeNaN();
    expect(s.valAccHistory).toHaveLength(7);
    expect(allFinite(s.bestParams)).toBe(true);
    expect(bits(s.model.params)).toEqual(bits(s.bestParams));
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0][0]).toMatch(/^no checkpoint is kept from here on: Solver: .* became/);
    for (const bytes of written) {
      const next = solver();
      next.restore(bytes);
      expect(allFinite(next.model.params)).toBe(true);
    }
    expect(written.length).toBeLessThan(7);
  });

  it('NaN from the first step on is never the best', async () => {
    const s = solver({ optimConfig: { learningRate: 1e308 }, stopWhenDiverged: false });
    expect(await s.train()).toBe('finished');
    expect([s.bestParams, s.bestValAcc]).toEqual([{}, 0]);
  });
});

describe('the best parameters are in the model', () => {
  /** Ten epochs that learn, then steps so long that they spoil everything. */
  const spoiled: SolverOptions = { schedule: (i) => (i < 15 ? 1 : 300), numEpochs: 12, stopWhenDiverged: false };

  it.each<[string, SolverOptions]>([
    ['when onProgress throws', { onProgress: ({ iteration }) => { if (iteration === 29) throw new Error('broken'); } }],
    ['when onEpoch throws', { onEpoch: ({ epoch }) => { if (epoch === 10) throw new Error('broken'); } }],
    ['when onEpoch rejects', { onEpoch: ({ epoch }) => (epoch === 10 ? Promise.reject(new Error('broken')) : true) }],
    ['when a checkpoint cannot be written', { checkpointName: 'x', checkpointStore: {
      write: (_, bytes) => (bytes.length > 0 && ++writes > 10 ? Promise.reject(new Error('broken')) : Promise.resolve()),
    } }],
    ['when transform throws', { transform: (X) => {
      if (++batches === 29) throw new Error('broken');
      return X;
    } }],
    ['when the rule throws', { updateRule: (w, dw, config) => {
      if (++updates === 28 * 4 + 3) throw new Error('broken');
      return sgd(w, dw, config);
    } }],
  ])('%s', async (_, options) => {
    [writes, batches, updates] = [0, 0, 0];
    const s = solver({ ...spoiled, ...options });
    await expect(s.train()).rejects.toThrow('broken');
    expect(s.valAccHistory.at(-1)).toBeLessThan(s.bestValAcc);
    expect(bits(s.model.params)).toEqual(bits(s.bestParams));
    const { XVal, yVal } = points();
    expect(s.checkAccuracy(XVal, yVal)).toBe(s.bestValAcc);
  });
  let [writes, batches, updates] = [0, 0, 0];
});

describe('restore with changedSettings', () => {
  it.each(['sgdMomentum', 'adam', undefined] as const)('goes on at another rate: %s', async (name) => {
    const own: UpdateRule = (w, dw, config) => sgd(w, dw, config);
    const updateRule = name ?? own;
    const s = solver({ updateRule });
    for (let i = 0; i < 4; i++) s.step();
    const bytes = s.checkpoint();
    const lower = solver({ updateRule, optimConfig: { learningRate: 0.01 }, lrDecay: 0.5 });
    expect(() => lower.restore(bytes)).toThrow('made with optimConfig');
    const rates: Array<number | undefined> = [];
    const watched = solver({
      updateRule, optimConfig: { learningRate: 0.01 }, lrDecay: 0.5,
      onProgress: ({ learningRate }) => { rates.push(learningRate); },
    });
    watched.restore(bytes, { changedSettings: true });
    expect(watched.iteration).toBe(4);
    expect(await watched.train()).toBe('finished');
    expect(rates.slice(0, 3)).toEqual([0.01, 0.01, 0.005]);
    // With the same settings it is what restore does anyway.
    const [same, plain] = [solver({ updateRule }), solver({ updateRule })];
    same.restore(bytes, { changedSettings: true });
    plain.restore(bytes);
    expect([same.step(), same.step(), same.step()]).toEqual([plain.step(), plain.step(), plain.step()]);
    expect(bits(same.model.params)).toEqual(bits(plain.model.params));
  });

  it('takes settings that the new run leaves to their defaults', () => {
    const s = solver({ updateRule: 'sgdMomentum', optimConfig: { learningRate: 0.1, momentum: 0.5 } });
    s.step();
    const next = solver({ updateRule: 'sgdMomentum' });
    next.restore(s.checkpoint(), { changedSettings: true });
    const twin = solver({ updateRule: 'sgdMomentum', optimConfig: { learningRate: 0.1, momentum: 0.9 } });
    twin.restore(s.checkpoint(), { changedSettings: true });
    next.step();
    twin.step();
    expect(bits(next.model.params)).toEqual(bits(twin.model.params));
  });

  it('still refuses another rule, and options it does not know', () => {
    const s = solver();
    s.step();
    const bytes = s.checkpoint();
    expect(() => solver({ updateRule: 'adam' }).restore(bytes, { changedSettings: true })).toThrow('made with updateRule');
    expect(() => s.restore(bytes, { force: true } as never)).toThrow('Solver.restore: unknown option "force"');
    expect(() => s.restore(bytes, { changedSettings: 1 } as never)).toThrow('changedSettings must be true or false');
  });
});

describe('31 layers', () => {
  it('train on through NaN where that is wanted', async () => {
    const model = new FullyConnectedNet(new Array<number>(30).fill(8), {
      inputDim: 6, numClasses: 3, weightScale: 3, rng: new Rng(1),
    });
    const s = solver({ stopWhenDiverged: false, numEpochs: 3 }, model);
    expect(await s.train()).toBe('finished');
    expect(s.lossHistory).toHaveLength(9);
  });
});
