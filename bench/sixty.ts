/**
 * npm run bench:sixty -- [--seeds N] [--only NAME,...] [--time S | --epochs N] [--num-val N] [--test] [--out FILE]
 *
 * What each ingredient of the recipe sixty gives: the recipe, and the recipe with one ingredient switched off, in so
 * many seeds each. Every run is a line of JSON, appended to FILE if one is given; runs that it holds already are not
 * made again. A table of means ends it. Accuracy is the validation images', of one view and of several; test images
 * are looked at only with --test, when nothing is to be chosen any more. With --epochs every run makes the same number
 * of steps, whatever else the machine does. CIFAR-10 where it is at hand, else the drawn shapes.
 */

import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { ready } from '../src/kernels/status.ts';
import type { Network, TestTimeViews } from '../src/models/index.ts';
import { buildNetwork, findRecipe } from '../src/node/commands/recipes.ts';
import type { Recipe } from '../src/node/commands/recipes.ts';
import { loadRunData } from '../src/node/commands/run-data.ts';
import { solverOptions, whitenFirstLayer } from '../src/node/commands/run-solver.ts';
import { formatTable } from '../src/node/commands/table.ts';
import { kaimingInit } from '../src/layers/index.ts';
import { Rng } from '../src/tensor/index.ts';
import { Solver } from '../src/train/index.ts';
import { parseArgs } from './support/arguments.ts';
import { announce, numberOption, pick } from './support/command-line.ts';

/** A way to train: what differs from the recipe, and what is done to the network first. */
interface Variant {
  readonly recipe?: Partial<Recipe>;
  readonly network?: Readonly<Record<string, unknown>>;
  readonly prepare?: (network: Network, rng: Rng) => void;
}

const variants = {
  'the recipe': {},
  'first layer learnt from random weights': { recipe: { whiten: false }, network: { learnFirst: true } },
  'first layer whitening at first, then learnt': { network: { learnFirst: true } },
  'kaiming in place of the identity': { prepare: kaimingConvolutions },
  'no faster shifts': { recipe: { betaRate: 1 } },
  'no lookahead': { recipe: { lookahead: false } },
  'random flips': { recipe: { flips: 'random' } },
  'no flips': { recipe: { flips: 'none' } },
  'no shifts of images': { recipe: { shift: 0 } },
  'no label smoothing': { network: { labelSmoothing: 0 } },
  'no nesterov': { recipe: { updateRule: 'sgdMomentum' } },
  'constant rate': { recipe: { schedule: 'constant' } },
  'one-cycle': { recipe: { schedule: 'one-cycle' } },
  'no regularisation': { network: { reg: 0 } },
  'scores not scaled': { network: { logitScale: 1 } },
  'batches of 512': { recipe: { batchSize: 512 } },
} satisfies Record<string, Variant>;
type VariantName = keyof typeof variants;

/** Convolutions but the first begin at random, as in most networks. */
function kaimingConvolutions(network: Network, rng: Rng): void {
  for (const [name, w] of Object.entries(network.params)) {
    if (w.ndim !== 4 || name === 'W1') continue;
    w.assign(kaimingInit(w.shape[1], w.shape[0], { k: w.shape[2], relu: true, rng }));
  }
}

interface Result {
  readonly name: VariantName;
  readonly seed: number;
  readonly limit: string;
  readonly iterations: number;
  readonly epochs: number;
  readonly trainSeconds: number;
  /** by the views at test time */
  readonly validation: Record<TestTimeViews, number>;
  readonly test?: Record<TestTimeViews, number>;
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1' }, only: { type: 'string' }, time: { type: 'string', default: '60' },
    epochs: { type: 'string' }, 'num-val': { type: 'string', default: '5000' },
    test: { type: 'boolean', default: false }, out: { type: 'string' },
  },
});
const seeds = numberOption('seeds', values.seeds, 1, 1000);
const time = numberOption('time', values.time, 0.1, 1e6);
const epochs = values.epochs === undefined ? null : numberOption('epochs', values.epochs, 1, 1e6);
const numVal = numberOption('num-val', values['num-val'], 1, 1e6);
const limit = epochs === null ? `${time} s` : `${epochs} epochs`;
const chosen = pick('ingredient', values.only?.split(',') ?? [], Object.keys(variants) as VariantName[]);
const { out } = values;

