/** The options of `tilegrad train` that change a recipe: its network, which has its own, update rule, augmentation. */

import { describe } from '../../runtime/check.ts';
import { definitionOf, ruleNames } from '../../update/update-rules.ts';
import type { RuleName } from '../../train/index.ts';
import type { ModelName, Recipe } from './recipes.ts';
import { UsageError } from './terminal.ts';

/** As the command line gives them, each checked by itself. */
export interface NetworkOptions {
  readonly weightScale?: number | 'kaiming';
  readonly reg?: number;
  readonly regFactor?: number;
  readonly filters?: readonly number[];
  readonly filterSize?: number;
  readonly hidden?: readonly number[];
  readonly dropoutKeep?: number;
  readonly normalization?: 'none' | 'batchnorm' | 'layernorm';
  readonly rule?: string;
  readonly lr?: number;
  readonly momentum?: number;
  readonly lrDecay?: number;
  readonly flips?: Recipe['flips'];
  readonly shift?: number;
  readonly crop?: number;
  readonly jitter?: number;
  readonly cutout?: number;
  readonly mixup?: number;
}

/** What an option is called in a network's class; where the value has another form there, a function makes it. */
type Setting = string | ((value: never, refuse: (expected: string) => never) => Readonly<Record<string, unknown>>);
type NetworkOptionName = Exclude<keyof NetworkOptions, 'rule' | 'lr' | 'momentum' | 'lrDecay' | Augmentation>;
type Augmentation = (typeof augmentations)[number];

/** Changes of the training images, which any network takes. */
const augmentations = ['flips', 'shift', 'crop', 'jitter', 'cutout', 'mixup'] as const;

const ofAll: Partial<Record<NetworkOptionName, Setting>> = {
  weightScale: (value: number | 'kaiming', refuse) => (value === 'kaiming' ? refuse('a number') : { weightScale: value }),
  reg: 'reg',
  regFactor: 'l2Factor',
};

const one = (name: string): Setting => (sizes: readonly number[], refuse) =>
  (sizes.length === 1 ? { [name]: sizes[0] } : refuse('one number'));

const takenBy: Readonly<Record<ModelName, Partial<Record<NetworkOptionName, Setting>>>> = {
  three: { ...ofAll, filters: one('numFilters'), filterSize: 'filterSize', hidden: one('hiddenDim') },
  deep: {
    ...ofAll, weightScale: 'weightScale',
    // which convolutions are pooled follows from how many there are
    filters: (sizes: readonly number[]) => ({ numFilters: sizes, maxPools: undefined }),
    normalization: (name: string, refuse) =>
      (name === 'layernorm' ? refuse('none or batchnorm') : { batchnorm: name === 'batchnorm' }),
  },
  fast: { reg: 'reg', regFactor: 'l2Factor' },
  two: { ...ofAll, hidden: one('hiddenDim') },
  fc: {
    ...ofAll, hidden: 'hiddenDims', dropoutKeep: 'dropoutKeep',
    normalization: (name: string) => ({ normalization: name === 'none' ? null : name }),
  },
};

/** The flag of an option: numTrain -> "--num-train". */
export function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The recipe with what the options change. Throws UsageError for an option that its network or rule does not take. */
export function withNetworkOptions(recipe: Recipe, options: NetworkOptions): Recipe {
  const { model } = recipe;
  const { rule, lr, momentum, lrDecay, ...rest } = options;
  let network: Record<string, unknown> = { ...recipe.network };
  for (const [name, value] of Object.entries(rest)) {
    if (!Object.values(takenBy).some((taken) => Object.hasOwn(taken, name)) || value === undefined) continue;
    const setting = takenBy[model][name as NetworkOptionName];
    if (setting === undefined) {
      const models = Object.keys(takenBy).filter((other) => Object.hasOwn(takenBy[other as ModelName], name));
      throw new UsageError(`${flagOf(name)} is no setting of the model ${model}, only of ${models.join(', ')}`);
    }
    const refuse = (expected: string): never => {
      throw new UsageError(`${flagOf(name)} of the model ${model} must be ${expected}, got ${String(value)}`);
    };
    network = { ...network, ...(typeof setting === 'string' ? { [setting]: value } : setting(value as never, refuse)) };
  }
  if (rule !== undefined && !(ruleNames as readonly string[]).includes(rule)) {
    throw new UsageError(`--rule must be one of ${ruleNames.join(', ')}, got ${describe(rule)}`);
  }
  const updateRule = (rule as RuleName | undefined) ?? recipe.updateRule;
  const { settings } = definitionOf(updateRule)!;
  if (momentum !== undefined && settings.momentum === undefined) {
    throw new UsageError(`--momentum is no setting of the rule ${updateRule}, only of sgdMomentum, nesterov`);
  }
  // Another rule's learning rate says nothing about this one's.
  const kept = updateRule === recipe.updateRule
    ? recipe.optimConfig
    : Object.fromEntries(Object.entries(settings).map(([name, setting]) => [name, setting.default]));
  const changed = Object.fromEntries(augmentations.filter((name) => options[name] !== undefined)
    .map((name) => [name, options[name]]));
  return {
    ...recipe, ...changed, network, updateRule, lrDecay: lrDecay ?? recipe.lrDecay,
    optimConfig: {
      ...kept, ...(lr === undefined ? {} : { learningRate: lr }), ...(momentum === undefined ? {} : { momentum }),
    },
  };
}
