/**
 * Update rules: how weights w follow their gradient dw. All have one form, `(w, dw, config) -> [nextW, config]`: config
 * holds the settings (missing ones take their defaults) and, after the call, what the rule remembers for the next.
 * w, dw and state tensors that were passed in keep their values. All throw as `applyRule` says.
 */

import type { Tensor } from '../tensor/tensor.ts';
import { applyRule, type RuleDefinition, type Setting, type SettingName, type UpdateConfig, type UpdateRule } from './rule.ts';

const positive = (value: number): Setting => ({ default: value, min: 0, max: Infinity });
const share = (value: number): Setting => ({ default: value, min: 0, max: 1 });
/** Below 1, because the corrections 1 - beta^t are divided by. */
const properShare = (value: number): Setting => ({ default: value, min: 0, max: 1 - Number.EPSILON });

export const sgdRule: RuleDefinition = {
  name: 'sgd',
  settings: { learningRate: positive(1e-2) },
  state: [],
  counts: false,
  kernel: 'sgdUpdate',
  numbers: ({ learningRate }) => [learningRate],
};

/** Stochastic gradient descent: w - learningRate dw. Settings: learningRate 1e-2. */
export function sgd(w: Tensor, dw: Tensor, config: UpdateConfig = {}): [nextW: Tensor, config: UpdateConfig] {
  return applyRule(sgdRule, w, dw, config);
}

const sgdMomentumRule: RuleDefinition = {
  name: 'sgdMomentum',
  settings: { learningRate: positive(1e-2), momentum: share(0.9) },
  state: ['velocity'],
  counts: false,
  kernel: 'momentumUpdate',
  numbers: ({ learningRate, momentum }) => [learningRate, momentum],
};

/**
 * Momentum (Polyak 1964): velocity = momentum velocity - learningRate dw; w + velocity.
 * Settings: learningRate 1e-2, momentum 0.9. State: velocity.
 */
export function sgdMomentum(w: Tensor, dw: Tensor, config: UpdateConfig = {}): [nextW: Tensor, config: UpdateConfig] {
  return applyRule(sgdMomentumRule, w, dw, config);
}

const nesterovRule: RuleDefinition = {
  name: 'nesterov',
  settings: { learningRate: positive(1e-2), momentum: share(0.9) },
  state: ['velocity'],
  counts: false,
  kernel: 'nesterovUpdate',
  numbers: ({ learningRate, momentum }) => [learningRate, momentum],
};

/**
 * Nesterov's momentum (1983), with w standing for the point looked ahead to (Bengio, Boulanger-Lewandowski & Pascanu
 * 2013): velocity' = momentum velocity - learningRate dw; w - momentum velocity + (1 + momentum) velocity'.
 * Settings: learningRate 1e-2, momentum 0.9. State: velocity.
 */
export function nesterov(w: Tensor, dw: Tensor, config: UpdateConfig = {}): [nextW: Tensor, config: UpdateConfig] {
  return applyRule(nesterovRule, w, dw, config);
}

/**
 * What PyTorch's SGD does with momentum, weight decay or both: see the kernel. Used by the optimisers of tilegrad/nn.
 */
export const decayedMomentumRule: RuleDefinition = {
  name: 'SGD',
  settings: { learningRate: positive(1e-2), momentum: share(0), weightDecay: positive(0), lookAhead: share(0) },
  state: ['velocity'],
  counts: false,
  kernel: 'decayedMomentumUpdate',
  numbers: ({ learningRate, momentum, weightDecay, lookAhead }) =>
    [learningRate, momentum, weightDecay, lookAhead === 1 ? 1 : 0],
};

export const rmspropRule: RuleDefinition = {
  name: 'rmsprop',
  settings: { learningRate: positive(1e-2), decayRate: share(0.99), epsilon: positive(1e-8) },
  state: ['cache'],
  counts: false,
  kernel: 'rmspropUpdate',
  numbers: ({ learningRate, decayRate, epsilon }) => [learningRate, decayRate, epsilon],
};

/**
 * RMSprop (Tieleman & Hinton 2012): cache = decayRate cache + (1 - decayRate) dw^2;
 * w - learningRate dw / (sqrt(cache) + epsilon).
 * Settings: learningRate 1e-2, decayRate 0.99, epsilon 1e-8. State: cache.
 */
export function rmsprop(w: Tensor, dw: Tensor, config: UpdateConfig = {}): [nextW: Tensor, config: UpdateConfig] {
  return applyRule(rmspropRule, w, dw, config);
}

