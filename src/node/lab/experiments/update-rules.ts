/** Five update rules on the same network, from the same weights and over the same batches. */

import { FullyConnectedNet } from '../../../models/index.ts';
import { Rng } from '../../../tensor/index.ts';
import { best, descending, each, last } from '../experiment.ts';
import type { Experiment, Run } from '../experiment.ts';
import { historyCharts, historyTable } from '../show.ts';

/** The rules with the course's learning rates. */
const rates = { sgd: 5e-3, sgdMomentum: 5e-3, nesterov: 5e-3, rmsprop: 1e-4, adam: 1e-3 } as const;

export const updateRules: Experiment = {
  title: 'SGD against momentum, Nesterov, RMSProp and Adam',
  question: 'How much faster does a deep network learn when the step is more than the gradient times a rate?',
  lessons: [
    'Plain SGD is the slowest. Momentum adds up gradients that agree (Polyak 1964), Nesterov looks at the gradient where ' +
    'momentum is about to lead (Sutskever et al. 2013).',
    'RMSProp and Adam (Kingma and Ba 2015) divide by the size of recent gradients, so that every weight moves about as far ' +
    'as the learning rate says: theirs must be smaller, and matters less exactly.',
  ],
  async run({ quick, seed, images, train }) {
    const data = await images({ numTraining: quick ? 200 : 4000, numValidation: quick ? 50 : 1000 });
    const runs: Record<string, Run> = {};
    for (const [updateRule, learningRate] of Object.entries(rates) as Array<[keyof typeof rates, number]>) {
      const hidden = Array<number>(5).fill(quick ? 20 : 100);
      const network = new FullyConnectedNet(hidden, { weightScale: 5e-2, rng: new Rng(seed) });
      runs[updateRule] = await train(updateRule, network, data, {
        updateRule, optimConfig: { learningRate }, batchSize: quick ? 50 : 100, numEpochs: quick ? 2 : 5,
      });
    }
    const training = each(runs, (run) => last(run.trainAccHistory));
    const validation = each(runs, (run) => best(run.valAccHistory));
    const { sgd, adam, rmsprop } = validation;
    return {
      checks: [
        ...Object.keys(rates).slice(1).map((rule) => descending(
          `${rule} ends with higher training accuracy than sgd`, { [rule]: training[rule], sgd: training.sgd },
        )),
        descending('best validation accuracy stands in the order Adam, RMSProp, SGD', { adam, rmsprop, sgd }),
      ],
      charts: [historyCharts(runs)], tables: [historyTable(runs)], runs,
    };
  },
};