announce();
await ready();
const [, sixty] = findRecipe('sixty', undefined);
const data = await loadRunData(
  {
    data: null, numTrain: null, numVal, numTest: values.test ? null : 1, normalize: sixty.normalize, size: null,
    splitSeed: 0, layout: null, onUnreadable: 'error',
  }, process.env,
);
const kept: Result[] = out !== undefined && existsSync(out)
  ? readFileSync(out, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Result) : [];

async function train(name: VariantName, seed: number): Promise<Result> {
  const variant: Variant = variants[name];
  const recipe: Recipe = {
    ...sixty, ...variant.recipe, network: { ...sixty.network, ...variant.network },
    ...(epochs === null ? { time } : { time: null, epochs }),
  };
  const network = buildNetwork(recipe, data.XTrain.shape.slice(1), data.classNames.length, seed);
  variant.prepare?.(network, new Rng(seed + 2));
  network.testTimeViews = 'none'; // while it trains, one view is enough to see how it does
  const solver = new Solver(network, data, { ...solverOptions({ ...recipe, seed }), numTrainSamples: 100 });
  solver.trainSeconds = whitenFirstLayer(network, recipe, data.XTrain);
  await solver.train();
  const accuracies = (X: typeof data.XVal, y: Int32Array): Record<TestTimeViews, number> => {
    const found = (['none', 'mirror', 'mirror-shift'] as const).map((views) => {
      network.testTimeViews = views;
      return [views, solver.checkAccuracy(X, y)] as const;
    });
    return Object.fromEntries(found) as Record<TestTimeViews, number>;
  };
  const { iteration, iterationsPerEpoch, trainSeconds } = solver;
  return {
    name, seed, limit, iterations: iteration, epochs: iteration / iterationsPerEpoch, trainSeconds,
    validation: accuracies(data.XVal, data.yVal), ...(values.test ? { test: accuracies(data.XTest, data.yTest) } : {}),
  };
}

const results: Result[] = [];
for (let seed = 0; seed < seeds; seed++) {
  for (const name of chosen) {
    const known = kept.find((each) =>
      each.name === name && each.seed === seed && each.limit === limit && (!values.test || each.test !== undefined));
    const result = known ?? await train(name, seed);
    results.push(result);
    console.log(JSON.stringify(result));
    if (known === undefined && out !== undefined) appendFileSync(out, `${JSON.stringify(result)}\n`);
  }
}

const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length;
const shown = (share: number): string => share.toFixed(4);
const meansOf = (name: VariantName): number[] => {
  const runs = results.filter((each) => each.name === name);
  const sets = values.test ? (['validation', 'test'] as const) : (['validation'] as const);
  return [
    mean(runs.map(({ epochs: passes }) => passes)),
    ...sets.flatMap((set) => (['none', 'mirror', 'mirror-shift'] as const).map((views) => mean(runs.map((run) => run[set]![views])))),
  ];
};
const full = chosen.includes('the recipe') ? meansOf('the recipe') : null;
const rows = chosen.map((name) => {
  const [passes, ...means] = meansOf(name);
  return [name, passes.toFixed(2), ...means.map(shown), full === null ? '' : (means[2] - full[3]).toFixed(4)];
});
const heads = ['one view', 'mirrored', 'and shifted'];
const columns = ['', 'epochs', ...heads, ...(values.test ? heads.map((head) => `test: ${head}`) : []), 'difference'];
console.log(`\n${formatTable(columns, rows, ['left', ...columns.slice(1).map(() => 'right' as const)])}`);
