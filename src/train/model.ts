/** What Solver asks of a model: parameters, a loss, and, where it has any, state beyond the parameters. */

import type { TrainableModel } from '../models/model.ts';
import type { StateTree } from './state-tree.ts';

/** Anything that Solver can train; every model of tilegrad/models is one. Solver overwrites the parameters. */
export interface SolverModel extends TrainableModel {
  /**
   * what a checkpoint must hold beside the parameters for training to go on exactly: running averages, the state of
   * dropout's generators. Left out by models that have nothing of the kind.
   */
  state?(): StateTree;
  /** takes up what `state` returned */
  loadState?(state: never): void;
}
