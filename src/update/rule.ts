/**
 * What an update rule is, and how one is applied. A rule is a record: its settings with their defaults, the names of
 * the arrays it remembers from step to step, and the kernel that does the arithmetic. One function checks the arguments
 * and keeps the configuration for all of them.
 */

import type { FloatArray, UpdatedArrays, UpdateKernels } from '../kernels/contract.ts';
import { allocateCollected, residentArray } from '../kernels/memory/allocate.ts';
import { activeKernels } from '../kernels/registry.ts';
import { checkInteger, checkNumber, checkOptions, checkWritable } from '../runtime/check.ts';
import { checkTensor, checkTensorShape, shapeText } from '../tensor/check.ts';
import { contiguousData, contiguousDataAs } from '../tensor/internal.ts';
import { Tensor } from '../tensor/tensor.ts';

/**
 * Settings of an update rule, and what it remembers. A rule fills in the defaults of its own settings and stores its
 * state here, so that the same object is passed at every step. Keys that the rule does not know are an error.
 */
export interface UpdateConfig {
  /** step length */
  learningRate?: number;
  /** sgdMomentum, nesterov: the share of the velocity that is kept */
  momentum?: number;
  /** sgdMomentum, nesterov (state): moving average of the steps, shaped like w */
  velocity?: Tensor;
  /** rmsprop: the share of the squared-gradient average that is kept */
  decayRate?: number;
  /** what is added to a root before dividing by it */
  epsilon?: number;
  /** rmsprop, adagrad (state): average or sum of the squared gradients, shaped like w */
  cache?: Tensor;
  /** adam, adamW: the share of m that is kept */
  beta1?: number;
  /** adam, adamW: the share of v that is kept */
  beta2?: number;
  /** adam, adamW (state): moving average of the gradient */
  m?: Tensor;
  /** adam, adamW (state): moving average of the squared gradient */
  v?: Tensor;
  /** adam, adamW (state): steps made */
  t?: number;
  /** 1 for Nesterov's form, else 0 (the rule of tilegrad/nn's SGD) */
  lookAhead?: number;
  /** adamW: the share of the weights, times the learning rate, that each step takes away */
  weightDecay?: number;
}

/**
 * One step of gradient descent: takes the weights w, their gradient dw of the same shape, and a configuration; returns
 * the next weights and the configuration, which it has changed. w and dw stay as they are.
 */
export type UpdateRule = (w: Tensor, dw: Tensor, config?: UpdateConfig) => [nextW: Tensor, config: UpdateConfig];

export type SettingName = 'learningRate' | 'momentum' | 'decayRate' | 'epsilon' | 'beta1' | 'beta2' | 'weightDecay' | 'lookAhead';
export type StateName = 'velocity' | 'cache' | 'm' | 'v';

/** A setting's default and the values it may take. */
export interface Setting {
  readonly default: number;
  readonly min: number;
  readonly max: number;
}

export interface RuleDefinition {
  readonly name: string;
  readonly settings: Readonly<Partial<Record<SettingName, Setting>>>;
  readonly state: readonly StateName[];
  /** true when the rule counts its steps in `t` */
  readonly counts: boolean;
  /** does the arithmetic: it takes w, dw, the state, w and the state afterwards, and numbers */
  readonly kernel: keyof UpdateKernels;
  /** the kernel's numbers (1 for true); settings are complete, t is the number of this step, counted from 1 */
  numbers(settings: Readonly<Record<SettingName, number>>, t: number): readonly number[];
}

/**
 * Makes one step; w, dw and the state keep their values.
 * Throws before anything changes: TypeError for wrong types and unknown keys, RangeError for a setting out of range or
 * a shape that differs from w's.
 */
export function applyRule(
  rule: RuleDefinition, w: Tensor, dw: Tensor, config: UpdateConfig = {},
): [nextW: Tensor, config: UpdateConfig] {
  const fn = rule.name;
  checkFloat(fn, 'w', w);
  checkTensorShape(fn, 'dw', dw, w.shape);
  const settings = checkedSettings(rule, config);
  checkWritable(fn, 'config', config, [...Object.keys(settings), ...rule.state, ...(rule.counts ? ['t'] : [])]);
  const t = nextStep(rule, config);
  const state = stateOf(rule, w, config, allocateCollected);
  const next = zerosLike(w, allocateCollected);
  const nextState = state.map(() => zerosLike(w, allocateCollected));
  const update = activeKernels()[rule.kernel] as (...given: ReadonlyArray<FloatArray | number>) => void;
  update(
    floats(w), gradientOf(dw, w), ...state.map(floats), floats(next), ...nextState.map(floats),
    ...rule.numbers(settings, t),
  );
  next.touch();
  Object.assign(config, settings);
  noteStep(rule, config, nextState, t);
  return [next, config];
}

/** A parameter that is updated in place, with its gradient, and settings and state that nobody else writes to. */
export interface InPlaceUpdate {
  /** row-major: the kernel writes to its memory */
  readonly w: Tensor;
  readonly dw: Tensor;
  readonly config: UpdateConfig;
}

/**
 * Makes one step with each of these parameters. Weights and state tensors are overwritten, so that a steady loop
 * allocates nothing for them, and those that have the same settings are updated together. Throws as applyRule does, and
 * TypeError for weights that are not row-major, before anything changes.
 */
