/** Learning rates of single parameters, parameters that are not learnt, and what a transform is told. */

import { describe, expect, it } from 'vitest';
import { FastConvNet, TwoLayerNet } from '../../src/models/index.ts';
import { Rng, type Tensor } from '../../src/tensor/index.ts';
import { Solver, type SolverOptions } from '../../src/train/index.ts';

const rng = new Rng(1);
const rows = { X: rng.normal(0, 1, [12, 5]), y: Int32Array.from({ length: 12 }, (_, i) => i % 3) };
const data = { XTrain: rows.X, yTrain: rows.y, XVal: rows.X, yVal: rows.y };
const build = (): TwoLayerNet => new TwoLayerNet({ inputDim: 5, hiddenDim: 4, numClasses: 3, weightScale: 0.3 });
const options: SolverOptions = { batchSize: 6, numEpochs: 2, verbose: false, optimConfig: { learningRate: 0.1 } };

describe('rateFactor', () => {
  it('multiplies the step of the parameters that it names', () => {
    const [plain, scaled, still] = [1, 8, 0].map((factor) => {
      const model = build();
      const before = model.params.b2.clone();
      const rateFactor = (name: string): number => (name === 'b2' ? factor : 1);
      new Solver(model, data, { ...options, rateFactor }).step();
      return { change: model.params.b2.sub(before), W1: model.params.W1.toArray() };
    });
    expect(scaled.change.div(plain.change).sub(8).abs().max().item()).toBeLessThan(1e-4);
    expect(still.change.abs().max().item()).toBe(0);
    expect(scaled.W1).toEqual(plain.W1);
  });

  it('is refused where it is no function, gives no number, or there is no rate', () => {
    const solver = (rateFactor: unknown): Solver =>
      new Solver(build(), data, { ...options, rateFactor: rateFactor as never });
    expect(() => solver(3)).toThrow(/^Solver: rateFactor must be/);
    expect(() => solver(() => NaN).step()).toThrow(/rateFactor of W1/);
    const own: SolverOptions = { updateRule: (w) => [w, {}], rateFactor: () => 1 };
    expect(() => new Solver(build(), data, own)).toThrow(/lrDecay, schedule and rateFactor need/);
  });
});

describe('frozen parameters', () => {
  const images = new Rng(2).normal(0, 1, [12, 3, 8, 8]);
  const pictures = { XTrain: images, yTrain: rows.y, XVal: images, yVal: rows.y };
  const small = { inputDim: [3, 8, 8], blocks: [[4, 4]], whiteningFilters: 8, numClasses: 3 };
  const rule = { ...options, updateRule: 'nesterov' } as const;

  it('stay as they are, and a stopped run goes on with the same bits', () => {
    const run = (stopped: boolean): Record<string, unknown> => {
      const model = new FastConvNet(small);
      model.whiten(images);
      const before = [...model.frozen].map((name) => model.params[name].clone());
      const first = new Solver(model, pictures, rule);
      for (let i = 0; i < 2; i++) first.step();
      let solver = first;
      if (stopped) {
        solver = new Solver(new FastConvNet(small), pictures, rule);
        solver.restore(first.checkpoint());
      }
      for (let i = 0; i < 2; i++) solver.step();
      const { params } = solver.model;
      [...model.frozen].forEach((name, i) => expect(params[name].toArray()).toEqual(before[i].toArray()));
      return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, value.toArray()]));
    };
    expect(run(true)).toEqual(run(false));
  });
});

describe('transform', () => {
  it('is told which examples a batch holds, and the epoch', () => {
    const told: Array<[number[], number]> = [];
    const transform: SolverOptions['transform'] = (X: Tensor, _, { batch }) => {
      const indices = Array.from(batch.indices);
      indices.forEach((index, i) => expect(X.slice(i).toArray()).toEqual(rows.X.slice(index).toArray()));
      told.push([indices, batch.epoch]);
      return X;
    };
    const solver = new Solver(build(), data, { ...options, transform });
    for (let i = 0; i < 4; i++) solver.step();
    expect(told.map(([, epoch]) => epoch)).toEqual([0, 0, 1, 1]);
    expect([...told[2][0], ...told[3][0]].sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i));
  });
});
