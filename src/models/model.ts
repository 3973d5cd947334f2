/** What training, checkpoints and the command line need of a model; any object of this form will do. */

import type { Labels } from '../layers/loss.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Gradients of the loss under the names of the parameters. */
export type Gradients = Record<string, Tensor>;

/** The part of a model that a solver trains. */
export interface TrainableModel {
  /** the parameters by name; a solver may put other tensors of the same shapes in their place */
  params: Record<string, Tensor>;
  /** class scores (N, classes) at test time */
  loss(X: Tensor): Tensor;
  /** loss and gradients of a training pass over X against the labels y (N) */
  loss(X: Tensor, y: Labels): [loss: number, grads: Gradients];
}

/** A model that can be stored and taken up again. */
export interface Model extends TrainableModel {
  /** the class's name, such as DeepConvNet */
  readonly name: string;
  /** the options it was built with, defaults filled in and without the generator: plain values that JSON keeps */
  readonly config: Readonly<Record<string, unknown>>;
  /** what it carries from step to step beside its parameters: running averages, dropout's generator */
  state(): Record<string, Tensor>;
  /** takes up a state that state() returned */
  loadState(state: Readonly<Record<string, Tensor>>): void;
  /** a table of its layers */
  summary(): string;
}
