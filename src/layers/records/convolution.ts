/** The convolution as a record. */

import { activeKernels } from '../../kernels/registry.ts';
import { convolution, convolutionGradients, type ConvParam } from '../convolution.ts';
import { convSizes } from '../geometry.ts';
import type { LayerRecord, ParameterSpec } from '../record.ts';
import { convRow } from '../summary.ts';

export interface ConvRecord extends LayerRecord {
  readonly kind: 'conv';
  readonly param: ConvParam;
  readonly bias: boolean;
}

/** x (N, C, H, W) -> (N, filters, OH, OW), by filters of shape (filters, C / groups, KH, KW). */
export function convRecord(
  channels: number, filters: number, kernel: readonly [height: number, width: number], param: ConvParam,
  bias: boolean = true,
): ConvRecord {
  const shape = [filters, channels / (param.groups ?? 1), ...kernel];
  const W: ParameterSpec = { role: 'W', shape };
  const outputShape = (fn: string, input: readonly number[]): number[] => {
    const { outHeight, outWidth } = convSizes(fn, [1, ...input], shape, param);
    return [filters, outHeight, outWidth];
  };
  return {
    kind: 'conv',
    settings: { ...param },
    param,
    bias,
    parameters: bias ? [W, { role: 'b', shape: [filters] }] : [W],
    outputShape,
    forward(fn, x, [w, b = null]) {
      const [out, cache] = convolution(fn, activeKernels(), x, w, b, param);
      return [out, (dout, inputGradient) => {
        const [dx, dw, db] = convolutionGradients(fn, activeKernels(), dout, cache, inputGradient);
        return bias ? [dx, dw, db] : [dx, dw];
      }];
    },
    infer: (fn, x, [w, b = null]) => convolution(fn, activeKernels(), x, w, b, param)[0],
    rows: (input) => [convRow(shape, outputShape('conv', input), bias)],
  };
}
