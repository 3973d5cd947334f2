/** The settings of one training run: a recipe, what the command line changed of it, and which data it gets. */

import { join, resolve } from 'node:path';
import { isRecord } from './json.ts';
import { flagOf, withNetworkOptions } from './network-options.ts';
import type { NetworkOptions } from './network-options.ts';
import { findRecipe, modelNames } from './recipes.ts';
import type { Recipe } from './recipes.ts';
import { UsageError } from './terminal.ts';
import { readPlainFile } from '../plain-file.ts';

/** The options of `tilegrad train` as the command line gives them, checked one by one. */
export interface TrainOptions extends NetworkOptions {
  readonly data?: string;
  readonly model?: string;
  readonly recipe?: string;
  readonly epochs?: number;
  readonly time?: number;
  readonly batch?: number;
  readonly threads?: number;
  readonly wideSimd?: boolean;
  readonly relaxedSimd?: boolean;
  readonly seed?: number;
  readonly numTrain?: number;
  readonly numVal?: number;
  readonly numTest?: number;
  readonly size?: number;
  readonly splitSeed?: number;
  readonly layout?: 'NCHW' | 'NHWC';
  readonly onUnreadable?: 'skip' | 'error';
  readonly out: string;
  readonly tensorboard?: boolean;
  readonly resume?: boolean;
  readonly overwrite?: boolean;
}

/** Plain values, kept in the checkpoint: what a run can be repeated and gone on with. */
export interface RunSettings extends Recipe {
  readonly recipe: string;
  readonly seed: number;
  /** a path, 'shapes' for the procedural set, or null for whatever is at hand, as long as nothing has been loaded */
  readonly data: string | null;
  /** what was found there; null before, and in runs of earlier versions */
  readonly trainedOn: { readonly name: string; readonly classNames: readonly string[] } | null;
  readonly numVal: number | null;
  readonly numTest: number | null;
  /** side that pictures of a folder are brought to; null for 32 */
  readonly size: number | null;
  /** what test images are drawn with where the data have none: not the run's seed, so that runs can be compared */
  readonly splitSeed: number;
  /** where the channels of arrays are; null where their shape tells */
  readonly layout: 'NCHW' | 'NHWC' | null;
  readonly onUnreadable: 'skip' | 'error';
}

/** Combines the recipe with the options. Throws UsageError for names that do not exist or contradict each other. */
export function settingsFromOptions(options: TrainOptions): RunSettings {
  const [recipeName, recipe] = findRecipe(options.recipe, options.model);
  // Who gives only one of the two limits means that one; with both, the one that comes first ends the run.
  const limited = options.epochs !== undefined || options.time !== undefined;
  return {
    recipe: recipeName,
    ...withNetworkOptions(recipe, options),
    batchSize: options.batch ?? recipe.batchSize,
    epochs: limited ? (options.epochs ?? null) : recipe.epochs,
    time: limited ? (options.time ?? null) : recipe.time,
    seed: options.seed ?? 0,
    data: options.data === undefined || options.data === 'shapes' ? (options.data ?? null) : resolve(options.data),
    trainedOn: null,
    numTrain: options.numTrain ?? recipe.numTrain,
    numVal: options.numVal ?? null,
    numTest: options.numTest ?? null,
    size: options.size ?? null,
    splitSeed: options.splitSeed ?? 0,
    layout: options.layout ?? null,
    onUnreadable: options.onUnreadable ?? 'skip',
  };
}

/** What may be given with --resume; everything else would make the run another one. */
const freeOnResume: readonly string[] = [
  'data', 'time', 'threads', 'wideSimd', 'relaxedSimd', 'out', 'resume', 'tensorboard',
];

/**
 * Throws UsageError where an option given with --resume is one that the checkpoint decides. A run that diverged may go
 * on with another learning rate: with the same one it would diverge again.
 */
export async function checkResumeOptions(options: TrainOptions): Promise<void> {
  const { out } = options;
  const changed = Object.keys(options).find((name) => !freeOnResume.includes(name) && name !== 'lr');
  if (changed === undefined && (options.lr === undefined || (await hasDiverged(out)))) return;
  throw new UsageError(`--resume goes on with the settings of the run in ${out}; ${flagOf(changed ?? 'lr')} cannot be given with it`);
}

async function hasDiverged(out: string): Promise<boolean> {
  const history: unknown = await readPlainFile(join(out, 'history.json'))
    .then((bytes) => JSON.parse(new TextDecoder().decode(bytes)) as unknown).catch(() => null);
  return isRecord(history) && history.stopReason === 'diverged';
}

/** What runs had before there were these settings. */
const lateSettings: Partial<RunSettings> = {
  trainedOn: null, size: null, splitSeed: 0, layout: null, onUnreadable: 'skip', crop: 1, jitter: 0, cutout: 0, mixup: 0,
};

/**
 * The settings of a checkpoint, with the data's place and the time limit replaced where options name others. Throws
 * RangeError for settings that this version does not know.
 */
export function checkResumedSettings(stored: unknown, options: TrainOptions): RunSettings {
  const standard: Record<string, unknown> = { ...settingsFromOptions({ out: options.out }) };
  const saved: unknown = isRecord(stored) ? { ...lateSettings, ...stored } : stored;
  const fits =
    isRecord(saved) &&
    Object.keys(standard).every((name) => Object.hasOwn(saved, name)) &&
    ['recipe', 'model', 'updateRule', 'schedule', 'flips', 'onUnreadable'].every((name) => typeof saved[name] === 'string') &&
    ['seed', 'batchSize', 'lrDecay', 'shift', 'betaRate', 'splitSeed', 'crop', 'jitter', 'cutout', 'mixup'].every((name) => typeof saved[name] === 'number') &&
    ['epochs', 'time', 'numTrain', 'numVal', 'numTest', 'size'].every((name) => /number|object/.test(typeof saved[name])) &&
    [null, 'NCHW', 'NHWC'].includes(saved.layout as string | null) &&
    modelNames.includes(saved.model as string) &&
    (saved.trainedOn === null || isTrainedOn(saved.trainedOn)) &&
    isRecord(saved.network) &&
    isRecord(saved.optimConfig);
  if (!fits) throw new RangeError(`the run in ${options.out} has settings that this version cannot read`);
  const { out, data } = options;
  const settings = saved as unknown as RunSettings;
  return {
    ...settings,
    data: data === undefined ? settings.data : settingsFromOptions({ out, data }).data,
    time: options.time ?? settings.time,
    optimConfig: { ...settings.optimConfig, ...(options.lr === undefined ? {} : { learningRate: options.lr }) },
  };
}

function isTrainedOn(value: unknown): boolean {
  if (!isRecord(value) || typeof value.name !== 'string' || !Array.isArray(value.classNames)) return false;
  return value.classNames.every((name) => typeof name === 'string');
}
