/** Every backward pass against numeric gradients of its forward pass, in float64, at the course's tolerances. */

import { expect, it } from 'vitest';
import * as layers from '../../src/layers/index.ts';
import type { BatchnormParam } from '../../src/layers/index.ts';
import type { Tensor } from '../../src/tensor/index.ts';
import { evalNumericalGradient, evalNumericalGradientArray } from '../../src/train/numeric-gradient.ts';
import { relError } from '../../src/train/rel-error.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { normals, randomLabels } from '../support/random.ts';

interface GradientCase {
  /** draws the inputs */
  inputs(randn: (...shape: number[]) => Tensor): readonly Tensor[];
  forward(...inputs: Tensor[]): [out: Tensor, cache: unknown];
  /** the gradients of the inputs, in their order */
  backward(dout: Tensor, cache: unknown): Tensor | readonly Tensor[];
  /** the course's bound for this layer; 1e-8 unless given */
  readonly tolerance?: number;
  /**
   * step of the numeric gradient, 1e-5 unless given; for layers made of linear pieces a longer one loses less to
   * rounding and no accuracy
   */
  readonly h?: number;
}

/** Types are checked where a case is written and forgotten where it is run. */
function gradientCase<C>(
  inputs: GradientCase['inputs'], forward: (...inputs: Tensor[]) => [Tensor, C],
  backward: (dout: Tensor, cache: C) => Tensor | readonly Tensor[],
  { tolerance, h }: { tolerance?: number; h?: number } = {},
): GradientCase {
  return { inputs, forward, backward: (dout, cache) => backward(dout, cache as C), tolerance, h };
}

const pool2 = { poolHeight: 2, poolWidth: 2, stride: 2 };
const overlapping = { poolHeight: 3, poolWidth: 2, stride: 1 };
const same = { stride: 1, pad: 1 };

/** A fresh param each time, so that repeated forward passes do not see each other's running averages. */
function train(): BatchnormParam {
  return { mode: 'train' };
}

const running = (n: number): BatchnormParam =>
  ({ mode: 'test', runningMean: normals(1)(n), runningVar: normals(2)(n).abs().add(0.5) });
const test5 = running(5);
const test3 = running(3);

/** Where b stands among the inputs of the sandwiches. */
const bias = 2;

