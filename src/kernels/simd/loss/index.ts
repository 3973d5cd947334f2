/** The family of losses: emitters for the module, host functions for the registry. */

import type { LossKernels } from '../../contract.ts';
import type { KernelBuilder } from '../kernel.ts';
import { emitSoftmax, softmaxLoss } from './softmax.ts';
import { emitSvm, svmLoss } from './svm.ts';

/** Adds the family's kernels to the module. */
export function emitLosses(kernels: KernelBuilder): void {
  emitSoftmax(kernels);
  emitSvm(kernels);
}

export const lossKernels: LossKernels = { softmaxLoss, svmLoss };
