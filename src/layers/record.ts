/**
 * A layer as a record: everything that a network, the tape and a table need to know of it, said once. The functions in
 * this folder compute; a record says which of them, with which settings, on which parameters.
 *
 * Networks are lists of records. `fuse` (fuse.ts) replaces neighbours that have a common form by one record that
 * computes the same numbers in fewer passes over memory.
 */

import type { Tensor } from '../tensor/tensor.ts';
import type { LayerRow } from './summary.ts';

/** Training uses the statistics of the batch and drops elements out; test time does neither. */
export type Mode = 'train' | 'test';

/**
 * The way back through a layer: from the gradient of its output to that of its input (null where it was not wanted),
 * followed by those of its parameters in their order.
 */
export type LayerBackward = (dout: Tensor, inputGradient: boolean) => readonly [dx: Tensor | null, ...grads: Tensor[]];

/**
 * What a pass forward gives: the output, the way back, and the tensors that the way back reads beside x and the
 * parameters, where others may change them before: the output, or running averages; none where it is left out.
 */
export type LayerForward = [out: Tensor, back: LayerBackward, read?: readonly Tensor[]];

/** One parameter of a layer: the letter that the course calls it by, and its shape. */
export interface ParameterSpec {
  readonly role: 'W' | 'b' | 'gamma' | 'beta';
  readonly shape: readonly number[];
}

/** Numbers, pairs of them, and words by name. */
export type LayerSettings = Readonly<Record<string, number | boolean | string | readonly number[] | undefined>>;

export interface LayerRecord {
  /** conv, affine, relu, ...: what `fuse` looks at */
  readonly kind: string;
  /** with what it was made, beside sizes that the parameters have: as plain data, for writing it down elsewhere */
  readonly settings?: LayerSettings;
  /** what it learns, in the order in which `forward` takes it */
  readonly parameters: readonly ParameterSpec[];
  /**
   * the shape of one example after the layer. Throws RangeError, under the caller's name, for one that does not
   * fit.
   */
  outputShape(fn: string, input: readonly number[]): readonly number[];
  /** the output for a batch x, and the way back */
  forward(fn: string, x: Tensor, parameters: readonly Tensor[], mode: Mode): LayerForward;
  /** the output in test mode where no way back is wanted: nothing is kept for one */
  infer(fn: string, x: Tensor, parameters: readonly Tensor[]): Tensor;
  /** the lines of the summary, for one example of this shape */
  rows(input: readonly number[]): LayerRow[];
}