const cases: Readonly<Record<string, GradientCase>> = {
  affine: gradientCase(
    (randn) => [randn(10, 2, 3), randn(6, 5), randn(5)],
    layers.affineForward,
    layers.affineBackward,
  ),
  relu: gradientCase((randn) => [randn(10, 10)], layers.reluForward, layers.reluBackward),
  leakyRelu: gradientCase(
    (randn) => [randn(10, 10)],
    (x) => layers.leakyReluForward(x, 0.1),
    layers.leakyReluBackward,
  ),
  elu: gradientCase(
    (randn) => [randn(10, 10)],
    (x) => layers.eluForward(x, 1.3),
    layers.eluBackward,
  ),
  sigmoid: gradientCase((randn) => [randn(10, 10)], layers.sigmoidForward, layers.sigmoidBackward),
  tanh: gradientCase((randn) => [randn(10, 10)], layers.tanhForward, layers.tanhBackward),
  convNaive: gradientCase(
    (randn) => [randn(4, 3, 5, 5), randn(2, 3, 3, 3), randn(2)],
    (x, w, b) => layers.convForwardNaive(x, w, b, same),
    layers.convBackwardNaive,
    { h: 1e-3 },
  ),
  convFast: gradientCase(
    (randn) => [randn(4, 3, 5, 5), randn(2, 3, 3, 3), randn(2)],
    (x, w, b) => layers.convForwardFast(x, w, b, same),
    layers.convBackwardFast,
    { h: 1e-3 },
  ),
  'conv where the stride does not divide': gradientCase(
    (randn) => [randn(2, 2, 6, 7), randn(3, 2, 3, 2), randn(3)],
    (x, w, b) => layers.convForward(x, w, b, { stride: 2, pad: 0 }),
    layers.convBackward,
  ),
  maxPoolNaive: gradientCase(
    (randn) => [randn(3, 2, 8, 8)],
    (x) => layers.maxPoolForwardNaive(x, pool2),
    layers.maxPoolBackwardNaive,
  ),
  maxPoolFast: gradientCase(
    (randn) => [randn(3, 2, 8, 8)],
    (x) => layers.maxPoolForwardFast(x, pool2),
    layers.maxPoolBackwardFast,
  ),
  'maxPool, overlapping': gradientCase(
    (randn) => [randn(2, 2, 5, 6)],
    (x) => layers.maxPoolForward(x, overlapping),
    layers.maxPoolBackward,
  ),
  avgPool: gradientCase(
    (randn) => [randn(2, 2, 5, 6)],
    (x) => layers.avgPoolForward(x, overlapping),
    layers.avgPoolBackward,
  ),
  globalAvgPool: gradientCase(
    (randn) => [randn(3, 4, 5, 2)],
    layers.globalAvgPoolForward,
    layers.globalAvgPoolBackward,
  ),
  batchnorm: gradientCase(
    (randn) => [randn(4, 5).mul(5).add(12), randn(5), randn(5)],
    (x, g, b) => layers.batchnormForward(x, g, b, train()),
    layers.batchnormBackward,
  ),
  batchnormAlt: gradientCase(
    (randn) => [randn(4, 5).mul(5).add(12), randn(5), randn(5)],
    (x, g, b) => layers.batchnormForward(x, g, b, train()),
    layers.batchnormBackwardAlt,
  ),
  'batchnorm, test mode': gradientCase(
    (randn) => [randn(4, 5), randn(5), randn(5)],
    (x, g, b) => layers.batchnormForward(x, g, b, test5),
    layers.batchnormBackward,
  ),
  'batchnormAlt, test mode': gradientCase(
    (randn) => [randn(4, 5), randn(5), randn(5)],
    (x, g, b) => layers.batchnormForward(x, g, b, test5),
    layers.batchnormBackwardAlt,
  ),
  spatialBatchnorm: gradientCase(
    (randn) => [randn(2, 3, 4, 5), randn(3), randn(3)],
    (x, g, b) => layers.spatialBatchnormForward(x, g, b, train()),
    layers.spatialBatchnormBackward,
    { tolerance: 1e-6 },
  ),
  'spatialBatchnorm, test mode': gradientCase(
    (randn) => [randn(2, 3, 4, 5), randn(3), randn(3)],
    (x, g, b) => layers.spatialBatchnormForward(x, g, b, test3),
    layers.spatialBatchnormBackward,
    { tolerance: 1e-6 },
  ),
  layernorm: gradientCase(
    (randn) => [randn(4, 5).mul(5).add(12), randn(5), randn(5)],
    (x, g, b) => layers.layernormForward(x, g, b),
    layers.layernormBackward,
  ),
  spatialGroupnorm: gradientCase(
    (randn) => [randn(2, 6, 4, 5), randn(1, 6, 1, 1), randn(1, 6, 1, 1)],
    (x, g, b) => layers.spatialGroupnormForward(x, g, b, 2),
    layers.spatialGroupnormBackward,
    { tolerance: 1e-7 },
  ),
  dropout: gradientCase(
    (randn) => [randn(10, 10).add(10)],
    (x) => layers.dropoutForward(x, { keepProb: 0.6, mode: 'train', seed: 123 }),
    layers.dropoutBackward,
  ),
  'dropout, test mode': gradientCase(
    (randn) => [randn(10, 10).add(10)],
    (x) => layers.dropoutForward(x, { keepProb: 0.6, mode: 'test' }),
    layers.dropoutBackward,
  ),
  affineRelu: gradientCase(
    (randn) => [randn(2, 3, 4), randn(12, 10), randn(10)],
    layers.affineReluForward,
    (d, c) => layers.affineReluBackward(d, c),
  ),
  affineBatchnormRelu: gradientCase(
    (randn) => [randn(6, 3), randn(3, 4), randn(4), randn(4), randn(4)],
    (x, w, b, g, beta) => layers.affineBatchnormReluForward(x, w, b, g, beta, train()),
    (d, c) => layers.affineBatchnormReluBackward(d, c),
  ),
  affineLayernormRelu: gradientCase(
    (randn) => [randn(6, 3), randn(3, 4), randn(4), randn(4), randn(4)],
    (x, w, b, g, beta) => layers.affineLayernormReluForward(x, w, b, g, beta),
    (d, c) => layers.affineLayernormReluBackward(d, c),
  ),
  convRelu: gradientCase(
    (randn) => [randn(2, 3, 8, 8), randn(3, 3, 3, 3), randn(3)],
    (x, w, b) => layers.convReluForward(x, w, b, same),
    (d, c) => layers.convReluBackward(d, c),
  ),
  convReluPool: gradientCase(
    (randn) => [randn(2, 3, 8, 8), randn(3, 3, 3, 3), randn(3)],
    (x, w, b) => layers.convReluPoolForward(x, w, b, same, pool2),
    (d, c) => layers.convReluPoolBackward(d, c),
    { h: 1e-4 },
  ),
  convBatchnormRelu: gradientCase(
    (randn) => [randn(2, 2, 5, 5), randn(3, 2, 3, 3), randn(3), randn(3), randn(3)],
    (x, w, b, g, beta) => layers.convBatchnormReluForward(x, w, b, g, beta, same, train()),
    (d, c) => layers.convBatchnormReluBackward(d, c),
  ),
  convBatchnormReluPool: gradientCase(
    (randn) => [randn(2, 2, 6, 6), randn(3, 2, 3, 3), randn(3), randn(3), randn(3)],
    (x, w, b, g, beta) => layers.convBatchnormReluPoolForward(x, w, b, g, beta, same, train(), pool2),
    (d, c) => layers.convBatchnormReluPoolBackward(d, c),
    { tolerance: 1e-7 },
  ),
  'convBatchnormReluPool, test mode': gradientCase(
    (randn) => [randn(2, 2, 6, 6), randn(3, 2, 3, 3), randn(3), randn(3), randn(3)],
    (x, w, b, g, beta) => layers.convBatchnormReluPoolForward(x, w, b, g, beta, same, test3, pool2),
    (d, c) => layers.convBatchnormReluPoolBackward(d, c),
    { h: 1e-4 },
  ),
};

