/**
 * The js backend: the same kernels as naive/, arranged for speed in plain typed-array JavaScript. Where the loop of the
 * definition is already as fast as JavaScript gets, the definition itself is used.
 */

import type { Kernels } from '../contract.ts';
import { naiveAugment } from '../naive/augment.ts';
import { fastActivation } from './activation.ts';
import { fastConvolution } from './convolution.ts';
import { fastElementwise } from './elementwise.ts';
import { fastFused } from './fused.ts';
import { fastLoss } from './loss.ts';
import { fastMatrix } from './matrix.ts';
import { fastNormalisation } from './normalisation.ts';
import { fastPooling } from './pooling.ts';
import { fastUpdate } from './update.ts';

export const jsKernels: Kernels = {
  ...fastMatrix, ...fastConvolution, ...fastPooling, ...fastActivation, ...fastNormalisation, ...fastFused,
  ...fastLoss, ...fastUpdate, ...fastElementwise, ...naiveAugment,
};
