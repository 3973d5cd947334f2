/** What training, checkpoints and the command line need of a model; any object of this form will do. */

import type { Labels } from '../layers/loss.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** Gradients of the loss under the names of the parameters. */
export type Gradients = Record<string, Tensor>;

/** What a checkpoint can hold: a tensor, plain data, or a list or object of such. */
export type StateTree =
  | Tensor | number | string | boolean | null | undefined
  | readonly StateTree[]
  | { readonly [key: string]: StateTree };

/** The part of a model that a solver trains; every network of this room is one. */
export interface TrainableModel {
  /** the parameters by name; a solver may put other tensors of the same shapes in their place, and overwrites those */
  params: Record<string, Tensor>;
  /** names of parameters that training leaves as they are, and for which there are no gradients; none unless given */
  readonly frozen?: ReadonlySet<string>;
  /** the number of classes; found by scoring two examples where a model does not say it */
  readonly numClasses?: number;
  /** class scores (N, classes) at test time */
  loss(X: Tensor): Tensor;
  /** loss and gradients of a training pass over X against the labels y (N) */
  loss(X: Tensor, y: Labels): [loss: number, grads: Gradients];
  /**
   * what a checkpoint must hold beside the parameters for training to go on exactly: running averages, the state of
   * dropout's generators. Left out by models that have nothing of the kind. NaN or infinity in its tensors counts as
   * diverged, as in a parameter; as plain numbers both are kept.
   */
  state?(): StateTree;
  /** takes up what `state` returned; throws, and changes nothing, for anything else */
  loadState?(state: StateTree): void;
}

/** A model that can be stored and taken up again. */
export interface Model extends TrainableModel {
  /** the class's name, such as DeepConvNet */
  readonly name: string;
  /** the options it was built with, defaults filled in and without the generator: plain values that JSON keeps */
  readonly config: Readonly<Record<string, unknown>>;
  /** what it carries from step to step beside its parameters: running averages, dropout's generator */
  state(): Record<string, Tensor>;
  loadState(state: Readonly<Record<string, Tensor>>): void;
  /** a table of its layers */
  summary(): string;
}
