/**
 * Convolution, relu and max pooling as one, where Winograd's method takes them; elsewhere one after another. Backwards
 * the gradient at the filters mostly comes from the pooled one. That at the input does not: rows of the gradient that
 * are made from pooled ones as they are read are made twice or more where tiles overlap.
 */

import { allocate } from '../../memory/allocate.ts';
import type { ConvPoolKernels, FloatArray } from '../../contract.ts';
import { isMostlyPadding } from '../../geometry.ts';
import { convReluPoolChain } from '../../naive/fused.ts';
import { poolKernels } from '../pool/index.ts';
import { takesPooledWinograd, takesWinograd } from './choose.ts';
import { takesWinners } from './choose-winners.ts';
import { convolutionKernels } from './index.ts';
import { winnerFilterGradient } from './winner-gradient.ts';
import { winogradForward, winogradInputGradient } from './winograd.ts';

const oneByOne = convReluPoolChain(convolutionKernels, poolKernels);

export const pooledConvolutionKernels: ConvPoolKernels = {
  convReluPoolForward(x, w, b, out, argmax, g, pool, scale) {
    if (isMostlyPadding(g) || !takesPooledWinograd(x, g, pool)) {
      return oneByOne.convReluPoolForward(x, w, b, out, argmax, g, pool, scale);
    }
    winogradForward(x, w, b, out, g, { scale, relu: true }, { argmax });
  },

  convReluPoolBackward(dout, out, argmax, x, w, dx, dw, db, g, pool) {
    const canDx = dx === null || takesWinograd(x, g);
    if (isMostlyPadding(g) || !canDx || !takesWinners(x, g, pool)) {
      return oneByOne.convReluPoolBackward(dout, out, argmax, x, w, dx, dw, db, g, pool);
    }
    if (dx !== null) {
      const between = allocate('float32', pool.planes * pool.height * pool.width) as FloatArray;
      poolKernels.maxPoolBackward(dout, argmax, between, pool, out);
      winogradInputGradient(between, w, dx, g);
    }
    winnerFilterGradient(dout, { out, argmax }, x, dw, db, g);
  },
};
