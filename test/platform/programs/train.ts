/**
 * The program that every platform runs: trains a small network for some steps on each thread count and says whether
 * the bits were the same.
 */

import { configure, info, type Info, ready, Rng, tensor } from '../../../src/index.ts';
import { DeepConvNet } from '../../../src/models/index.ts';
import { Solver } from '../../../src/train/index.ts';

export interface Outcome {
  readonly info: Info;
  /** how many threads info() told of after ready() */
  readonly threads: number[];
  /** losses and a checksum of the parameters' bits, by thread count */
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
  let hash = 0;
  for (const name of Object.keys(model.params).sort()) {
    const { data } = model.params[name];
    const bits = new Int32Array(Float32Array.from(data as Float32Array).buffer);
    for (const word of bits) hash = (Math.imul(hash, 31) + word) | 0;
  }
  return `${solver.lossHistory.join(' ')} ${hash}`;
}
