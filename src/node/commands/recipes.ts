/**
 * What `tilegrad train` can train, and with which settings: a recipe is a network with everything that training it
 * needs. Options of the command line replace single settings.
 */

import { DeepConvNet, FastConvNet, FullyConnectedNet, ThreeLayerConvNet, TwoLayerNet } from '../../models/index.ts';
import type { Network } from '../../models/index.ts';
import { possiblePools } from '../../layers/image-network.ts';
import { describe } from '../../runtime/check.ts';
import type { RuleName } from '../../train/index.ts';
import { Rng } from '../../tensor/index.ts';
import { formatTable } from './table.ts';
import { UsageError } from './terminal.ts';

export type ModelName = 'three' | 'deep' | 'fast' | 'two' | 'fc';

/** Plain values only: a run's settings are kept in its checkpoint and in history.json. */
export interface Recipe {
  readonly model: ModelName;
  /** options of the network's class (hiddenDims too, for fc) */
  readonly network: Readonly<Record<string, unknown>>;
  readonly updateRule: RuleName;
  readonly optimConfig: Readonly<Record<string, number>>;
  readonly lrDecay: number;
  /** one-cycle is PyTorch's; triangle rises evenly from a fifth for the first fifth, then falls evenly to 0 */
  readonly schedule: 'constant' | 'one-cycle' | 'triangle';
  readonly batchSize: number;
  /** passes over the training set; null where only time ends the run */
  readonly epochs: number | null;
  /** seconds of training; null where only epochs end the run */
  readonly time: number | null;
  /** subtract each channel's mean and divide by its deviation; otherwise only the mean image is subtracted */
  readonly normalize: boolean;
  /** mirror training images: half of them, drawn anew each time, or each in every other epoch */
  readonly flips: 'none' | 'random' | 'alternating';
  /** move training images by up to so many pixels, reflected at the edge */
  readonly shift: number;
  /** take parts of training images, of at least this share of the area, at their full size; 1 for all of it */
  readonly crop: number;
  /** change brightness, contrast and saturation of training images by up to this share */
  readonly jitter: number;
  /** cut squares of this side out of training images */
  readonly cutout: number;
  /** mix training images by shares from Beta(mixup, mixup); 0 for no mixing */
  readonly mixup: number;
  /** what batchnorm's shifts learn faster by */
  readonly betaRate: number;
  /** keep slow weights (see lookahead), more and more of them as training goes on */
  readonly lookahead: boolean;
  /** make the first layer's filters whitening ones before the first step (model fast) */
  readonly whiten: boolean;
  /** train on the first so many images; null for all */
  readonly numTrain: number | null;
}

const threeLayers: Recipe = {
  model: 'three',
  network: { numFilters: 32, filterSize: 7, hiddenDim: 500, weightScale: 1e-3, reg: 1e-3 },
  updateRule: 'adam', optimConfig: { learningRate: 1e-3 }, lrDecay: 1, schedule: 'constant',
  batchSize: 50, epochs: 1, time: null, normalize: false, flips: 'none', shift: 0, crop: 1, jitter: 0,
  cutout: 0, mixup: 0, betaRate: 1, lookahead: false, whiten: false, numTrain: null,
};

const deep: Recipe = {
  ...threeLayers, model: 'deep',
  network: {
    numFilters: [16, 32, 32, 64, 64], maxPools: [0, 1, 2, 3, 4], batchnorm: true, weightScale: 'kaiming', reg: 5e-4,
  },
  updateRule: 'nesterov', optimConfig: { learningRate: 0.1, momentum: 0.9 }, lrDecay: 1, schedule: 'one-cycle',
  batchSize: 100, epochs: null, time: 45, normalize: true, flips: 'random',
};

const fast: Recipe = {
  ...threeLayers, model: 'fast',
  network: { blocks: [[64, 64], [128, 128]], reg: 2e-3, labelSmoothing: 0.2, testTimeViews: 'mirror-shift' },
  updateRule: 'nesterov', optimConfig: { learningRate: 0.4, momentum: 0.85 }, schedule: 'triangle',
  batchSize: 256, epochs: null, time: 60, normalize: true, flips: 'alternating', shift: 2, betaRate: 64, lookahead: true,
  whiten: true,
};

