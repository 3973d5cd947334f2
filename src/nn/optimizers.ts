/**
 * Optimisers over parameters, with PyTorch's names and conventions. The arithmetic is that of the update rules in
 * src/update, in place and in one pass a parameter.
 *
 *   const optimizer = new AdamW(model.parameters(), { lr: 1e-3 });
 *   optimizer.zeroGrad(); loss.backward(); optimizer.step();
 *
 * Parameters may come in groups with settings of their own: `new SGD([{ params: head, lr: 0.1 }, { params: rest }], {
 * lr: 0.01 })`.
 */

import { Variable } from '../autograd/variable.ts';
import { checkBoolean, checkInteger, checkNumber, checkOptions, describe } from '../runtime/check.ts';
import { checkTensorShape } from '../tensor/check.ts';
import { Tensor } from '../tensor/tensor.ts';
import {
  type InPlaceUpdate, residentCopy, type RuleDefinition, type UpdateConfig, updateInPlace,
} from '../update/rule.ts';
import {
  adagradRule, adamRule, adamWRule, decayedMomentumRule, rmspropRule, sgdRule,
} from '../update/update-rules.ts';

/** Parameters with settings of their own; those that are left out are the optimiser's. */
export type ParameterGroup<Settings> = { params: readonly Variable[] } & Partial<Settings>;

/** What an optimiser updates: parameters, or groups of them. */
export type Parameters<Settings> = readonly Variable[] | ReadonlyArray<ParameterGroup<Settings>>;

/** What an optimiser remembers: tensors by name (parameter number, then what it is), and the settings of its groups. */
export interface OptimizerState<Settings> {
  readonly state: Readonly<Record<string, Tensor>>;
  readonly groups: ReadonlyArray<Readonly<Settings>>;
}

/** How one parameter is updated. */
export interface PlannedUpdate {
  /** the parameter's number, under which the state has what is remembered of it */
  readonly index: number;
  readonly parameter: Variable;
  readonly rule: RuleDefinition;
  /** the rule's settings and state */
  readonly config: UpdateConfig;
  /** the share of the weights that is added to the gradient first */
  readonly l2: number;
}

interface SharedSettings {
  /** learning rate */
  lr: number;
  /** the share of each weight that is added to its gradient (L2; with AdamW: taken off the weight, times lr) */
  weightDecay: number;
}

/**
 * What optimisers have in common: groups of parameters with settings, `zeroGrad()`, `step()`, and a state to save.
 * `step()` updates in place, and leaves parameters without a gradient as they are.
 */
export abstract class Optimizer<Settings extends SharedSettings = SharedSettings> {
  /** the groups with their complete settings, which may be changed between steps: `optimizer.groups[0].lr = 0.01` */
  readonly groups: Array<{ params: readonly Variable[] } & Settings>;
  readonly #name: string;
  readonly #defaults: Settings;
  /** by parameter: what its rule remembers */
  readonly #configs: Map<Variable, UpdateConfig> = new Map();

  constructor(name: string, params: Parameters<Settings>, options: Partial<Settings>, defaults: Settings) {
    this.#name = name;
    this.#defaults = defaults;
    checkOptions(name, options, Object.keys(defaults));
    const settings = { ...defaults, ...options };
    this.groups = this.#checkGroups(params, settings);
    for (const group of this.groups) this.#checkSettings(group);
  }

  /** The rule for a group, and its settings under the rule's names. */
  protected abstract rule(
    group: Settings, kept: UpdateConfig,
  ): readonly [rule: RuleDefinition, config: UpdateConfig, l2: number];

  /** Throws RangeError for a setting out of range. */
  protected abstract checkOwn(name: string, group: Settings): void;

  /**
   * What the next step does to each parameter: its group's rule and settings, with what is remembered of it. For who
   * makes the steps elsewhere, as on a device, and gives the outcome back by loadStateDict. Throws as step does.
   */
  plan(): PlannedUpdate[] {
    for (const group of this.groups) this.#checkSettings(group);
    let index = 0;
    return this.groups.flatMap((group) => group.params.map((parameter) => {
      const kept = this.#configs.get(parameter) ?? {};
      const [rule, config, l2] = this.rule(group, kept);
      return { index: index++, parameter, rule, config: { ...kept, ...config }, l2 };
    }));
  }

