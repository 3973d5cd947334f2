/** What every new network should do first: learn a few images by heart. */

import { DeepConvNet, FullyConnectedNet, ThreeLayerConvNet } from '../../../models/index.ts';
import type { Network } from '../../../models/index.ts';
import { Rng } from '../../../tensor/index.ts';
import type { SolverOptions } from '../../../train/index.ts';
import { best, check } from '../experiment.ts';
import type { Experiment, Run } from '../experiment.ts';
import { historyCharts, historyTable } from '../show.ts';

interface Case {
  readonly images: number;
  /** within which all images must be recognised */
  readonly epochs: number;
  readonly normalize?: boolean;
  readonly options: SolverOptions;
  network(rng: Rng): Network;
}

const cases: Readonly<Record<string, Case>> = {
  '3 layers, 50 images': {
    images: 50, epochs: 20, options: { updateRule: 'sgd', optimConfig: { learningRate: 1e-2 }, batchSize: 25 },
    network: (rng) => new FullyConnectedNet([100, 100], { weightScale: 2e-2, rng }),
  },
  '5 layers, 50 images': {
    images: 50, epochs: 20, options: { updateRule: 'sgd', optimConfig: { learningRate: 2e-3 }, batchSize: 25 },
    network: (rng) => new FullyConnectedNet([100, 100, 100, 100], { weightScale: 8e-2, rng }),
  },
  '3-layer convnet, 100 images': {
    images: 100, epochs: 30, options: { updateRule: 'adam', optimConfig: { learningRate: 1e-3 }, batchSize: 50 },
    network: (rng) => new ThreeLayerConvNet({ weightScale: 1e-2, rng }),
  },
  'deep convnet, 50 images': {
    images: 50, epochs: 30, normalize: true,
    options: { updateRule: 'adam', optimConfig: { learningRate: 2e-3 }, batchSize: 10 },
    network: (rng) => new DeepConvNet({ numFilters: [8, 16, 32, 64], maxPools: [0, 1, 2, 3], weightScale: 'kaiming', rng }),
  },
};

export const overfit: Experiment = {
  title: 'Overfitting 50 and 100 images',
  question: 'Can the network learn a few images by heart?',
  lessons: [
    'It must: where it cannot, the gradient, the initial weights or the learning rate are wrong, and more images would not ' +
    'help. That makes it the cheapest test of a new network.',
    'Validation accuracy stays low meanwhile: so few images say little about others.',
  ],
  async run({ quick, seed, images, train }) {
    const runs: Record<string, Run> = {};
    const chosen = Object.entries(cases).slice(0, quick ? 2 : undefined);
    for (const [label, { images: numTraining, epochs, normalize, options, network }] of chosen) {
      const data = await images({ numTraining, numValidation: quick ? 50 : 1000, normalize });
      runs[label] = await train(label, network(new Rng(seed)), data, { ...options, numEpochs: epochs });
    }
    return {
      checks: chosen.map(([label, { epochs }]) => {
        const training = best(runs[label].trainAccHistory);
        return check(`${label}: all recognised within ${epochs} epochs`, training === 1, { training });
      }),
      charts: [historyCharts(runs, { thresholds: [{ y: 1, label: 'all' }] })], tables: [historyTable(runs)], runs,
    };
  },
};
