/** Whether a file still computes what it did when it was written. */

import type { Architecture } from '../nn/index.ts';
import { describe } from '../runtime/check.ts';
import { sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { shapeText } from '../tensor/check.ts';
import { checkBytes } from './bytes.ts';
import { scoresOf } from './classifier.ts';
import { parseJson } from './json.ts';
import { buildWith, readModel, under } from './model-file.ts';
import { readStateFile } from './state-file.ts';

/** How far what a file computes is from what it says that it computed. */
export interface Verification {
  /** the largest difference of two numbers */
  readonly difference: number;
  /** the largest number that the file says was computed, which the difference is to be seen beside */
  readonly largest: number;
}

/** Layers in each other. */
const deepest = 200;

/**
 * Builds the network of a model file (saveModel) or of a state for PyTorch (saveStateDict), gives it the file's sample
 * input and compares. Throws TypeError unless bytes is a Uint8Array, RangeError or TypeError for a file that cannot be
 * loaded, and for one that carries no sample or no architecture.
 */
export function verifyModel(bytes: Uint8Array): Verification {
  const fn = 'verifyModel';
  checkBytes(fn, bytes);
  return under(fn, () => {
    const { state, metadata, sample: other } = readStateFile(bytes);
    if (metadata.layout === undefined) {
      const { model, sample } = readModel(bytes);
      return compare(sample, (input) => scoresOf(model, input));
    }
    if (metadata.layout !== 'pytorch' || typeof metadata.architecture !== 'string') {
      throw new RangeError(`the file's layout must be "pytorch", with an architecture, got ${describe(metadata.layout)}`);
    }
    const architecture = parseJson('the architecture in the file', metadata.architecture, deepest) as Architecture;
    const model = buildWith(architecture, state);
    return compare(other, (input) => scoresOf(model, input));
  });
}

function compare(sample: readonly [Tensor, Tensor] | null, compute: (input: Tensor) => Tensor): Verification {
  if (sample === null) throw new RangeError('the file carries no sample input with its output');
  const [input, expected] = sample;
  const found = compute(input);
  if (!sameShape(found.shape, expected.shape)) {
    throw new RangeError(`the sample's output has shape ${shapeText(expected.shape)}, the network gives ${shapeText(found.shape)}`);
  }
  const largestOf = (t: Tensor): number => t.astype('float64').abs().max().item();
  return { difference: largestOf(found.astype('float64').sub(expected.astype('float64'))), largest: largestOf(expected) };
}
