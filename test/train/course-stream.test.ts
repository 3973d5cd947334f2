/**
 * A seeded run of a NumPy program, followed number by number: weights, batches, samples and dropout's masks from one
 * stream. The program is test/fixtures/make-course-solver.py.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FullyConnectedNet } from '../../src/models/index.ts';
import { RandomState, Rng, tensor } from '../../src/tensor/index.ts';
import { relError, Solver, type SolverOptions } from '../../src/train/index.ts';
import { points, smallNet } from './support.ts';

interface Run {
  settings: {
    seed: number; sizes: number[]; dropout: ['keep' | 'drop', number] | null; n: number; batchSize: number; epochs: number;
    samples: number; reg: number; learningRate: number; momentum: number; lrDecay: number;
  };
  losses: number[];
  trainAccuracies: number[];
  valAccuracies: number[];
  next: number;
}

const path = new URL('../fixtures/course-solver.json', import.meta.url);
const runs = Object.entries(JSON.parse(readFileSync(path, 'utf8')) as Record<string, Run>);

/** The run of a fixture, everything drawn from the given stream in the program's order. */
function build({ settings }: Run): [Solver, RandomState] {
  const { seed, sizes, dropout, n, batchSize, epochs, samples, reg, learningRate, momentum, lrDecay } = settings;
  const stream = new RandomState(seed);
  const [D, C] = [sizes[0], sizes.at(-1)!];
  const [XTrain, XVal] = [stream.randn(n, D), stream.randn(40, D)];
  const [yTrain, yVal] = [stream.randint(C, null, [n]), stream.randint(C, null, [40])];
  const probability = dropout === null ? {} : { [dropout[0] === 'keep' ? 'dropoutKeep' : 'dropoutDrop']: dropout[1] };
  const model = new FullyConnectedNet(sizes.slice(1, -1), {
    inputDim: D, numClasses: C, reg, weightScale: 0.3, dtype: 'float64', rng: stream, dropoutRng: stream, ...probability,
  });
  const solver = new Solver(model, { XTrain, yTrain, XVal, yVal }, {
    updateRule: 'sgdMomentum', optimConfig: { learningRate, momentum }, lrDecay, batchSize, numEpochs: epochs,
    numTrainSamples: samples, numValSamples: 25, verbose: false, rng: stream, draw: 'choice',
  });
  return [solver, stream];
}

describe("NumPy's stream", () => {
  it.each(runs)('%s: losses, accuracies and the next number are the program\'s', async (_, run) => {
    const [solver, stream] = build(run);
    await solver.train();
    expect(relError(tensor(solver.lossHistory, undefined, 'float64'), tensor(run.losses, undefined, 'float64')))
      .toBeLessThan(1e-10);
    expect(solver.trainAccHistory).toEqual(run.trainAccuracies.map((accuracy) => expect.closeTo(accuracy, 12)));
    expect(solver.valAccHistory).toEqual(run.valAccuracies.map((accuracy) => expect.closeTo(accuracy, 12)));
    expect(stream.random()).toBe(run.next);
  });

  it.each(runs)('%s: a stopped run goes on in the stream', async (_, run) => {
    const [whole, stream] = build(run);
    await whole.train();
    for (const stop of [1, 3, 4]) {
      const [first] = build(run);
      // Where accuracy is due, the second question comes in the middle of measuring it, which has drawn by then.
      let asked = 0;
      const signal = { get aborted() { return first.iteration >= stop && ++asked > 1; } };
      expect(await first.train({ signal })).toBe('aborted');
      const [second, goesOn] = build(run);
      second.step();
      second.restore(first.checkpoint());
      await second.train();
      expect(second.lossHistory).toEqual(whole.lossHistory);
      expect(second.valAccHistory).toEqual(whole.valAccHistory);
      expect(goesOn.getState()).toEqual(stream.getState());
    }
  });

  it('needs a generator with choice, and is a setting of checkpoints', () => {
    const make = (options: SolverOptions): Solver =>
      new Solver(smallNet(), points(), { batchSize: 20, verbose: false, ...options });
    expect(() => make({ draw: 'choice', rng: new Rng(1) })).toThrow(/^Solver: rng must be a RandomState with draw/);
    expect(() => make({ draw: 'shuffle' as never })).toThrow(/^Solver: draw must be/);
    const stream = new RandomState(1);
    const [permuted, chosen] = (['permutation', 'choice'] as const).map((draw) => make({ draw, rng: stream }));
    expect(() => chosen.restore(permuted.checkpoint())).toThrow(/was made with draw/);
    expect(() => smallNet({ dropoutKeep: 0.5, dropoutDrop: 0.5 })).toThrow(/dropoutKeep and dropoutDrop say the same/);
    expect(() => smallNet({ dropoutDrop: 1 })).toThrow(/dropoutDrop must be below 1/);
    expect(smallNet({ dropoutDrop: 0.5 }).config).toMatchObject({ dropoutDrop: 0.5 });
  });
});
