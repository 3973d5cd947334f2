/** Learning rates over a factor of four, with and without batchnorm. */

import { DeepConvNet } from '../../../models/index.ts';
import { Rng } from '../../../tensor/index.ts';
import { descending, last } from '../experiment.ts';
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
    'Without it a rate that is a little too large undoes what was learnt, or learns nothing from the first steps on.',
  ],
  async run({ quick, seed, images, train }) {
    const data = await images({ numTraining: quick ? 60 : 500, numValidation: quick ? 50 : 1000, normalize: true });
    const runs: Record<string, Run> = {};
    const training = { batchnorm: [] as number[], none: [] as number[] };
    for (const kind of kinds) {
      for (const rate of rates) {
        const label = `${kind}, rate ${number(rate)}`;
        const network = new DeepConvNet({
          numFilters: quick ? [4, 4] : [16, 32, 32, 64, 64], batchnorm: kind === 'batchnorm', weightScale: 'kaiming',
          reg: 1e-5, rng: new Rng(seed),
        });
        runs[label] = await train(label, network, data, {
          updateRule: 'adam', optimConfig: { learningRate: rate }, batchSize: 100, numEpochs: quick ? 4 : 10,
        });
        training[kind].push(last(runs[label].trainAccHistory));
      }
    }
    const ratio = (values: readonly number[]): number => Math.max(...values) / Math.min(...values);
    return {
      checks: [
        ...rates.map((rate, i) => descending(
          `at rate ${number(rate)} batchnorm ends with higher training accuracy than none`,
          { batchnorm: training.batchnorm[i], none: training.none[i] },
        )),
        descending('training accuracy differs more between the rates without batchnorm than with', {
          none: ratio(training.none), batchnorm: ratio(training.batchnorm),
        }),
      ],
      charts: [historyCharts(runs), [settingChart(
        'Training accuracy at the end', 'learning rate', 'accuracy', rates, training,
        { xScale: 'logarithmic', percent: true, yLimits: [0, 1] },
      )]],
      tables: [historyTable(runs)], runs,
    };
  },
};
