/**
 * Keras's manner, the lowest level: parameters in its layouts (filters (KH, KW, C, F)), functions, gradients, updates.
 *
 *   npx tsx examples/levels/keras-barebones.ts
 *
 * Outside this repository, import from 'tilegrad', 'tilegrad/nn' and so on.
 */

import type { PreparedImages } from '../../src/data/index.ts';
import { Rng } from '../../src/index.ts';
import { conv2d, noGrad, parameter, type Variable } from '../../src/nn/index.ts';
import { zeros } from '../../src/tensor/index.ts';
import { start } from './data.ts';
import { checkAccuracy, type Scores, trainEpoch } from './training.ts';

/** Normal numbers of variance 2 / fanIn, where all axes but the last are summed over. */
function kaiming(shape: number[], rng: Rng): Variable {
  const fanIn = shape.slice(0, -1).reduce((a, b) => a * b);
  return parameter(rng.normal(0, Math.sqrt(2 / fanIn), shape).astype('float32'));
}

/** One epoch of gradient descent on a model that is a function of images and parameters. */
function train(
  name: string, data: PreparedImages, model: (x: Variable, params: readonly Variable[]) => Variable,
  params: readonly Variable[], learningRate: number,
): void {
  console.log(`\n${name}`);
  const scores: Scores = (x) => model(x, params);
  const update = (): void => noGrad(() => {
    for (const w of params) {
      w.assign(w.value.sub(w.grad!.mul(learningRate)));
      w.zeroGrad();
    }
  });
  trainEpoch(scores, update, data, () => { checkAccuracy(scores, data.XVal, data.yVal, 'validation'); });
  checkAccuracy(scores, data.XTest, data.yTest, 'test');
}

/** affine - relu - affine, without biases */
function twoLayerNet(x: Variable, [w1, w2]: readonly Variable[]): Variable {
  return x.reshape(-1, 3072).matmul(w1).relu().matmul(w2);
}

/** conv 5x5 - relu - conv 3x3 - relu - affine */
function threeLayerConvNet(x: Variable, [w1, b1, w2, b2, w3, b3]: readonly Variable[]): Variable {
  const first = conv2d(x, w1.transpose(3, 2, 0, 1), b1, { padding: 'same' }).relu();
  const second = conv2d(first, w2.transpose(3, 2, 0, 1), b2, { padding: 'same' }).relu();
  return second.reshape(-1, 16 * 32 * 32).matmul(w3).add(b3);
}

/** Trains both networks for an epoch each. */
export function kerasBarebones(data: PreparedImages, hiddenDim: number = 4000): void {
  const rng = new Rng(0);
  train('two-layer network', data, twoLayerNet, [kaiming([3072, hiddenDim], rng), kaiming([hiddenDim, 10], rng)], 1e-2);
  const bias = (size: number): Variable => parameter(zeros(size, 'float32'));
  const params = [
    kaiming([5, 5, 3, 32], rng), bias(32), kaiming([3, 3, 32, 16], rng), bias(16),
    kaiming([16 * 32 * 32, 10], rng), bias(10),
  ];
  train('three-layer convnet', data, threeLayerConvNet, params, 3e-3);
}

await start(import.meta.url, kerasBarebones);
