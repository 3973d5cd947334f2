/**
 * One network on every level, from the same parameters and on the same batches: the losses agree bit for bit.
 *
 *   conv 5x5 - relu - 2x2 max pool - affine - relu - affine
 *
 *   npx tsx examples/levels/side-by-side.ts [steps]
 *
 * Outside this repository, import from 'tilegrad', 'tilegrad/nn' and so on.
 */

import { fileURLToPath } from 'node:url';
import { batches } from '../../src/data/index.ts';
import { Rng, type Tensor } from '../../src/index.ts';
import {
  affineBackward, affineForward, affineReluBackward, affineReluForward, convReluPoolBackward, convReluPoolForward,
  maxPoolBackward, maxPoolForward, convBackward, convForward, kaimingInit, softmaxLoss,
} from '../../src/layers/index.ts';
import {
  Conv2d, crossEntropy, customFunction, Flatten, input, Linear, MaxPool2d, model, Module, noGrad, parameter, ReLU,
  sequential, type Trainable, SGD, type Variable, variable,
} from '../../src/nn/index.ts';
import { zeros } from '../../src/tensor/index.ts';
import { sgd } from '../../src/train/index.ts';
import { loadImages } from './data.ts';

export type Batches = ReadonlyArray<readonly [X: Tensor, y: Int32Array]>;

const learningRate = 1e-2;
const filters = 16;
const features = filters * 16 * 16;
const hiddenDim = 64;
const convParam = { stride: 1, pad: 2 };
const poolParam = { poolHeight: 2, poolWidth: 2, stride: 2 };

/** Where every level starts: W1, b1, W2, b2, W3, b3. */
function initialParameters(): Tensor[] {
  const rng = new Rng(0);
  return [
    kaimingInit(3, filters, { k: 5, rng }), zeros(filters, 'float32'),
    kaimingInit(features, hiddenDim, { rng }), zeros(hiddenDim, 'float32'),
    kaimingInit(hiddenDim, 10, { relu: false, rng }), zeros(10, 'float32'),
  ];
}

/** Layers called one by one, their gradients too. */
function byHand(steps: Batches): number[] {
  let params = initialParameters();
  return steps.map(([X, y]) => {
    const [W1, b1, W2, b2, W3, b3] = params;
    const [pooled, cache1] = convReluPoolForward(X, W1, b1, convParam, poolParam);
    const [hidden, cache2] = affineReluForward(pooled, W2, b2);
    const [scores, cache3] = affineForward(hidden, W3, b3);
    const [loss, dscores] = softmaxLoss(scores, y);
    const [dhidden, ...last] = affineBackward(dscores, cache3);
    const [dpooled, ...middle] = affineReluBackward(dhidden, cache2);
    const [, ...first] = convReluPoolBackward(dpooled, cache1, false);
    params = [...first, ...middle, ...last].map((grad, i) => sgd(params[i], grad, { learningRate })[0]);
    return loss;
  });
}

/**
 * Variables, and updates by hand. Layers become operations on them; the affine one too, since the gradient of `add`
 * sums a bias over the examples in another order than the layer does, which shows in the last bit.
 */
function barebones(steps: Batches): number[] {
  const conv = customFunction({
    forward: (x, w, b) => convForward(x, w, b, convParam),
    backward: (dout, cache: Parameters<typeof convBackward>[1]) => convBackward(dout, cache),
  });
  const pool = customFunction({
    forward: (x) => maxPoolForward(x, poolParam),
    backward: (dout, cache: Parameters<typeof maxPoolBackward>[1]) => maxPoolBackward(dout, cache),
  });
  const affine = customFunction({
    forward: (x, w, b) => affineForward(x, w, b),
    backward: (dout, cache: Parameters<typeof affineBackward>[1]) => affineBackward(dout, cache),
  });
  const params = initialParameters().map((values) => parameter(values));
  const [W1, b1, W2, b2, W3, b3] = params;
  return steps.map(([X, y]) => {
    const hidden = affine(pool(conv(variable(X), W1, b1).relu()), W2, b2).relu();
    const loss = crossEntropy(affine(hidden, W3, b3), y);
    loss.backward();
    noGrad(() => {
      for (const param of params) {
        param.assign(param.value.sub(param.grad!.mul(learningRate)));
        param.zeroGrad();
      }
    });
    return loss.item();
  });
}

