/**
 * What the experiment gradients and npm run gradcheck check of the layers: every backward pass, at the sizes and
 * tolerances of the course. Importing this draws all inputs.
 */

import * as layers from '../../layers/index.ts';
import type { BatchnormParam } from '../../layers/index.ts';
import { RandomState } from '../../tensor/index.ts';
import type { Tensor } from '../../tensor/index.ts';

/** A layer at given inputs. */
export interface LayerCheck {
  /** the backward pass that is checked */
  readonly name: string;
  /** by name, in the order of forward's arguments and of backward's gradients */
  readonly inputs: Readonly<Record<string, Tensor>>;
  forward(...inputs: Tensor[]): [out: Tensor, cache: unknown];
  backward(dout: Tensor, cache: unknown): Tensor | readonly Tensor[];
  readonly tolerance: number;
  /** step of the numeric gradient */
  readonly h: number;
}

/** A loss at given scores and labels. */
export interface LossCheck {
  readonly name: string;
  readonly x: Tensor;
  loss(x: Tensor): [loss: number, dx: Tensor];
  readonly tolerance: number;
}

interface Options {
  readonly tolerance?: number;
  readonly h?: number;
}

const seed = 231;
const rng = new RandomState(seed);
const randn = (...shape: number[]): Tensor => rng.randn(shape);

/** Types are checked where a check is written and forgotten where it is run. */
function check<C>(
  name: string, inputs: Readonly<Record<string, Tensor>>, forward: (...inputs: Tensor[]) => [out: Tensor, cache: C],
  backward: (dout: Tensor, cache: C) => Tensor | readonly Tensor[], { tolerance = 1e-8, h = 1e-5 }: Options = {},
): LayerCheck {
  return { name, inputs, forward, backward: (dout, cache) => backward(dout, cache as C), tolerance, h };
}

/** A fresh param for every forward pass, so that none sees another's running averages. */
const train = (): BatchnormParam => ({ mode: 'train' });

const pool2 = { poolHeight: 2, poolWidth: 2, stride: 2 };
const overlapping = { poolHeight: 3, poolWidth: 2, stride: 1 };
const same = { stride: 1, pad: 1 };

/** Longer steps lose less to rounding, and nothing at all where the layer is linear in the input that moves. */
const linear: Options = { h: 1e-3 };
/** A step for layers of linear pieces, and for inputs that are about 10 in size. */
const longer: Options = { h: 1e-4 };

const affine = { x: randn(10, 2, 3), w: randn(6, 5), b: randn(5) };
const square = { x: randn(10, 10) };
const conv = { x: randn(4, 3, 5, 5), w: randn(2, 3, 3, 3), b: randn(2) };
const images = { x: randn(3, 2, 8, 8) };
const features = { x: randn(4, 5).mul(5).add(12), gamma: randn(5), beta: randn(5) };
const channels = { x: randn(2, 3, 4, 5).mul(5).add(12), gamma: randn(3), beta: randn(3) };
const groups = { x: randn(2, 6, 4, 5).mul(5).add(12), gamma: randn(1, 6, 1, 1), beta: randn(1, 6, 1, 1) };
const test: BatchnormParam = { mode: 'test', runningMean: randn(5), runningVar: randn(5).abs().add(0.5) };
const dense = { x: randn(2, 3, 4), w: randn(12, 10), b: randn(10) };
const denseNorm = { x: randn(6, 3), w: randn(3, 4), b: randn(4), gamma: randn(4), beta: randn(4) };
const convRelu = { x: randn(2, 3, 8, 8), w: randn(3, 3, 3, 3), b: randn(3) };
const convNorm = { x: randn(2, 2, 6, 6), w: randn(3, 2, 3, 3), b: randn(3), gamma: randn(3), beta: randn(3) };
const slopes = { x: randn(3, 2, 4, 4), slope: randn(2) };
const keep = { keepProb: 0.6, mode: 'train', seed } as const;

