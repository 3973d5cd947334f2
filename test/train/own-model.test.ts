/** Models of the user's own: what their types ask for, and how their state is restored. */

import { describe, expect, it } from 'vitest';
import type { Gradients, Model, StateTree, TrainableModel } from '../../src/models/index.ts';
import { Rng, Tensor, zeros } from '../../src/tensor/index.ts';
import { Solver } from '../../src/train/index.ts';
import type { SolverModel } from '../../src/train/index.ts';
import { bits, points, smallNet } from './support.ts';

/** A linear classifier with a state of its own, written as a user would: no casts. */
class Counting implements SolverModel {
  params: Record<string, Tensor> = { W: new Rng(1).normal(0, 0.1, [6, 3]) };
  seen: number = 0;
  fussy: boolean = false;

  loss(X: Tensor): Tensor;
  loss(X: Tensor, y: ArrayLike<number> | Tensor): [loss: number, grads: Gradients];
  loss(X: Tensor, y?: ArrayLike<number> | Tensor): Tensor | [loss: number, grads: Gradients] {
    const scores = X.matmul(this.params.W);
    if (y === undefined) return scores;
    this.seen += X.shape[0];
    const scale = 1 / scores.size;
    return [scores.mul(scores).sum().item() * scale / 2, { W: X.transpose().matmul(scores).mul(scale) }];
  }

  state(): { seen: number; best: number } {
    return { seen: this.seen, best: Infinity };
  }

  loadState(state: { seen: number; best: number }): void {
    if (typeof state.seen !== 'number') throw new TypeError('Counting.loadState: state.seen must be a number');
    this.seen = state.seen;
    if (this.fussy) throw new RangeError('Counting.loadState: no');
  }
}

const options = { verbose: false, optimConfig: { learningRate: 0.1 }, batchSize: 22 };

describe('a model with loadState', () => {
  it('needs no cast, is trained, and goes on from a checkpoint', async () => {
    const model = new Counting();
    const s = new Solver(model, points(), options);
    s.step();
    s.step();
    const resumed = new Counting();
    const next = new Solver(resumed, points(), options);
    next.restore(s.checkpoint());
    expect(resumed.seen).toBe(44);
    expect(next.step()).toBe(s.step());
    expect(await next.train()).toBe('finished');
  });

  it('that refuses its state leaves model and generator as they were', () => {
    const s = new Solver(new Counting(), points(), options);
    s.step();
    const fussy = new Counting();
    const other = new Solver(fussy, points(), { ...options, rng: new Rng(9) });
    const twin = new Solver(new Counting(), points(), { ...options, rng: new Rng(9) });
    other.step();
    twin.step();
    const before = bits(fussy.params);
    fussy.loadState = (state): void => {
      fussy.seen = state.seen;
      if (state.seen !== 22 || !fussy.fussy) return;
      fussy.fussy = false;
      throw new RangeError('Counting.loadState: no');
    };
    fussy.fussy = true;
    expect(() => other.restore(s.checkpoint())).toThrow('Counting.loadState: no');
    expect([bits(fussy.params), fussy.seen, other.iteration]).toEqual([before, 22, 1]);
    expect(other.step()).toBe(twin.step());
  });

  it('does not take a checkpoint that lacks state', () => {
    const stateless: TrainableModel = { params: { W: zeros([6, 3]) }, loss: new Counting().loss };
    const s = new Solver(stateless, points(), options);
    s.step();
    const model = new Counting();
    expect(() => new Solver(model, points(), options).restore(s.checkpoint()))
      .toThrow('Solver.restore: the model has state beside the parameters, the checkpoint holds none');
    expect(model.params.W.get(0, 0)).not.toBe(0);
  });
});

it('a network is a Model, a TrainableModel and a SolverModel', () => {
  const model: Model = smallNet({ normalization: 'batchnorm' });
  const trainable: TrainableModel = model;
  const solverModel: SolverModel = trainable;
  const state: StateTree = model.state();
  solverModel.loadState?.(state);
  expect(solverModel.numClasses).toBe(3);
  expect(() => solverModel.loadState?.(5)).toThrow('FullyConnectedNet.loadState: state must be an object, got 5');
});
