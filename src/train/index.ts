/** Training: update rules, schedules, the Solver, and checks of gradients. */

export { adagrad, adam, adamW, nesterov, rmsprop, sgd, sgdMomentum, type RuleName } from '../update/update-rules.ts';
export type { UpdateConfig, UpdateRule } from '../update/rule.ts';
export {
  constantSchedule, cosineSchedule, oneCycleSchedule, stepSchedule,
  type CosineScheduleOptions, type OneCycleScheduleOptions, type Schedule, type StepScheduleOptions,
} from '../update/schedules.ts';
export { Solver } from './solver.ts';
export type { LookaheadOptions } from './lookahead.ts';
export type {
  AccuracyOptions, EpochReport, Progress, RestoreOptions, SolverData, SolverOptions, StopReason, TrainOptions,
} from './solver-options.ts';
export { DivergenceError } from './divergence.ts';
export type { Gradients, Model, StateTree, TrainableModel, TrainableModel as SolverModel } from '../models/model.ts';
export { setDefaultCheckpointStore, type CheckpointStore } from './checkpoint-store.ts';
export { evalNumericalGradient, evalNumericalGradientArray, type NumericalGradientOptions } from './numeric-gradient.ts';
export { gradCheckSparse, type GradCheck, type GradCheckSparseOptions } from './grad-check-sparse.ts';
export { relError } from './rel-error.ts';
export { ensemble, type EnsembleOptions } from './ensemble.ts';