export const layerChecks: readonly LayerCheck[] = [
  check('affineBackward', affine, layers.affineForward, layers.affineBackward),
  check('reluBackward', square, layers.reluForward, layers.reluBackward),
  check('leakyReluBackward', square, (x) => layers.leakyReluForward(x, 0.01), layers.leakyReluBackward),
  check('eluBackward', square, (x) => layers.eluForward(x, 1), layers.eluBackward),
  check('geluBackward', square, layers.geluForward, layers.geluBackward),
  check('siluBackward', square, layers.siluForward, layers.siluBackward),
  check('sigmoidBackward', square, layers.sigmoidForward, layers.sigmoidBackward),
  check('tanhBackward', square, layers.tanhForward, layers.tanhBackward),
  check('preluBackward', slopes, layers.preluForward, layers.preluBackward),
  check('maxoutBackward', square, (x) => layers.maxoutForward(x, 2), layers.maxoutBackward),
  check('softmaxBackward', square, (x) => layers.softmaxForward(x), layers.softmaxBackward),
  check(
    'convBackwardNaive', conv, (x, w, b) => layers.convForwardNaive(x, w, b, same), layers.convBackwardNaive, linear,
  ),
  check('convBackwardFast', conv, (x, w, b) => layers.convForwardFast(x, w, b, same), layers.convBackwardFast, linear),
  check(
    'convBackward, stride 2', conv, (x, w, b) => layers.convForward(x, w, b, { stride: 2, pad: 1 }),
    layers.convBackward, linear,
  ),
  check('maxPoolBackwardNaive', images, (x) => layers.maxPoolForwardNaive(x, pool2), layers.maxPoolBackwardNaive),
  check('maxPoolBackwardFast', images, (x) => layers.maxPoolForwardFast(x, pool2), layers.maxPoolBackwardFast),
  check('maxPoolBackward, overlapping', images, (x) => layers.maxPoolForward(x, overlapping), layers.maxPoolBackward),
  check('adaptiveAvgPoolBackward', images, (x) => layers.adaptiveAvgPoolForward(x, 3), layers.adaptiveAvgPoolBackward, linear),
  check('avgPoolBackward', images, (x) => layers.avgPoolForward(x, overlapping), layers.avgPoolBackward),
  check('globalAvgPoolBackward', images, layers.globalAvgPoolForward, layers.globalAvgPoolBackward),
  check(
    'batchnormBackward', features, (x, g, b) => layers.batchnormForward(x, g, b, train()),
    layers.batchnormBackward, longer,
  ),
  check(
    'batchnormBackwardAlt', features, (x, g, b) => layers.batchnormForward(x, g, b, train()),
    layers.batchnormBackwardAlt, longer,
  ),
  check(
    'batchnormBackward, test mode', features, (x, g, b) => layers.batchnormForward(x, g, b, test),
    layers.batchnormBackward,
  ),
  check(
    'batchnormBackwardAlt, test mode', features, (x, g, b) => layers.batchnormForward(x, g, b, test),
    layers.batchnormBackwardAlt,
  ),
  check('layernormBackward', features, (x, g, b) => layers.layernormForward(x, g, b), layers.layernormBackward, longer),
  check(
    'spatialBatchnormBackward', channels, (x, g, b) => layers.spatialBatchnormForward(x, g, b, train()),
    layers.spatialBatchnormBackward, { tolerance: 1e-6 },
  ),
  check(
    'spatialGroupnormBackward', groups, (x, g, b) => layers.spatialGroupnormForward(x, g, b, 2),
    layers.spatialGroupnormBackward, { tolerance: 1e-6 },
  ),
  check('dropoutBackward', { x: square.x.add(10) }, (x) => layers.dropoutForward(x, keep), layers.dropoutBackward),
  check('affineReluBackward', dense, layers.affineReluForward, (d, c) => layers.affineReluBackward(d, c)),
  check(
    'affineBatchnormReluBackward', denseNorm,
    (x, w, b, g, beta) => layers.affineBatchnormReluForward(x, w, b, g, beta, train()),
    (d, c) => layers.affineBatchnormReluBackward(d, c),
  ),
  check(
    'affineLayernormReluBackward', denseNorm, (x, w, b, g, beta) => layers.affineLayernormReluForward(x, w, b, g, beta),
    (d, c) => layers.affineLayernormReluBackward(d, c),
  ),
  check(
    'convReluBackward', convRelu, (x, w, b) => layers.convReluForward(x, w, b, same),
    (d, c) => layers.convReluBackward(d, c),
  ),
  check(
    'convReluPoolBackward', convRelu, (x, w, b) => layers.convReluPoolForward(x, w, b, same, pool2),
    (d, c) => layers.convReluPoolBackward(d, c), longer,
  ),
  check(
    'convBatchnormReluBackward', convNorm,
    (x, w, b, g, beta) => layers.convBatchnormReluForward(x, w, b, g, beta, same, train()),
    (d, c) => layers.convBatchnormReluBackward(d, c), { tolerance: 1e-6 },
  ),
  check(
    'convBatchnormReluPoolBackward', convNorm,
    (x, w, b, g, beta) => layers.convBatchnormReluPoolForward(x, w, b, g, beta, same, train(), pool2),
    (d, c) => layers.convBatchnormReluPoolBackward(d, c), { tolerance: 1e-6 },
  ),
];

const scores = randn(50, 10).mul(0.001);
const labels = rng.randint(10, null, [50]);

export const lossChecks: readonly LossCheck[] = [
  { name: 'svmLoss', x: scores, loss: (x) => layers.svmLoss(x, labels), tolerance: 1e-8 },
  { name: 'softmaxLoss', x: scores, loss: (x) => layers.softmaxLoss(x, labels), tolerance: 1e-7 },
];
