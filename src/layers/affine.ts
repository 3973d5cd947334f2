/**
 * The affine (fully connected) layer: out = x w + b.
 *
 *   x    (N, d1, ..., dk)   flattened to (N, D) with D = d1 * ... * dk
 *   w    (D, M)
 *   b    (M)
 *   out  (N, M)
 *
 * Gradients, with dout (N, M): dx = dout w^T, dw = x^T dout, db = the sum of dout over the examples.
 */

import { activeKernels } from '../kernels/registry.ts';
import { checkRank, checkTensor, shapeText } from '../tensor/check.ts';
import { emptyTensor } from '../tensor/internal.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asFloat, Cache, checkGradient, checkNotEmpty, floats, floatTypeOf } from './arguments.ts';
import type { FloatType, InputGradient } from './arguments.ts';

export type AffineCache = Cache<'affine', { readonly x: Tensor; readonly w: Tensor }>;

/** dx in the shape of x or null, dw (D, M), db (M). */
export type AffineGradients<Input extends boolean = true> = [dx: InputGradient<Input>, dw: Tensor, db: Tensor];

/**
 * out (N, M) = x (N, ...) w (D, M) + b (M), each example of x flattened to D numbers.
 * Throws TypeError for arguments that are not tensors, RangeError for an empty batch and for shapes that do not fit.
 */
export function affineForward(x: Tensor, w: Tensor, b: Tensor): [out: Tensor, cache: AffineCache] {
  return affine('affineForward', x, w, b, false);
}

/**
 * The gradients of sum(out * dout): dx in the shape of x (null unless inputGradient), dw (D, M), db (M).
 * Throws RangeError unless dout is (N, M).
 */
export function affineBackward<Input extends boolean = true>(
  dout: Tensor, cache: AffineCache, inputGradient: Input = true as Input,
): AffineGradients<Input> {
  return affineGradients('affineBackward', dout, cache, inputGradient);
}

/** The forward pass under the caller's name, followed by max(0, .) in the same pass over memory where relu is set. */
export function affine(fn: string, x: Tensor, w: Tensor, b: Tensor, relu: boolean): [out: Tensor, cache: AffineCache] {
  const [n, d, m] = affineSizes(fn, x, w, b);
  const type = floatTypeOf(x, w, b);
  const [input, weights] = [asFloat(x, type), asFloat(w, type)];
  const out = emptyTensor([n, m], type);
  activeKernels().affineForward(
    floats(input), floats(weights), floats(asFloat(b, type)), floats(out), n, d, m, { relu },
  );
  return [out, new Cache('affine', { x: input, w: weights })];
}

/** The backward pass under the caller's name. */
export function affineGradients<Input extends boolean>(
  fn: string, dout: Tensor, cache: AffineCache, inputGradient: Input,
): AffineGradients<Input> {
  const { x, w } = Cache.open(fn, cache, 'affine');
  const type = x.dtype as FloatType;
  const n = x.shape[0];
  const [d, m] = w.shape;
  const upstream = checkGradient(fn, dout, [n, m], type);
  const dx = inputGradient ? emptyTensor(x.shape, type) : null;
  const dw = emptyTensor(w.shape, type);
  const db = emptyTensor([m], type);
  activeKernels().affineBackward(
    floats(upstream), floats(x), floats(w), dx === null ? null : floats(dx), floats(dw), floats(db), n, d, m,
  );
  return [dx as InputGradient<Input>, dw, db];
}

/** Checks the three arguments and returns N, D and M. */
function affineSizes(fn: string, x: Tensor, w: Tensor, b: Tensor): [n: number, d: number, m: number] {
  checkTensor(fn, 'x', x);
  checkRank(fn, 'w', w, 2);
  checkRank(fn, 'b', b, 1);
  if (x.ndim === 0) throw new RangeError(`${fn}: x must have at least one axis, the batch, got a scalar`);
  checkNotEmpty(fn, 'x', x);
  checkNotEmpty(fn, 'w', w);
  const n = x.shape[0];
  const d = x.size / n;
  const [rows, m] = w.shape;
  if (rows !== d) {
    throw new RangeError(
      `${fn}: w has ${rows} input features, x has ${d} (x ${shapeText(x.shape)}, w ${shapeText(w.shape)})`,
    );
  }
  if (b.size !== m) {
    throw new RangeError(`${fn}: b has ${b.size} elements, w has ${m} outputs (w ${shapeText(w.shape)})`);
  }
  return [n, d, m];
}
