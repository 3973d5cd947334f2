/**
 * The lowest level: variables, a loss, backward, and updates by hand. A two-layer network and a three-layer convnet.
 *
 *   npx tsx examples/levels/barebones.ts
 *
 * Outside this repository, import from 'tilegrad', 'tilegrad/nn' and so on.
 */

import { Rng } from '../../src/index.ts';
import { convBackward, convForward, kaimingInit } from '../../src/layers/index.ts';
import { customFunction, noGrad, parameter, type Variable } from '../../src/nn/index.ts';
import { zeros } from '../../src/tensor/index.ts';
import type { PreparedImages } from '../../src/data/index.ts';
import { start } from './data.ts';
import { checkAccuracy, type Scores, trainEpoch } from './training.ts';

/** A convolution that keeps the size of its images: a layer with its way back becomes an operation on variables. */
function convolution(filterSize: number): ReturnType<typeof customFunction> {
  return customFunction({
    forward: (x, w, b) => convForward(x, w, b, { stride: 1, pad: (filterSize - 1) / 2 }),
    backward: (dout, cache: Parameters<typeof convBackward>[1]) => convBackward(dout, cache),
  });
}

/** One epoch of gradient descent: each parameter loses its gradient times the learning rate. */
function train(
  name: string, data: PreparedImages, scores: Scores, parameters: readonly Variable[], learningRate: number,
): void {
  console.log(`\n${name}`);
  const update = (): void => noGrad(() => {
    for (const w of parameters) {
      w.assign(w.value.sub(w.grad!.mul(learningRate)));
      w.zeroGrad();
    }
  });
  trainEpoch(scores, update, data, () => { checkAccuracy(scores, data.XVal, data.yVal, 'validation'); });
  checkAccuracy(scores, data.XTest, data.yTest, 'test');
}

/** Trains both networks for an epoch each. */
export function barebones(data: PreparedImages, hiddenDim: number = 4000): void {
  const rng = new Rng(0);
  const W1 = parameter(kaimingInit(3072, hiddenDim, { rng }));
  const W2 = parameter(kaimingInit(hiddenDim, 10, { relu: false, rng }));
  train('two-layer network', data, (x) => x.reshape(-1, 3072).matmul(W1).relu().matmul(W2), [W1, W2], 1e-2);

  const [conv5, conv3] = [convolution(5), convolution(3)];
  const convW1 = parameter(kaimingInit(3, 32, { k: 5, rng }));
  const convB1 = parameter(zeros(32, 'float32'));
  const convW2 = parameter(kaimingInit(32, 16, { k: 3, rng }));
  const convB2 = parameter(zeros(16, 'float32'));
  const fcW = parameter(kaimingInit(16 * 32 * 32, 10, { relu: false, rng }));
  const fcB = parameter(zeros(10, 'float32'));

  /** conv 5x5 - relu - conv 3x3 - relu - affine */
  const threeLayerConvNet: Scores = (x) => {
    const first = conv5(x, convW1, convB1).relu();
    const second = conv3(first, convW2, convB2).relu();
    return second.reshape(-1, 16 * 32 * 32).matmul(fcW).add(fcB);
  };
  train('three-layer convnet', data, threeLayerConvNet, [convW1, convB1, convW2, convB2, fcW, fcB], 3e-3);
}

await start(import.meta.url, barebones);