export const adagradRule: RuleDefinition = {
  name: 'adagrad',
  settings: { learningRate: positive(1e-2), epsilon: positive(1e-8) },
  state: ['cache'],
  counts: false,
  kernel: 'adagradUpdate',
  numbers: ({ learningRate, epsilon }) => [learningRate, epsilon],
};

/**
 * AdaGrad (Duchi, Hazan & Singer 2011): cache += dw^2; w - learningRate dw / (sqrt(cache) + epsilon).
 * Settings: learningRate 1e-2, epsilon 1e-8. State: cache.
 */
export function adagrad(w: Tensor, dw: Tensor, config: UpdateConfig = {}): [nextW: Tensor, config: UpdateConfig] {
  return applyRule(adagradRule, w, dw, config);
}

const adamSettings = {
  learningRate: positive(1e-3), beta1: properShare(0.9), beta2: properShare(0.999), epsilon: positive(1e-8),
};

export const adamRule: RuleDefinition = {
  name: 'adam',
  settings: adamSettings,
  state: ['m', 'v'],
  counts: true,
  kernel: 'adamUpdate',
  numbers: (settings, t) => adamNumbers(settings, t, 0),
};

/**
 * Adam (Kingma & Ba 2015): m and v are moving averages of dw and dw^2, divided by 1 - beta^t because they start at 0;
 * w - learningRate m / (sqrt(v) + epsilon).
 * Settings: learningRate 1e-3, beta1 0.9, beta2 0.999, epsilon 1e-8. State: m, v, t (steps made).
 */
export function adam(w: Tensor, dw: Tensor, config: UpdateConfig = {}): [nextW: Tensor, config: UpdateConfig] {
  return applyRule(adamRule, w, dw, config);
}

export const adamWRule: RuleDefinition = {
  name: 'adamW',
  settings: { ...adamSettings, weightDecay: positive(1e-2) },
  state: ['m', 'v'],
  counts: true,
  kernel: 'adamUpdate',
  numbers: (settings, t) => adamNumbers(settings, t, settings.learningRate * settings.weightDecay),
};

/**
 * AdamW (Loshchilov & Hutter 2019): Adam that also takes learningRate weightDecay w away from the weights, apart from
 * the gradient. Settings: as Adam's, and weightDecay 1e-2. State: m, v, t (steps made).
 */
export function adamW(w: Tensor, dw: Tensor, config: UpdateConfig = {}): [nextW: Tensor, config: UpdateConfig] {
  return applyRule(adamWRule, w, dw, config);
}

function adamNumbers(
  { learningRate, beta1, beta2, epsilon }: Readonly<Record<SettingName, number>>, t: number, decay: number,
): readonly number[] {
  return [learningRate, beta1, beta2, epsilon, 1 - power(beta1, t), 1 - power(beta2, t), decay];
}

/**
 * base^exponent by repeated squaring. Math.pow may differ in the last bit from engine to engine, and training is to
 * give the same bits everywhere.
 */
function power(base: number, exponent: number): number {
  let result = 1;
  for (let square = base, rest = exponent; rest > 0; rest = Math.floor(rest / 2), square *= square) {
    if (rest % 2 === 1) result *= square;
  }
  return result;
}

/** The rules by name. */
export const ruleNames = ['sgd', 'sgdMomentum', 'nesterov', 'rmsprop', 'adam', 'adagrad', 'adamW'] as const;

export type RuleName = (typeof ruleNames)[number];

const definitions: Readonly<Record<RuleName, RuleDefinition>> = {
  sgd: sgdRule, sgdMomentum: sgdMomentumRule, nesterov: nesterovRule, rmsprop: rmspropRule, adam: adamRule,
  adagrad: adagradRule, adamW: adamWRule,
};

const functions: ReadonlyMap<unknown, RuleDefinition> = new Map<UpdateRule, RuleDefinition>([
  [sgd, sgdRule], [sgdMomentum, sgdMomentumRule], [nesterov, nesterovRule], [rmsprop, rmspropRule], [adam, adamRule],
  [adagrad, adagradRule], [adamW, adamWRule],
]);

/** The definition behind a rule's name or function; null for a function that is not one of these. */
export function definitionOf(rule: RuleName | UpdateRule): RuleDefinition | null {
  return typeof rule === 'string' ? definitions[rule] : functions.get(rule) ?? null;
}
