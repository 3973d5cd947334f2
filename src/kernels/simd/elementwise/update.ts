/** The update rules, each one pass over memory. The formulas and their sources are in ../../naive/update.ts. */

import type { UpdateKernels } from '../../contract.ts';
import type { KernelBuilder } from '../kernel-builder.ts';
import { emitMap, type MapDescription, runMap } from './map.ts';

/** Scalars that the host can compute beforehand (1 - beta, learningRate / correction) come as scalars of their own. */
const descriptions: readonly MapDescription[] = [
  {
    name: 'sgd_update', inputs: 2, outputs: 1, scalars: 1,
    step: ([w, dw], [rate]) => [w.sub(rate.mul(dw))],
  },
  {
    name: 'momentum_update', inputs: 3, outputs: 2, scalars: 2,
    step: ([w, dw, v], [rate, momentum], keep) => {
      const velocity = keep(momentum.mul(v).sub(rate.mul(dw)));
      return [w.add(velocity), velocity];
    },
  },
  {
    name: 'nesterov_update', inputs: 3, outputs: 2, scalars: 3,
    step: ([w, dw, v], [rate, momentum, onePlusMomentum], keep) => {
      const before = keep(momentum.mul(v));
      const velocity = keep(before.sub(rate.mul(dw)));
      return [w.sub(before).add(onePlusMomentum.mul(velocity)), velocity];
    },
  },
  {
    name: 'rmsprop_update', inputs: 3, outputs: 2, scalars: 4,
    step: ([w, dw, cache], [rate, decay, oneMinusDecay, epsilon], keep) => {
      const meanSquare = keep(decay.mul(cache).add(oneMinusDecay.mul(dw.mul(dw))));
      return [w.sub(rate.mul(dw).div(meanSquare.sqrt().add(epsilon))), meanSquare];
    },
  },
  {
    name: 'adagrad_update', inputs: 3, outputs: 2, scalars: 2,
    step: ([w, dw, cache], [rate, epsilon], keep) => {
      const sumOfSquares = keep(cache.add(dw.mul(dw)));
      return [w.sub(rate.mul(dw).div(sumOfSquares.sqrt().add(epsilon))), sumOfSquares];
    },
  },
  {
    name: 'adam_update', inputs: 4, outputs: 3, scalars: 8,
    step: ([w, dw, m, v], [rate, beta1, oneMinusBeta1, beta2, oneMinusBeta2, epsilon, inverseCorrection2, keepWeight], keep) => {
      const first = keep(beta1.mul(m).add(oneMinusBeta1.mul(dw)));
      const second = keep(beta2.mul(v).add(oneMinusBeta2.mul(dw.mul(dw))));
      const step = rate.mul(first).div(second.mul(inverseCorrection2).sqrt().add(epsilon));
      return [w.mul(keepWeight).sub(step), first, second];
    },
  },
];

/** Adds the kernels to the module. */
export function emitUpdates(kernels: KernelBuilder): void {
  for (const description of descriptions) emitMap(kernels, description);
}

export const updateKernels: UpdateKernels = {
  sgdUpdate(w, dw, nextW, rate) {
    runMap('sgd_update', [w, dw], [nextW], [rate]);
  },
  momentumUpdate(w, dw, v, nextW, nextV, rate, momentum) {
    runMap('momentum_update', [w, dw, v], [nextW, nextV], [rate, momentum]);
  },
  nesterovUpdate(w, dw, v, nextW, nextV, rate, momentum) {
    runMap('nesterov_update', [w, dw, v], [nextW, nextV], [rate, momentum, 1 + momentum]);
  },
  rmspropUpdate(w, dw, cache, nextW, nextCache, rate, decay, epsilon) {
    runMap('rmsprop_update', [w, dw, cache], [nextW, nextCache], [rate, decay, 1 - decay, epsilon]);
  },
  adagradUpdate(w, dw, cache, nextW, nextCache, rate, epsilon) {
    runMap('adagrad_update', [w, dw, cache], [nextW, nextCache], [rate, epsilon]);
  },
  adamUpdate(w, dw, m, v, nextW, nextM, nextV, rate, beta1, beta2, epsilon, correction1, correction2, decay) {
    runMap('adam_update', [w, dw, m, v], [nextW, nextM, nextV], [
      rate / correction1, beta1, 1 - beta1, beta2, 1 - beta2, epsilon, 1 / correction2, 1 - decay,
    ]);
  },
};
