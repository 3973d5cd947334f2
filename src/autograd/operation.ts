/**
 * What an operation is to the tape: a function from tensors to a tensor that also says how one gets back. The tables in
 * operations/ hold one such function an operation, and nothing else knows a derivative.
 */

import type { Tensor } from '../tensor/tensor.ts';

/**
 * The way back: from the gradient of the output to one gradient an input, in the shape of the input. Where `wanted`
 * says that nobody needs a gradient, null may stand in its place. It may return dout itself or a view of it, and must
 * not write to it. `more` comes only to an operation that takes the gradient in parts, which then is the sum of both.
 */
export type WayBack = (
  dout: Tensor, wanted: readonly boolean[], more?: Tensor | null,
) => ReadonlyArray<Tensor | null>;

/** What an operation computed. */
export interface Forward {
  readonly out: Tensor;
  readonly back: WayBack;
  /** whether the way back takes a gradient that came from two sides as it came, and saves a pass that adds both up */
  readonly takesParts?: boolean;
  /** whether the inputs stay readable after the way back, as scores under a loss should */
  readonly keepsInputs?: boolean;
  /** the tensors whose elements the way back reads: changing them before it is an error */
  readonly saved: readonly Tensor[];
}

/** An operation on so many tensors, with options of its own. */
export type Operation<Options extends readonly unknown[] = readonly []> =
  (inputs: readonly Tensor[], ...options: Options) => Forward;
