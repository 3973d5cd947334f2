/**
 * The program that every platform runs: on each thread count it trains a small network for some steps and lets it
 * judge one image and a few (which take other kernels), also as a model file; it says whether the bits were the same.
 */

import { configure, info, type Info, ready, Rng, type Tensor, tensor } from '../../../src/index.ts';
import { loadModel, saveModel } from '../../../src/io/index.ts';
import { DeepConvNet } from '../../../src/models/index.ts';
import { Solver } from '../../../src/train/index.ts';

export interface Outcome {
  readonly info: Info;
  /** how many threads info() told of after ready() */
  readonly threads: number[];
  /** losses, checksums of the parameters' bits and of the scores' of one and of three images, by thread count */
  readonly results: string[];
}

/** Trains on each thread count in turn. */
export async function trainOnThreads(counts: readonly number[]): Promise<Outcome> {
  const threads: number[] = [];
  const results: string[] = [];
  for (const count of counts) {
    configure({ threads: count });
    await ready();
    threads.push(info().threads);
    results.push(trainBriefly());
  }
  configure({ threads: 'auto' });
  return { info: info(), threads, results };
}

function trainBriefly(): string {
  const rng = new Rng(7);
  const [n, size] = [40, 16];
  const images = Float32Array.from({ length: n * 3 * size * size }, () => rng.random() - 0.5);
  const X = tensor(images, [n, 3, size, size]);
  const y = Int32Array.from({ length: n }, (_, i) => i % 10);
  const model = new DeepConvNet({
    inputDim: [3, size, size], numFilters: [16, 32], maxPools: [1], batchnorm: true, numClasses: 10,
    weightScale: 'kaiming', rng: new Rng(1),
  });
  const solver = new Solver(model, { XTrain: X, yTrain: y, XVal: X, yVal: y }, {
    updateRule: 'adam', batchSize: 20, numEpochs: 1, verbose: false, rng: new Rng(2),
  });
  for (let step = 0; step < 4; step++) solver.step();
  const parameters = Object.keys(model.params).sort().map((name) => checksum(model.params[name]));
  // twice: what is kept from the first call serves the second
  const scores = [1, 1, 3].map((count) => checksum(model.loss(X.slice([0, count]))));
  // a model file, written and read here
  const loaded = loadModel(saveModel(model, { mean: [120, 120, 120], std: [60, 60, 60] }));
  const copied = checksum((loaded.model as DeepConvNet).loss(X.slice([0, 3])));
  const pictures = X.add(0.5).mul(255).astype('uint8');
  const [{ label, probability }] = loaded.predict(pictures.slice(0));
  return [...solver.lossHistory, ...parameters, ...scores, copied === scores[2], label, probability].join(' ');
}

function checksum({ data }: Tensor): number {
  const bits = new Int32Array(Float32Array.from(data as Float32Array).buffer);
  return bits.reduce((hash, word) => (Math.imul(hash, 31) + word) | 0, 0);
}
