/** What loss() promises beside the numbers: sanity of the first loss, test mode, types, errors, and memory. */

import { afterEach, describe, expect, it } from 'vitest';
import { allocateCollected, inStep, installStepMemory } from '../../src/kernels/memory/allocate.ts';
import { activeKernels } from '../../src/kernels/registry.ts';
import { convForward, maxPoolForward, reluForward, spatialBatchnormForward } from '../../src/layers/index.ts';
import { DeepConvNet, FullyConnectedNet, ThreeLayerConvNet, TwoLayerNet } from '../../src/models/index.ts';
import type { Network, NetworkOptions } from '../../src/models/index.ts';
import { configure } from '../../src/runtime/settings.ts';
import { RandomState, Rng, zeros } from '../../src/tensor/index.ts';
import type { Tensor } from '../../src/tensor/index.ts';
import { relError } from '../../src/train/rel-error.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { normals, randomLabels } from '../support/random.ts';

const networks: Readonly<Record<string, (options: NetworkOptions) => Network>> = {
  TwoLayerNet: (options) => new TwoLayerNet({ inputDim: [3, 8, 8], ...options }),
  FullyConnectedNet: (options) => new FullyConnectedNet([20, 20], { inputDim: 192, normalization: 'batchnorm', ...options }),
  ThreeLayerConvNet: (options) => new ThreeLayerConvNet({ inputDim: [3, 8, 8], ...options }),
  DeepConvNet: (options) =>
    new DeepConvNet({ inputDim: [3, 8, 8], numFilters: [8, 6], maxPools: [0], batchnorm: true, ...options }),
};

const X = normals(1)(20, 3, 8, 8);
const y = randomLabels(2, 20, 10);

/** Every weight moved against its gradient, so that running averages and parameters are not what they were at first. */
function train(model: Network, steps: number): void {
  for (let t = 0; t < steps; t++) {
    const [, grads] = model.loss(X, y);
    for (const [name, grad] of Object.entries(grads)) model.params[name] = model.params[name].sub(grad.mul(0.1));
  }
}

describeOnEveryBackend('loss', () => {
  it.each(Object.entries(networks))('%s starts at ln C, higher with regularisation', (_, build) => {
    const [plain] = build({ rng: new Rng(0) }).loss(X, y);
    expect(Math.abs(plain - Math.log(10))).toBeLessThan(0.1);
    const [regularised] = build({ rng: new Rng(0), reg: 0.5 }).loss(X, y);
    expect(regularised).toBeGreaterThan(plain);
  });

  it.each(Object.entries(networks))('%s: both conventions of regularisation, over weight matrices only', (_, build) => {
    const plain = build({ dtype: 'float64', rng: new Rng(0) });
    for (const [name, t] of Object.entries(plain.params)) plain.params[name] = t.add(0.1);
    const [loss, grads] = plain.loss(X, y);
    const squares = Object.entries(plain.params).filter(([name]) => name.startsWith('W'))
      .reduce((sum, [, W]) => sum + W.mul(W).sum().item(), 0);
    for (const l2Factor of [0.5, 1]) {
      const model = build({ dtype: 'float64', rng: new Rng(0), reg: 0.3, l2Factor });
      Object.assign(model.params, plain.params);
      const [regularised, regularisedGrads] = model.loss(X, y);
      expect(relError(regularised, loss + l2Factor * 0.3 * squares)).toBeLessThan(1e-12);
      for (const [name, grad] of Object.entries(regularisedGrads)) {
        const penalty = name.startsWith('W') ? plain.params[name].mul(2 * l2Factor * 0.3) : zeros(grad.shape, 'float64');
        expect(grad.sub(grads[name].add(penalty)).abs().max().item(), name).toBeLessThan(1e-12);
      }
    }
  });

  it.each(Object.entries(networks))('%s computes in the type of its parameters, whatever that of X', (_, build) => {
    const pixels = X.mul(50).add(100).maximum(0).minimum(255).astype('uint8');
    for (const dtype of ['float32', 'float64'] as const) {
      const model = build({ dtype, rng: new Rng(0) });
      expect(model.loss(X).dtype).toBe(dtype);
      const [, grads] = model.loss(pixels, y);
      for (const [name, grad] of Object.entries(grads)) expect(grad.dtype, name).toBe(dtype);
      expect(model.loss(pixels).toArray()).toEqual(model.loss(pixels.astype('float64')).toArray());
    }
  });

  it('of a trained network is in test mode: an example scores the same in any batch', () => {
    for (const build of Object.values(networks)) {
      const model = build({ dtype: 'float64', rng: new Rng(0) });
      train(model, 3);
      const before = model.state();
      const all = model.loss(X);
      expect(relError(model.loss(X.slice([4, 7])), all.slice([4, 7]))).toBeLessThan(1e-9);
      expect(JSON.stringify(texts(model.state()))).toBe(JSON.stringify(texts(before)));
    }
  });

  it('folds batchnorm into the convolution without changing the scores', () => {
    const model = new DeepConvNet({
      inputDim: [3, 8, 8], numFilters: [8, 6], maxPools: [0], batchnorm: true, dtype: 'float64', rng: new Rng(0),
      weightScale: 'kaiming',
    });
    train(model, 3);
    const folded = model.loss(X);
    let manual = X;
    for (const l of [1, 2]) manual = convBatchnormRelu(model, l, manual);
    const [W, b] = [model.params.W3, model.params.b3];
    expect(relError(manual.reshape(20, -1).matmul(W).add(b), folded)).toBeLessThan(1e-9);
  });

  it('dropout is off at test time and draws anew at every training pass', () => {
    const model = new FullyConnectedNet([30], { inputDim: 192, dropoutKeep: 0.5, dtype: 'float64', weightScale: 0.1 });
    expect(model.loss(X).toArray()).toEqual(model.loss(X).toArray());
    expect(model.loss(X, y)[0]).not.toBe(model.loss(X, y)[0]);
  });

  it('of NaN is NaN', () => {
    const broken = X.clone();
    broken.set(NaN, 0, 0, 0, 0);
    for (const build of Object.values(networks)) {
      const model = build({ rng: new Rng(0) });
      expect(model.loss(broken, y)[0]).toBeNaN();
    }
  });

  it('draws weights in the order W1, W2, ... as weightScale * randn(shape)', () => {
    const model = new TwoLayerNet({
      inputDim: 6, hiddenDim: 5, numClasses: 4, weightScale: 0.01, dtype: 'float64', rng: new RandomState(3),
    });
    const rng = new RandomState(3);
    expect(model.params.W1.toArray()).toEqual(rng.randn(6, 5).mul(0.01).toArray());
    expect(model.params.W2.toArray()).toEqual(rng.randn(5, 4).mul(0.01).toArray());
    expect(model.params.b1.toArray()).toEqual([0, 0, 0, 0, 0]);
  });
});

