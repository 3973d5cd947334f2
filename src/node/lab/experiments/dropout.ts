/** Dropout as regulariser (Srivastava et al. 2014), where there are few images and many weights. */

import { FullyConnectedNet } from '../../../models/index.ts';
import { Rng } from '../../../tensor/index.ts';
import { best, check, descending, each, last } from '../experiment.ts';
import type { Experiment, Run } from '../experiment.ts';
import { historyCharts, historyTable } from '../show.ts';

export const dropout: Experiment = {
  title: 'Dropout as regulariser',
  question: 'What does a network lose and gain when three units in four are switched off in every training step?',
  lessons: [
    'Without dropout the network learns its 500 images by heart. With a quarter of the units kept it cannot: no unit can ' +
    'rely on a certain other one being there, and training accuracy stays lower.',
    'Validation accuracy does not suffer, or gains: what is lost in training is what would not have carried over.',
  ],
  async run({ quick, seed, images, train }) {
    const data = await images({ numTraining: quick ? 100 : 500, numValidation: quick ? 50 : 1000 });
    const runs: Record<string, Run> = {};
    for (const dropoutKeep of [1, 0.25]) {
      const network = new FullyConnectedNet([quick ? 50 : 500], { dropoutKeep, rng: new Rng(seed) });
      runs[`keep ${dropoutKeep}`] = await train(`keep ${dropoutKeep}`, network, data, {
        updateRule: 'adam', optimConfig: { learningRate: 5e-4 }, batchSize: 100, numEpochs: quick ? 4 : 25,
      });
    }
    const validation = each(runs, (run) => best(run.valAccHistory));
    return {
      checks: [
        descending('training accuracy ends higher without dropout', each(runs, (run) => last(run.trainAccHistory))),
        descending('training is further above validation without dropout',
          each(runs, (run) => last(run.trainAccHistory) - last(run.valAccHistory))),
        check('validation accuracy does not suffer from dropout: its best is no lower',
          validation['keep 0.25'] >= validation['keep 1'], validation),
      ],
      charts: [historyCharts(runs)], tables: [historyTable(runs)], runs,
    };
  },
};
