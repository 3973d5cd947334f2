/** The naive backend: every kernel by plain loops. It defines what the other backends must compute. */

import type { Kernels } from '../contract.ts';
import { naiveActivation } from './activation.ts';
import { naiveAugment } from './augment.ts';
import { naiveConvolution } from './convolution.ts';
import { naiveElementwise } from './elementwise.ts';
import { naiveFused } from './fused.ts';
import { naiveLoss } from './loss.ts';
import { naiveMatrix } from './matrix.ts';
import { naiveNormalisation } from './normalisation.ts';
import { naivePooling } from './pooling.ts';
import { naiveUpdate } from './update.ts';

export { batchnormBackwardGraph } from './batchnorm-graph.ts';

export const naiveKernels: Kernels = {
  ...naiveMatrix, ...naiveConvolution, ...naivePooling, ...naiveActivation, ...naiveNormalisation, ...naiveFused,
  ...naiveLoss, ...naiveUpdate, ...naiveElementwise, ...naiveAugment,
};
