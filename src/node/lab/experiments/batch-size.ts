/** Batchnorm and layernorm (Ba, Kiros and Hinton 2016) with batches of three sizes. */

import { FullyConnectedNet } from '../../../models/index.ts';
import { Rng } from '../../../tensor/index.ts';
import { check, descending, each, last } from '../experiment.ts';
import type { Check, Experiment, Lab, Run } from '../experiment.ts';
import { historyCharts, historyTable } from '../show.ts';

type Normalization = 'batchnorm' | 'layernorm' | null;

const sizes = [5, 10, 50] as const;

/** Runs of one kind of normalization by batch size, and what they are held against: the smallest batch with others. */
async function runs(
  { quick, seed, images, train }: Lab, kind: Normalization, others: readonly Normalization[],
): Promise<Record<string, Run>> {
  const data = await images({ numTraining: quick ? 100 : 1000, numValidation: quick ? 50 : 1000 });
  const hidden = Array<number>(5).fill(quick ? 20 : 100);
  const found: Record<string, Run> = {};
  const cases = [...sizes.map((size) => [kind, size] as const), ...others.map((other) => [other, sizes[0]] as const)];
  for (const [normalization, batchSize] of cases) {
    const label = `${normalization ?? 'none'}, batch ${batchSize}`;
    const network = new FullyConnectedNet(hidden, { normalization, weightScale: 2e-2, rng: new Rng(seed) });
    const optimConfig = { learningRate: 10 ** -3.5 };
    found[label] = await train(label, network, data, { updateRule: 'adam', optimConfig, batchSize, numEpochs: quick ? 2 : 10 });
  }
  return found;
}

function experiment(
  kind: NonNullable<Normalization>, others: readonly Normalization[],
  about: Pick<Experiment, 'title' | 'question' | 'lessons'>, checks: (training: Record<string, number>) => Check[],
): Experiment {
  return {
    ...about,
    async run(lab) {
      const found = await runs(lab, kind, others);
      const training = each(found, (run) => last(run.trainAccHistory));
      return { checks: checks(training), charts: [historyCharts(found)], tables: [historyTable(found)], runs: found };
    },
  };
}

export const batchSize: Experiment = experiment('batchnorm', [null], {
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

export const layernorm: Experiment = experiment('layernorm', ['batchnorm'], {
  title: 'Layernorm against the batch size',
  question: 'What if the statistics are those of one image over all units of a layer?',
  lessons: [
    'Layernorm normalises every image by itself: the batch size changes how many steps an epoch has, but not what a layer ' +
    'computes. Small batches, which batchnorm cannot use well, do no harm.',
    'Its statistics are over the units of a layer: a layer of few units has too few for them.',
  ],
}, (training) => [
  descending('at batch 5 layernorm ends with higher training accuracy than batchnorm', {
    layernorm: training['layernorm, batch 5'], batchnorm: training['batchnorm, batch 5'],
  }),
  check('layernorm loses nothing by small batches: batch 5 is no worse in training than batch 50',
    training['layernorm, batch 5'] >= training['layernorm, batch 50'],
    { 'batch 5': training['layernorm, batch 5'], 'batch 50': training['layernorm, batch 50'] }),
]);
