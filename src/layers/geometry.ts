/**
 * The sizes of convolutions and poolings from shapes and options, and what `stride`, `pad` and `dilation` may be: one
 * number, or [vertical, horizontal]; a pad also
 *
 *   'valid'  no padding
 *   'same'   an output of ceil(size / stride), and as much padding as that takes: half of it before the image, half
 *            behind, the odd one behind. With stride 1 that is dilation (window - 1) in all, as PyTorch pads; with
 *            other strides it is TensorFlow's rule.
 *
 * With a pad in numbers the output has floor((size + 2 pad - extent) / stride) + 1 rows or columns, where a window of k
 * taps extends over (k - 1) dilation + 1 pixels; pixels that no window reaches get zero gradient (of finite weights).
 */

import type { AvgPoolGeometry, ConvGeometry, PoolGeometry } from '../kernels/geometry.ts';
import { checkBoolean, checkInteger, checkOptions, describe } from '../runtime/check.ts';
import { shapeText } from '../tensor/check.ts';

export type PerAxis = number | readonly [vertical: number, horizontal: number];
export type Pad = PerAxis | 'same' | 'valid';

export interface ConvParam {
  /** pixels between neighbouring windows, 1 unless given */
  stride?: PerAxis;
  /** rows and columns of zeros added on every side, 0 unless given */
  pad?: Pad;
  /** pixels between neighbouring taps of a filter, 1 unless given */
  dilation?: PerAxis;
  /** equal parts that channels and filters are cut into, each convolved by itself; 1 unless given */
  groups?: number;
}

export interface PoolParam {
  poolHeight: number;
  poolWidth: number;
  /** pixels between neighbouring windows */
  stride: PerAxis;
  /** pixels by which windows may overhang the image on every side, at most half a window; 0 unless given */
  pad?: Pad;
  /** a remark for the reader, such as stored cases carry; it changes nothing */
  note?: string;
}

export interface AvgPoolParam extends PoolParam {
  /** count what lies outside the image as zeros (PyTorch's default, true), or leave it out of the average */
  countIncludePad?: boolean;
}

/** One number, or one for each axis. Throws TypeError or RangeError unless they are integers of at least `least`. */
export function perAxis(fn: string, name: string, value: unknown, least: number): readonly [number, number] {
  if (!Array.isArray(value)) {
    const both = checkInteger(fn, name, value, least);
    return [both, both];
  }
  if (value.length !== 2) {
    throw new RangeError(`${fn}: ${name} must be a number or [vertical, horizontal], got ${describe(value)}`);
  }
  return [checkInteger(fn, `${name}[0]`, value[0], least), checkInteger(fn, `${name}[1]`, value[1], least)];
}

interface Axis {
  /** rows or columns of padding before the image */
  readonly before: number;
  /** rows or columns of the image with all its padding; what a window must fit into */
  readonly padded: number;
  readonly out: number;
}

export type PadRule = 'same' | 'valid' | readonly [number, number];

/** A pad, numbers of it for each axis. Throws TypeError or RangeError, under the argument's name, for what is none. */
export function checkPad(fn: string, pad: unknown, name: string = 'pad'): PadRule {
  if (pad === 'same' || pad === 'valid') return pad;
  if (typeof pad === 'string') {
    throw new RangeError(`${fn}: ${name} must be a number, [vertical, horizontal], 'same' or 'valid', got ${describe(pad)}`);
  }
  return perAxis(fn, name, pad, 0);
}

function axisOf(size: number, extent: number, stride: number, rule: PadRule, axis: 0 | 1): Axis {
  if (rule === 'same') {
    const out = Math.ceil(size / stride);
    const total = Math.max(0, (out - 1) * stride + extent - size);
    return { before: Math.floor(total / 2), padded: size + total, out };
  }
  const before = rule === 'valid' ? 0 : rule[axis];
  const padded = size + 2 * before;
  return { before, padded, out: Math.floor((padded - extent) / stride) + 1 };
}

/** A stride beyond the input leaves one window as any such stride does; kernels need not know how far beyond it is. */
function cutStride(stride: number, vertical: Axis, horizontal: Axis): number {
  return Math.min(stride, Math.max(vertical.padded, horizontal.padded));
}

/** Both shapes, for errors. */
function bothShapes(x: readonly number[], w: readonly number[]): string {
  return `(x ${shapeText(x)}, w ${shapeText(w)})`;
}

/**
 * The sizes of a convolution of x (N, C, H, W) with w (F, C / groups, KH, KW). Throws TypeError for unknown options and
 * wrong types, RangeError for channels or groups that do not fit, a window larger than the padded input, and values out
 * of range.
 */
