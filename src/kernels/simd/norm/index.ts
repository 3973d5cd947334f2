/** The normalisation family: emitters for the module, host functions for the registry. */

import type { NormKernels } from '../../contract.ts';
import type { KernelBuilder } from '../kernel.ts';
import { emitColumnBatchnorm } from './batchnorm-column-kernels.ts';
import { emitBatchnorm } from './batchnorm-kernels.ts';
import { emitBatchnormPieces } from './batchnorm-piece-kernels.ts';
import { emitBatchnormSmall } from './batchnorm-small-kernels.ts';
import { batchnormKernels } from './batchnorm.ts';
import { emitGroupnorm } from './groupnorm-kernels.ts';
import { groupnormKernels } from './groupnorm.ts';

/** Adds the family's kernels to the module. */
export function emitNormalisation(kernels: KernelBuilder): void {
  for (const float of ['f32', 'f64'] as const) {
    emitBatchnorm(kernels, float);
    emitBatchnormPieces(kernels, float);
    emitBatchnormSmall(kernels, float);
    emitColumnBatchnorm(kernels, float);
    emitGroupnorm(kernels, float);
  }
}

export const normalisationKernels: NormKernels = { ...batchnormKernels, ...groupnormKernels };