function texts(state: Readonly<Record<string, Tensor>>): unknown {
  return Object.entries(state).map(([name, t]) => [name, t.toArray()]);
}

/** Layer l of a DeepConvNet at test time, part by part. */
function convBatchnormRelu(model: DeepConvNet, l: number, x: Tensor): Tensor {
  const [W, b, gamma, beta] = ['W', 'b', 'gamma', 'beta'].map((kind) => model.params[`${kind}${l}`]);
  const [a] = convForward(x, W, b, { stride: 1, pad: 1 });
  const [n] = spatialBatchnormForward(a, gamma, beta, { ...model.bnParams[l - 1], mode: 'test' });
  const [out] = reluForward(n);
  return l === 1 ? maxPoolForward(out, { poolHeight: 2, poolWidth: 2, stride: 2 })[0] : out;
}

describe('errors of loss', () => {
  const fc = new TwoLayerNet({ inputDim: 12 });
  const conv = networks.ThreeLayerConvNet({});
  const cases: Readonly<Record<string, readonly [() => unknown, typeof TypeError | typeof RangeError, string]>> = {
    'X that is no tensor': [
      () => fc.loss([1, 2] as never), TypeError, 'TwoLayerNet.loss: X must be a Tensor, got an array of 2',
    ],
    'examples of another size': [
      () => fc.loss(zeros([2, 3, 5])), RangeError,
      'TwoLayerNet.loss: X has 15 numbers an example, the network takes 12 (X 2x3x5)',
    ],
    'an empty batch': [
      () => fc.loss(zeros([0, 12])), RangeError, 'TwoLayerNet.loss: X must hold at least one example, got shape 0x12',
    ],
    'images of another shape': [
      () => conv.loss(zeros([2, 3, 8, 9])), RangeError,
      'ThreeLayerConvNet.loss: X must have shape Nx3x8x8, got 2x3x8x9',
    ],
    'an image without batch': [
      () => conv.loss(zeros([3, 8, 8])), RangeError, 'ThreeLayerConvNet.loss: X must have shape Nx3x8x8, got 3x8x8',
    ],
    'no images': [
      () => conv.loss(zeros([0, 3, 8, 8])), RangeError, 'ThreeLayerConvNet.loss: X must hold at least one example',
    ],
    'a label out of range': [
      () => fc.loss(zeros([2, 12]), [0, 10]), RangeError,
      'TwoLayerNet.loss: y[1] must be an integer from 0 to 9, got 10',
    ],
    'too many labels': [
      () => fc.loss(zeros([2, 12]), [0, 1, 2]), RangeError, 'TwoLayerNet.loss: y must have 2 labels, one an example, got 3',
    ],
    'a parameter that is missing': [
      () => {
        const model = new TwoLayerNet({ inputDim: 12 });
        delete model.params.b1;
        model.loss(zeros([2, 12]));
      }, TypeError, 'TwoLayerNet.loss: params.b1 must be a Tensor, got undefined',
    ],
    'a normalisation parameter that is missing': [
      () => {
        const model = networks.DeepConvNet({});
        delete model.params.gamma2;
        model.loss(X);
      }, TypeError, 'DeepConvNet.loss: params.gamma2 must be a Tensor, got undefined',
    ],
    'filters of another size': [
      () => {
        const model = networks.DeepConvNet({});
        model.params.W1 = zeros([8, 3, 5, 5]);
        model.loss(X, y);
      }, RangeError, 'DeepConvNet.loss: params.W1 must have shape 8x3x3x3, got 8x3x5x5',
    ],
    'integer parameters': [
      () => {
        const model = new TwoLayerNet({ inputDim: 12 });
        model.params.b2 = zeros(10, 'int32');
        model.loss(zeros([2, 12]));
      }, TypeError, 'TwoLayerNet.loss: params.b2 must be float32 or float64, got int32',
    ],
    'a parameter under an unknown name': [
      () => {
        const model = new TwoLayerNet({ inputDim: 12 });
        model.params.w1 = zeros([12, 100]);
        model.loss(zeros([2, 12]));
      }, TypeError, 'TwoLayerNet.loss: params has an unknown name "w1", this network\'s are W1, b1, W2, b2',
    ],
    'one example to train batchnorm on': [
      () => networks.FullyConnectedNet({}).loss(X.slice([0, 1]), [1]), RangeError,
      'FullyConnectedNet.loss: X must hold 2 examples or more to train on, for batchnorm, got 1',
    ],
    'one example before batchnorm has running averages': [
      () => networks.FullyConnectedNet({}).loss(X.slice([0, 1])), RangeError,
      'FullyConnectedNet.loss: X must hold 2 examples or more before the first training pass, for batchnorm, got 1',
    ],
    'one image of one pixel to train batchnorm on': [
      () => new DeepConvNet({ inputDim: [3, 2, 2], numFilters: [4, 4], maxPools: [0], batchnorm: true })
        .loss(zeros([1, 3, 2, 2]), [1]), RangeError, 'DeepConvNet.loss: X must hold 2 examples or more to train on',
    ],
    'no params': [
      () => {
        const model = new TwoLayerNet({ inputDim: 12 });
        model.params = null as never;
        model.loss(zeros([2, 12]));
      }, TypeError, 'TwoLayerNet.loss: params must be an object, got null',
    ],
  };
  it.each(Object.entries(cases))('%s', (_, [call, type, message]) => {
    expect(call).toThrow(type);
    expect(call).toThrow(message);
  });

  it('one example scores once batchnorm has running averages, and one image trains where it has pixels', () => {
    const model = networks.FullyConnectedNet({});
    model.loss(X, y);
    expect(model.loss(X.slice([0, 1])).shape).toEqual([1, 10]);
    expect(networks.DeepConvNet({}).loss(X.slice([0, 1]), [1])[0]).toBeGreaterThan(0);
  });

  it('leave the running averages alone', () => {
    const model = networks.DeepConvNet({});
    expect(() => model.loss(X, [11])).toThrow(RangeError);
    for (const average of Object.values(model.state())) expect(average.size).toBe(0);
  });
});