export function updateInPlace(rule: RuleDefinition, updates: readonly InPlaceUpdate[]): void {
  const names = Object.keys(rule.settings) as SettingName[];
  const planned: PlannedUpdate[] = [];
  for (const { w, dw, config } of updates) {
    if (!checkFloat(rule.name, 'w', w).isContiguous) {
      const got = `${shapeText(w.shape)} with strides ${shapeText(w.strides)}`;
      throw new TypeError(`${rule.name}: w must be row-major to be updated in place, got ${got}`);
    }
    checkTensorShape(rule.name, 'dw', dw, w.shape);
    // mostly those of the parameter before, which have been checked
    let settings = planned.at(-1)?.settings;
    if (settings === undefined || !haveSame(names, config, settings)) settings = checkedSettings(rule, config);
    const t = nextStep(rule, config);
    const kept = stateOf(rule, w, config, residentArray).map((t) => (t.isContiguous ? t : residentCopy(t)));
    planned.push({ w: floats(w), dw: gradientOf(dw, w), state: kept.map(floats), settings, t, kept });
  }
  for (let i = 0; i < planned.length;) {
    const { w, settings, t } = planned[i];
    const first = i++;
    while (i < planned.length && planned[i].settings === settings && planned[i].t === t
      && planned[i].w.BYTES_PER_ELEMENT === w.BYTES_PER_ELEMENT) i++;
    activeKernels().updateEach(rule.kernel, planned.slice(first, i), rule.numbers(settings, t));
  }
  for (let i = 0; i < planned.length; i++) {
    const { settings, t, kept } = planned[i];
    const { w, config } = updates[i];
    w.touch();
    if (!haveSame(names, config, settings)) Object.assign(config, settings);
    noteStep(rule, config, kept, t);
  }
}

/** An update that was checked: what the kernel takes, with the settings, the number of the step, and the state. */
interface PlannedUpdate extends UpdatedArrays {
  readonly settings: Readonly<Record<SettingName, number>>;
  readonly t: number;
  readonly kept: readonly Tensor[];
}

/** True when config has these settings already, defaults included. */
function haveSame(
  names: readonly SettingName[], config: UpdateConfig, settings: Readonly<Record<SettingName, number>>,
): boolean {
  for (const name of names) if (config[name] !== settings[name]) return false;
  return true;
}

/** The number of the next step, from 1; 0 where the rule does not count. */
function nextStep(rule: RuleDefinition, config: UpdateConfig): number {
  return rule.counts ? checkInteger(rule.name, 'config.t', config.t ?? 0, 0) + 1 : 0;
}

/** What the rule remembers of w, zeros at first. */
function stateOf(
  rule: RuleDefinition, w: Tensor, config: UpdateConfig, allocate: typeof allocateCollected,
): Tensor[] {
  return rule.state.map((name) => {
    const tensor = config[name];
    if (tensor === undefined) return zerosLike(w, allocate);
    if ((tensor as Tensor | null)?.shape !== w.shape) checkTensorShape(rule.name, `config.${name}`, tensor, w.shape);
    if (tensor.dtype !== w.dtype) {
      throw new TypeError(`${rule.name}: config.${name} must be ${w.dtype} like w, got ${tensor.dtype}`);
    }
    return tensor;
  });
}

function noteStep(rule: RuleDefinition, config: UpdateConfig, state: readonly Tensor[], t: number): void {
  rule.state.forEach((name, i) => {
    config[name] = state[i];
  });
  if (rule.counts) config.t = t;
}

/** Throws unless every key of config belongs to the rule and every setting lies in its range; fills in defaults. */
export function checkedSettings(
  rule: RuleDefinition, config: UpdateConfig, fn: string = rule.name, at: string = 'config',
): Record<SettingName, number> {
  const names = Object.keys(rule.settings) as SettingName[];
  checkOptions(fn, config, [...names, ...rule.state, ...(rule.counts ? ['t'] : [])]);
  const settings: Partial<Record<SettingName, number>> = {};
  for (const name of names) {
    const { default: value, min, max } = rule.settings[name] as Setting;
    settings[name] = checkNumber(fn, `${at}.${name}`, config[name] ?? value, min, max);
  }
  return settings as Record<SettingName, number>;
}

function checkFloat(fn: string, name: string, value: unknown): Tensor {
  const t = checkTensor(fn, name, value);
  if (t.dtype !== 'float32' && t.dtype !== 'float64') {
    throw new TypeError(`${fn}: ${name} must be float32 or float64, got ${t.dtype}`);
  }
  return t;
}

/** Zeros in w's shape, in memory that outlives the training step in which they are made. */
function zerosLike(w: Tensor, allocate: typeof allocateCollected): Tensor {
  return new Tensor(allocate(w.dtype, w.size), w.shape);
}

/** A row-major copy where kernels reach it without copying, which outlives the step in which it is made. */
export function residentCopy(t: Tensor): Tensor {
  activeKernels(); // selects the backend, which brings the memory
  return zerosLike(t, residentArray).assign(t);
}

function gradientOf(dw: Tensor, w: Tensor): FloatArray {
  return contiguousDataAs(dw, w.dtype) as FloatArray;
}

function floats(t: Tensor): FloatArray {
  return contiguousData(t) as FloatArray;
}