  /**
   * Updates every parameter that has a gradient. Throws TypeError or RangeError for a setting that was changed to
   * something unusable, before any parameter has changed.
   */
  step(): void {
    const updates = new Map<RuleDefinition, Array<InPlaceUpdate & { readonly parameter: Variable }>>();
    for (const { parameter, rule, config, l2 } of this.plan()) {
      const { grad } = parameter;
      if (grad === null || !parameter.requiresGrad) continue;
      // a transposed or broadcast view has no memory of its own that an update could go to
      if (!parameter.value.isContiguous) parameter.value = residentCopy(parameter.value);
      const { value } = parameter;
      const list = updates.get(rule) ?? [];
      list.push({ parameter, w: value, dw: l2 === 0 ? grad : grad.add(value.mul(l2)), config });
      updates.set(rule, list);
    }
    for (const [rule, list] of updates) {
      updateInPlace(rule, list);
      for (const { parameter, config } of list) this.#configs.set(parameter, config);
    }
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const { params } of this.groups) for (const parameter of params) parameter.zeroGrad();
  }

  /** Copies of what the optimiser remembers, and the settings of its groups. */
  stateDict(): OptimizerState<Settings> {
    const state: Record<string, Tensor> = {};
    this.#parameters().forEach((parameter, i) => {
      for (const [key, value] of Object.entries(this.#configs.get(parameter) ?? {})) {
        if (value instanceof Tensor) state[`${i}.${key}`] = value.clone();
        else if (key === 't') state[`${i}.${key}`] = new Tensor(Float64Array.of(value as number), []);
      }
    });
    return { state, groups: this.groups.map(({ params: _, ...settings }) => copied(settings) as unknown as Settings) };
  }

  /**
   * Takes up what stateDict returned for the same parameters in the same groups. Throws, and changes nothing, TypeError
   * for what is no such state, as where one of Adam's averages is missing, RangeError for other numbers of groups or
   * parameters, for names that the rule does not know, other shapes, and a number of steps that is none.
   */
  loadStateDict(saved: OptimizerState<Settings>): void {
    const fn = `${this.#name}.loadStateDict`;
    checkOptions(fn, saved, ['state', 'groups']);
    if (!Array.isArray(saved.groups) || typeof saved.state !== 'object' || saved.state === null) {
      throw new TypeError(`${fn}: saved must have a state and a list of groups, got ${describe(saved)}`);
    }
    if (saved.groups.length !== this.groups.length) {
      throw new RangeError(`${fn}: saved has ${saved.groups.length} groups, the optimiser has ${this.groups.length}`);
    }
    saved.groups.forEach((settings) => {
      checkOptions(fn, settings, Object.keys(this.#defaults));
      this.#checkSettings({ ...this.#defaults, ...settings });
    });
    const left = new Set(Object.keys(saved.state));
    const configs = new Map<Variable, UpdateConfig>();
    let index = 0;
    this.groups.forEach((group, g) => {
      const settings = { ...this.#defaults, ...saved.groups[g] };
      for (const parameter of group.params) {
        const kept = this.#keptOf(fn, saved.state, index++, parameter, settings, left);
        if (kept !== null) configs.set(parameter, kept);
      }
    });
    for (const name of left) {
      throw new RangeError(`${fn}: saved.state has ${describe(name)}, which belongs to none of ${index} parameters`);
    }
    this.#configs.clear();
    for (const [parameter, config] of configs) this.#configs.set(parameter, config);
    this.groups.forEach((group, i) => Object.assign(group, copied(saved.groups[i])));
  }

  /** What a state has of a parameter, checked and copied; null for nothing. Takes the names off those that are left. */
  #keptOf(
    fn: string, state: OptimizerState<Settings>['state'], index: number, parameter: Variable, settings: Settings,
    left: Set<string>,
  ): UpdateConfig | null {
    const own = (key: string): string => `${index}.${key}`;
    const [rule] = this.rule(settings, { velocity: state[own('velocity')] });
    const keys = [...rule.state, ...(rule.counts ? ['t'] : [])];
    if (!keys.some((key) => left.has(own(key)))) return null; // no step was made yet
    const kept: UpdateConfig = {};
    for (const key of keys) {
      const name = own(key);
      if (!left.delete(name)) throw new TypeError(`${fn}: saved.state lacks ${name}, which ${rule.name} remembers`);
      const value = checkTensorShape(fn, name, state[name], key === 't' ? [] : parameter.shape);
      if (key === 't') kept.t = checkInteger(fn, name, value.item(), 1);
      else if (value.dtype === parameter.dtype) kept[key as 'm'] = residentCopy(value);
      else throw new TypeError(`${fn}: ${name} must be ${parameter.dtype} like the parameter, got ${value.dtype}`);
    }
    return kept;
  }

  #parameters(): Variable[] {
    return this.groups.flatMap(({ params }) => params);
  }

  #checkSettings(group: Settings): void {
    checkNumber(this.#name, 'lr', group.lr, 0);
    checkNumber(this.#name, 'weightDecay', group.weightDecay, 0);
    this.checkOwn(this.#name, group);
  }

  #checkGroups(params: Parameters<Settings>, settings: Settings): Array<{ params: readonly Variable[] } & Settings> {
    const fn = this.#name;
    if (!Array.isArray(params)) throw new TypeError(`${fn}: params must be an array of parameters or groups, got ${describe(params)}`);
    if (params.length === 0) throw new RangeError(`${fn}: params must hold at least one parameter, got none`);
    const plain = params.every((entry) => entry instanceof Variable);
    const groups = (plain ? [{ params }] : params) as ReadonlyArray<ParameterGroup<Settings>>;
    const seen = new Set<Variable>();
    return groups.map((group, g) => {
      checkOptions(fn, group, ['params', ...Object.keys(this.#defaults)]);
      if (!Array.isArray(group.params)) throw new TypeError(`${fn}: params[${g}].params must be an array, got ${describe(group.params)}`);
      for (const parameter of group.params as readonly Variable[]) {
        if (!(parameter instanceof Variable)) throw new TypeError(`${fn}: params must hold variables, got ${describe(parameter)}`);
        if (!parameter.isLeaf) throw new TypeError(`${fn}: params must hold leaves, got a result of ${parameter.node?.name}`);
        if (seen.has(parameter)) throw new RangeError(`${fn}: a parameter was given twice, in group ${g}`);
        seen.add(parameter);
      }
      return { ...copied(settings), ...copied({ ...group, params: [] }), params: group.params };
    });
  }
}

/** Settings that share no array with these. */
function copied<T extends object>(settings: T): T {
  return Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, Array.isArray(value) ? [...value as unknown[]] : value]),
  ) as T;
}

export interface SGDSettings extends SharedSettings {
  /** the share of the velocity that is kept, 0 unless given */
  momentum: number;
  /** takes the gradient where the momentum leads, false unless given */
  nesterov: boolean;
}

/**
 * Stochastic gradient descent with momentum and weight decay. Settings: lr 1e-2, momentum 0, nesterov false,
 * weightDecay 0.
 */
export class SGD extends Optimizer<SGDSettings> {
  constructor(params: Parameters<SGDSettings>, options: Partial<SGDSettings> = {}) {
    super('SGD', params, options, { lr: 1e-2, momentum: 0, nesterov: false, weightDecay: 0 });
  }

  protected checkOwn(name: string, { momentum, nesterov }: SGDSettings): void {
    checkNumber(name, 'momentum', momentum, 0, 1);
    if (checkBoolean(name, 'nesterov', nesterov) && momentum === 0) {
      throw new RangeError(`${name}: nesterov needs a momentum above 0, got 0`);
    }
  }

  protected rule(
    { lr, momentum, nesterov, weightDecay }: SGDSettings, { velocity }: UpdateConfig,
  ): readonly [RuleDefinition, UpdateConfig, number] {
    if (momentum === 0 && weightDecay === 0 && velocity === undefined) return [sgdRule, { learningRate: lr }, 0];
    return [decayedMomentumRule, { learningRate: lr, momentum, weightDecay, lookAhead: nesterov ? 1 : 0 }, 0];
  }
}

export interface AdamSettings extends SharedSettings {
  /** the shares of the two moving averages that are kept, [0.9, 0.999] unless given */
  betas: readonly [number, number];
  /** added to the root, 1e-8 unless given */
  eps: number;
}

abstract class AdamFamily extends Optimizer<AdamSettings> {
  protected checkOwn(name: string, { betas, eps }: AdamSettings): void {
    if (!Array.isArray(betas) || betas.length !== 2) {
      throw new TypeError(`${name}: betas must be two numbers, got ${describe(betas)}`);
    }
    betas.forEach((beta, i) => checkNumber(name, `betas[${i}]`, beta, 0, 1 - Number.EPSILON));
    checkNumber(name, 'eps', eps, 0);
  }

  protected settings({ lr, betas, eps }: AdamSettings): UpdateConfig {
    return { learningRate: lr, beta1: betas[0], beta2: betas[1], epsilon: eps };
  }
}

/** Adam (Kingma & Ba 2015). Settings: lr 1e-3, betas [0.9, 0.999], eps 1e-8, weightDecay 0 (L2, as in PyTorch). */
export class Adam extends AdamFamily {
  constructor(params: Parameters<AdamSettings>, options: Partial<AdamSettings> = {}) {
    super('Adam', params, options, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0 });
  }

  protected rule(group: AdamSettings): readonly [RuleDefinition, UpdateConfig, number] {
    return [adamRule, this.settings(group), group.weightDecay];
  }
}

