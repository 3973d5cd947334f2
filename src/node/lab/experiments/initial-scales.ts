/** 31 layers with initial weights of a fixed scale, and scaled by the fan-in (He et al. 2015, "Delving deep"). */

import { DeepConvNet } from '../../../models/index.ts';
import { Rng } from '../../../tensor/index.ts';
import { best, check, each, finalLoss } from '../experiment.ts';
import type { Experiment, Run } from '../experiment.ts';
import { historyCharts, historyTable, number } from '../show.ts';

export const initialScales: Experiment = {
  title: 'Initial scales against Kaiming on 31 layers',
  question: 'Which initial weights let a signal through thirty convolutions, and its gradient back?',
  lessons: [
    'A layer multiplies the deviation of its input by the weights\' scale times the root of half the fan-in. Thirty such ' +
    'factors under 1 leave nothing, and the loss stays at ln 10 = 2.303, that of guessing; a little over 1, and it explodes.',
    'Kaiming initialisation makes every factor 1: the scale is the root of 2 / fan-in, the 2 for the half that a ReLU cuts off.',
  ],
  async run({ quick, seed, images, train }) {
    const data = await images({ numTraining: quick ? 40 : 4000, numValidation: quick ? 20 : 500, normalize: true });
    const widths = quick ? [2, 2, 2] : [8, 16, 32];
    const runs: Record<string, Run> = {};
    for (const weightScale of [1e-1, 1e-2, 1e-3, 'kaiming'] as const) {
      const label = weightScale === 'kaiming' ? 'Kaiming' : `scale ${number(weightScale)}`;
      const network = new DeepConvNet({
        numFilters: widths.flatMap((width) => Array<number>(10).fill(width)),
        maxPools: quick ? [0, 1, 9, 19, 29] : [3, 9, 19], weightScale, reg: 1e-5, rng: new Rng(seed),
      });
      runs[label] = await train(label, network, data, {
        updateRule: 'adam', optimConfig: { learningRate: 3e-4 }, batchSize: quick ? 20 : 50, numEpochs: quick ? 1 : 5,
      });
    }
    const { Kaiming, ...scaled } = runs;
    const losses = each(scaled, (run) => finalLoss(run));
    const guessing = Math.log(10);
    const training = { Kaiming: best(Kaiming.trainAccHistory), ...each(scaled, (run) => best(run.trainAccHistory)) };
    return {
      checks: [
        check('Kaiming learns: its loss falls by more than 0.2 under that of guessing', finalLoss(Kaiming) < guessing - 0.2,
          { Kaiming: finalLoss(Kaiming), guessing }),
        check('no fixed scale learns: every loss stays within 0.1 of guessing, or above',
          Object.values(losses).every((loss) => !(loss < guessing - 0.1)), losses),
        check('Kaiming has the highest training accuracy', Math.max(...Object.values(training)) === training.Kaiming, training),
      ],
      charts: [historyCharts(runs)], tables: [historyTable(runs)], runs,
    };
  },
};
