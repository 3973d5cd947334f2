/** The pooling family: emitters for the module, host functions for the registry. */

import type { KernelBuilder } from '../kernel.ts';
import { emitAverage } from './average-kernels.ts';
import { emitFusedBackward } from './fused-backward-kernels.ts';
import { emitPooling } from './pool-kernels.ts';

export { poolKernels } from './pool.ts';

/** Adds the family's kernels to the module. */
export function emitPoolings(kernels: KernelBuilder): void {
  for (const float of ['f32', 'f64'] as const) {
    emitPooling(kernels, float);
    emitAverage(kernels, float);
    emitFusedBackward(kernels, float);
  }
}
