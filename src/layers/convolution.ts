/**
 * Convolution of images (in truth cross-correlation: the filters are not flipped).
 *
 *   x    (N, C, H, W)
 *   w    (F, C, KH, KW)    F filters; with groups (F, C / groups, KH, KW)
 *   b    (F)
 *   out  (N, F, OH, OW)    OH = floor((H + 2 pad - KH) / stride) + 1, OW likewise; geometry.ts has all of it
 *
 *   out[n,f,i,j] = b[f] + sum over c, u, v of xp[n, c, i stride + u, j stride + v] w[f,c,u,v]
 *
 * where xp is x with `pad` rows and columns of zeros on every side. Stride, pad and dilation may differ by axis, pad
 * may be 'same' or 'valid', and with groups each part of the filters sees its part of the channels only. Where the
 * stride does not divide, the output size floors, and pixels that no window reaches get zero gradient.
 *
 * The same pair exists three times, with one signature: ...Naive computes with plain loops that read like the formula,
 * ...Fast with the blocked or SIMD kernels, and the one without a suffix with whatever configure() chose.
 */

import type { ConvKernels, Epilogue, FloatArray } from '../kernels/contract.ts';
import type { ConvGeometry } from '../kernels/geometry.ts';
import { naiveKernels } from '../kernels/naive/index.ts';
import { activeFastKernels, activeKernels } from '../kernels/registry.ts';
import { checkRank, shapeText } from '../tensor/check.ts';
import { emptyTensor } from '../tensor/internal.ts';
import { checkShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asFloat, Cache, checkGradient, checkNotEmpty, floats, floatTypeOf } from './arguments.ts';
import type { FloatType, InputGradient } from './arguments.ts';
import { type ConvParam, convSizes } from './geometry.ts';

export type { ConvParam };

export type ConvCache = Cache<'conv', { readonly x: Tensor; readonly w: Tensor; readonly geometry: ConvGeometry }>;

/** dx (N, C, H, W) or null, dw (F, C / groups, KH, KW), db (F). */
export type ConvGradients<Input extends boolean = true> = [dx: InputGradient<Input>, dw: Tensor, db: Tensor];

/**
 * out (N, F, OH, OW) by plain loops. Throws TypeError for arguments that are not tensors and for unknown options,
 * RangeError for wrong ranks, channels that do not fit, a window larger than the padded input, a stride below 1 or a
 * pad below 0, and an empty batch.
 */
export function convForwardNaive(
  x: Tensor, w: Tensor, b: Tensor, convParam: ConvParam = {},
): [out: Tensor, cache: ConvCache] {
  return convolution('convForwardNaive', naiveKernels, x, w, b, convParam);
}

/**
 * The gradients of sum(out * dout) by plain loops: dx (N, C, H, W) (null unless inputGradient), dw (F, C, KH, KW),
 * db (F). Throws RangeError unless dout has the shape of out.
 */
export function convBackwardNaive<Input extends boolean = true>(
  dout: Tensor, cache: ConvCache, inputGradient: Input = true as Input,
): ConvGradients<Input> {
  return convolutionGradients('convBackwardNaive', naiveKernels, dout, cache, inputGradient);
}

/** As convForwardNaive, by the fastest kernels configured (never by the naive ones where a faster one exists). */
export function convForwardFast(
  x: Tensor, w: Tensor, b: Tensor, convParam: ConvParam = {},
): [out: Tensor, cache: ConvCache] {
  return convolution('convForwardFast', activeFastKernels(), x, w, b, convParam);
}

/** As convBackwardNaive, by the fastest kernels configured. */
export function convBackwardFast<Input extends boolean = true>(
  dout: Tensor, cache: ConvCache, inputGradient: Input = true as Input,
): ConvGradients<Input> {
  return convolutionGradients('convBackwardFast', activeFastKernels(), dout, cache, inputGradient);
}

