/** The host's side of pooling, and of batchnorm, relu and pooling in one (the kernels are in pool-kernels.ts). */

import type { FusedKernels, PoolGeometry, PoolKernels } from '../../contract.ts';
import { windowsInside } from '../../geometry.ts';
import { floatKind, launch, launched } from '../launch.ts';
import { normTuning } from '../tuning.ts';
import { fusedBackward } from './fused-backward-kernels.ts';
import { batchnormReluMaxPool, maxPool, maxPoolBackward, poolSizes, windowSizes } from './pool-kernels.ts';

function planesPerTask(g: PoolGeometry): number {
  return Math.max(1, Math.floor(normTuning.elementsPerTask / (g.height * g.width)));
}

function inPairs(g: PoolGeometry): boolean {
  return g.poolHeight === 2 && g.poolWidth === 2 && g.strideY === 2 && g.strideX === 2 && windowsInside(g);
}

export const poolKernels: Pick<PoolKernels, 'maxPoolForward' | 'maxPoolBackward'> & FusedKernels = {
  maxPoolForward: launched((x, out, argmax, g) => {
    const perTask = planesPerTask(g);
    launch(maxPool[floatKind(x)]).from(poolSizes, g).from(windowSizes, g).pairs(inPairs(g)).perTask(perTask)
      .x(x).out(out).argmax(argmax).run(Math.ceil(g.planes / perTask));
  }),

  maxPoolBackward: launched((dout, argmax, dx, g, reluOut = null) => {
    const perTask = planesPerTask(g);
    launch(maxPoolBackward[floatKind(dout)]).from(poolSizes, g).pairs(inPairs(g)).perTask(perTask)
      .dout(dout).argmax(argmax).reluOut(reluOut).out(dx).run(Math.ceil(g.planes / perTask));
  }),

  batchnormReluPoolForward: launched((x, gamma, beta, mean, variance, out, argmax, g, channels, eps) => {
    const perTask = planesPerTask(g);
    launch(batchnormReluMaxPool[floatKind(x)]).from(poolSizes, g).from(windowSizes, g).pairs(inPairs(g)).perTask(perTask)
      .x(x).channels(channels).gamma(gamma).beta(beta).mean(mean).variance(variance).eps(eps).out(out).argmax(argmax)
      .run(Math.ceil(g.planes / perTask));
  }),

  batchnormReluPoolBackward: launched((dout, out, argmax, x, gamma, mean, variance, dx, dgamma, dbeta, g, channels, eps) => {
    launch(fusedBackward[floatKind(x)]).from(poolSizes, g).pairs(inPairs(g)).channels(channels)
      .dout(dout).reluOut(out).argmax(argmax).x(x).gamma(gamma).mean(mean).variance(variance).eps(eps)
      .out(dx).dgamma(dgamma).dbeta(dbeta).run(channels);
  }),
};
