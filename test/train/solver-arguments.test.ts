/** What Solver does not accept: models, data and options. */

import { describe, expect, it } from 'vitest';
import { arange, tensor, zeros } from '../../src/tensor/index.ts';
import { Solver } from '../../src/train/index.ts';
import type { SolverData } from '../../src/train/index.ts';
import { points, smallNet } from './support.ts';

describe('Solver refuses', () => {
  const data = points();
  type Change = Partial<Record<keyof SolverData, unknown>>;
  const make = (change: Change, options: unknown = {}, model: unknown = smallNet()) => (): Solver =>
    new Solver(model as never, { ...data, ...change } as never, options as never);
  const withNaN = data.XVal.clone();
  withNaN.set(NaN, 3, 2);

  it.each<[string, () => Solver, string]>([
    ['no model', make({}, {}, null), 'Solver: model must have params and loss(X, y), got null'],
    ['a model without parameters', make({}, {}, { params: {}, loss: () => zeros(1) }), 'model.params must be an object of tensors'],
    ['integer parameters', make({}, {}, { params: { W: arange(2) }, loss: () => zeros(1) }), 'model.params.W must be float32 or float64, got int32'],
    ['frozen parameters', make({}, {}, { params: Object.freeze({ W: zeros(1) }), loss: () => zeros(1) }), 'model.params must be writable, got one whose W is frozen or read-only'],
    ['state without loadState', make({}, {}, { params: { W: zeros(1) }, loss: () => zeros(1), state: () => null }), 'both of state() and loadState()'],
    ['images that are no tensor', make({ XTrain: [[1]] }), 'Solver: XTrain must be a Tensor, got an array of 1'],
    ['no images', make({ XTrain: zeros([0, 6]), yTrain: [] }), 'Solver: XTrain must hold examples along its first axis, got shape 0x6'],
    ['too few labels', make({ yVal: [0, 1] }), 'Solver: yVal must have 20 labels, one an example, got 2'],
    ['fractional labels', make({ yVal: Float64Array.from({ length: 20 }, (_, i) => i / 2) }), 'Solver: yVal[1] must be an integer from 0, got 0.5'],
    ['negative labels', make({ yVal: new Array(20).fill(-1) }), 'Solver: yVal[0] must be an integer from 0, got -1'],
    ['labels that are text', make({ yVal: new Array(20).fill('cat') }), 'Solver: yVal[0] must be an integer, got "cat"'],
    ['labels in two axes', make({ yVal: zeros([20, 1]) }), 'Solver: yVal must have 1 axes'],
    ['NaN pixels', make({ XVal: withNaN }), 'Solver: XVal must be finite, got NaN in example 3'],
    ['infinite pixels', make({ XTrain: tensor([[1], [Infinity]]), yTrain: [0, 0] }), 'Solver: XTrain must be finite, got Infinity in example 1'],
    ['no data', () => new Solver(smallNet(), undefined as never), 'Solver: data must be an object with XTrain'],
    ['an unknown option', make({}, { learningRate: 1 }), 'Solver: unknown option "learningRate", known options are updateRule'],
    ['an unknown rule', make({}, { updateRule: 'adamax' }), 'Solver: updateRule must be one of sgd, sgdMomentum'],
    ['a setting that the rule lacks', make({}, { updateRule: 'sgd', optimConfig: { momentum: 1 } }), 'Solver: optimConfig of sgd: unknown option "momentum"'],
    ['state among the settings', make({}, { updateRule: 'adam', optimConfig: { t: 4 } }), 'Solver: optimConfig of adam: unknown option "t"'],
    ['a setting out of range', make({}, { optimConfig: { learningRate: -1 } }), 'Solver: optimConfig.learningRate must be a finite number >= 0, got -1'],
    ['a batch of nothing', make({}, { batchSize: 0 }), 'Solver: batchSize must be an integer >= 1, got 0'],
    ['half an epoch', make({}, { numEpochs: 0.5 }), 'Solver: numEpochs must be an integer >= 1, got 0.5'],
    ['no samples', make({}, { numTrainSamples: 0 }), 'Solver: numTrainSamples must be'],
    ['printEvery 0', make({}, { printEvery: 0 }), 'Solver: printEvery must be'],
    ['verbose that is a number', make({}, { verbose: 1 }), 'Solver: verbose must be true or false, got 1'],
    ['a seed as generator', make({}, { rng: 1 }), 'Solver: rng must be an Rng or a RandomState, got 1'],
    ['a schedule that is none', make({}, { schedule: 'cosine' }), 'Solver: schedule must be a function, got "cosine"'],
    ['a negative decay', make({}, { lrDecay: -1 }), 'Solver: lrDecay must be'],
    ['a schedule of no rate', make({}, { updateRule: () => [], schedule: () => 1 }), 'need optimConfig.learningRate'],
    ['a checkpoint without a place', make({}, { checkpointName: 'x' }), 'checkpointName needs somewhere to write to: import tilegrad/node or give checkpointStore'],
    ['a store that cannot write', make({}, { checkpointName: 'x', checkpointStore: {} }), 'checkpointStore must have a method write, got an Object'],
    ['patience of nothing', make({}, { patience: 0 }), 'Solver: patience must be an integer >= 1, got 0'],
    ['an onEpoch that is none', make({}, { onEpoch: 1 }), 'Solver: onEpoch must be a function, got 1'],
    ['metadata that are no text', make({}, { checkpointMetadata: { a: 1 } }), 'Solver: checkpointMetadata["a"] must be a string, got 1'],
    ['a checkpoint without a name', make({}, { checkpointName: '' }), 'checkpointName must be a string that is not empty'],
  ])('%s', (_, call, message) => {
    expect(call).toThrow(message);
  });

  it('a model whose loss returns something else', () => {
    const broken = (result: unknown): (() => number) => {
      const model = { params: { W: zeros(2) }, numClasses: 3, loss: () => result };
      const s = new Solver(model as never, data, { verbose: false });
      return () => s.step();
    };
    expect(broken(1)).toThrow('Solver: model.loss(X, y) must return [loss, grads], got 1');
    expect(broken([1, {}])).toThrow("Solver: the model's gradients must hold a Tensor for W, got undefined");
    expect(broken([1, { W: zeros(3) }])).toThrow('Solver: the gradient of W has shape 3, the parameter 2');
  });

  it.each(['yTrain', 'yVal'] as const)('%s that the model has no class for', (name) => {
    const y = Array.from(data[name] as Int32Array);
    y[5] = 3;
    expect(make({ [name]: y })).toThrow(new RangeError(`Solver: ${name}[5] must be an integer from 0 to 2, got 3`));
    // A model that does not say how many classes it has is asked for scores.
    const net = smallNet({ normalization: 'batchnorm' });
    const own = { params: net.params, loss: net.loss.bind(net) };
    expect(make({ [name]: y }, {}, own)).toThrow(`Solver: ${name}[5] must be an integer from 0 to 2, got 3`);
    expect(new Solver(own, data, { verbose: false }).step()).toBeGreaterThan(0);
    expect(() => new Solver(own, data).checkAccuracy(data.XVal, new Array<number>(20).fill(3)))
      .toThrow('checkAccuracy: y[0] must be an integer from 0 to 2, got 3');
  });

  it('takes labels of 64-bit integers, and only such as a class can have', () => {
    const yTrain = BigInt64Array.from(data.yTrain as Int32Array, BigInt);
    const same = new Solver(smallNet(), { ...data, yTrain }, { verbose: false });
    expect(same.step()).toBe(new Solver(smallNet(), data, { verbose: false }).step());
    yTrain[3] = 2n ** 40n;
    expect(make({ yTrain })).toThrow('Solver: yTrain[3] must be an integer from 0, got 1099511627776');
  });
});