const overfit: Recipe = {
  ...threeLayers, model: 'fc', network: { hiddenDims: [100, 100], weightScale: 2e-2, reg: 0 },
  updateRule: 'sgd', optimConfig: { learningRate: 1e-2 }, batchSize: 25, epochs: 20, numTrain: 50,
};

/** The recipes by name, each with what it is for and what the course's material states of it. */
const table = {
  quick: [
    'what a minute of patience buys: a small deep network that learns fast',
    // a few dozen pictures would be passed over thousands of times, and their accuracy measured as often
    'at least 70% validation with --epochs 10', { ...deep, epochs: 200 },
  ],
  sixty: [
    'the best test accuracy after 60 seconds of training, whitening included, accuracy checks not',
    '72% validation and 70% test at least, 76% and 75% at best, on a GPU', fast,
  ],
  course: [
    "the course's three-layer network, one epoch", 'over 40% training; run shown 49%, validation 46.9%', threeLayers,
  ],
  'course-64': [
    'the same with a larger step and batch, regularised without the factor 0.5', 'over 50% training', {
      ...threeLayers, network: { ...threeLayers.network, l2Factor: 1 },
      optimConfig: { learningRate: 2e-3 }, batchSize: 64,
    },
  ],
  overfit: [
    'the three-layer network on 100 images, to see that it learns at all', '100% training within 30 epochs', {
      ...threeLayers, network: { ...threeLayers.network, weightScale: 1e-2, reg: 0 }, epochs: 30, numTrain: 100,
    },
  ],
  wide: ['many small filters, ten epochs of large batches', 'over 65% validation; run shown 67.8%, test 66.1%', {
    ...threeLayers, network: { ...threeLayers.network, numFilters: 64, filterSize: 3 }, lrDecay: 0.9,
    batchSize: 500, epochs: 10,
  }],
  minute: [
    'a deep network without further means, 60 seconds, regularised without the factor 0.5',
    '72% validation and 70% test at least, on a GPU', {
      // half of quick's strength: without the factor, the same gradient
      ...deep, network: { ...deep.network, reg: 2.5e-4, l2Factor: 1 }, time: 60,
    },
  ],
  challenge: ['the open challenge: ten epochs of whatever does best', 'at least 70% validation; run shown 76.6%', {
    ...fast, time: null, epochs: 10,
  }],
  'two-layer': [
    'one hidden layer, with the settings that did best in the course', 'over 50% validation; grid of 18 runs 55.3%', {
      ...threeLayers, model: 'two', network: { hiddenDim: 1000, weightScale: 1e-3, reg: 0 },
      updateRule: 'sgd', lrDecay: 0.95, batchSize: 100, epochs: 20,
    },
  ],
  'overfit-3': ['three fully connected layers on 50 images', '100% training within 20 epochs', overfit],
  'overfit-5': ['five fully connected layers on 50 images', '100% training within 20 epochs', {
    ...overfit, network: { hiddenDims: [100, 100, 100, 100], weightScale: 8e-2, reg: 0 },
    optimConfig: { learningRate: 2e-3 },
  }],
  'fully-connected': ['fully connected layers with batchnorm', 'over 50% validation; run shown 52.6%', {
    ...threeLayers, model: 'fc',
    network: { hiddenDims: [256, 128], normalization: 'batchnorm', weightScale: 2e-2, reg: 1e-4 },
    lrDecay: 0.8, batchSize: 100, epochs: 5, normalize: true,
  }],
} as const satisfies Record<string, readonly [purpose: string, stated: string, recipe: Recipe]>;

const recipeNames: readonly string[] = Object.keys(table);

/** The recipe that --model alone stands for. */
const standardRecipes: Readonly<Record<ModelName, string>> = {
  three: 'course',
  deep: 'quick',
  fast: 'sixty',
  two: 'two-layer',
  fc: 'fully-connected',
};

/** The names that --model takes. */
export const modelNames: readonly string[] = Object.keys(standardRecipes);

/** Finds the recipe for --recipe and --model. Throws UsageError for unknown names and for two that contradict. */
export function findRecipe(
  recipeName: string | undefined, modelName: string | undefined,
): [name: string, recipe: Recipe] {
  if (modelName !== undefined && !Object.hasOwn(standardRecipes, modelName)) {
    throw new UsageError(`--model must be one of ${modelNames.join(', ')}, got ${describe(modelName)}`);
  }
  const name = recipeName ?? (modelName === undefined ? 'quick' : standardRecipes[modelName as ModelName]);
  if (!Object.hasOwn(table, name)) {
    throw new UsageError(`--recipe must be one of ${recipeNames.join(', ')}, got ${describe(name)}`);
  }
  const recipe: Recipe = table[name as keyof typeof table][2];
  if (modelName !== undefined && recipe.model !== modelName) {
    throw new UsageError(`--recipe ${name} trains the model ${recipe.model}, not ${modelName}; give one of the two`);
  }
  return [name, recipe];
}

