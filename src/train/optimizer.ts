/** Applies an update rule to all parameters of a model, in place where the rule is one of the library's. */

import { residentArray } from '../kernels/memory/allocate.ts';
import { activeKernels } from '../kernels/registry.ts';
import { describe } from '../runtime/check.ts';
import { checkTensor, shapeText } from '../tensor/check.ts';
import { sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { SolverModel } from './model.ts';
import { applyRule, type UpdateConfig } from '../update/rule.ts';
import type { ResolvedOptions } from './solver-options.ts';
import { isPlainObject, type StateTree } from './state-tree.ts';

export class Optimizer {
  readonly #options: Pick<ResolvedOptions, 'rule' | 'customRule' | 'optimConfig'>;
  /** by parameter: the rule's settings and what it remembers */
  #configs: Record<string, UpdateConfig> = {};
  /** the parameters as the optimizer last left them */
  #owned: Record<string, Tensor> = {};

  constructor(options: Pick<ResolvedOptions, 'rule' | 'customRule' | 'optimConfig'>) {
    this.#options = options;
  }

  /**
   * Moves the parameters to memory that kernels reach without copying. Updates overwrite it, so the model gets tensors
   * of its own: those that the caller passed in, or still holds, keep their values. Outside a step only.
   */
  own(model: SolverModel): void {
    activeKernels(); // selects the backend, which brings the memory
    for (const [name, parameter] of Object.entries(model.params)) {
      if (this.#owned[name] === parameter) continue;
      checkTensor('Solver', `model.params.${name}`, parameter);
      const tensor = new Tensor(residentArray(parameter.dtype, parameter.size), parameter.shape);
      this.#owned[name] = model.params[name] = tensor.assign(parameter);
    }
  }

  /**
   * Updates every parameter from its gradient. With a rule of the library this runs inside the step and allocates
   * nothing after the first time. Throws, before any parameter changes, unless there is a gradient of the right shape
   * for each parameter.
   */
  update(model: SolverModel, grads: Record<string, Tensor>, learningRate: number | undefined): void {
    const names = Object.keys(model.params);
    for (const name of names) checkGradient(name, model.params[name], grads[name]);
    for (const name of names) {
      const config = (this.#configs[name] ??= { ...this.#options.optimConfig });
      if (learningRate !== undefined) config.learningRate = learningRate;
      if (this.#options.rule !== null) applyRule(this.#options.rule, model.params[name], grads[name], config, true);
      else this.#updateByCustomRule(model, name, grads[name], config);
    }
  }

  #updateByCustomRule(model: SolverModel, name: string, gradient: Tensor, config: UpdateConfig): void {
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

  /** Throws unless state could have come from `state` for this model; changes nothing. */
  checkState(fn: string, state: StateTree, model: SolverModel): void {
    if (!isPlainObject(state)) throw new RangeError(`${fn}: the optimiser's state is missing`);
    for (const [name, config] of Object.entries(state)) {
      if (!Object.hasOwn(model.params, name) || !isPlainObject(config)) {
        throw new RangeError(`${fn}: the optimiser has state for ${describe(name)}, which the model lacks`);
      }
      const { rule } = this.#options;
      for (const key of rule?.state ?? []) {
        const tensor = config[key];
        const parameter = model.params[name];
        if (tensor === undefined) continue;
        const shaped = tensor instanceof Tensor && sameShape(tensor.shape, parameter.shape);
        if (!shaped || tensor.dtype !== parameter.dtype) {
          throw new RangeError(`${fn}: the optimiser's ${key} does not fit ${name} (${shapeText(parameter.shape)})`);
        }
      }
    }
  }

  /** Goes on from a state that passed checkState. */
  loadState(state: StateTree): void {
    this.#configs = {};
    for (const [name, config] of Object.entries(state as Record<string, Record<string, StateTree>>)) {
      this.#configs[name] = Object.fromEntries(
        Object.entries(config).map(([key, value]) => [key, value instanceof Tensor ? resident(value) : value]),
      ) as UpdateConfig;
    }
  }
}

function resident(t: Tensor): Tensor {
  return new Tensor(residentArray(t.dtype, t.size), t.shape).assign(t);
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
