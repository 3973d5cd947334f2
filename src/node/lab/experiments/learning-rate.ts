/** Learning rates over a factor of four, with and without batchnorm. */

import { DeepConvNet } from '../../../models/index.ts';
import { Rng } from '../../../tensor/index.ts';
import { check, descending, finalLoss, last } from '../experiment.ts';
import type { Experiment, Run } from '../experiment.ts';
import { historyCharts, historyTable, number, settingChart } from '../show.ts';

const rates = [5e-3, 1e-2, 2e-2] as const;
const kinds = ['batchnorm', 'none'] as const;

export const learningRate: Experiment = {
  title: 'Batchnorm and the learning rate',
  question: 'How large may the steps be, with and without batchnorm?',
  lessons: [
    'With batchnorm all rates lead to about the same accuracy: weights that grow under large steps do not change what the ' +
    'normalised layer computes, and their gradients become smaller by as much.',
    'Without it a rate four times as large costs a good part of the accuracy: the first steps move the weights to where ' +
    'later ones must bring them back from.',
  ],
  async run({ quick, seed, images, train }) {
    const data = await images({ numTraining: quick ? 60 : 10_000, numValidation: quick ? 50 : 1000, normalize: true });
    const runs: Record<string, Run> = {};
    const training = { batchnorm: [] as number[], none: [] as number[] };
    for (const kind of kinds) {
      for (const rate of rates) {
        const label = `${kind}, rate ${number(rate)}`;
        const network = new DeepConvNet({
          numFilters: quick ? [4, 4] : [8, 8, 8], batchnorm: kind === 'batchnorm', weightScale: 'kaiming', reg: 1e-5,
          rng: new Rng(seed),
        });
        runs[label] = await train(label, network, data, {
          updateRule: 'adam', optimConfig: { learningRate: rate }, batchSize: 100, numEpochs: quick ? 2 : 5,
        });
        training[kind].push(last(runs[label].trainAccHistory));
      }
    }
    const spread = (values: readonly number[]): number => Math.max(...values) - Math.min(...values);
    const spreads = { none: spread(training.none), batchnorm: spread(training.batchnorm) };
    return {
      checks: [
        ...rates.map((rate) => descending(
          `at rate ${number(rate)} the loss ends higher without batchnorm than with`,
          { none: finalLoss(runs[`none, rate ${number(rate)}`]), batchnorm: finalLoss(runs[`batchnorm, rate ${number(rate)}`]) },
        )),
        descending(`at rate ${number(last(rates))} batchnorm ends with higher training accuracy than none`,
          { batchnorm: last(training.batchnorm), none: last(training.none) }),
        descending('training accuracy differs more between the rates without batchnorm than with', spreads),
        check('with batchnorm the rates differ by less than 0.1 in training accuracy', spreads.batchnorm < 0.1,
          Object.fromEntries(rates.map((rate, i) => [`rate ${number(rate)}`, training.batchnorm[i]]))),
      ],
      charts: [historyCharts(runs), [settingChart(
        'Training accuracy at the end', 'learning rate', 'accuracy', rates, training,
        { xScale: 'logarithmic', percent: true, yLimits: [0, 1] },
      )]],
      tables: [historyTable(runs)], runs,
    };
  },
};
