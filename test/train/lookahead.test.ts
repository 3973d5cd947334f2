/** Slow weights, and training that time ends. */

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { oneCycleSchedule, Solver, type SolverOptions } from '../../src/train/index.ts';
import { bits, points, smallNet } from './support.ts';

const options: SolverOptions = {
  verbose: false, updateRule: 'nesterov', optimConfig: { learningRate: 0.05 }, batchSize: 20, numEpochs: 4,
};
const make = (extra: SolverOptions = {}, model = smallNet({ dtype: 'float64' })): Solver =>
  new Solver(model, points('float64'), { ...options, ...extra });

describe('lookahead', () => {
  it('moves slow weights towards the fast ones every few steps, which go on from there', () => {
    const keep = 0.3;
    const solver = make({ updateRule: 'sgd', lookahead: { every: 2, keep } });
    const start = bits(solver.model.params);
    const plain = make({ updateRule: 'sgd' });
    for (const s of [solver, plain]) {
      s.step();
      s.step();
    }
    const fast = bits(plain.model.params);
    for (const [name, now] of Object.entries(bits(solver.model.params))) {
      now.forEach((w, i) => expect(w).toBe(keep * start[name][i] + (1 - keep) * fast[name][i]));
    }
    solver.step();
    const after = bits(solver.model.params);
    expect(after.W1).not.toEqual(bits(plain.model.params).W1);
  });

  it('with a share of 0 changes nothing, and with a share of 1 goes nowhere', async () => {
    const plain = make();
    await plain.train();
    const none = make({ lookahead: { keep: 0 } });
    await none.train();
    expect(none.lossHistory).toEqual(plain.lossHistory);
    const still = make({ lookahead: { keep: () => 1 } });
    const start = bits(still.model.params);
    await still.train();
    expect(bits(still.bestParams)).toEqual(start);
  });

  it('is told the progress', async () => {
    const told: number[] = [];
    const keep = (progress: number): number => {
      told.push(progress);
      return 0.5;
    };
    await make({ lookahead: { every: 4, keep } }).train();
    expect(told).toEqual([4 / 12, 8 / 12, 1]);
  });

  it('measures and keeps the slow weights', async () => {
    const seen: number[] = [];
    const model = smallNet({ dtype: 'float64' });
    // Slow weights that never move give the first network's accuracy for ever.
    const untrained = make().checkAccuracy(points('float64').XVal, points('float64').yVal);
    const onEpoch: SolverOptions['onEpoch'] = ({ valAcc }) => void seen.push(valAcc);
    const solver = make({ lookahead: { keep: 1 }, onEpoch }, model);
    await solver.train();
    expect(seen).toEqual([untrained, untrained, untrained, untrained, untrained]);
    expect(bits(model.params)).toEqual(bits(solver.bestParams));
  });

  it('goes on from a checkpoint with the same bits, at any step', async () => {
    const build = (): Solver =>
      make({ lookahead: { every: 4, keep: (p) => 0.7 * p } }, smallNet({ normalization: 'batchnorm', dropoutKeep: 0.8 }));
    const whole = build();
    await whole.train();
    for (const stop of [0, 1, 3, 4, 6, 7]) {
      const first = build();
      const abort = new AbortController();
      if (stop > 0) {
        for (let i = 0; i < stop; i++) first.step();
        abort.abort();
        await first.train({ signal: abort.signal });
      }
      const second = build();
      second.step();
      second.restore(first.checkpoint());
      await second.train();
      expect(bits(second.bestParams)).toEqual(bits(whole.bestParams));
      expect(second.lossHistory).toEqual(whole.lossHistory);
    }
  });

  it('refuses wrong options, and checkpoints of runs without it or with another', () => {
    const given = (lookahead: unknown): Solver => make({ lookahead: lookahead as never });
    expect(() => given({ evry: 3 })).toThrow(/^Solver: lookahead: .*evry/);
    expect(() => given({ every: 0 })).toThrow(/lookahead.every must be/);
    expect(() => given({ keep: 2 })).toThrow(/lookahead.keep must be/);
    expect(() => given({ keep: '1' })).toThrow(/lookahead.keep must be/);
    const wrong = given({ every: 1, keep: () => NaN });
    expect(() => wrong.step()).toThrow(/value of lookahead.keep/);
    const [without, five, six, slow] = [make(), given({}), given({ every: 6 }), given({ keep: 0.6 })];
    for (const [from, to] of [[without, five], [five, without], [five, six], [five, slow]]) {
      expect(() => to.restore(from.checkpoint())).toThrow(/was made with lookahead/);
    }
  });
});

describe('timeBudget', () => {
  let now = 0;
  beforeEach(() => void vi.spyOn(performance, 'now').mockImplementation(() => now * 1000));
  afterEach(() => void vi.restoreAllMocks());

  /** Steps that take as long as the test says. */
  function slowly(seconds: number, extra: SolverOptions): [Solver, number[]] {
    const rates: number[] = [];
    const solver = make({
      ...extra,
      transform: (X) => {
        now += seconds;
        return X;
      },
      onProgress: ({ learningRate }) => void rates.push(learningRate!),
    });
    return [solver, rates];
  }

  it('ends training before it is passed, and schedules follow it', async () => {
    const schedule = oneCycleSchedule({ rise: 0.25, start: 0, end: 0, shape: 'linear' });
    const [solver, rates] = slowly(1, { numEpochs: 1e6, timeBudget: 8.5, schedule });
    expect(await solver.train()).toBe('timeLimit');
    expect(solver.trainSeconds).toBe(7); // a further step might take two seconds
    const triangle = [0, 1 / 2.125, 2 / 2.125, ...[3, 4, 5, 6].map((t) => (8.5 - t) / 6.375)];
    expect(rates).toHaveLength(triangle.length);
    rates.forEach((rate, i) => expect(rate / 0.05).toBeCloseTo(triangle[i], 2));
    expect(await solver.train()).toBe('timeLimit');
  });

  it('goes on from a checkpoint with the time that is left', async () => {
    const extra = { numEpochs: 1e6, timeBudget: 8.5 };
    const [first] = slowly(1, extra);
    for (let i = 0; i < 5; i++) first.step();
    const [second] = slowly(1, extra);
    second.restore(first.checkpoint());
    expect(second.timeIsUp).toBe(false);
    expect(await second.train()).toBe('timeLimit');
    expect([second.iteration, second.trainSeconds]).toEqual([7, 7]);
  });

  it('leaves steps that come to their end first', async () => {
    const [solver] = slowly(0.001, { timeBudget: 1000 });
    expect(await solver.train()).toBe('finished');
    // no time at all: a step that is asked for by itself begins the schedule
    const [hurried] = slowly(0, { timeBudget: 0, schedule: (iteration: number) => 1 / (1 + iteration) });
    expect(hurried.step()).toBeGreaterThan(0);
    expect(() => make({ timeBudget: -1 })).toThrow(/timeBudget must be/);
  });

  it('counts what was spent before the first step', async () => {
    const [solver] = slowly(1, { timeBudget: 8.5 });
    solver.trainSeconds = 6;
    await solver.train();
    expect([solver.iteration, solver.trainSeconds]).toEqual([1, 7]);
  });
});
