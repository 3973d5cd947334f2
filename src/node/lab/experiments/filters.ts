/** What the first convolution looks for, before and after training. */

import { ThreeLayerConvNet } from '../../../models/index.ts';
import { Rng } from '../../../tensor/index.ts';
import type { Tensor } from '../../../tensor/index.ts';
import { contiguousData } from '../../../tensor/internal.ts';
import { filterGrid } from '../../../viz/index.ts';
import { check, descending, last } from '../experiment.ts';
import type { Experiment } from '../experiment.ts';
import { historyCharts, historyTable } from '../show.ts';

/** The correlation of neighbours in a row, over all filters (F, C, H, W): 0 for noise, near 1 for smooth pictures. */
function smoothness(filters: Tensor): number {
  const values = contiguousData(filters);
  const width = filters.shape[3];
  let [product, square] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (i % width === width - 1) continue;
    product += values[i] * values[i + 1];
    square += (values[i] ** 2 + values[i + 1] ** 2) / 2;
  }
  return product / square;
}

export const filters: Experiment = {
  title: 'Filters of the first layer, before and after training',
  question: 'What does a convolution look for that nobody told what to look for?',
  lessons: [
    'Before training the filters are noise. Afterwards many are smooth: edges of some direction, blobs and contrasts of ' +
    'colour, which resemble what cells of the visual cortex answer to.',
    'Filters that still look like noise have not been needed yet: longer training and regularisation leave fewer of them.',
  ],
  async run({ quick, seed, images, train }) {
    const data = await images({ numTraining: quick ? 100 : 10_000, numValidation: quick ? 50 : 1000 });
    const size = quick ? { numFilters: 4, hiddenDim: 20 } : { numFilters: 32, hiddenDim: 500 };
    const network = new ThreeLayerConvNet({ ...size, filterSize: 7, weightScale: 1e-3, reg: 1e-3, rng: new Rng(seed) });
    const before = network.params.W1.clone();
    const run = await train('three layers', network, data, {
      updateRule: 'adam', optimConfig: { learningRate: 1e-3 }, batchSize: 50, numEpochs: quick ? 1 : 2,
    });
    const after = network.params.W1;
    const runs = { 'three layers': run };
    const accuracy = last(run.trainAccHistory);
    return {
      checks: [
        descending('neighbouring weights agree more after training than before', { after: smoothness(after), before: smoothness(before) }),
        check('the network has learnt: training accuracy over 40%', accuracy > 0.4, { training: accuracy }),
      ],
      pictures: [
        { title: 'Before training', picture: filterGrid(before, { scale: 6 }) },
        { title: 'After training', picture: filterGrid(after, { scale: 6 }) },
      ],
      charts: [historyCharts(runs)], tables: [historyTable(runs)], runs,
    };
  },
};
