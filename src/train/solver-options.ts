/** What Solver takes, its data and options: what they mean, their defaults and their checks. */

import type { TransformOptions } from '../runtime/batch-info.ts';
import type { Labels } from '../layers/loss.ts';
import {
  checkBoolean, checkFunction, checkInteger, checkNumber, checkOneOf, checkOptions, describe,
} from '../runtime/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import type { TypedArray } from '../kernels/memory/allocate.ts';
import type { RandomState } from '../tensor/random/random-state.ts';
import { Rng } from '../tensor/random/rng.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { defaultCheckpointStore, type CheckpointStore } from './checkpoint-store.ts';
import { Lookahead, type LookaheadOptions } from './lookahead.ts';
import type { RunSettings } from './solver-state.ts';
import { checkedSettings, type RuleDefinition, type UpdateConfig, type UpdateRule } from '../update/rule.ts';
import type { Schedule } from '../update/schedules.ts';
import { definitionOf, ruleNames, type RuleName } from '../update/update-rules.ts';

/** Training and validation examples; further entries are ignored, so that what getCifar10Data returns can be passed. */
export interface SolverData {
  /** (N, ...) in any element type; batches are converted to the type of the parameters */
  XTrain: Tensor;
  yTrain: Labels;
  XVal: Tensor;
  yVal: Labels;
}

export interface TrainOptions {
  /** stop once this many seconds of this call have been spent in training steps */
  timeLimit?: number;
  /** an AbortSignal: stop after the step under way, with a checkpoint if one is kept */
  signal?: { readonly aborted: boolean };
}

/**
 * Why train() returned: after the last epoch, at the time limit, on the signal, since onEpoch returned false, or since
 * the validation accuracy had not improved for as many epochs as `patience` says.
 */
export type StopReason = 'finished' | 'timeLimit' | 'aborted' | 'stopped' | 'patience';

export interface RestoreOptions {
  /** allow optimConfig and lrDecay to differ from the checkpoint's, and go on with the new ones; false by default */
  changedSettings?: boolean;
}

export interface AccuracyOptions {
  /** examples to draw at random; null (default) for all */
  numSamples?: number | null;
  /** examples to classify at a time; 100 by default */
  batchSize?: number;
}

/** What onProgress is told after every step, before accuracy is measured where that is due. */
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
  /** the accuracies last measured, 0 to 1, at an earlier step than this one; undefined before the first */
  trainAcc: number | undefined;
  valAcc: number | undefined;
}

