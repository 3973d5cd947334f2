/**
 * Convolution, relu and max pooling as one, where Winograd's method takes them; elsewhere one after another. Backwards
 * they stay apart: rows of the gradient that are made from pooled ones as they are read are made twice or more, for the
 * gradients at the filters and at the input and where tiles overlap, and network b took 3% longer than by a pass.
 */

import type { ConvPoolKernels } from '../../contract.ts';
import { isMostlyPadding } from '../../geometry.ts';
import { convReluPoolChain } from '../../naive/fused.ts';
import { poolKernels } from '../pool/index.ts';
import { takesPooledWinograd } from './choose.ts';
import { convolutionKernels } from './index.ts';
import { winogradForward } from './winograd.ts';

const oneByOne = convReluPoolChain(convolutionKernels.convForward, poolKernels.maxPoolForward);

export const pooledConvolutionKernels: ConvPoolKernels = {
  convReluPoolForward(x, w, b, out, argmax, g, pool, scale) {
    if (isMostlyPadding(g) || !takesPooledWinograd(x, g, pool)) {
      return oneByOne(x, w, b, out, argmax, g, pool, scale);
    }
    winogradForward(x, w, b, out, g, { scale, relu: true }, { argmax });
  },
};