describe('memory of a training step', () => {
  afterEach(() => {
    installStepMemory(null);
    configure({ backend: 'auto' });
  });

  /** Step memory whose arrays are overwritten with NaN as soon as the step has ended. */
  function installVolatileMemory(): void {
    configure({ backend: 'js' });
    activeKernels();
    const lease = { valid: true };
    let lent: Array<ReturnType<typeof allocateCollected>> = [];
    installStepMemory({
      lease,
      begin: () => { lease.valid = true; },
      allocate: (dtype, length) => {
        const array = allocateCollected(dtype, length);
        lent.push(array);
        return array;
      },
      end: () => {
        lease.valid = false;
        for (const array of lent) array.fill(NaN);
        lent = [];
      },
    });
  }

  it('is not what loss() hands out', () => {
    installVolatileMemory();
    for (const build of Object.values(networks)) {
      const model = build({ rng: new Rng(0) });
      const scores = model.loss(X);
      const [loss, grads] = model.loss(X, y);
      expect(loss).toBeGreaterThan(0);
      for (const t of [scores, ...Object.values(grads), ...Object.values(model.state()), model.loss(X)]) {
        expect(Number.isFinite(t.sum().item())).toBe(true);
      }
    }
  });

  it('is what loss() hands out inside a step that is under way', () => {
    installVolatileMemory();
    const model = networks.DeepConvNet({ rng: new Rng(0) });
    const [, grads] = inStep(() => model.loss(X, y));
    expect(() => grads.W1.toArray()).toThrow('its memory was recycled');
    expect(Number.isFinite(model.state().runningVar2.sum().item())).toBe(true);
  });
});
