/**
 * An exponential moving average of a network's weights, which is often a better network than the last weights: noise of
 * the steps averages out (Polyak & Juditsky 1992).
 *
 *   const averaged = new AveragedWeights(net, { decay: 0.999 });
 *   ... optimizer.step(); averaged.update();              // in a loop of one's own
 *   await net.fit(x, y, { callbacks: { onStep: () => averaged.update() } });
 *   const accuracy = averaged.during(() => net.evaluate(XVal, yVal));
 *
 *   average = decay average + (1 - decay) weight, with min(decay, (1 + t) / (10 + t)) for decay in the t-th update, so
 *   that the start does not weigh for ever
 *
 * Running averages of batchnorm are not averaged again: they are the network's latest.
 */

import { checkFunction, checkInteger, checkNumber, checkOptions } from '../runtime/check.ts';
import { checkTensorShape } from '../tensor/check.ts';
import { tensor } from '../tensor/creation.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { checkModule } from './containers.ts';
import type { Module, StateDict } from './module.ts';

export interface AveragedWeightsOptions {
  /** the share of the average that is kept, 0 to 1; 0.999 unless given */
  decay?: number;
}

/** An exponential moving average of a module's weights: `update()` after every step, `during(fn)` computes with it. */
export class AveragedWeights {
  readonly #module: Module;
  readonly #decay: number;
  readonly #averages: Map<string, Tensor> = new Map();
  #updates: number = 0;

  /** Starts from the weights as they are. Throws TypeError for no module, RangeError for a decay outside of 0..1. */
  constructor(module: Module, options: AveragedWeightsOptions = {}) {
    const fn = 'AveragedWeights';
    this.#module = checkModule(fn, 'module', module);
    checkOptions(fn, options, ['decay']);
    this.#decay = checkNumber(fn, 'decay', options.decay ?? 0.999, 0, 1);
    for (const [name, { value }] of module.namedParameters()) this.#averages.set(name, value.clone());
  }

  /** Takes in the weights as they are after a step. */
  update(): void {
    const decay = Math.min(this.#decay, (1 + this.#updates) / (10 + this.#updates));
    this.#updates++;
    for (const [name, { value }] of this.#module.namedParameters()) {
      const average = this.#averages.get(name);
      average?.mulInPlace(decay).addInPlace(value.mul(1 - decay));
    }
  }

  /** Overwrites the network's weights with the averages, for good. */
  apply(): void {
    for (const [name, { value }] of this.#module.namedParameters()) value.assign(this.#averages.get(name) ?? value);
  }

  /** Runs fn (not async) with the averages in the network, and puts its weights back, also after an error. */
  during<T>(fn: () => T): T {
    checkFunction('AveragedWeights.during', 'fn', fn);
    const parameters = this.#module.namedParameters();
    const kept = parameters.map(([, { value }]) => value.clone());
    this.apply();
    try {
      const result = fn();
      if (result instanceof Promise) throw new TypeError('AveragedWeights.during: fn must not be async');
      return result;
    } finally {
      parameters.forEach(([, { value }], i) => value.assign(kept[i]));
    }
  }

  /** Copies of the averages, by the names of the parameters, and the number of updates under `updates`. */
  stateDict(): StateDict {
    const averages = [...this.#averages].map(([name, average]): [string, Tensor] => [name, average.clone()]);
    return { ...Object.fromEntries(averages), updates: tensor(this.#updates, [], 'int32') };
  }

  /**
   * Takes up what stateDict returned. Throws, and changes nothing, TypeError for what is no such record, RangeError for
   * a shape that does not fit.
   */
  loadStateDict(state: StateDict): void {
    const fn = 'AveragedWeights.loadStateDict';
    checkOptions(fn, state, [...this.#averages.keys(), 'updates']);
    for (const [name, { shape }] of this.#averages) checkTensorShape(fn, name, state[name], shape);
    this.#updates = checkInteger(fn, 'updates', checkTensorShape(fn, 'updates', state.updates, []).item(), 0);
    for (const [name, average] of this.#averages) average.assign(state[name]);
  }
}
