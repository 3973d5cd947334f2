/**
 * What `tilegrad train` can train, and with which settings: a recipe is a network with everything that training it
 * needs. Options of the command line replace single settings.
 */

import { DeepConvNet, FullyConnectedNet, ThreeLayerConvNet, TwoLayerNet } from '../../models/index.ts';
import type { Network } from '../../models/index.ts';
import { describe } from '../../runtime/check.ts';
import { oneCycleSchedule } from '../../train/index.ts';
import type { RuleName, Schedule } from '../../train/index.ts';
import { Rng } from '../../tensor/index.ts';
import { UsageError } from './terminal.ts';

export type ModelName = 'three' | 'deep' | 'two' | 'fc';

/** Plain values only: a run's settings are kept in its checkpoint and in history.json. */
export interface Recipe {
  readonly model: ModelName;
  /** options of the network's class (hiddenDims too, for fc) */
  readonly network: Readonly<Record<string, unknown>>;
  readonly updateRule: RuleName;
  readonly optimConfig: Readonly<Record<string, number>>;
  readonly lrDecay: number;
  readonly schedule: 'constant' | 'one-cycle';
  readonly batchSize: number;
  /** passes over the training set; null where time ends the run */
  readonly epochs: number | null;
  /** seconds of training; null where epochs end the run */
  readonly time: number | null;
  /** subtract each channel's mean and divide by its deviation; otherwise only the mean image is subtracted */
  readonly normalize: boolean;
  /** mirror half of the training images, drawn anew each time */
  readonly flips: boolean;
}

const threeLayers: Recipe = {
  model: 'three',
  network: { numFilters: 32, filterSize: 7, hiddenDim: 500, weightScale: 1e-3, reg: 1e-3 },
  updateRule: 'adam', optimConfig: { learningRate: 1e-3 }, lrDecay: 1, schedule: 'constant',
  batchSize: 50, epochs: 1, time: null, normalize: false, flips: false,
};

const deep: Recipe = {
  model: 'deep',
  network: {
    numFilters: [16, 32, 32, 64, 64], maxPools: [0, 1, 2, 3, 4], batchnorm: true, weightScale: 'kaiming', reg: 5e-4,
  },
  updateRule: 'nesterov', optimConfig: { learningRate: 0.1, momentum: 0.9 }, lrDecay: 1, schedule: 'one-cycle',
  batchSize: 100, epochs: null, time: 45, normalize: true, flips: true,
};

/** The recipes by name, each with what it is for. */
const table = {
  quick: ['what a minute of patience buys: a small deep network that learns fast', deep],
  course: ["the course's three-layer network, one epoch", threeLayers],
  'course-64': ['the same with a larger step and batch, regularised without the factor 0.5', {
    ...threeLayers, network: { ...threeLayers.network, l2Factor: 1 },
    optimConfig: { learningRate: 2e-3 }, batchSize: 64,
  }],
  wide: ['many small filters, ten epochs of large batches', {
    ...threeLayers, network: { ...threeLayers.network, numFilters: 64, filterSize: 3 }, lrDecay: 0.9,
    batchSize: 500, epochs: 10,
  }],
  minute: ["the course's contest: the best test accuracy after 60 seconds of training, regularised without the factor 0.5", {
    // half of quick's strength: without the factor, the same gradient
    ...deep, network: { ...deep.network, reg: 2.5e-4, l2Factor: 1 }, time: 60,
  }],
  'two-layer': ['one hidden layer, with the settings that did best in the course', {
    ...threeLayers, model: 'two', network: { hiddenDim: 1000, weightScale: 1e-3, reg: 0 },
    updateRule: 'sgd', lrDecay: 0.95, batchSize: 100, epochs: 20,
  }],
  'fully-connected': ['fully connected layers with batchnorm', {
    ...threeLayers, model: 'fc',
    network: { hiddenDims: [256, 128], normalization: 'batchnorm', weightScale: 2e-2, reg: 1e-4 },
    lrDecay: 0.8, batchSize: 100, epochs: 5, normalize: true,
  }],
} as const satisfies Record<string, readonly [purpose: string, recipe: Recipe]>;

const recipeNames: readonly string[] = Object.keys(table);

/** The recipe that --model alone stands for. */
const standardRecipes: Readonly<Record<ModelName, string>> = {
  three: 'course',
  deep: 'quick',
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
  const recipe: Recipe = table[name as keyof typeof table][1];
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
    case 'deep': return new DeepConvNet({ ...options, inputDim });
    case 'two': return new TwoLayerNet({ ...options, inputDim });
    case 'fc': {
      const { hiddenDims, ...rest } = options as typeof options & { hiddenDims: number[] };
      return new FullyConnectedNet(hiddenDims, { ...rest, inputDim });
    }
  }
}

/** What `tilegrad train --help` says of the recipes: two lines each, the settings as they are above. */
export function recipesText(): string {
  const values = (record: object): string =>
    Object.entries(record).map(([name, value]) => `${name} ${String(value).replaceAll(',', '-')}`).join(', ');
  return (Object.entries(table) as Array<[string, readonly [string, Recipe]]>).map(([name, [purpose, recipe]]) => {
    const { model, network, updateRule, optimConfig, lrDecay, schedule, batchSize, epochs, time, normalize } = recipe;
    const settings = [
      values(network), `${updateRule} with ${values(optimConfig)}`,
      ...(schedule === 'constant' ? [] : [`${schedule} schedule`]), ...(lrDecay === 1 ? [] : [`rate x ${lrDecay} an epoch`]),
      `batch ${batchSize}`, epochs === null ? `${time} seconds` : `${epochs} ${epochs === 1 ? 'epoch' : 'epochs'}`,
      normalize ? 'channels normalised' : 'mean image subtracted', ...(recipe.flips ? ['mirrored at random'] : []),
    ];
    return `  ${name} (--model ${model}): ${purpose}\n      ${settings.join('; ')}`;
  }).join('\n');
}

/** Steps that the progress of a run of limited time is counted in. */
const progressSteps = 100_000;

/**
 * The recipe's schedule; undefined where the rate stays. A run that time ends cannot know how many iterations it will
 * make: there `elapsed` gives the share of the time that has passed, 0 to 1, and the schedule follows it, so that it
 * reaches its end on a slow machine as on a fast one. Null where epochs end the run.
 */
export function buildSchedule(
  { schedule }: Pick<Recipe, 'schedule'>, elapsed: (() => number) | null,
): Schedule | undefined {
  if (schedule === 'constant') return undefined;
  const cycle = oneCycleSchedule();
  return elapsed === null ? cycle : () => cycle(elapsed() * progressSteps, progressSteps);
}