/** The network of a recipe with its initial weights drawn from the seed, for (N, channels, height, width) images. */
export function buildNetwork(
  { model, network }: Pick<Recipe, 'model' | 'network'>, inputDim: readonly number[], numClasses: number, seed: number,
): Network {
  const options = { ...network, numClasses, rng: new Rng(seed) };
  switch (model) {
    case 'three': return new ThreeLayerConvNet({ ...options, inputDim });
    case 'deep': return new DeepConvNet({ ...options, inputDim, maxPools: poolsFor(inputDim, network) });
    case 'fast': return new FastConvNet({ ...options, inputDim });
    case 'two': return new TwoLayerNet({ ...options, inputDim });
    case 'fc': {
      const { hiddenDims, ...rest } = options as typeof options & { hiddenDims: number[] };
      return new FullyConnectedNet(hiddenDims, { ...rest, inputDim });
    }
  }
}

/** The recipe's pools, as many as images of another size than its own can be halved. */
function poolsFor(inputDim: readonly number[], { numFilters, maxPools }: Recipe['network']): readonly number[] | undefined {
  const pools = maxPools as readonly number[] | undefined;
  return pools?.slice(0, possiblePools(inputDim, (numFilters as readonly number[]).length).length);
}

/** `tilegrad train --list-recipes`: each with its stated result, and how to run it. */
export function recipesTable(): string {
  const rows = Object.entries(table).map(([name, [purpose, stated, { model }]]) => [name, model, purpose, stated]);
  return formatTable(['recipe', 'model', 'what it is', 'stated result'], rows, ['left', 'left', 'left', 'left']);
}

/** What `tilegrad train --help` says of the recipes: two lines each, the settings as they are above. */
export function recipesText(): string {
  const values = (record: object): string =>
    Object.entries(record).map(([name, value]) => `${name} ${listText(value)}`).join(', ');
  return Object.entries<readonly [string, string, Recipe]>(table).map(([name, [purpose, , recipe]]) => {
    const { model, network, updateRule, optimConfig, lrDecay, schedule, batchSize, epochs, time, normalize } = recipe;
    const { flips, shift, crop, jitter, cutout, mixup, betaRate, lookahead, whiten, numTrain } = recipe;
    const settings = [
      values(network), `${updateRule} with ${values(optimConfig)}`,
      ...(schedule === 'constant' ? [] : [`${schedule} schedule`]), ...(lrDecay === 1 ? [] : [`rate x ${lrDecay} an epoch`]),
      ...(betaRate === 1 ? [] : [`rate x ${betaRate} for batchnorm's shifts`]), ...(lookahead ? ['lookahead'] : []),
      `batch ${batchSize}`, ...(time === null ? [] : [`${time} seconds`]),
      ...(epochs === null ? [] : [`${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}${time === null ? '' : ' at most'}`]),
      ...(numTrain === null ? [] : [`${numTrain} images`]),
      normalize ? 'channels normalised' : 'mean image subtracted', ...(whiten ? ['first layer whitening'] : []),
      ...(flips === 'none' ? [] : [flips === 'random' ? 'mirrored at random' : 'mirrored in every other epoch']),
      ...(shift === 0 ? [] : [`shifted by up to ${shift}`]), ...(crop === 1 ? [] : [`parts of ${crop} and more`]),
      ...Object.entries({ jitter, cutout, mixup }).filter(([, value]) => value !== 0).map((entry) => entry.join(' ')),
    ];
    return `  ${name} (--model ${model}): ${purpose}\n      ${settings.join('; ')}`;
  }).join('\n');
}

/** 5, 16-32 or, a list of lists, 64-64/128-128. */
function listText(value: unknown): string {
  const nested = Array.isArray(value) && value.some(Array.isArray);
  return nested ? (value as unknown[]).map(String).join('/').replaceAll(',', '-') : String(value).replaceAll(',', '-');
}
