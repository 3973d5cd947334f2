/** The elementwise family: emitters for the module, host functions for the registry. */

import type { Kernels } from '../../contract.ts';
import type { KernelBuilder } from '../kernel.ts';
import { arithmeticKernels, emitArithmetic } from './arithmetic.ts';
import { emitReductions, reductionKernels } from './reduce.ts';
import { emitUpdates, updateKernels } from './update.ts';

/** Adds the family's kernels to the module. */
export function emitElementwise(kernels: KernelBuilder): void {
  emitUpdates(kernels);
  emitArithmetic(kernels);
  emitReductions(kernels);
}

export const elementwiseKernels: Partial<Kernels> = { ...updateKernels, ...arithmeticKernels, ...reductionKernels };
