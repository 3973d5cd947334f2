/**
 * What every platform runs, from the installed package: on each number of threads layers forward and backward, a
 * network of modules that is fitted, and a Solver's training run. Gives how many threads computed, and a hash of all
 * bits.
 */

import { configure, info, ready, Rng } from 'tilegrad';
import { makeShapes, prepareImages } from 'tilegrad/data';
import {
  affineForward, convBackward, convForward, maxPoolBackward, maxPoolForward, softmaxLoss, spatialBatchnormBackward,
  spatialBatchnormForward,
} from 'tilegrad/layers';
import { DeepConvNet } from 'tilegrad/models';
import { Adam, BatchNorm2d, Conv2d, Flatten, Linear, MaxPool2d, ReLU, sequential } from 'tilegrad/nn';
import { Solver } from 'tilegrad/train';

/** FNV-1a over bytes. */
class Hash {
  #value = 0x811c9dc5;

  add(tensor) {
    const { data } = tensor.clone();
    for (const byte of new Uint8Array(data.buffer, data.byteOffset, data.byteLength)) {
      this.#value = Math.imul(this.#value ^ byte, 0x01000193);
    }
  }

  toString() {
    return (this.#value >>> 0).toString(16).padStart(8, '0');
  }
}

function drawn(numTrain) {
  const set = makeShapes({ numTrain, numTest: 50, seed: 1 });
  return prepareImages(set, { numValidation: 50, normalize: true });
}

function runLayers(hash) {
  const rng = new Rng(3);
  const normal = (...shape) => rng.normal(0, 1, shape);
  const [conv, convCache] = convForward(normal(8, 3, 16, 16), normal(8, 3, 3, 3), normal(8), { stride: 1, pad: 1 });
  const param = { mode: 'train' };
  const [norm, normCache] = spatialBatchnormForward(conv, normal(8), normal(8), param);
  const [pool, poolCache] = maxPoolForward(norm, { poolHeight: 2, poolWidth: 2, stride: 2 });
  const [scores] = affineForward(pool, normal(8 * 64, 10), normal(10));
  const [, dscores] = softmaxLoss(scores, Int32Array.from({ length: 8 }, (_, i) => i));
  const dpool = normal(8, 8, 8, 8);
  const [dnorm, dgamma] = spatialBatchnormBackward(maxPoolBackward(dpool, poolCache), normCache);
  for (const tensor of [conv, norm, pool, scores, dscores, dgamma, ...convBackward(dnorm, convCache)]) hash.add(tensor);
}

async function fitModules(hash, data) {
  const rng = new Rng(5);
  const net = sequential(
    new Conv2d(3, 8, 3, { padding: 'same', rng }), new BatchNorm2d(8), new ReLU(), new MaxPool2d(4), new Flatten(),
    new Linear(8 * 64, 10, { rng }),
  );
  net.compile({ optimizer: new Adam(net.parameters(), { lr: 1e-2 }), loss: 'crossEntropy' });
  await net.fit(data.XTrain, data.yTrain, { epochs: 1, batchSize: 50, shuffle: false, verbose: false });
  for (const tensor of Object.values(net.stateDict())) hash.add(tensor);
}

async function train(hash, data) {
  const model = new DeepConvNet({
    numFilters: [8, 16], maxPools: [0, 1], batchnorm: true, weightScale: 'kaiming', rng: new Rng(1),
  });
  const solver = new Solver(model, data, {
    updateRule: 'adam', batchSize: 50, numEpochs: 2, verbose: false, rng: new Rng(2),
  });
  await solver.train();
  for (const name of Object.keys(model.params).sort()) hash.add(model.params[name]);
}

/** Everything on each number of threads, one row each. */
export async function outcomes() {
  const rows = [];
  for (const threads of [1, 2]) {
    configure({ threads });
    await ready();
    const hash = new Hash();
    const data = drawn(300);
    hash.add(data.XTrain);
    runLayers(hash);
    await fitModules(hash, data);
    await train(hash, data);
    const { backend, threads: used, runtime, version, why } = info();
    rows.push({ backend, asked: threads, threads: used, runtime, version, why, hash: String(hash) });
  }
  return rows;
}

/** Milliseconds of a training step of network c (batch 100, batchnorm, five pools): the median, after a warm-up. */
export async function stepTime() {
  configure({ threads: 'auto' });
  await ready();
  const data = drawn(400);
  const model = new DeepConvNet({
    numFilters: [16, 32, 32, 64, 64], maxPools: [0, 1, 2, 3, 4], batchnorm: true, weightScale: 'kaiming',
    rng: new Rng(1),
  });
  const solver = new Solver(model, data, {
    updateRule: 'adam', batchSize: 100, numEpochs: 1000, verbose: false, rng: new Rng(2),
  });
  const times = [];
  for (let step = 0; step < 240; step++) {
    const started = performance.now();
    solver.step();
    if (step >= 40) times.push(performance.now() - started);
    if (step % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return { milliseconds: times.sort((a, b) => a - b)[times.length >> 1], threads: info().threads };
}
