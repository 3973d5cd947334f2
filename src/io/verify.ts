/** Whether a file still computes what it did when it was written. */

import type { Architecture } from '../nn/index.ts';
import { describe } from '../runtime/check.ts';
import { checkBytes } from './bytes.ts';
import { parseJson } from './json.ts';
import { buildWith, readModel, under } from './model-file.ts';
import { type Verification, verifySample } from './sample.ts';
import { readStateFile } from './state-file.ts';

const hint = ': saveModel and saveStateDict put one there where their inputShape says what the network takes';
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
      return verifySample(model, sample, hint);
    }
    if (metadata.layout !== 'pytorch' || typeof metadata.architecture !== 'string') {
      throw new RangeError(`the file's layout must be "pytorch", with an architecture, got ${describe(metadata.layout)}`);
    }
    const architecture = parseJson('the architecture in the file', metadata.architecture, deepest) as Architecture;
    return verifySample(buildWith(architecture, state), other, hint);
  });
}
