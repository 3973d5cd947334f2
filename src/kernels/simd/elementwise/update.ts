/**
 * The update rules, each one pass over memory. The formulas and their sources are in ../../naive/update.ts.
 *
 * Where a weight's gradient has vanished, what a rule remembers of it shrinks by a constant factor a step until it is a
 * subnormal number, on which processors are many times slower: after 700 steps of the three-layer network, Adam took
 * 31 ms a step instead of 3. So in float32, numbers that are too small to move any weight are set to zero on the way:
 * gradients under 1e-17, whose squares times 1 - beta2 would be subnormal, velocities and first moments under 1e-30,
 * means of squares under 1e-36.
 */

import type { Kind, Value } from '../../../wasm/index.ts';
import type { UpdateKernels } from '../../contract.ts';
import type { KernelBuilder } from '../kernel-builder.ts';
import { withoutTiny } from '../vectors.ts';
import { emitMap, type MapDescription, runMap } from './map.ts';

/** value without what is too small to matter in float32; float64 is far from its subnormal numbers. */
function atLeast(limit: number, value: Value, kind: Kind): Value {
  return kind === 'f32x4' ? withoutTiny(value, limit) : value;
}

const gradientLimit = 1e-17;
const momentLimit = 1e-30;
const meanSquareLimit = 1e-36;

/** Scalars that the host can compute beforehand (1 - beta, learningRate / correction) come as scalars of their own. */
const descriptions: readonly MapDescription[] = [
  {
    name: 'sgd_update', inputs: 2, outputs: 1, scalars: 1,
    step: ([w, dw], [rate]) => [w.sub(rate.mul(dw))],
  },
  {
    name: 'momentum_update', inputs: 3, outputs: 2, scalars: 2,
    step: ([w, dw, v], [rate, momentum], keep, kind) => {
      const velocity = keep(atLeast(momentLimit, keep(momentum.mul(v).sub(rate.mul(dw))), kind));
      return [w.add(velocity), velocity];
    },
  },
  {
    name: 'nesterov_update', inputs: 3, outputs: 2, scalars: 3,
    step: ([w, dw, v], [rate, momentum, onePlusMomentum], keep, kind) => {
      const before = keep(momentum.mul(v));
      const velocity = keep(atLeast(momentLimit, keep(before.sub(rate.mul(dw))), kind));
      return [w.sub(before).add(onePlusMomentum.mul(velocity)), velocity];
    },
  },
  {
    name: 'rmsprop_update', inputs: 3, outputs: 2, scalars: 4,
    step: ([w, dw, cache], [rate, decay, oneMinusDecay, epsilon], keep, kind) => {
      const gradient = keep(atLeast(gradientLimit, dw, kind));
      const sum = keep(decay.mul(cache).add(oneMinusDecay.mul(gradient.mul(gradient))));
      const meanSquare = keep(atLeast(meanSquareLimit, sum, kind));
      return [w.sub(rate.mul(gradient).div(meanSquare.sqrt().add(epsilon))), meanSquare];
    },
  },
  {
    name: 'adagrad_update', inputs: 3, outputs: 2, scalars: 2,
    step: ([w, dw, cache], [rate, epsilon], keep, kind) => {
      const gradient = keep(atLeast(gradientLimit, dw, kind));
      const sumOfSquares = keep(cache.add(gradient.mul(gradient)));
      return [w.sub(rate.mul(gradient).div(sumOfSquares.sqrt().add(epsilon))), sumOfSquares];
    },
  },
  {
    name: 'adam_update', inputs: 4, outputs: 3, scalars: 8,
    step: (
      [w, dw, m, v], [rate, beta1, oneMinusBeta1, beta2, oneMinusBeta2, epsilon, inverseCorrection2, keepWeight], keep,
      kind,
    ) => {
      const gradient = keep(atLeast(gradientLimit, dw, kind));
      const first = keep(atLeast(momentLimit, keep(beta1.mul(m).add(oneMinusBeta1.mul(gradient))), kind));
      const sum = keep(beta2.mul(v).add(oneMinusBeta2.mul(gradient.mul(gradient))));
      const second = keep(atLeast(meanSquareLimit, sum, kind));
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
