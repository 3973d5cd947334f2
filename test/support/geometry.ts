/** Sizes of convolutions and poolings, from what tests say of them. */

import type { AvgPoolGeometry, ConvGeometry } from '../../src/kernels/geometry.ts';
import { type AvgPoolParam, avgPoolSizes, type ConvParam, convSizes } from '../../src/layers/geometry.ts';

export interface ConvSizes extends ConvParam {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly filters: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
}

/** The geometry of a convolution. Throws RangeError where the window does not fit. */
export function convOf(sizes: ConvSizes): ConvGeometry {
  const { batch, channels, height, width, filters, kernelHeight, kernelWidth, ...param } = sizes;
  const w = [filters, channels / (param.groups ?? 1), kernelHeight, kernelWidth];
  return convSizes('test', [batch, channels, height, width], w, param);
}

export interface PoolSizes extends AvgPoolParam {
  readonly planes: number;
  readonly height: number;
  readonly width: number;
}

/** The geometry of a pooling, for maxima and averages. Throws RangeError where the window does not fit. */
export function poolOf({ planes, height, width, ...param }: PoolSizes): AvgPoolGeometry {
  return avgPoolSizes('test', [1, planes, height, width], param);
}
