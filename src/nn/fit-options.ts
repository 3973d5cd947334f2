/** What one may ask of `fit`, and what it tells. */

import type { Labels } from '../layers/loss.ts';
import type { GeneratorState, RandomSource } from '../tensor/random/source.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Schedule } from '../update/schedules.ts';
import type { Figures } from './compiled.ts';
import type { DataLoaderOptions, Inputs } from './data-loader.ts';
import type { StateDict } from './module.ts';
import type { OptimizerState } from './optimizers.ts';

/** What a callback hears after every epoch. */
export interface EpochReport {
  /** epochs finished, from 1 */
  readonly epoch: number;
  readonly epochs: number;
  /** loss and metrics of the epoch in training, and with the prefix `val` of the validation data after it */
  readonly figures: Figures;
  /** true where this epoch's weights are the best so far */
  readonly isBest: boolean;
  /** what `resume` takes to go on after this epoch, such as from a file, with what callbacks have changed by now */
  readonly state: FitState;
}

/** What a callback hears after every step. */
export interface StepReport {
  /** steps made, from 1, and in all */
  readonly iteration: number;
  readonly iterations: number;
  readonly loss: number;
}

export interface Callbacks {
  onStep?(report: StepReport): void;
  /** may be async; false stops the training */
  onEpoch?(report: EpochReport): unknown;
}

export interface FitOptions<X extends Inputs = Tensor> {
  /** passes over the data, 1 unless given */
  epochs?: number;
  /** examples a step, 32 unless given; with batchnorm a last step of one example is made with the step before it */
  batchSize?: number;
  /**
   * data to measure on after every epoch: [x, y], or the share of the training data to keep back for it; a few of its
   * examples are evaluated before the first step, to see whether it fits the network
   */
  validation?: readonly [x: X, y: Labels] | number;
  /** draws a new order for every epoch, true unless given */
  shuffle?: boolean;
  /** what orders and augmentation draw from */
  rng?: RandomSource;
  /** changes every batch of inputs, such as randomFlip */
  augment?: DataLoaderOptions<X>['augment'];
  /** multiplies the learning rates by its value at every step; where a callback sets them, it goes on from there */
  schedule?: Schedule;
  /** scales the gradients of a step down to this norm where theirs is larger */
  clipNorm?: number;
  /** what an earlier fit on the same data with the same options left in its history: goes on after its last epoch */
  resume?: FitState;
  callbacks?: Callbacks | readonly Callbacks[];
  /** stops once the best figure has not improved for so many epochs */
  patience?: number;
  /**
   * the figure by which weights are the best, and the higher the better unless it ends in loss; valAccuracy, valLoss or
   * loss, whichever there is, unless given; where it is the same as before, the lower valLoss is the better, and any
   * number is better than NaN
   */
  monitor?: string;
  /**
   * puts the best epoch's weights back at the end, however it came; true unless given where there is validation data
   */
  restoreBest?: boolean;
  /** stops after the step under way */
  signal?: { readonly aborted: boolean };
  /** stops once so many seconds have been spent */
  timeLimit?: number;
  /** prints a line an epoch, false unless given */
  verbose?: boolean;
}

/** How training went: one list a figure, one entry an epoch. */
export interface History {
  readonly figures: Record<string, number[]>;
  /** the loss of every step */
  readonly lossHistory: number[];
  /** epochs finished */
  readonly epochs: number;
  /** the epoch with the best figure, from 1 (0 where none was finished): its weights are there now with restoreBest */
  readonly bestEpoch: number;
  readonly stopped: 'finished' | 'aborted' | 'timeLimit' | 'patience' | 'callback';
  /** everything that going on needs, as it was after the last whole epoch: `fit(x, y, { resume: history.state })` */
  readonly state: FitState;
}

/** Where a training stands between two epochs. */
export interface FitState {
  readonly epoch: number;
  readonly weights: StateDict;
  readonly optimizer: OptimizerState<{ lr: number }>;
  /** of the order of examples, and of the network's layers */
  readonly generators: readonly GeneratorState[];
  readonly figures: Readonly<Record<string, readonly number[]>>;
  readonly lossHistory: readonly number[];
  readonly best: { readonly score: number; readonly epoch: number; readonly state: StateDict } | null;
}
