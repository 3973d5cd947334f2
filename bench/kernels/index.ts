/** The kernels' bench rows by family. A test fails where a kernel of the contract has none. */

import type { KernelCase } from '../support/kernel-case.ts';
import { augmentCases } from './augment.ts';
import { convolutionCases } from './convolution.ts';
import { elementwiseCases } from './elementwise.ts';
import { gemmCases } from './gemm.ts';
import { lossCases } from './loss.ts';
import { normalisationCases } from './normalisation.ts';
import { poolingCases } from './pooling.ts';
import { updateCases } from './update.ts';

type FamilyName = 'gemm' | 'convolution' | 'pooling' | 'normalisation' | 'elementwise' | 'update' | 'loss' | 'augment';

export const families: Readonly<Record<FamilyName, readonly KernelCase[]>> = {
  gemm: gemmCases, convolution: convolutionCases, pooling: poolingCases, normalisation: normalisationCases,
  elementwise: elementwiseCases, update: updateCases, loss: lossCases, augment: augmentCases,
};