describeOnEveryBackend('numeric gradients', () => {
  it.each(Object.entries(cases))('%s', (name, { inputs: draw, forward, backward, tolerance = 1e-8, h }) => {
    const randn = normals(231);
    const inputs = draw(randn);
    const [out, cache] = forward(...inputs);
    const dout = randn(...out.shape);
    const got = backward(dout, cache);
    const gradients = Array.isArray(got) ? (got as readonly Tensor[]) : [got as Tensor];
    expect(gradients).toHaveLength(inputs.length);
    inputs.forEach((input, i) => {
      if (i === bias && /BatchnormRelu/.test(name) && !name.endsWith('test mode')) {
        // What a bias adds, batchnorm takes away again: the gradient is 0, and relative errors mean nothing.
        for (const value of gradients[i].data) expect(Math.abs(value)).toBeLessThan(1e-12);
        return;
      }
      const expected = evalNumericalGradientArray(() => forward(...inputs)[0], input, dout, { h });
      expect(relError(gradients[i], expected), `input ${i}`).toBeLessThan(tolerance);
    });
  });

  it.each(Object.entries({ softmaxLoss: layers.softmaxLoss, svmLoss: layers.svmLoss }))('%s', (_, loss) => {
    const x = normals(3)(50, 10).mul(0.001);
    const y = randomLabels(4, 50, 10);
    expect(relError(loss(x, y)[1], evalNumericalGradient(() => loss(x, y)[0], x))).toBeLessThan(1e-7);
  });
});
