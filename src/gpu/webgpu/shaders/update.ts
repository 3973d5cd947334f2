/** Update rules, in place: the arithmetic of src/kernels/naive/update.ts, one invocation a weight. */

import type { UpdateKernels } from '../../../kernels/contract.ts';
import { type Access, type AnyShader, forEachElement, shader } from '../shader.ts';

/**
 * One rule: the arrays that it remembers, its numbers in the order in which the contract's kernel takes them, the step.
 */
interface Rule {
  readonly state: readonly string[];
  readonly numbers: readonly string[];
  readonly step: string;
}

export type UpdateName = keyof UpdateKernels;

export const updateRules: Readonly<Record<UpdateName, Rule>> = {
  sgdUpdate: { state: [], numbers: ['learningRate'], step: 'w[i] -= g.learningRate * dw[i];' },
  momentumUpdate: {
    state: ['v'], numbers: ['learningRate', 'momentum'],
    step: `
v[i] = g.momentum * v[i] - g.learningRate * dw[i];
w[i] += v[i];`,
  },
  nesterovUpdate: {
    state: ['v'], numbers: ['learningRate', 'momentum'],
    step: `
let before = v[i];
v[i] = g.momentum * before - g.learningRate * dw[i];
w[i] += (1.0 + g.momentum) * v[i] - g.momentum * before;`,
  },
  decayedMomentumUpdate: {
    state: ['v'], numbers: ['learningRate', 'momentum', 'weightDecay', 'lookAhead'],
    step: `
let gradient = dw[i] + g.weightDecay * w[i];
v[i] = g.momentum * v[i] + gradient;
w[i] -= g.learningRate * select(v[i], gradient + g.momentum * v[i], g.lookAhead == 1.0);`,
  },
  rmspropUpdate: {
    state: ['cache'], numbers: ['learningRate', 'decayRate', 'epsilon'],
    step: `
cache[i] = g.decayRate * cache[i] + (1.0 - g.decayRate) * dw[i] * dw[i];
w[i] -= g.learningRate * dw[i] / (sqrt(cache[i]) + g.epsilon);`,
  },
  adagradUpdate: {
    state: ['cache'], numbers: ['learningRate', 'epsilon'],
    step: `
cache[i] += dw[i] * dw[i];
w[i] -= g.learningRate * dw[i] / (sqrt(cache[i]) + g.epsilon);`,
  },
  adamUpdate: {
    state: ['m', 'v'],
    numbers: ['learningRate', 'beta1', 'beta2', 'epsilon', 'correction1', 'correction2', 'decay'],
    step: `
m[i] = g.beta1 * m[i] + (1.0 - g.beta1) * dw[i];
v[i] = g.beta2 * v[i] + (1.0 - g.beta2) * dw[i] * dw[i];
w[i] -= g.decay * w[i] + g.learningRate * (m[i] / g.correction1) / (sqrt(v[i] / g.correction2) + g.epsilon);`,
  },
};

export const updateShaders: Readonly<Record<UpdateName, AnyShader>> = Object.fromEntries(
  Object.entries(updateRules).map(([name, { state, numbers, step }]) => [name, shader({
    name,
    buffers: { w: 'inout', dw: 'in', ...Object.fromEntries(state.map((each): [string, Access] => [each, 'inout'])) },
    sizes: ['length'], reals: numbers, code: forEachElement(step),
  })]),
) as Record<UpdateName, AnyShader>;
