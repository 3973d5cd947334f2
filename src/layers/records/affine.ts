/** The affine layer as a record. */

import { zeros } from '../../tensor/creation.ts';
import { shapeText, sizeOf } from '../../tensor/shape.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { affine, affineGradients } from '../affine.ts';
import type { LayerRecord, ParameterSpec } from '../record.ts';
import { affineRow } from '../summary.ts';

export interface AffineRecord extends LayerRecord {
  readonly kind: 'affine';
}

/** x (N, ...) with `inputs` numbers an example -> (N, outputs); without bias, b is 0 and no parameter. */
export function affineRecord(inputs: number, outputs: number, bias: boolean = true): AffineRecord {
  const W: ParameterSpec = { role: 'W', shape: [inputs, outputs] };
  const zero = (like: Tensor): Tensor => zeros([outputs], like.dtype);
  return {
    kind: 'affine',
    parameters: bias ? [W, { role: 'b', shape: [outputs] }] : [W],
    outputShape(fn, input) {
      if (sizeOf(input) !== inputs) {
        throw new RangeError(`${fn}: an affine layer of ${inputs} inputs cannot take examples of ${shapeText(input)}`);
      }
      return [outputs];
    },
    forward(fn, x, [w, b = zero(w)]) {
      const [out, cache] = affine(fn, x, w, b, false);
      return [out, (dout, inputGradient) => {
        const [dx, dw, db] = affineGradients(fn, dout, cache, inputGradient);
        return bias ? [dx, dw, db] : [dx, dw];
      }];
    },
    infer: (fn, x, [w, b = zero(w)]) => affine(fn, x, w, b, false)[0],
    rows: () => [affineRow(inputs, outputs, bias)],
  };
}