/** A class with layers as fields. */
class ConvNet extends Module {
  readonly conv: Conv2d = new Conv2d(3, filters, 5, { padding: 2 });
  readonly pool: MaxPool2d = new MaxPool2d(2);
  readonly flatten: Flatten = new Flatten();
  readonly fc1: Linear = new Linear(features, hiddenDim);
  readonly fc2: Linear = new Linear(hiddenDim, 10);

  forward(x: Variable): Variable {
    const pooled = this.pool.forward(this.conv.forward(x).relu());
    return this.fc2.forward(this.fc1.forward(this.flatten.forward(pooled)).relu());
  }
}

/** The network's layers in their order. */
function layers(): Module[] {
  return [
    new Conv2d(3, filters, 5, { padding: 2 }), new ReLU(), new MaxPool2d(2), new Flatten(),
    new Linear(features, hiddenDim), new ReLU(), new Linear(hiddenDim, 10),
  ];
}

/** The layers as a graph. */
function graph(): Trainable {
  const image = input([3, 32, 32]);
  return model(image, layers().reduce((symbol, layer) => layer.apply(symbol), image));
}

/** net with the parameters that every level starts from. */
function prepared<Net extends Module>(net: Net): Net {
  const initial = initialParameters();
  noGrad(() => net.parameters().forEach((param, i) => param.assign(initial[i])));
  return net;
}

/** The loop that trains any module. */
function byLoop(net: Module, steps: Batches): number[] {
  const optimizer = new SGD(prepared(net).parameters(), { lr: learningRate });
  return steps.map(([X, y]) => {
    optimizer.zeroGrad();
    const loss = crossEntropy(net.forward(variable(X)), y);
    loss.backward();
    optimizer.step();
    return loss.item();
  });
}

/** compile and fit, one batch a call. */
async function byFit(net: Trainable, steps: Batches): Promise<number[]> {
  prepared(net).compile({ optimizer: new SGD(net.parameters(), { lr: learningRate }) });
  const losses: number[] = [];
  for (const [X, y] of steps) {
    losses.push(...(await net.fit(X, y, { batchSize: y.length, shuffle: false })).lossHistory);
  }
  return losses;
}

/** The losses of every level, one a batch, by the level's name. */
export async function sideBySide(steps: Batches): Promise<Record<string, number[]>> {
  return {
    'by hand': byHand(steps),
    barebones: barebones(steps),
    Module: byLoop(new ConvNet(), steps),
    sequential: byLoop(sequential(...layers()), steps),
    graph: byLoop(graph(), steps),
    fit: await byFit(sequential(...layers()), steps),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const data = await loadImages();
  const steps = [...batches(data.XTrain, data.yTrain, { batchSize: 64, rng: new Rng(1), dropLast: true })];
  const columns = await sideBySide(steps.slice(0, Number(process.argv[2] ?? 10)));
  const names = Object.keys(columns);
  console.log(['Iteration', ...names.map((name) => name.padStart(12))].join(''));
  columns[names[0]].forEach((_, i) => {
    console.log([String(i).padStart(9), ...names.map((name) => columns[name][i].toFixed(8).padStart(12))].join(''));
  });
  const agree = names.every((name) => columns[name].every((loss, i) => Object.is(loss, columns[names[0]][i])));
  console.log(agree ? 'All levels agree bit for bit.' : 'The levels differ.');
  if (!agree) process.exitCode = 1;
}
