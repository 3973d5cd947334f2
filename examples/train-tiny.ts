/**
 * Four update rules on the same small network, compared in one page of learning curves.
 *
 *   npx tsx examples/train-tiny.ts [curves.html]
 *
 * Outside this repository, import from 'tilegrad', 'tilegrad/models', 'tilegrad/train' and so on.
 */

import { writeFile } from 'node:fs/promises';
import { makeShapes, prepareImages } from '../src/data/index.ts';
import { Rng } from '../src/index.ts';
import { FullyConnectedNet } from '../src/models/index.ts';
import { Solver } from '../src/train/index.ts';
import type { RuleName } from '../src/train/index.ts';
import { curvesHtml } from '../src/viz/index.ts';

const data = prepareImages(makeShapes({ seed: 0, numTrain: 2200, numTest: 10 }), {
  numValidation: 200,
  normalize: true,
});
const learningRates: Partial<Record<RuleName, number>> = { sgd: 5e-2, sgdMomentum: 2e-2, rmsprop: 1e-3, adam: 2e-3 };

const runs: Record<string, Solver> = {};
for (const [rule, learningRate] of Object.entries(learningRates)) {
  const model = new FullyConnectedNet([100, 100], { normalization: 'batchnorm', weightScale: 5e-2, rng: new Rng(0) });
  const solver = new Solver(model, data, {
    updateRule: rule as RuleName,
    optimConfig: { learningRate },
    batchSize: 100,
    numEpochs: 5,
    rng: new Rng(1),
    verbose: false,
  });
  await solver.train();
  runs[rule] = solver;
  console.log(`${rule.padEnd(12)} best validation accuracy ${(100 * solver.bestValAcc).toFixed(1)}%`);
}

const path = process.argv[2] ?? 'curves.html';
await writeFile(path, curvesHtml(runs, 'Four update rules'));
console.log(`curves: ${path}`);
