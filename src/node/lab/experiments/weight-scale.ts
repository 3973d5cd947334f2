/** Initial weights of twenty sizes, with and without batchnorm. */

import { FullyConnectedNet } from '../../../models/index.ts';
import { logspace, Rng } from '../../../tensor/index.ts';
import { best, check, descending, finalLoss } from '../experiment.ts';
import type { Experiment, Run } from '../experiment.ts';
import { historyTable, number, settingChart } from '../show.ts';

export const weightScale: Experiment = {
  title: 'Batchnorm against the scale of initial weights',
  question: 'How exactly must the size of the initial weights be chosen, with and without batchnorm?',
  lessons: [
    'Without batchnorm a deep network learns only in a narrow band of scales. Below it signals and gradients shrink from ' +
    'layer to layer until nothing arrives; above it they grow, and the loss begins far from where it can be lowered.',
    'With batchnorm every layer is rescaled to deviation 1: the scale cancels in the forward pass, and the network learns at ' +
    'every one over four powers of ten. The curve is much flatter, not flat: against weights of another size the same ' +
    'update weighs more or less.',
  ],
  async run({ quick, seed, images, train }) {
    const data = await images({ numTraining: quick ? 100 : 1000, numValidation: quick ? 50 : 1000 });
    const hidden = Array<number>(7).fill(quick ? 20 : 50);
    const scales = [...logspace(-4, 0, quick ? 4 : 20).data];
    const kinds = { batchnorm: [] as Run[], none: [] as Run[] };
    for (const scale of scales) {
      for (const kind of ['batchnorm', 'none'] as const) {
        const network = new FullyConnectedNet(hidden, {
          normalization: kind === 'none' ? null : kind, weightScale: scale, rng: new Rng(seed),
        });
        kinds[kind].push(await train(`${kind}, scale ${number(scale)}`, network, data, {
          updateRule: 'adam', optimConfig: { learningRate: 1e-3 }, batchSize: 50, numEpochs: quick ? 2 : 10,
        }));
      }
    }
    const curves = (read: (run: Run) => number): Record<'batchnorm' | 'none', number[]> =>
      ({ batchnorm: kinds.batchnorm.map(read), none: kinds.none.map(read) });
    const training = curves((run) => best(run.trainAccHistory));
    const validation = curves((run) => best(run.valAccHistory));
    const losses = curves((run) => finalLoss(run));
    const spread = (values: readonly number[]): number => Math.max(...values) - Math.min(...values);
    const axis = { xScale: 'logarithmic', percent: true, thresholds: [{ y: 0.1, label: 'guessing' }] } as const;
    const runs = Object.fromEntries(scales.flatMap((scale, i) =>
      (['batchnorm', 'none'] as const).map((kind) => [`${kind}, scale ${number(scale)}`, kinds[kind][i]])));
    return {
      checks: [
        descending('at its worst scale the network with batchnorm learns more than the one without at its worst', {
          batchnorm: Math.min(...training.batchnorm), none: Math.min(...training.none),
        }),
        descending('training accuracy varies more over all scales without batchnorm than with', {
          none: spread(training.none), batchnorm: spread(training.batchnorm),
        }),
        check('without batchnorm the smallest scale is hardly better than guessing: under 20% in training',
          training.none[0] < 0.2, { 'smallest scale': training.none[0] }),
      ],
      charts: [[
        settingChart('Best validation accuracy', 'weight scale', 'accuracy', scales, validation, axis),
        settingChart('Best training accuracy', 'weight scale', 'accuracy', scales, training, axis),
        settingChart('Final training loss', 'weight scale', 'loss', scales, losses, { xScale: 'logarithmic', yLimits: [0, 3.5] }),
      ]],
      tables: [historyTable(runs)], runs,
    };
  },
};
