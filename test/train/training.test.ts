/** Training as a whole: known trajectories, and a network that learns fifty images by heart. */

import { createReadStream } from 'node:fs';
import { createGunzip } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { makeShapes, parseCifar10 } from '../../src/data/index.ts';
import type { LabelledImages } from '../../src/data/index.ts';
import { DeepConvNet } from '../../src/models/index.ts';
import { readTar } from '../../src/data/tar.ts';
import { arange, Rng, Tensor, zeros } from '../../src/tensor/index.ts';
import { adam, relError, Solver } from '../../src/train/index.ts';
import type { UpdateConfig } from '../../src/train/index.ts';
import { buildModel } from '../models/build.ts';
import { describeOnEveryBackend } from '../support/backends.ts';
import { reference, stored } from '../support/reference.ts';
import type { ModelCase } from '../support/reference.ts';

const cases = reference.models.map((model, i) => [`${i}: ${model.model} ${JSON.stringify(model.config)}`, model] as const);

/** A generator whose permutations leave everything in its place. */
class InOrder extends Rng {
  override permutation(n: number | Tensor): Tensor {
    return n instanceof Tensor ? n : arange(n);
  }
}

/** All batches of a case as one training set. */
function trainingSet({ batches }: ModelCase): { X: Tensor; y: number[] } {
  const [first, ...shape] = batches[0].X.shape;
  const X = zeros([batches.length * first, ...shape], 'float64');
  batches.forEach((batch, i) => X.slice([i * first, (i + 1) * first]).assign(stored(batch.X)));
  return { X, y: batches.flatMap(({ y }) => [...y]) };
}

describeOnEveryBackend('ten Adam steps of reference.json', () => {
  it.each(cases)('by the update rule: %s', (_, reference) => {
    const model = buildModel(reference, 'float64');
    const configs: Record<string, UpdateConfig> = {};
    reference.adam.losses.forEach((expected, i) => {
      const { X, y } = reference.batches[i % reference.batches.length];
      const [loss, grads] = model.loss(stored(X), y);
      expect(relError(loss, expected)).toBeLessThan(1e-6);
      for (const name of Object.keys(grads)) {
        configs[name] ??= { learningRate: reference.adam.learningRate };
        [model.params[name], configs[name]] = adam(model.params[name], grads[name], configs[name]);
      }
    });
  });

  it.each(cases)('by Solver: %s', (_, reference) => {
    const { X, y } = trainingSet(reference);
    const solver = new Solver(buildModel(reference, 'float64'), { XTrain: X, yTrain: y, XVal: X, yVal: y }, {
      updateRule: 'adam', optimConfig: { learningRate: reference.adam.learningRate }, rng: new InOrder(0),
      batchSize: reference.batches[0].y.length,
    });
    const losses = reference.adam.losses.map(() => solver.step());
    expect(relError(losses, [...reference.adam.losses])).toBeLessThan(1e-6);
  });
});

/** Epochs until DeepConvNet [8, 16, 32, 64] classifies all the images right; Infinity when 30 are not enough. */
async function epochsToLearn({ images, labels }: LabelledImages): Promise<number> {
  const X = images.astype('float32').sub(128).div(64);
  const model = new DeepConvNet({
    inputDim: [3, 32, 32], numFilters: [8, 16, 32, 64], maxPools: [0, 1, 2, 3], weightScale: 'kaiming', rng: new Rng(2),
  });
  const learnt = new AbortController();
  const solver = new Solver(model, { XTrain: X, yTrain: labels, XVal: X.slice([0, 10]), yVal: labels.slice(0, 10) }, {
    updateRule: 'adam', optimConfig: { learningRate: 2e-3 }, batchSize: 10, numEpochs: 30, verbose: false,
    onProgress: ({ trainAcc }) => {
      if (trainAcc === 1) learnt.abort();
    },
  });
  await solver.train({ signal: learnt.signal });
  const epochs = solver.trainAccHistory.indexOf(1);
  return epochs < 0 ? Infinity : epochs;
}

describe('overfitting fifty images', () => {
  it('reaches 100% within 30 epochs on the procedural set', async () => {
    const { train } = makeShapes({ seed: 1, numTrain: 50, numTest: 10 });
    expect(await epochsToLearn(train)).toBeLessThanOrEqual(30);
  });

  const archive = process.env.CIFAR10 ?? '';
  it.skipIf(!archive.endsWith('.tar.gz'))('reaches 100% within 30 epochs on CIFAR-10', async () => {
    expect(await epochsToLearn(await firstImages(archive, 50))).toBeLessThanOrEqual(30);
  });
});

/** The first images of the archive's first batch, without reading on. */
async function firstImages(archive: string, count: number): Promise<LabelledImages> {
  const wanted = new Uint8Array(count * 3073);
  for await (const { name, chunks } of readTar(createReadStream(archive).pipe(createGunzip()))) {
    if (!name.endsWith('data_batch_1.bin')) continue;
    let filled = 0;
    for await (const chunk of chunks) {
      wanted.set(chunk.subarray(0, wanted.length - filled), filled);
      filled += chunk.length;
      if (filled >= wanted.length) return parseCifar10(wanted);
    }
  }
  throw new Error(`${archive} has no data_batch_1.bin`);
}
