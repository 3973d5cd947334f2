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
import type { FloatArray, ListKernels, UpdateKernels } from '../../contract.ts';
import type { KernelBuilder } from '../kernel.ts';
import { launched } from '../launch.ts';
import { withoutTiny } from '../vectors.ts';
import { listed, overEach } from './listed.ts';

/** value without what is too small to matter in float32; float64 is far from its subnormal numbers. */
function atLeast(limit: number, value: Value, kind: Kind): Value {
  return kind === 'f32x4' ? withoutTiny(value, limit) : value;
}

const gradientLimit = 1e-17;
const momentLimit = 1e-30;
const meanSquareLimit = 1e-36;

// Scalars that the host can compute beforehand (1 - beta, learningRate / correction) come as scalars of their own.

const sgd = listed('sgd_update', { w: 'input', dw: 'input', nextW: 'output', rate: 'f64' },
  ({ w, dw, rate }) => ({ nextW: w.sub(rate.mul(dw)) }));

const momentumTypes = {
  w: 'input', dw: 'input', v: 'input', nextW: 'output', nextV: 'output', rate: 'f64', momentum: 'f64',
} as const;

const momentumUpdate = listed('momentum_update', momentumTypes, ({ w, dw, v, rate, momentum }, keep, kind) => {
  const nextV = keep(atLeast(momentLimit, keep(momentum.mul(v).sub(rate.mul(dw))), kind));
  return { nextW: w.add(nextV), nextV };
});

const nesterov = listed('nesterov_update', { ...momentumTypes, onePlusMomentum: 'f64' },
  ({ w, dw, v, rate, momentum, onePlusMomentum }, keep, kind) => {
    const before = keep(momentum.mul(v));
    const nextV = keep(atLeast(momentLimit, keep(before.sub(rate.mul(dw))), kind));
    return { nextW: w.sub(before).add(onePlusMomentum.mul(nextV)), nextV };
  });

// The step is a share of the gradient and a share of the velocity: (0, 1), or (1, momentum) when looking ahead.
const decayedMomentum = listed('decayed_momentum_update', {
  ...momentumTypes, decay: 'f64', ofGradient: 'f64', ofVelocity: 'f64',
}, ({ w, dw, v, rate, momentum, decay, ofGradient, ofVelocity }, keep, kind) => {
  const gradient = keep(dw.add(decay.mul(w)));
  const nextV = keep(atLeast(momentLimit, keep(momentum.mul(v).add(gradient)), kind));
  return { nextW: w.sub(rate.mul(ofGradient.mul(gradient).add(ofVelocity.mul(nextV)))), nextV };
});

const adaptiveTypes = {
  w: 'input', dw: 'input', cache: 'input', nextW: 'output', nextCache: 'output', rate: 'f64', epsilon: 'f64',
} as const;

const rmsprop = listed('rmsprop_update', { ...adaptiveTypes, decay: 'f64', oneMinusDecay: 'f64' },
  ({ w, dw, cache, rate, epsilon, decay, oneMinusDecay }, keep, kind) => {
    const gradient = keep(atLeast(gradientLimit, dw, kind));
    const sum = keep(decay.mul(cache).add(oneMinusDecay.mul(gradient.mul(gradient))));
    const nextCache = keep(atLeast(meanSquareLimit, sum, kind));
    return { nextW: w.sub(rate.mul(gradient).div(nextCache.sqrt().add(epsilon))), nextCache };
  });

const adagrad = listed('adagrad_update', adaptiveTypes, ({ w, dw, cache, rate, epsilon }, keep, kind) => {
  const gradient = keep(atLeast(gradientLimit, dw, kind));
  const nextCache = keep(cache.add(gradient.mul(gradient)));
  return { nextW: w.sub(rate.mul(gradient).div(nextCache.sqrt().add(epsilon))), nextCache };
});

const adam = listed('adam_update', {
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

/** Sets of arrays one after another, each in the order in which the rule's kernel takes them. */
type Sets = readonly FloatArray[];

/** How many arrays a rule takes, and how it is run with its numbers as the contract has them. */
type Runner = readonly [arrays: number, run: (sets: Sets, ...numbers: number[]) => void];

const rules: Readonly<Record<keyof UpdateKernels, Runner>> = {
  sgdUpdate: [3, (sets, rate) => {
    const [job, tasks] = overEach(sgd, sets);
    job.rate(rate).run(tasks);
  }],
  momentumUpdate: [5, (sets, rate, momentum) => {
    const [job, tasks] = overEach(momentumUpdate, sets);
    job.rate(rate).momentum(momentum).run(tasks);
  }],
  nesterovUpdate: [5, (sets, rate, momentum) => {
    const [job, tasks] = overEach(nesterov, sets);
    job.rate(rate).momentum(momentum).onePlusMomentum(1 + momentum).run(tasks);
  }],
  decayedMomentumUpdate: [5, (sets, rate, momentum, weightDecay, lookAhead) => {
    const [job, tasks] = overEach(decayedMomentum, sets);
    job.rate(rate).momentum(momentum).decay(weightDecay)
      .ofGradient(lookAhead ? 1 : 0).ofVelocity(lookAhead ? momentum : 1).run(tasks);
  }],
  rmspropUpdate: [5, (sets, rate, decay, epsilon) => {
    const [job, tasks] = overEach(rmsprop, sets);
    job.rate(rate).decay(decay).oneMinusDecay(1 - decay).epsilon(epsilon).run(tasks);
  }],
  adagradUpdate: [5, (sets, rate, epsilon) => {
    const [job, tasks] = overEach(adagrad, sets);
    job.rate(rate).epsilon(epsilon).run(tasks);
  }],
  adamUpdate: [7, (sets, rate, beta1, beta2, epsilon, correction1, correction2, decay) => {
    const [job, tasks] = overEach(adam, sets);
    job.rate(rate / correction1).beta1(beta1).oneMinusBeta1(1 - beta1).beta2(beta2).oneMinusBeta2(1 - beta2)
      .epsilon(epsilon).inverseCorrection2(1 / correction2).keepWeight(1 - decay).run(tasks);
  }],
};

/** The rules one parameter at a time. */
const single = Object.fromEntries(Object.entries(rules).map(([name, [arrays, run]]) => [
  name,
  launched((...given: Array<FloatArray | number>) => {
    run(given.slice(0, arrays) as FloatArray[], ...given.slice(arrays) as number[]);
  }),
])) as unknown as UpdateKernels;

export const updateKernels: UpdateKernels & ListKernels = {
  ...single,
  updateEach: launched((rule, parameters, numbers) => {
    if (parameters.length === 0) return;
    const sets: FloatArray[] = [];
    for (const { w, dw, state } of parameters) sets.push(w, dw, ...state, w, ...state);
    rules[rule][1](sets, ...numbers);
  }),
};