/** What onEpoch is told after every measurement of accuracy. */
export interface EpochReport {
  /** epochs finished; 0 after the first step, and a time limit may cut an epoch off */
  epoch: number;
  numEpochs: number;
  /** steps made so far */
  iteration: number;
  /** accuracies, 0 to 1, of the parameters as they are now (with lookahead, of the slow weights) */
  trainAcc: number;
  valAcc: number;
  /** true when valAcc is the highest so far, so that these parameters are kept */
  isBest: boolean;
  bestValAcc: number;
  /** seconds spent in training steps so far */
  trainSeconds: number;
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
  /**
   * seconds of training in all, those before a checkpoint included: train() ends before a step that might pass them
   * ('timeLimit'), and a schedule follows the time that has gone by where that is ahead of the steps, so that it
   * reaches its end on a slow machine as on a fast one; a run then depends on the machine's speed. None by default.
   */
  timeBudget?: number;
  /** slow weights that follow the others and are the result: see LookaheadOptions; none by default */
  lookahead?: LookaheadOptions;
  /** what the learning rate of the parameter of this name is multiplied by; 1 for all unless given */
  rateFactor?: (name: string) => number;
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
  /** texts to keep in checkpoints beside the state, under these names of the file's metadata */
  checkpointMetadata?: Readonly<Record<string, string>>;
  /** where checkpoints go; by default the store that importing tilegrad/node brings */
  checkpointStore?: CheckpointStore;
  /** draws the order of the examples and is handed to transform; new Rng(0) by default */
  rng?: RandomSource;
  /**
   * how batches are drawn: by a 'permutation' of the examples every epoch (default), or, each anew and with
   * replacement, by `rng.choice`; the samples that accuracy is measured on then come from rng as well. With a
   * RandomState these are the draws of the course's own Solver, np.random.choice, in its order: whoever draws the
   * initial weights and dropout's masks from that same RandomState follows a NumPy program number by number. Whatever
   * measures accuracy moves the stream on: checkAccuracy with numSamples, and the measurement at which a timeLimit
   * ends a call of train. Batches then have batchSize examples even where there are fewer to draw from.
   */
  draw?: 'permutation' | 'choice';
  /**
   * stop once the validation accuracy has not risen above the best for so many epochs on end; null (default) for never
   */
  patience?: number | null;
  /** called after every step, and not waited for; accuracy that is due is measured afterwards: see onEpoch */
  onProgress?: (progress: Progress) => void;
  /**
   * called, and waited for, after every measurement of accuracy: after the first step, after every epoch, and where a
   * time limit ends training; the checkpoint is written by then. Returning false, or a promise of it, stops training
   * ('stopped'); any other result goes on.
   */
  onEpoch?: (report: EpochReport) => unknown;
  /**
   * changes a batch X (N, ...) before it is learnt from, which may be done in place: augmentation. Draw from the
   * generator that it is given, whose state is part of checkpoints. `options.batch` says which examples these
   * are, and how many epochs have gone by, and holds their labels, which it may replace (see mixup).
   */
  transform?: (X: Tensor, rng: RandomSource, options: Required<TransformOptions>) => Tensor;
  /**
   * stop with a DivergenceError when the loss, a score or a parameter becomes NaN or infinite; true by default. false
   * goes on, as NumPy would; what is not finite then never counts as the best, and checkpoints that would hold it are
   * left out, with one warning: the last one that was sound stays.
   */
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
  readonly rateFactor: ((name: string) => number) | null;
  /** Infinity for none */
  readonly timeBudget: number;
  readonly lookahead: Lookahead | null;
  readonly batchSize: number;
  readonly numEpochs: number;
  readonly numTrainSamples: number | null;
  readonly numValSamples: number | null;
  readonly printEvery: number;
  readonly verbose: boolean;
  readonly checkpointName: string | null;
  readonly checkpointStore: CheckpointStore | null;
  readonly checkpointMetadata: Readonly<Record<string, string>>;
  readonly rng: RandomSource;
  /** draws `count` of 0..size-1 with replacement; null where batches come from a permutation */
  readonly choice: ((size: number, count: number) => TypedArray) | null;
  readonly patience: number | null;
  readonly onProgress: ((progress: Progress) => void) | null;
  readonly onEpoch: NonNullable<SolverOptions['onEpoch']> | null;
  readonly transform: NonNullable<SolverOptions['transform']> | null;
  readonly stopWhenDiverged: boolean;
}