/**
 * AdamW (Loshchilov & Hutter 2019). Settings: lr 1e-3, betas [0.9, 0.999], eps 1e-8, weightDecay 1e-2, apart from the
 * gradient.
 */
export class AdamW extends AdamFamily {
  constructor(params: Parameters<AdamSettings>, options: Partial<AdamSettings> = {}) {
    super('AdamW', params, options, { lr: 1e-3, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 1e-2 });
  }

  protected rule(group: AdamSettings): readonly [RuleDefinition, UpdateConfig, number] {
    return [adamWRule, { ...this.settings(group), weightDecay: group.weightDecay }, 0];
  }
}

export interface RMSpropSettings extends SharedSettings {
  /** the share of the average of squared gradients that is kept, 0.99 unless given */
  alpha: number;
  /** added to the root, 1e-8 unless given */
  eps: number;
}

/** RMSprop (Tieleman & Hinton 2012). Settings: lr 1e-2, alpha 0.99, eps 1e-8, weightDecay 0 (L2). */
export class RMSprop extends Optimizer<RMSpropSettings> {
  constructor(params: Parameters<RMSpropSettings>, options: Partial<RMSpropSettings> = {}) {
    super('RMSprop', params, options, { lr: 1e-2, alpha: 0.99, eps: 1e-8, weightDecay: 0 });
  }

