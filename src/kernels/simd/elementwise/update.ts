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
import type { KernelBuilder } from '../kernel.ts';
import { launched } from '../launch.ts';
import { withoutTiny } from '../vectors.ts';
import { map, over, tasksOver } from './map.ts';

/** value without what is too small to matter in float32; float64 is far from its subnormal numbers. */
function atLeast(limit: number, value: Value, kind: Kind): Value {
  return kind === 'f32x4' ? withoutTiny(value, limit) : value;
}

const gradientLimit = 1e-17;
const momentLimit = 1e-30;
const meanSquareLimit = 1e-36;

// Scalars that the host can compute beforehand (1 - beta, learningRate / correction) come as scalars of their own.

const sgd = map('sgd_update', { w: 'input', dw: 'input', nextW: 'output', rate: 'f64' },
  ({ w, dw, rate }) => ({ nextW: w.sub(rate.mul(dw)) }));

const momentumTypes = {
  w: 'input', dw: 'input', v: 'input', nextW: 'output', nextV: 'output', rate: 'f64', momentum: 'f64',
} as const;

const momentumUpdate = map('momentum_update', momentumTypes, ({ w, dw, v, rate, momentum }, keep, kind) => {
  const nextV = keep(atLeast(momentLimit, keep(momentum.mul(v).sub(rate.mul(dw))), kind));
  return { nextW: w.add(nextV), nextV };
});

const nesterov = map('nesterov_update', { ...momentumTypes, onePlusMomentum: 'f64' },
  ({ w, dw, v, rate, momentum, onePlusMomentum }, keep, kind) => {
    const before = keep(momentum.mul(v));
    const nextV = keep(atLeast(momentLimit, keep(before.sub(rate.mul(dw))), kind));
    return { nextW: w.sub(before).add(onePlusMomentum.mul(nextV)), nextV };
  });

// The step is a share of the gradient and a share of the velocity: (0, 1), or (1, momentum) when looking ahead.
const decayedMomentum = map('decayed_momentum_update', {
  ...momentumTypes, decay: 'f64', ofGradient: 'f64', ofVelocity: 'f64',
}, ({ w, dw, v, rate, momentum, decay, ofGradient, ofVelocity }, keep, kind) => {
  const gradient = keep(dw.add(decay.mul(w)));
  const nextV = keep(atLeast(momentLimit, keep(momentum.mul(v).add(gradient)), kind));
  return { nextW: w.sub(rate.mul(ofGradient.mul(gradient).add(ofVelocity.mul(nextV)))), nextV };
});

const adaptiveTypes = {
  w: 'input', dw: 'input', cache: 'input', nextW: 'output', nextCache: 'output', rate: 'f64', epsilon: 'f64',
} as const;

const rmsprop = map('rmsprop_update', { ...adaptiveTypes, decay: 'f64', oneMinusDecay: 'f64' },
  ({ w, dw, cache, rate, epsilon, decay, oneMinusDecay }, keep, kind) => {
    const gradient = keep(atLeast(gradientLimit, dw, kind));
    const sum = keep(decay.mul(cache).add(oneMinusDecay.mul(gradient.mul(gradient))));
    const nextCache = keep(atLeast(meanSquareLimit, sum, kind));
    return { nextW: w.sub(rate.mul(gradient).div(nextCache.sqrt().add(epsilon))), nextCache };
  });

const adagrad = map('adagrad_update', adaptiveTypes, ({ w, dw, cache, rate, epsilon }, keep, kind) => {
  const gradient = keep(atLeast(gradientLimit, dw, kind));
  const nextCache = keep(cache.add(gradient.mul(gradient)));
  return { nextW: w.sub(rate.mul(gradient).div(nextCache.sqrt().add(epsilon))), nextCache };
});

const adam = map('adam_update', {
  w: 'input', dw: 'input', m: 'input', v: 'input', nextW: 'output', nextM: 'output', nextV: 'output', rate: 'f64',
  beta1: 'f64', oneMinusBeta1: 'f64', beta2: 'f64', oneMinusBeta2: 'f64', epsilon: 'f64', inverseCorrection2: 'f64',
  keepWeight: 'f64',
}, ({ w, dw, m, v, ...s }, keep, kind) => {
  const gradient = keep(atLeast(gradientLimit, dw, kind));
  const nextM = keep(atLeast(momentLimit, keep(s.beta1.mul(m).add(s.oneMinusBeta1.mul(gradient))), kind));
  const sum = keep(s.beta2.mul(v).add(s.oneMinusBeta2.mul(gradient.mul(gradient))));
  const nextV = keep(atLeast(meanSquareLimit, sum, kind));
  const step = s.rate.mul(nextM).div(nextV.mul(s.inverseCorrection2).sqrt().add(s.epsilon));
  return { nextW: w.mul(s.keepWeight).sub(step), nextM, nextV };
});

/** Adds the kernels to the module. */
export function emitUpdates(kernels: KernelBuilder): void {
  for (const float of ['f32', 'f64'] as const) {
    for (const each of [sgd, momentumUpdate, nesterov, decayedMomentum, rmsprop, adagrad, adam])
      each.emit(kernels, float);
  }
}

export const updateKernels: UpdateKernels = {
  sgdUpdate: launched((w, dw, nextW, rate) => {
    over(sgd, w).w(w).dw(dw).nextW(nextW).rate(rate).run(tasksOver(w));
  }),
  momentumUpdate: launched((w, dw, v, nextW, nextV, rate, momentum) => {
    over(momentumUpdate, w).w(w).dw(dw).v(v).nextW(nextW).nextV(nextV).rate(rate).momentum(momentum).run(tasksOver(w));
  }),
  nesterovUpdate: launched((w, dw, v, nextW, nextV, rate, momentum) => {
    over(nesterov, w).w(w).dw(dw).v(v).nextW(nextW).nextV(nextV).rate(rate).momentum(momentum)
      .onePlusMomentum(1 + momentum).run(tasksOver(w));
  }),
  decayedMomentumUpdate: launched((w, dw, v, nextW, nextV, rate, momentum, weightDecay, lookAhead) => {
    over(decayedMomentum, w).w(w).dw(dw).v(v).nextW(nextW).nextV(nextV).rate(rate).momentum(momentum).decay(weightDecay)
      .ofGradient(lookAhead ? 1 : 0).ofVelocity(lookAhead ? momentum : 1).run(tasksOver(w));
  }),
  rmspropUpdate: launched((w, dw, cache, nextW, nextCache, rate, decay, epsilon) => {
    over(rmsprop, w).w(w).dw(dw).cache(cache).nextW(nextW).nextCache(nextCache).rate(rate).decay(decay)
      .oneMinusDecay(1 - decay).epsilon(epsilon).run(tasksOver(w));
  }),
  adagradUpdate: launched((w, dw, cache, nextW, nextCache, rate, epsilon) => {
    over(adagrad, w).w(w).dw(dw).cache(cache).nextW(nextW).nextCache(nextCache).rate(rate).epsilon(epsilon)
      .run(tasksOver(w));
  }),
  adamUpdate: launched((
    w, dw, m, v, nextW, nextM, nextV, rate, beta1, beta2, epsilon, correction1, correction2, decay,
  ) => {
    over(adam, w).w(w).dw(dw).m(m).v(v).nextW(nextW).nextM(nextM).nextV(nextV)
      .rate(rate / correction1).beta1(beta1).oneMinusBeta1(1 - beta1).beta2(beta2).oneMinusBeta2(1 - beta2)
      .epsilon(epsilon).inverseCorrection2(1 / correction2).keepWeight(1 - decay).run(tasksOver(w));
  }),
};
