/** The options of Solver: what they mean, their defaults and their checks. */

import { checkBoolean, checkInteger, checkNumber, checkOneOf, checkOptions, describe } from '../runtime/check.ts';
import { Rng } from '../tensor/random/rng.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { defaultCheckpointStore, type CheckpointStore } from './checkpoint-store.ts';
import { checkedSettings, type RuleDefinition, type UpdateConfig, type UpdateRule } from '../update/rule.ts';
import type { Schedule } from '../update/schedules.ts';
import { definitionOf, ruleNames, type RuleName } from '../update/update-rules.ts';

/** What onProgress is told after every step. */
export interface Progress {
  /** steps made so far */
  iteration: number;
  /** steps in all */
  iterations: number;
  /** epochs finished */
  epoch: number;
  numEpochs: number;
  /** the loss of this step */
  loss: number;
  /** the learning rate of this step; undefined for a custom rule without one */
  learningRate: number | undefined;
  /** over the latest steps, evaluation not counted */
  imagesPerSecond: number;
  /** training time left at this speed, up to the time limit */
  secondsLeft: number;
  /** seconds spent in training steps so far */
  trainSeconds: number;
  /** the latest accuracies, 0 to 1; undefined before the first */
  trainAcc: number | undefined;
  valAcc: number | undefined;
}

export interface SolverOptions {
  /** the rule, or its name; 'sgd' by default. A function of your own gets gradients that it may keep. */
  updateRule?: RuleName | UpdateRule;
  /** settings of the rule, the same for every parameter */
  optimConfig?: UpdateConfig;
  /** what the learning rate is multiplied by after every epoch; 1 by default */
  lrDecay?: number;
  /** a further factor of the learning rate for every iteration; see schedules.ts */
  schedule?: Schedule;
  /** examples a step; 100 by default. All examples when there are fewer. */
  batchSize?: number;
  /** passes over the training set; 10 by default */
  numEpochs?: number;
  /** training examples drawn to measure accuracy; 1000 by default, null for all */
  numTrainSamples?: number | null;
  /** validation examples drawn to measure accuracy; null (default) for all */
  numValSamples?: number | null;
  /** iterations from one printed loss to the next; 10 by default */
  printEvery?: number;
  /** print losses and accuracies with console.log; true by default */
  verbose?: boolean;
  /** keep a checkpoint under this name, replaced after every epoch and when training stops */
  checkpointName?: string;
  /** where checkpoints go; by default the store that importing tilegrad/node brings */
  checkpointStore?: CheckpointStore;
  /** draws the order of the examples and is handed to transform; new Rng(0) by default */
  rng?: RandomSource;
  /** called after every step */
  onProgress?: (progress: Progress) => void;
  /**
   * changes a batch X (N, ...) before it is learnt from, which may be done in place: augmentation. Draw from the
   * generator that it is given, whose state is part of checkpoints.
   */
  transform?: (X: Tensor, rng: RandomSource) => Tensor;
  /** stop with an error when the loss becomes NaN or infinite; true by default. false goes on, as NumPy would. */
  stopWhenDiverged?: boolean;
}

/** Options with defaults filled in. */
export interface ResolvedOptions {
  /** the name of the update rule, for checkpoints */
  readonly ruleName: string;
  /** null for a function of the user's own, which is then in customRule */
  readonly rule: RuleDefinition | null;
  readonly customRule: UpdateRule | null;
  readonly optimConfig: UpdateConfig;
  /** before decay and schedule; undefined for a custom rule that was given none */
  readonly learningRate: number | undefined;
  readonly lrDecay: number;
  readonly schedule: Schedule | null;
  readonly batchSize: number;
  readonly numEpochs: number;
  readonly numTrainSamples: number | null;
  readonly numValSamples: number | null;
  readonly printEvery: number;
  readonly verbose: boolean;
  readonly checkpointName: string | null;
  readonly checkpointStore: CheckpointStore | null;
  readonly rng: RandomSource;
  readonly onProgress: ((progress: Progress) => void) | null;
  readonly transform: ((X: Tensor, rng: RandomSource) => Tensor) | null;
  readonly stopWhenDiverged: boolean;
}