  protected checkOwn(name: string, { alpha, eps }: RMSpropSettings): void {
    checkNumber(name, 'alpha', alpha, 0, 1);
    checkNumber(name, 'eps', eps, 0);
  }

  protected rule({ lr, alpha, eps, weightDecay }: RMSpropSettings): readonly [RuleDefinition, UpdateConfig, number] {
    return [rmspropRule, { learningRate: lr, decayRate: alpha, epsilon: eps }, weightDecay];
  }
}

export interface AdagradSettings extends SharedSettings {
  /** added to the root, 1e-10 unless given */
  eps: number;
}

/** AdaGrad (Duchi, Hazan & Singer 2011). Settings: lr 1e-2, eps 1e-10, weightDecay 0 (L2). */
export class Adagrad extends Optimizer<AdagradSettings> {
  constructor(params: Parameters<AdagradSettings>, options: Partial<AdagradSettings> = {}) {
    super('Adagrad', params, options, { lr: 1e-2, eps: 1e-10, weightDecay: 0 });
  }

  protected checkOwn(name: string, { eps }: AdagradSettings): void {
    checkNumber(name, 'eps', eps, 0);
  }

  protected rule({ lr, eps, weightDecay }: AdagradSettings): readonly [RuleDefinition, UpdateConfig, number] {
    return [adagradRule, { learningRate: lr, epsilon: eps }, weightDecay];
  }
}
