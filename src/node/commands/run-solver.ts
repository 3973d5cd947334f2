/** The network and the Solver's options of a run, from its settings. */

import {
  alternatingFlip, augment, colorJitter, cutout, mixup, randomCrop, randomFlip, randomShift,
} from '../../data/index.ts';
import type { Transform } from '../../data/index.ts';
import { FastConvNet } from '../../models/index.ts';
import type { Network } from '../../models/index.ts';
import { Rng } from '../../tensor/index.ts';
import type { Tensor } from '../../tensor/index.ts';
import { oneCycleSchedule } from '../../train/index.ts';
import type { Schedule, SolverOptions } from '../../train/index.ts';
import type { Recipe } from './recipes.ts';
import type { RunSettings } from './run-settings.ts';

/** Epochs of a run that only time ends. */
const endlessEpochs = 1_000_000;

/**
 * The options of the Solver that trains as a recipe says. A run that time ends cannot know how many iterations it will
 * make; its schedule follows the time.
 *
 * @param prepared how the images were normalised, which a change of their colours needs to know
 */
export function solverOptions(
  settings: Recipe & Pick<RunSettings, 'seed'>, prepared: { readonly mean?: Tensor; readonly std?: Tensor } = {},
): SolverOptions {
  const { epochs, time, updateRule, optimConfig, lrDecay, batchSize, schedule, betaRate, lookahead, seed } = settings;
  return {
    updateRule, optimConfig, lrDecay, batchSize, schedule: schedules[schedule](),
    rateFactor: betaRate === 1 ? undefined : (name) => (name.startsWith('beta') ? betaRate : 1),
    lookahead: lookahead ? { every: 5, keep: (progress) => 0.95 ** 5 * progress ** 3 } : undefined,
    numEpochs: epochs ?? endlessEpochs, timeBudget: time ?? undefined,
    // A generator of its own: the weights' generator is used up to a point that depends on the network.
    rng: new Rng(seed + 1),
    transform: transformOf(settings, prepared),
    verbose: false,
  };
}

const schedules: Readonly<Record<Recipe['schedule'], () => Schedule | undefined>> = {
  constant: () => undefined,
  'one-cycle': () => oneCycleSchedule(),
  triangle: () => oneCycleSchedule({ rise: 0.2, start: 0.2, end: 0, shape: 'linear' }),
};

function transformOf(
  { flips, shift, crop, jitter, cutout: side, mixup: alpha }: Recipe, prepared: { mean?: Tensor; std?: Tensor },
): Transform | undefined {
  const chosen: Transform[] = [
    ...(flips === 'none' ? [] : [flips === 'random' ? randomFlip : alternatingFlip]),
    ...(shift === 0 ? [] : [configured(randomShift, { maxShift: shift, border: 'reflect' })]),
    ...(crop === 1 ? [] : [configured(randomCrop, { minArea: crop })]),
    ...(jitter === 0 ? [] : [configured(colorJitter, { ...evenly(jitter), ...prepared })]),
    ...(side === 0 ? [] : [configured(cutout, { size: side })]),
    ...(alpha === 0 ? [] : [configured(mixup, { alpha })]),
  ];
  return chosen.length === 0 ? undefined : augment(...chosen);
}

/** The same reach for all changes of colour. */
function evenly(reach: number): object {
  return { brightness: reach, contrast: reach, saturation: reach };
}

/** A transform with options of its own. */
function configured(transform: Transform, own: object): Transform {
  return (X, rng, options) => transform(X, rng, { ...options, ...own });
}

/** Images that whitening looks at, 64 patches each: for 48 by 48 numbers enough, and more take longer. */
const whitenedImages = 2000;

/** Fits the network's first layer to the training images where the recipe has that, and returns the seconds it took. */
export function whitenFirstLayer(network: Network, { whiten }: Pick<Recipe, 'whiten'>, XTrain: Tensor): number {
  if (!whiten || !(network instanceof FastConvNet)) return 0;
  const started = performance.now();
  network.whiten(XTrain, { images: whitenedImages });
  return (performance.now() - started) / 1000;
}
