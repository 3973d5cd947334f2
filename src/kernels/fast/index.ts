import type { Kernels } from '../contract.ts';

export const fastKernels: Partial<Kernels> = {};