/** As convForwardNaive, by the kernels of the configured backend. */
export function convForward(
  x: Tensor, w: Tensor, b: Tensor, convParam: ConvParam = {},
): [out: Tensor, cache: ConvCache] {
  return convolution('convForward', activeKernels(), x, w, b, convParam);
}

/** As convBackwardNaive, by the kernels of the configured backend. */
export function convBackward<Input extends boolean = true>(
  dout: Tensor, cache: ConvCache, inputGradient: Input = true as Input,
): ConvGradients<Input> {
  return convolutionGradients('convBackward', activeKernels(), dout, cache, inputGradient);
}

/**
 * The forward pass under the caller's name; the epilogue is applied in the same pass over memory. Without a bias (null)
 * the gradients are the same, db included.
 */
export function convolution(
  fn: string, kernels: ConvKernels, x: Tensor, w: Tensor, b: Tensor | null, convParam: ConvParam,
  epilogue: Epilogue = {},
): [out: Tensor, cache: ConvCache] {
  const { geometry, type, input, filters, bias } = convolutionArguments(fn, x, w, b, convParam);
  const out = emptyTensor(convOutputShape(geometry), type);
  kernels.convForward(floats(input), floats(filters), bias, floats(out), geometry, epilogue);
  return [out, new Cache('conv', { x: input, w: filters, geometry })];
}

/** What a forward pass hands to kernels. */
interface ConvArguments {
  readonly geometry: ConvGeometry;
  readonly type: FloatType;
  readonly input: Tensor;
  readonly filters: Tensor;
  readonly bias: FloatArray | null;
}

/** The arguments of a forward pass, checked and of one type. */
export function convolutionArguments(
  fn: string, x: Tensor, w: Tensor, b: Tensor | null, convParam: ConvParam,
): ConvArguments {
  const geometry = convGeometry(fn, x, w, b, convParam);
  const type = b === null ? floatTypeOf(x, w) : floatTypeOf(x, w, b);
  const bias = b === null ? null : floats(asFloat(b, type));
  return { geometry, type, input: asFloat(x, type), filters: asFloat(w, type), bias };
}

/** The backward pass under the caller's name. */
export function convolutionGradients<Input extends boolean>(
  fn: string, kernels: ConvKernels, dout: Tensor, cache: ConvCache, inputGradient: Input,
): ConvGradients<Input> {
  const { x, w, geometry } = Cache.open(fn, cache, 'conv');
  const type = x.dtype as FloatType;
  const upstream = checkGradient(fn, dout, convOutputShape(geometry), type);
  const dx = inputGradient ? emptyTensor(x.shape, type) : null;
  const dw = emptyTensor(w.shape, type);
  const db = emptyTensor([geometry.filters], type);
  kernels.convBackward(
    floats(upstream), floats(x), floats(w), dx === null ? null : floats(dx), floats(dw), floats(db), geometry,
  );
  return [dx as InputGradient<Input>, dw, db];
}

/** The shape of the output, (N, F, OH, OW). */
export function convOutputShape(g: ConvGeometry): number[] {
  return [g.batch, g.filters, g.outHeight, g.outWidth];
}

/** Checks the arguments of a convolution and returns its sizes. */
function convGeometry(fn: string, x: Tensor, w: Tensor, b: Tensor | null, convParam: ConvParam): ConvGeometry {
  checkRank(fn, 'x', x, 4);
  checkRank(fn, 'w', w, 4);
  if (b !== null) checkRank(fn, 'b', b, 1);
  checkNotEmpty(fn, 'x', x);
  checkNotEmpty(fn, 'w', w);
  const geometry = convSizes(fn, x.shape, w.shape, convParam);
  checkShape(fn, convOutputShape(geometry), 'the output');
  if (b !== null && b.size !== geometry.filters) {
    throw new RangeError(
      `${fn}: b has ${b.size} elements, w has ${geometry.filters} filters (w ${shapeText(w.shape)})`,
    );
  }
  return geometry;
}
