/** onEpoch and patience: what is told when, and how they end training. */

import { describe, expect, it } from 'vitest';
import { Solver } from '../../src/train/index.ts';
import type { EpochReport, SolverOptions } from '../../src/train/index.ts';
import { bits, points, smallNet } from './support.ts';

const base: SolverOptions = { verbose: false, optimConfig: { learningRate: 0.1 }, batchSize: 22, numEpochs: 4 };

function solver(options: SolverOptions = {}): Solver {
  return new Solver(smallNet(), points(), { ...base, ...options });
}

describe('onEpoch', () => {
  it('tells every accuracy as soon as it is measured, the last one too', async () => {
    const reports: EpochReport[] = [];
    const order: string[] = [];
    const s = solver({
      onEpoch: (report) => {
        reports.push(report);
        order.push(`epoch ${report.epoch}`);
        expect([report.trainAcc, report.valAcc]).toEqual([s.trainAccHistory.at(-1), s.valAccHistory.at(-1)]);
        if (report.isBest) expect(bits(s.model.params)).toEqual(bits(s.bestParams));
        expect(report.bestValAcc).toBe(Math.max(...s.valAccHistory));
      },
      onProgress: ({ iteration }) => { order.push(`step ${iteration}`); },
      checkpointName: 'x',
      checkpointStore: { write: () => Promise.resolve(void order.push('checkpoint')) },
      numEpochs: 2,
    });
    expect(await s.train()).toBe('finished');
    expect(order).toEqual([
      'step 1', 'checkpoint', 'epoch 0', 'step 2', 'step 3', 'checkpoint', 'epoch 1', 'step 4', 'step 5', 'step 6',
      'checkpoint', 'epoch 2',
    ]);
    expect(reports.map(({ epoch, iteration, numEpochs }) => [epoch, iteration, numEpochs])).toEqual([
      [0, 1, 2], [1, 3, 2], [2, 6, 2],
    ]);
    expect(reports.map(({ valAcc }) => valAcc)).toEqual(s.valAccHistory);
    let best = -1;
    for (const { valAcc, isBest } of reports) {
      expect(isBest).toBe(valAcc > best);
      best = Math.max(best, valAcc);
    }
    expect(reports[2].trainSeconds).toBe(s.trainSeconds);
  });

  it('is told what a time limit measures', async () => {
    const seen: number[] = [];
    const s = solver({ onEpoch: ({ iteration }) => { seen.push(iteration); } });
    for (let i = 0; i < 5; i++) s.step();
    expect(await s.train({ timeLimit: 0 })).toBe('timeLimit');
    expect(seen).toEqual([5]);
  });

  it('is waited for, and stops training by false alone', async () => {
    let waiting = false;
    const s = solver({
      onProgress: () => { expect(waiting).toBe(false); },
      onEpoch: async ({ epoch }) => {
        waiting = true;
        await new Promise((resolve) => setTimeout(resolve, 5));
        waiting = false;
        return epoch < 2;
      },
    });
    expect(await s.train()).toBe('stopped');
    expect([s.epoch, s.iteration]).toEqual([2, 6]);
    expect(bits(s.model.params)).toEqual(bits(s.bestParams));
    // A later call goes on, with the bits of a run that was not stopped.
    const whole = solver();
    await whole.train();
    expect(await s.train()).toBe('stopped');
    expect(s.lossHistory).toEqual(whole.lossHistory.slice(0, 9));
    expect(await solver({ onEpoch: () => undefined }).train()).toBe('finished');
    expect(await solver({ onEpoch: () => 0 }).train()).toBe('finished');
    expect(await solver({ numEpochs: 1, onEpoch: ({ epoch }) => epoch < 1 }).train()).toBe('finished');
  });
});

describe('patience', () => {
  /** Learns for four epochs, then stands still, so that no accuracy rises any more. */
  const still: SolverOptions = { schedule: (i) => (i < 12 ? 1 : 0), numEpochs: 30 };

  it('stops once so many epochs have not improved, and leaves the best parameters', async () => {
    const s = solver({ ...still, patience: 3 });
    expect(await s.train()).toBe('patience');
    const best = s.valAccHistory.indexOf(s.bestValAcc);
    // Index 0 is the measurement after the first step: from then on an index is an epoch.
    expect(s.epoch).toBe(best + 3);
    expect(s.valAccHistory).toHaveLength(s.epoch + 1);
    expect(bits(s.model.params)).toEqual(bits(s.bestParams));
    expect(await s.train()).toBe('patience');
    expect(s.epoch).toBe(best + 3);
  });

  it('counts on after a restore', async () => {
    const whole = solver({ ...still, patience: 4 });
    await whole.train();
    const stop = whole.epoch - 2;
    const first = solver({ ...still, patience: 4, onEpoch: ({ epoch }) => epoch < stop });
    expect(await first.train()).toBe('stopped');
    const resumed = solver({ ...still, patience: 4 });
    resumed.restore(first.checkpoint());
    expect(await resumed.train()).toBe('patience');
    expect([resumed.epoch, resumed.lossHistory]).toEqual([whole.epoch, whole.lossHistory]);
    // A finished run that is taken up again has nothing left to do; more patience goes on.
    const again = solver({ ...still, patience: 4 });
    again.restore(whole.checkpoint());
    expect(await again.train()).toBe('patience');
    expect(again.epoch).toBe(whole.epoch);
    const patient = solver({ ...still, patience: 5 });
    patient.restore(whole.checkpoint());
    await patient.train();
    expect(patient.epoch).toBe(whole.epoch + 1);
  });

  it('is without end unless given', async () => {
    const s = solver(still);
    expect(await s.train()).toBe('finished');
    expect(s.epoch).toBe(30);
  });
});