const known = [
  'updateRule', 'optimConfig', 'lrDecay', 'schedule', 'rateFactor', 'timeBudget', 'lookahead', 'batchSize', 'numEpochs',
  'numTrainSamples', 'numValSamples', 'draw',
  'printEvery', 'verbose', 'checkpointName', 'checkpointMetadata', 'checkpointStore', 'rng', 'patience', 'onProgress',
  'onEpoch', 'transform', 'stopWhenDiverged',
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
  const learningRate = rule === null ? optimConfig.learningRate : checkedSettings(rule, optimConfig, fn, 'optimConfig').learningRate;
  const lrDecay = checkNumber(fn, 'lrDecay', options.lrDecay ?? 1, 0);
  const schedule = optionalFunction(fn, 'schedule', options.schedule);
  const rateFactor = optionalFunction(fn, 'rateFactor', options.rateFactor);
  if (learningRate === undefined && (lrDecay !== 1 || schedule !== null || rateFactor !== null)) {
    throw new TypeError(`${fn}: lrDecay, schedule and rateFactor need optimConfig.learningRate, which ${ruleName} was not given`);
  }
  const { timeBudget = Infinity, lookahead } = options;
  if (timeBudget !== Infinity) checkNumber(fn, 'timeBudget', timeBudget, 0);
  const rng = checkRandomSource(fn, 'rng', options.rng ?? new Rng(0));
  return {
    ruleName, rule, customRule, optimConfig, learningRate, lrDecay, schedule, rateFactor, timeBudget,
    lookahead: lookahead === undefined ? null : new Lookahead(fn, lookahead),
    batchSize: checkInteger(fn, 'batchSize', options.batchSize ?? 100, 1),
    numEpochs: checkInteger(fn, 'numEpochs', options.numEpochs ?? 10, 1),
    numTrainSamples: checkCount(fn, 'numTrainSamples', options.numTrainSamples, 1000),
    numValSamples: checkCount(fn, 'numValSamples', options.numValSamples, null),
    printEvery: checkInteger(fn, 'printEvery', options.printEvery ?? 10, 1),
    verbose: checkBoolean(fn, 'verbose', options.verbose ?? true),
    ...resolveCheckpoints(fn, options),
    rng, choice: resolveDraw(fn, options.draw ?? 'permutation', rng),
    patience: checkCount(fn, 'patience', options.patience, null),
    onProgress: optionalFunction(fn, 'onProgress', options.onProgress),
    onEpoch: optionalFunction(fn, 'onEpoch', options.onEpoch),
    transform: optionalFunction(fn, 'transform', options.transform),
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

function resolveDraw(
  fn: string, draw: NonNullable<SolverOptions['draw']>, rng: RandomSource & Partial<Pick<RandomState, 'choice'>>,
): ResolvedOptions['choice'] {
  if (checkOneOf(fn, 'draw', draw, ['permutation', 'choice']) === 'permutation') return null;
  if (typeof rng.choice !== 'function') throw new TypeError(`${fn}: rng must be a RandomState with draw 'choice', got ${describe(rng)}`);
  return (size, count) => contiguousData(rng.choice!(size, [count]));
}

function resolveCheckpoints(
  fn: string, options: SolverOptions,
): Pick<ResolvedOptions, 'checkpointName' | 'checkpointStore' | 'checkpointMetadata'> {
  const { checkpointName, checkpointStore } = options;
  const checkpointMetadata = { ...options.checkpointMetadata };
  for (const [name, text] of Object.entries(checkpointMetadata)) {
    if (typeof text === 'string') continue;
    throw new TypeError(`${fn}: checkpointMetadata[${describe(name)}] must be a string, got ${describe(text)}`);
  }
  if (checkpointStore !== undefined && typeof checkpointStore?.write !== 'function') {
    throw new TypeError(`${fn}: checkpointStore must have a method write, got ${describe(checkpointStore)}`);
  }
  if (checkpointName === undefined) return { checkpointName: null, checkpointStore: null, checkpointMetadata };
  if (typeof checkpointName !== 'string' || checkpointName === '') {
    throw new TypeError(`${fn}: checkpointName must be a string that is not empty, got ${describe(checkpointName)}`);
  }
  const store = checkpointStore ?? defaultCheckpointStore();
  if (store === null) {
    throw new TypeError(
      `${fn}: checkpointName needs somewhere to write to: import tilegrad/node or give checkpointStore`,
    );
  }
  return { checkpointName, checkpointStore: store, checkpointMetadata };
}

/** What a checkpoint must have in common with the Solver that goes on from it. */
export function settingsOf(
  { ruleName, optimConfig, lrDecay, lookahead, choice }: ResolvedOptions, batchSize: number, trainingExamples: number,
): RunSettings {
  return {
    updateRule: ruleName, optimConfig: optimConfig as RunSettings, lrDecay, batchSize, trainingExamples,
    lookahead: lookahead?.settings, draw: choice === null ? undefined : 'choice',
  };
}

/** The options of train(), checked. */
export function resolveTrainOptions(fn: string, options: TrainOptions): TrainOptions & { readonly timeLimit: number } {
  checkOptions(fn, options, ['timeLimit', 'signal']);
  const { timeLimit = Infinity, signal } = options;
  if (timeLimit !== Infinity) checkNumber(fn, 'timeLimit', timeLimit, 0);
  if (signal !== undefined && typeof signal?.aborted !== 'boolean') {
    throw new TypeError(`${fn}: signal must be an AbortSignal, got ${describe(signal)}`);
  }
  return { timeLimit, signal };
}

/** Examples classified at a time unless the caller says otherwise. */
export const evaluationBatch: number = 100;

/** The options of checkAccuracy(), checked. */
export function resolveAccuracyOptions(fn: string, options: AccuracyOptions): Required<AccuracyOptions> {
  checkOptions(fn, options, ['numSamples', 'batchSize']);
  const { batchSize = evaluationBatch } = options;
  return {
    numSamples: checkCount(fn, 'numSamples', options.numSamples, null),
    batchSize: checkInteger(fn, 'batchSize', batchSize, 1),
  };
}

/** A count from 1, or null for one without end. */
function checkCount(
  fn: string, name: string, value: number | null | undefined, standard: number | null,
): number | null {
  if (value === undefined) return standard;
  return value === null ? null : checkInteger(fn, name, value, 1);
}

function optionalFunction<T>(fn: string, name: string, value: T | undefined): T | null {
  return value === undefined ? null : checkFunction(fn, name, value);
}
