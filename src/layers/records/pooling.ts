/** Poolings as records. */

import { activeKernels } from '../../kernels/registry.ts';
import { type AvgPoolParam, avgPoolSizes, type PerAxis, perAxis, type PoolParam, poolSizes } from '../geometry.ts';
import { maxPoolInference } from '../inference.ts';
import {
  adaptiveAvgPoolBackward, adaptiveAvgPoolForward, avgPool, avgPoolBackward, maxPool, maxPoolGradient,
} from '../pooling.ts';
import type { LayerRecord } from '../record.ts';
import { poolRow } from '../summary.ts';

export interface MaxPoolRecord extends LayerRecord {
  readonly kind: 'maxPool';
  readonly param: PoolParam;
}

/** x (N, C, H, W) -> (N, C, OH, OW), the maximum of each window. */
export function maxPoolRecord(param: PoolParam): MaxPoolRecord {
  const outputShape = (fn: string, input: readonly number[]): number[] => {
    const { outHeight, outWidth } = poolSizes(fn, [1, ...input], param);
    return [input[0], outHeight, outWidth];
  };
  const { poolHeight, poolWidth } = param;
  return {
    kind: 'maxPool',
    settings: { ...param },
    param,
    parameters: [],
    outputShape,
    forward(fn, x) {
      const [out, cache] = maxPool(fn, activeKernels(), x, param);
      return [out, (dout) => [maxPoolGradient(fn, activeKernels(), dout, cache)]];
    },
    infer: (_, x) => maxPoolInference(x, param),
    rows: (input) => [
      poolRow(`max pool ${poolHeight}x${poolWidth}`, outputShape('max pool', input), poolHeight * poolWidth - 1),
    ],
  };
}

/** x (N, C, H, W) -> (N, C, OH, OW), the average of each window. */
export function avgPoolRecord(param: AvgPoolParam): LayerRecord {
  const outputShape = (fn: string, input: readonly number[]): number[] => {
    const { outHeight, outWidth } = avgPoolSizes(fn, [1, ...input], param);
    return [input[0], outHeight, outWidth];
  };
  const { poolHeight, poolWidth } = param;
  return {
    kind: 'avgPool',
    settings: { ...param },
    parameters: [],
    outputShape,
    forward(fn, x) {
      const [out, cache] = avgPool(fn, x, param);
      return [out, (dout) => [avgPoolBackward(dout, cache)]];
    },
    infer: (fn, x) => avgPool(fn, x, param)[0],
    rows: (input) => [
      poolRow(`average pool ${poolHeight}x${poolWidth}`, outputShape('average pool', input), poolHeight * poolWidth),
    ],
  };
}

/** x (N, C, H, W) -> (N, C, size), windows that cover the image evenly. */
export function adaptiveAvgPoolRecord(size: PerAxis): LayerRecord {
  const [height, width] = perAxis('adaptiveAvgPool', 'size', size, 1);
  return {
    kind: 'adaptiveAvgPool',
    settings: { size: [height, width] },
    parameters: [],
    outputShape: (_, input) => [input[0], height, width],
    forward(_, x) {
      const [out, cache] = adaptiveAvgPoolForward(x, size);
      return [out, (dout) => [adaptiveAvgPoolBackward(dout, cache)]];
    },
    infer: (_, x) => adaptiveAvgPoolForward(x, size)[0],
    rows: ([channels, inHeight, inWidth]) => [poolRow(
      'adaptive average pool', [channels, height, width], Math.ceil((inHeight * inWidth) / (height * width)),
    )],
  };
}
