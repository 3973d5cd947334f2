/** Batchnorm and layernorm (Ba, Kiros and Hinton 2016) with batches of three sizes. */

import { FullyConnectedNet } from '../../../models/index.ts';
import { Rng } from '../../../tensor/index.ts';
import { descending, each, last } from '../experiment.ts';
import type { Check, Experiment, Lab, Run } from '../experiment.ts';
import { historyCharts, historyTable } from '../show.ts';

type Normalization = 'batchnorm' | 'layernorm' | null;

const sizes = [5, 10, 50] as const;

/** Runs of pairs of normalization and batch size, everything else equal. */
async function runs(
  { quick, seed, images, train }: Lab, cases: ReadonlyArray<readonly [Normalization, number]>,
): Promise<Record<string, Run>> {
  const data = await images({ numTraining: quick ? 100 : 1000, numValidation: quick ? 50 : 1000 });
  const hidden = Array<number>(5).fill(quick ? 20 : 100);
  const found: Record<string, Run> = {};
  for (const [normalization, batchSize] of cases) {
    const label = `${normalization ?? 'none'}, batch ${batchSize}`;
    const network = new FullyConnectedNet(hidden, { normalization, weightScale: 2e-2, rng: new Rng(seed) });
    const optimConfig = { learningRate: 10 ** -3.5 };
    found[label] = await train(label, network, data, { updateRule: 'adam', optimConfig, batchSize, numEpochs: quick ? 2 : 10 });
  }
  return found;
}

function experiment(
  cases: ReadonlyArray<readonly [Normalization, number]>,
  about: Pick<Experiment, 'title' | 'question' | 'lessons'>, checks: (training: Record<string, number>) => Check[],
): Experiment {
  return {
    ...about,
    async run(lab) {
      const found = await runs(lab, cases);
      const training = each(found, (run) => last(run.trainAccHistory));
      return { checks: checks(training), charts: [historyCharts(found)], tables: [historyTable(found)], runs: found };
    },
  };
}

export const batchSize: Experiment = experiment([...sizes.map((size) => ['batchnorm', size] as const), [null, 5]], {
  title: 'Batchnorm against the batch size',
  question: 'How good are means and deviations that are taken from 5, 10 or 50 images?',
  lessons: [
    'Batchnorm normalises with the statistics of the batch. Of five images they are so noisy that they disturb training ' +
    'about as much as normalising helps it; of fifty they are good.',
    'Small batches make more steps an epoch, so the loss is best compared by epoch: in the charts of accuracy.',
  ],
}, (training) => [
  descending('training accuracy ends the higher the larger the batch', {
    'batch 50': training['batchnorm, batch 50'], 'batch 10': training['batchnorm, batch 10'],
    'batch 5': training['batchnorm, batch 5'],
  }),
  descending('what batchnorm gains at batch 50 over batch 5 is more than it gains over none at batch 5', {
    'over batch 5': training['batchnorm, batch 50'] - training['batchnorm, batch 5'],
    'over none': training['batchnorm, batch 5'] - training['none, batch 5'],
  }),
]);

export const layernorm: Experiment = experiment([
  ...sizes.map((size) => ['layernorm', size] as const), ['batchnorm', 5], ['batchnorm', 50],
], {
  title: 'Layernorm against the batch size',
  question: 'What if the statistics are those of one image over all units of a layer?',
  lessons: [
    'Layernorm normalises every image by itself: the batch size does not change what a layer computes. At batch 5, where ' +
    'batchnorm is disturbed by its own statistics, it learns more.',
    'What remains of a difference between its batch sizes comes from the steps: gradients of five images are noisier, and ' +
    'the learning rate is the same.',
    'Its statistics are over the units of a layer: a layer of few units has too few for them.',
  ],
}, (training) => {
  const lost = (kind: string): number => training[`${kind}, batch 50`] - training[`${kind}, batch 5`];
  return [
    descending('at batch 5 layernorm ends with higher training accuracy than batchnorm', {
      layernorm: training['layernorm, batch 5'], batchnorm: training['batchnorm, batch 5'],
    }),
    descending('from batch 50 to batch 5 batchnorm loses more training accuracy than layernorm', {
      batchnorm: lost('batchnorm'), layernorm: lost('layernorm'),
    }),
  ];
});
