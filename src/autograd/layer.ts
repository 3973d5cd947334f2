/** Layer records on the tape: the tape stores the way back that the record gives. */

import type { LayerRecord, Mode } from '../layers/record.ts';
import type { Operation } from './operation.ts';
import { isRecording } from './recording.ts';
import { describe } from '../runtime/check.ts';
import { shapeText } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { apply, Variable } from './variable.ts';

/** A pass through a layer. */
const layer: Operation<[record: LayerRecord, fn: string, mode: Mode]> = ([x, ...parameters], record, fn, mode) => {
  const [out, back, read = []] = record.forward(fn, x, parameters, mode);
  return { out, saved: [x, ...parameters, ...read], back: (dout, [wantInput]) => back(dout, wantInput) };
};

/** A pass where nothing goes back. */
const inference: Operation<[record: LayerRecord, fn: string]> = ([x, ...parameters], record, fn) => ({
  out: record.infer(fn, x, parameters), saved: [], back: () => [],
});

/**
 * The layer's output for x, recorded where a gradient is wanted. `fn` stands in errors. Throws TypeError where x and
 * the parameters are of different types: a layer that quietly computed in the wider one would lose its speed unnoticed.
 */
export function applyLayer(
  fn: string, record: LayerRecord, x: Variable, parameters: readonly Variable[], mode: Mode,
): Variable {
  const known = (parameter: unknown): boolean => parameter instanceof Variable || parameter instanceof Tensor;
  const strange = parameters.findIndex((parameter) => !known(parameter));
  if (strange >= 0) {
    const { role, shape } = record.parameters[strange];
    throw new TypeError(`${fn}: its parameter ${role} of shape ${shapeText(shape)} must be a Variable, got ${describe(parameters[strange])}`);
  }
  const other = parameters.find(({ dtype }) => dtype !== x.dtype);
  if (other !== undefined) {
    throw new TypeError(`${fn}: x must be ${other.dtype}, as the parameters are, got ${x.dtype}; use astype or the option dtype`);
  }
  const inputs = [x, ...parameters];
  const wanted = isRecording() && inputs.some(({ requiresGrad }) => requiresGrad);
  if (!wanted && mode === 'test') return apply(fn, inference, inputs, record, fn);
  return apply(fn, layer, inputs, record, fn, mode);
}
