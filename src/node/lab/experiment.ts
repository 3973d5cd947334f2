/** What an experiment is: a question, a way to answer it, and what it is expected to show. */

import type { PreparedImages, PrepareOptions } from '../../data/index.ts';
import type { Model } from '../../models/index.ts';
import type { SolverOptions } from '../../train/index.ts';
import type { Chart, Panel, TrainingHistory } from '../../viz/index.ts';
import type { NumberTable } from '../../viz/experiment-page.ts';

/** A training run: its history, and how it ended. */
export interface Run extends TrainingHistory {
  readonly trainAccHistory: readonly number[];
  readonly valAccHistory: readonly number[];
  readonly lossHistory: readonly number[];
  /** training ended early since numbers became NaN or infinite */
  readonly diverged: boolean;
  /** spent in training steps */
  readonly seconds: number;
}

export type Runs = Readonly<Record<string, Run>>;

/** An expectation, whether it holds, and the numbers that say so; NaN and infinities are null in results.json. */
export interface Check {
  readonly expectation: string;
  readonly holds: boolean;
  readonly numbers: Readonly<Record<string, number>>;
}

/** What came of an experiment. */
export interface Findings {
  readonly checks: readonly Check[];
  /** rows of charts that stand side by side */
  readonly charts?: ReadonlyArray<readonly Chart[]>;
  readonly pictures?: readonly Panel[];
  readonly tables: readonly NumberTable[];
  /** every training run, for results.json */
  readonly runs?: Runs;
}

/** What an experiment works with. */
export interface Lab {
  /** small sizes, to see that it runs: what it then finds says little */
  readonly quick: boolean;
  readonly seed: number;
  /** the first images of the data set, split and prepared as prepareImages does */
  images(options: PrepareOptions & { numTraining: number; numValidation: number }): Promise<PreparedImages>;
  /** trains a network, says a line of it, and returns its history; one that diverges is an answer, too */
  train(label: string, network: Model, data: PreparedImages, options: SolverOptions): Promise<Run>;
}

export interface Experiment {
  readonly title: string;
  readonly question: string;
  /** what to see in its page */
  readonly lessons: readonly string[];
  run(lab: Lab): Promise<Findings>;
}

export function check(expectation: string, holds: boolean, numbers: Check['numbers']): Check {
  return { expectation, holds, numbers };
}

/** The check that each number is greater than the next. */
export function descending(expectation: string, numbers: Check['numbers']): Check {
  return check(expectation, Object.values(numbers).every((value, i, all) => i === 0 || value < all[i - 1]), numbers);
}

/** The last value, NaN for none. */
export const last = (values: ArrayLike<number>): number => (values.length === 0 ? NaN : values[values.length - 1]);
export const best = (values: ArrayLike<number>): number => Math.max(-Infinity, ...Array.from(values));

/** The mean of the last steps' losses: a single batch says little. NaN where training diverged. */
export function finalLoss({ lossHistory, diverged }: Run, steps: number = 10): number {
  const values = lossHistory.slice(-steps);
  return diverged ? NaN : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** One number of every run, by its label. */
export function each(runs: Runs, read: (run: Run) => number): Record<string, number> {
  return Object.fromEntries(Object.entries(runs).map(([label, run]) => [label, read(run)]));
}
