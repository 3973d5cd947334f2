/** The family of changed training images: emitters for the module, host functions for the registry. */

import type { KernelBuilder } from '../kernel.ts';
import { emitCrop } from './crop-kernels.ts';
import { emitJitter } from './jitter-kernels.ts';

export { augmentKernels } from './augment.ts';

/** Adds the family's kernels to the module. */
export function emitAugment(kernels: KernelBuilder): void {
  for (const float of ['f32', 'f64'] as const) {
    emitCrop(kernels, float);
    emitJitter(kernels, float);
  }
}