export function convSizes(
  fn: string, x: readonly number[], w: readonly number[], convParam: ConvParam,
): ConvGeometry {
  checkOptions(fn, convParam, ['stride', 'pad', 'dilation', 'groups']);
  const [strideY, strideX] = perAxis(fn, 'stride', convParam.stride ?? 1, 1);
  const pad = checkPad(fn, convParam.pad ?? 0);
  const [dilationY, dilationX] = perAxis(fn, 'dilation', convParam.dilation ?? 1, 1);
  const groups = checkInteger(fn, 'groups', convParam.groups ?? 1, 1);
  const [batch, channels, height, width] = x;
  const [filters, filterChannels, kernelHeight, kernelWidth] = w;
  if (groups > 1 && (channels % groups !== 0 || filters % groups !== 0)) {
    throw new RangeError(
      `${fn}: groups must divide the ${channels} channels and the ${filters} filters, got ${groups} ${bothShapes(x, w)}`,
    );
  }
  if (filterChannels * groups !== channels) {
    const cut = groups === 1 ? '' : ` in ${groups} groups`;
    throw new RangeError(`${fn}: w has ${filterChannels} input channels, x has ${channels}${cut} ${bothShapes(x, w)}`);
  }
  const vertical = axisOf(height, (kernelHeight - 1) * dilationY + 1, strideY, pad, 0);
  const horizontal = axisOf(width, (kernelWidth - 1) * dilationX + 1, strideX, pad, 1);
  if (vertical.out < 1 || horizontal.out < 1) {
    const dilated = dilationY > 1 || dilationX > 1 ? ` (dilated by ${dilationY}x${dilationX})` : '';
    throw new RangeError(
      `${fn}: w has a window of ${kernelHeight}x${kernelWidth}${dilated}, larger than the padded input of ` +
      `${vertical.padded}x${horizontal.padded} ${bothShapes(x, w)}`,
    );
  }
  return {
    batch, channels, height, width, filters, kernelHeight, kernelWidth,
    strideY: cutStride(strideY, vertical, horizontal), strideX: cutStride(strideX, vertical, horizontal),
    padTop: vertical.before, padLeft: horizontal.before, dilationY, dilationX, groups,
    outHeight: vertical.out, outWidth: horizontal.out,
  };
}

const poolOptions = ['poolHeight', 'poolWidth', 'stride', 'pad', 'note'] as const;

/** The sizes of a pooling of x (N, C, H, W). Throws as convSizes does. */
export function poolSizes(
  fn: string, x: readonly number[], poolParam: PoolParam, known: readonly string[] = poolOptions,
): PoolGeometry {
  checkOptions(fn, poolParam, known);
  const poolHeight = checkInteger(fn, 'poolHeight', poolParam.poolHeight, 1);
  const poolWidth = checkInteger(fn, 'poolWidth', poolParam.poolWidth, 1);
  const [strideY, strideX] = perAxis(fn, 'stride', poolParam.stride, 1);
  const pad = checkPad(fn, poolParam.pad ?? 0);
  if (typeof pad !== 'string' && (2 * pad[0] > poolHeight || 2 * pad[1] > poolWidth)) {
    throw new RangeError(
      `${fn}: pad must be at most half of the window of ${poolHeight}x${poolWidth}, got ${pad.join('x')}`,
    );
  }
  const [batch, channels, height, width] = x;
  const vertical = axisOf(height, poolHeight, strideY, pad, 0);
  const horizontal = axisOf(width, poolWidth, strideX, pad, 1);
  if (vertical.out < 1 || horizontal.out < 1) {
    throw new RangeError(
      `${fn}: the window of ${poolHeight}x${poolWidth} is larger than the input of ` +
      `${vertical.padded}x${horizontal.padded} (x ${shapeText(x)})`,
    );
  }
  return {
    planes: batch * channels, height, width, poolHeight, poolWidth,
    strideY: cutStride(strideY, vertical, horizontal), strideX: cutStride(strideX, vertical, horizontal),
    padTop: vertical.before, padLeft: horizontal.before, outHeight: vertical.out, outWidth: horizontal.out,
  };
}

/** The same for average pooling. */
export function avgPoolSizes(fn: string, x: readonly number[], poolParam: AvgPoolParam): AvgPoolGeometry {
  const geometry = poolSizes(fn, x, poolParam, [...poolOptions, 'countIncludePad']);
  const countIncludePad = checkBoolean(fn, 'countIncludePad', poolParam.countIncludePad ?? true);
  return { ...geometry, countIncludePad };
}
