/** Training: update rules, schedules, the Solver, and checks of gradients. */

export { adagrad, adam, adamW, nesterov, rmsprop, sgd, sgdMomentum, type RuleName } from './updateRules.ts';
export type { UpdateConfig, UpdateRule } from './rule.ts';
export {
  constantSchedule, cosineSchedule, oneCycleSchedule, stepSchedule,
  type CosineScheduleOptions, type OneCycleScheduleOptions, type Schedule, type StepScheduleOptions,
} from './schedules.ts';
export { Solver, type AccuracyOptions, type SolverData, type StopReason, type TrainOptions } from './solver.ts';
export type { Progress, SolverOptions } from './solverOptions.ts';
export type { SolverModel } from './model.ts';
export type { StateTree } from './stateTree.ts';
export { setDefaultCheckpointStore, type CheckpointStore } from './checkpointStore.ts';
export { evalNumericalGradient, evalNumericalGradientArray, type NumericalGradientOptions } from './numericGradient.ts';
export { gradCheckSparse, type GradCheck, type GradCheckSparseOptions } from './gradCheckSparse.ts';
export { relError } from './relError.ts';
