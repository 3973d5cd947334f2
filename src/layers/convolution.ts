/**
 * Convolution of images (in truth cross-correlation: the filters are not flipped).
 *
 *   x    (N, C, H, W)
 *   w    (F, C, KH, KW)    F filters
 *   b    (F)
 *   out  (N, F, OH, OW)    OH = floor((H + 2 pad - KH) / stride) + 1, OW likewise
 *
 *   out[n,f,i,j] = b[f] + sum over c, u, v of xp[n, c, i stride + u, j stride + v] w[f,c,u,v]
 *
 * where xp is x with `pad` rows and columns of zeros on every side. Where the stride does not divide, the output size
 * floors, and pixels that no window reaches get zero gradient.
 *
 * The same pair exists three times, with one signature: ...Naive computes with plain loops that read like the formula,
 * ...Fast with the blocked or SIMD kernels, and the one without a suffix with whatever configure() chose.
 */

import type { ConvGeometry, ConvKernels, Epilogue } from '../kernels/contract.ts';
import { naiveKernels } from '../kernels/naive/index.ts';
import { activeFastKernels, activeKernels } from '../kernels/registry.ts';
import { checkInteger, checkOptions } from '../runtime/check.ts';
import { checkRank, shapeText } from '../tensor/check.ts';
import { emptyTensor } from '../tensor/internal.ts';
import { checkShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { asFloat, Cache, checkGradient, checkNotEmpty, floats, floatTypeOf } from './arguments.ts';
import type { FloatType, InputGradient } from './arguments.ts';

export interface ConvParam {
  /** pixels between neighbouring windows, 1 unless given */
  stride?: number;
  /** rows and columns of zeros added on every side, 0 unless given */
  pad?: number;
}

export type ConvCache = Cache<'conv', { readonly x: Tensor; readonly w: Tensor; readonly geometry: ConvGeometry }>;

/** dx (N, C, H, W) or null, dw (F, C, KH, KW), db (F). */
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

/** The forward pass under the caller's name; the epilogue is applied in the same pass over memory. */
export function convolution(
  fn: string, kernels: ConvKernels, x: Tensor, w: Tensor, b: Tensor, convParam: ConvParam, epilogue: Epilogue = {},
): [out: Tensor, cache: ConvCache] {
  const geometry = convGeometry(fn, x, w, b, convParam);
  const type = floatTypeOf(x, w, b);
  const [input, filters] = [asFloat(x, type), asFloat(w, type)];
  const out = emptyTensor(convOutputShape(geometry), type);
  kernels.convForward(floats(input), floats(filters), floats(asFloat(b, type)), floats(out), geometry, epilogue);
  return [out, new Cache('conv', { x: input, w: filters, geometry })];
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
export function convGeometry(fn: string, x: Tensor, w: Tensor, b: Tensor, convParam: ConvParam): ConvGeometry {
  checkRank(fn, 'x', x, 4);
  checkRank(fn, 'w', w, 4);
  checkRank(fn, 'b', b, 1);
  checkOptions(fn, convParam, ['stride', 'pad']);
  const given = checkInteger(fn, 'stride', convParam.stride ?? 1, 1);
  const pad = checkInteger(fn, 'pad', convParam.pad ?? 0, 0);
  checkNotEmpty(fn, 'x', x);
  checkNotEmpty(fn, 'w', w);
  const [batch, channels, height, width] = x.shape;
  const [filters, filterChannels, kernelHeight, kernelWidth] = w.shape;
  const shapes = `(x ${shapeText(x.shape)}, w ${shapeText(w.shape)})`;
  if (filterChannels !== channels) {
    throw new RangeError(`${fn}: w has ${filterChannels} input channels, x has ${channels} ${shapes}`);
  }
  if (b.size !== filters) {
    throw new RangeError(`${fn}: b has ${b.size} elements, w has ${filters} filters (w ${shapeText(w.shape)})`);
  }
  if (kernelHeight > height + 2 * pad || kernelWidth > width + 2 * pad) {
    throw new RangeError(
      `${fn}: w has a window of ${kernelHeight}x${kernelWidth}, larger than the padded input of ` +
      `${height + 2 * pad}x${width + 2 * pad} ${shapes}`,
    );
  }
  // A stride beyond the input leaves one window as any such stride does; kernels need not know how far beyond.
  const stride = Math.min(given, Math.max(height, width) + 2 * pad);
  const geometry = {
    batch, channels, height, width, filters, kernelHeight, kernelWidth, stride, pad,
    outHeight: Math.floor((height + 2 * pad - kernelHeight) / stride) + 1,
    outWidth: Math.floor((width + 2 * pad - kernelWidth) / stride) + 1,
  };
  checkShape(fn, convOutputShape(geometry), 'the output');
  return geometry;
}
