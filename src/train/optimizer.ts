/** Applies an update rule to all parameters of a model, in place where the rule is one of the library's. */

import { activeKernels } from '../kernels/registry.ts';
import type { StateTree, TrainableModel } from '../models/model.ts';
import { checkInteger, checkNumber, describe } from '../runtime/check.ts';
import { checkTensor, shapeText } from '../tensor/check.ts';
import { sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { checkedSettings, residentCopy, type UpdateConfig, updateInPlace } from '../update/rule.ts';
import { learntNames } from './check-model.ts';
import type { ResolvedOptions } from './solver-options.ts';
import { isPlainObject } from './state-tree.ts';

type OptimizerOptions = Pick<ResolvedOptions, 'rule' | 'customRule' | 'optimConfig' | 'rateFactor'>;

export class Optimizer {
  readonly #options: OptimizerOptions;
  /** by parameter: the rule's settings and what it remembers */
  #configs: Record<string, UpdateConfig> = {};
  /** the parameters as the optimizer last left them */
  readonly #owned: Map<string, Tensor> = new Map();

  constructor(options: OptimizerOptions) {
    this.#options = options;
  }

  /**
   * Moves the parameters to memory that kernels reach without copying. Updates overwrite it, so the model gets tensors
   * of its own: those that the caller passed in, or still holds, keep their values. Outside a step only.
   */
  own(model: TrainableModel): void {
    activeKernels(); // selects the backend, which brings the memory
    for (const name of Object.keys(model.params)) { // entries of so many take ten times as long
      const parameter = model.params[name];
      if (this.#owned.get(name) === parameter) continue;
      checkTensor('Solver', `model.params.${name}`, parameter);
      this.#owned.set(name, model.params[name] = residentCopy(parameter));
    }
  }

  /**
   * Updates every parameter that is not frozen from its gradient. With a rule of the library this runs inside the step
   * and allocates nothing after the first time. Throws, before any parameter changes, unless there is a gradient of the
   * right shape for each of them.
   */
  update(model: TrainableModel, grads: Record<string, Tensor>, learningRate: number | undefined): void {
    const { rule, optimConfig, rateFactor } = this.#options;
    const names = learntNames(model);
    const factors = rateFactor === null ? null : names.map((name) =>
      checkNumber('Solver', `rateFactor of ${name}`, (rateFactor(name) as number | undefined) ?? 1, 0));
    for (const name of names) checkGradient(name, model.params[name], grads[name]);
    const updates = names.map((name, i) => {
      const config = (this.#configs[name] ??= { ...optimConfig });
      if (learningRate !== undefined) config.learningRate = learningRate * (factors === null ? 1 : factors[i]);
      return { name, w: model.params[name], dw: grads[name], config };
    });
    if (rule !== null) updateInPlace(rule, updates);
    else for (const { name, dw, config } of updates) this.#updateByCustomRule(model, name, dw, config);
  }

  #updateByCustomRule(model: TrainableModel, name: string, gradient: Tensor, config: UpdateConfig): void {
    const parameter = model.params[name];
    const result: unknown = this.#options.customRule?.(parameter, gradient, config);
    if (!Array.isArray(result) || result.length !== 2 || !(result[0] instanceof Tensor) || !isPlainObject(result[1])) {
      throw new TypeError(`Solver: updateRule must return [nextW, config], got ${describe(result)}`);
    }
    const [next, nextConfig] = result as [Tensor, UpdateConfig];
    if (!sameShape(next.shape, parameter.shape)) {
      throw new RangeError(
        `Solver: updateRule returned ${name} of shape ${shapeText(next.shape)}, it was ${shapeText(parameter.shape)}`,
      );
    }
    parameter.assign(next);
    this.#configs[name] = nextConfig;
  }

  /** What the rule remembers, for a checkpoint. */
  state(): StateTree {
    return this.#configs as Record<string, Record<string, StateTree>>;
  }

  /**
   * Throws unless state could have come from `state` for this model after so many steps: with all that the rule
   * remembers for every parameter, and nothing else. Changes nothing.
   */
  checkState(fn: string, state: StateTree, model: TrainableModel, iteration: number): void {
    if (!isPlainObject(state)) throw new RangeError(`${fn}: the optimiser's state is missing`);
    for (const name of Object.keys(state)) {
      if (Object.hasOwn(model.params, name)) continue;
      throw new RangeError(`${fn}: the optimiser has state for ${describe(name)}, which the model lacks`);
    }
    if (iteration === 0 && Object.keys(state).length === 0) return;
    const { rule } = this.#options;
    for (const name of learntNames(model)) {
      const parameter = model.params[name];
      const config = Object.hasOwn(state, name) ? state[name] : undefined;
      if (!isPlainObject(config)) throw new RangeError(`${fn}: the optimiser's state for ${name} is missing`);
      if (rule === null) continue;
      checkedSettings(rule, config);
      for (const key of rule.state) {
        const tensor = config[key];
        const shaped = tensor instanceof Tensor && sameShape(tensor.shape, parameter.shape);
        if (!shaped || tensor.dtype !== parameter.dtype) {
          throw new RangeError(`${fn}: the optimiser's ${key} does not fit ${name} (${shapeText(parameter.shape)})`);
        }
      }
      if (rule.counts) checkInteger(fn, `the optimiser's step count t of ${name}`, config.t, 1);
    }
  }

  /** Goes on from a state that passed checkState; with the settings of this run in place of those that were saved. */
  loadState(state: StateTree, changedSettings: boolean): void {
    const { rule, optimConfig } = this.#options;
    const settings = !changedSettings ? {} : rule === null ? optimConfig : checkedSettings(rule, optimConfig);
    this.#configs = {};
    for (const [name, config] of Object.entries(state as Record<string, Record<string, StateTree>>)) {
      this.#configs[name] = Object.fromEntries(Object.entries({ ...config, ...settings }).map(
        ([key, value]) => [key, value instanceof Tensor ? residentCopy(value) : value],
      )) as UpdateConfig;
    }
  }
}

function checkGradient(name: string, parameter: Tensor, gradient: unknown): void {
  if (!(gradient instanceof Tensor)) {
    throw new TypeError(`Solver: the model's gradients must hold a Tensor for ${name}, got ${describe(gradient)}`);
  }
  if (!sameShape(gradient.shape, parameter.shape)) {
    throw new RangeError(
      `Solver: the gradient of ${name} has shape ${shapeText(gradient.shape)}, ` +
      `the parameter ${shapeText(parameter.shape)}`,
    );
  }
}