const known = [
  'updateRule', 'optimConfig', 'lrDecay', 'schedule', 'batchSize', 'numEpochs', 'numTrainSamples', 'numValSamples',
  'printEvery', 'verbose', 'checkpointName', 'checkpointStore', 'rng', 'onProgress', 'transform', 'stopWhenDiverged',
];

/** Checks every option and fills in defaults. Throws TypeError or RangeError that names the option. */
export function resolveOptions(fn: string, options: SolverOptions): ResolvedOptions {
  checkOptions(fn, options, known);
  const { rule, customRule, ruleName } = resolveRule(fn, options.updateRule ?? 'sgd');
  const optimConfig = { ...options.optimConfig };
  if (rule !== null) {
    const settings = Object.keys(rule.settings);
    checkOptions(`${fn}: optimConfig of ${ruleName}`, options.optimConfig ?? {}, settings);
  }
  const learningRate = rule === null ? optimConfig.learningRate : checkedSettings(rule, optimConfig).learningRate;
  const lrDecay = checkNumber(fn, 'lrDecay', options.lrDecay ?? 1, 0);
  const schedule = checkFunction(fn, 'schedule', options.schedule);
  if (learningRate === undefined && (lrDecay !== 1 || schedule !== null)) {
    throw new TypeError(`${fn}: lrDecay and schedule need optimConfig.learningRate, which ${ruleName} was not given`);
  }
  return {
    ruleName, rule, customRule, optimConfig, learningRate, lrDecay, schedule,
    batchSize: checkInteger(fn, 'batchSize', options.batchSize ?? 100, 1),
    numEpochs: checkInteger(fn, 'numEpochs', options.numEpochs ?? 10, 1),
    numTrainSamples: checkSamples(fn, 'numTrainSamples', options.numTrainSamples, 1000),
    numValSamples: checkSamples(fn, 'numValSamples', options.numValSamples, null),
    printEvery: checkInteger(fn, 'printEvery', options.printEvery ?? 10, 1),
    verbose: checkBoolean(fn, 'verbose', options.verbose ?? true),
    ...resolveCheckpoints(fn, options),
    rng: checkRandomSource(fn, 'rng', options.rng ?? new Rng(0)),
    onProgress: checkFunction(fn, 'onProgress', options.onProgress),
    transform: checkFunction(fn, 'transform', options.transform),
    stopWhenDiverged: checkBoolean(fn, 'stopWhenDiverged', options.stopWhenDiverged ?? true),
  };
}

function resolveRule(
  fn: string, given: RuleName | UpdateRule,
): Pick<ResolvedOptions, 'rule' | 'customRule' | 'ruleName'> {
  if (typeof given === 'function') {
    const rule = definitionOf(given);
    return { rule, customRule: rule === null ? given : null, ruleName: rule?.name ?? (given.name || 'a function') };
  }
  const name = checkOneOf(fn, 'updateRule', given, ruleNames);
  return { rule: definitionOf(name), customRule: null, ruleName: name };
}

function resolveCheckpoints(
  fn: string, options: SolverOptions,
): Pick<ResolvedOptions, 'checkpointName' | 'checkpointStore'> {
  const { checkpointName, checkpointStore } = options;
  if (checkpointStore !== undefined && typeof checkpointStore?.write !== 'function') {
    throw new TypeError(`${fn}: checkpointStore must have a method write, got ${describe(checkpointStore)}`);
  }
  if (checkpointName === undefined) return { checkpointName: null, checkpointStore: null };
  if (typeof checkpointName !== 'string' || checkpointName === '') {
    throw new TypeError(`${fn}: checkpointName must be a string that is not empty, got ${describe(checkpointName)}`);
  }
  const store = checkpointStore ?? defaultCheckpointStore();
  if (store === null) {
    throw new TypeError(
      `${fn}: checkpointName needs somewhere to write to: import tilegrad/node or give checkpointStore`,
    );
  }
  return { checkpointName, checkpointStore: store };
}

/** A number of samples, or null for all. */
export function checkSamples(
  fn: string, name: string, value: number | null | undefined, standard: number | null,
): number | null {
  if (value === undefined) return standard;
  return value === null ? null : checkInteger(fn, name, value, 1);
}

function checkFunction<T>(fn: string, name: string, value: T | undefined): T | null {
  if (value === undefined) return null;
  if (typeof value !== 'function') throw new TypeError(`${fn}: ${name} must be a function, got ${describe(value)}`);
  return value;
}
