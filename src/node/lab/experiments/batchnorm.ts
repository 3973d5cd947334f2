/** Two deep networks with and without batchnorm, everything else equal (Ioffe and Szegedy 2015). */

import { DeepConvNet, FullyConnectedNet } from '../../../models/index.ts';
import { Rng } from '../../../tensor/index.ts';
import { descending, each, last } from '../experiment.ts';
import type { Check, Experiment } from '../experiment.ts';
import { historyCharts, historyTable } from '../show.ts';

export const batchnorm: Experiment = {
  title: 'Batchnorm against none',
  question: 'Does a deep network learn faster when every layer sees inputs of mean 0 and deviation 1?',
  lessons: [
    'With batchnorm the loss falls from the first steps on: a layer no longer has to follow what those before it do to ' +
    'the size of its inputs, and gradients reach the first layer undiminished.',
    'The gain is greater in training than in validation: faster is not the same as better generalising.',
  ],
  async run({ quick, seed, images, train }) {
    const dense = await images({ numTraining: quick ? 100 : 1000, numValidation: quick ? 50 : 1000 });
    const hidden = Array<number>(5).fill(quick ? 20 : 100);
    const numEpochs = quick ? 4 : 10;
    const deep = (normalization: 'batchnorm' | null): FullyConnectedNet =>
      new FullyConnectedNet(hidden, { normalization, weightScale: 2e-2, rng: new Rng(seed) });
    const options = { updateRule: 'adam', optimConfig: { learningRate: 1e-3 }, numEpochs } as const;
    const full = {
      batchnorm: await train('fully connected, batchnorm', deep('batchnorm'), dense, { ...options, batchSize: 50 }),
      none: await train('fully connected, none', deep(null), dense, { ...options, batchSize: 50 }),
    };

    const few = { numTraining: quick ? 60 : 500, numValidation: quick ? 50 : 1000 };
    const normalized = await images({ ...few, normalize: true });
    const numFilters = quick ? [4, 4] : [16, 32, 32, 64, 64];
    const conv = (useBatchnorm: boolean): DeepConvNet =>
      new DeepConvNet({ numFilters, batchnorm: useBatchnorm, weightScale: 'kaiming', reg: 1e-5, rng: new Rng(seed) });
    const convolutional = {
      batchnorm: await train('convolutional, batchnorm', conv(true), normalized, { ...options, batchSize: 100 }),
      none: await train('convolutional, none', conv(false), normalized, { ...options, batchSize: 100 }),
    };

    const faster = (kind: string, runs: typeof full): Check => descending(
      `${kind}: batchnorm ends with higher training accuracy than none`, each(runs, (run) => last(run.trainAccHistory)),
    );
    const titled = (kind: string, runs: typeof full): ReturnType<typeof historyCharts> =>
      historyCharts(runs).map((chart) => ({ ...chart, title: `${kind}: ${chart.title.toLowerCase()}` }));
    const runs = {
      'fully connected, batchnorm': full.batchnorm, 'fully connected, none': full.none,
      'convolutional, batchnorm': convolutional.batchnorm, 'convolutional, none': convolutional.none,
    };
    return {
      checks: [faster('fully connected', full), faster('convolutional', convolutional)],
      charts: [titled('Fully connected', full), titled('Convolutional', convolutional)],
      tables: [historyTable(runs)], runs,
    };
  },
};
