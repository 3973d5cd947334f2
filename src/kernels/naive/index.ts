import type { Kernels } from '../contract.ts';

export const naiveKernels: Kernels = {} as Kernels;
