/**
 * The js backend: the same kernels as naive/, arranged for speed in plain typed-array JavaScript. Where the loop of the
 * definition is already as fast as JavaScript gets, the definition itself is used.
 */

import type { Kernels } from '../contract.ts';
import { fastConvolution } from './convolution.ts';
import { fastElementwise } from './elementwise.ts';
import { fastMatrix } from './matrix.ts';

export const fastKernels: Partial<Kernels> = { ...fastMatrix, ...fastConvolution, ...fastElementwise };
