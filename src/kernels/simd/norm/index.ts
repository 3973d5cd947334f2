/** The normalisation family: emitters for the module, host functions for the registry. */

import type { KernelBuilder } from '../kernel-builder.ts';
import { emitColumnBatchnorm } from './batchnorm-column-kernels.ts';
import { emitBatchnorm } from './batchnorm-kernels.ts';

export { batchnormKernels as normalisationKernels } from './batchnorm.ts';

/** Adds the family's kernels to the module. */
export function emitNormalisation(kernels: KernelBuilder): void {
  for (const float of ['f32', 'f64'] as const) {
    emitBatchnorm(kernels, float);
    emitColumnBatchnorm(kernels, float);
  }
}
