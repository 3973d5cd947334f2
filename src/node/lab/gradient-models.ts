/**
 * What the experiment gradients and npm run gradcheck check of the networks: those of the course's notebooks, with the
 * sizes, weight scales and penalties there, so that the printed errors can be laid beside the notebooks'. Importing
 * this builds all networks.
 */

import { DeepConvNet, FullyConnectedNet, ThreeLayerConvNet, TwoLayerNet } from '../../models/index.ts';
import type { Network } from '../../models/index.ts';
import { RandomState } from '../../tensor/index.ts';
import type { Tensor } from '../../tensor/index.ts';

export interface ModelCheck {
  readonly name: string;
  readonly model: Network;
  readonly X: Tensor;
  readonly y: Tensor;
  readonly tolerance: number;
  /** step of the numeric gradient */
  readonly h: number;
  /** elements checked of each parameter, drawn at random; null for all */
  readonly sample: number | null;
}

/** Draws inputs, labels and weights from one stream, in that order, as the course's notebooks do. */
function check(
  name: string, shape: readonly number[], classes: number, build: (rng: RandomState) => Network,
  options: { tolerance: number; h?: number; sample?: number },
): ModelCheck {
  const rng = new RandomState(231);
  const X = rng.randn(shape);
  const y = rng.randint(classes, null, [shape[0]]);
  const { tolerance, h = 1e-5, sample = null } = options;
  return { name, model: build(rng), X, y, tolerance, h, sample };
}

const dtype = 'float64';
const vector = { inputDim: 15, numClasses: 10, weightScale: 5e-2, dtype } as const;
const three = {
  inputDim: [3, 16, 16], numFilters: 3, filterSize: 3, hiddenDim: 7, numClasses: 10, weightScale: 5e-2, dtype,
} as const;
const deep = {
  inputDim: [3, 8, 8], numFilters: [8, 8, 8], maxPools: [0, 2], numClasses: 10, weightScale: 5e-2, dtype,
} as const;

/**
 * Batchnorm over two examples bends much within a step of the numeric gradient, whose error that is: the notebooks
 * print 1.10e-4 for W1 too. Networks with more examples are checked more closely in test/models.
 */
const batchnormTolerance = 2e-4;

export const modelChecks: readonly ModelCheck[] = [
  ...[0, 0.7].map((reg) => check(
    `TwoLayerNet, reg ${reg}`, [3, 5], 7,
    (rng) => new TwoLayerNet({ inputDim: 5, hiddenDim: 50, numClasses: 7, weightScale: 1e-1, reg, dtype, rng }),
    { tolerance: 1e-6 },
  )),
  ...([null, 'batchnorm', 'layernorm'] as const).flatMap((normalization) => [0, 3.14].map((reg) => check(
    `FullyConnectedNet, ${normalization ?? 'no normalization'}, reg ${reg}`, [2, 15], 10,
    (rng) => new FullyConnectedNet([20, 30], { ...vector, normalization, reg, rng }),
    { tolerance: normalization === 'batchnorm' ? batchnormTolerance : 1e-6 },
  ))),
  check(
    'FullyConnectedNet, dropout 0.75', [2, 15], 10,
    (rng) => new FullyConnectedNet([20, 30], { ...vector, dropoutKeep: 0.75, seed: 123, rng }), { tolerance: 1e-6 },
  ),
  ...[0, 3.14].map((reg) => check(
    `ThreeLayerConvNet, reg ${reg}`, [2, 3, 16, 16], 10, (rng) => new ThreeLayerConvNet({ ...three, reg, rng }),
    { tolerance: reg === 0 ? 1e-5 : 1e-4, h: 1e-6 },
  )),
  ...[false, true].flatMap((batchnorm) => [0, 3.14].map((reg) => check(
    `DeepConvNet, ${batchnorm ? 'batchnorm' : 'no batchnorm'}, reg ${reg}`, [2, 3, 8, 8], 10,
    (rng) => new DeepConvNet({ ...deep, batchnorm, reg, rng }), { tolerance: reg === 0 ? 1e-5 : 1e-4, h: 1e-6 },
  ))),
  check(
    'DeepConvNet of the overfitting run', [2, 3, 32, 32], 10,
    (rng) => new DeepConvNet({
      inputDim: [3, 32, 32], numFilters: [8, 16, 32, 64], maxPools: [0, 1, 2, 3], weightScale: 1e-1, dtype, rng,
    }),
    { tolerance: 1e-5, h: 1e-6, sample: 6 },
  ),
];
