/** A module of tilegrad/nn as a model that the Solver trains: its parameters by name, its loss and their gradients. */

import { leavesOf, type Target } from '../autograd/tape.ts';
import { Variable } from '../autograd/variable.ts';
import { cloneOutput } from '../layers/softmax.ts';
import { classLoss } from '../nn/losses.ts';
import { inputsOf, Module } from '../nn/module.ts';
import type { StateTree, TrainableModel } from '../models/model.ts';
import { checkRecord, describe } from '../runtime/check.ts';
import { shapeText } from '../tensor/check.ts';
import type { Labels } from '../tensor/labels.ts';
import type { GeneratorState } from '../tensor/random/source.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** The module as a model whose loss is cross-entropy, of scores or behind a softmax; anything else as it is. */
export function modelOf(model: unknown): unknown {
  return model instanceof Module ? new ModuleModel(model) : model;
}

/** What no other training may change meanwhile: the model, or a module and the parameters that it learns. */
export function partsOf(model: TrainableModel): readonly object[] {
  return model instanceof ModuleModel ? model.parts() : [model];
}

class ModuleModel implements TrainableModel {
  readonly params: Record<string, Tensor> = {};
  readonly #module: Module;
  // found once: walking the fields of a deep network at every step takes longer than its smaller kernels
  readonly #parts: readonly Module[];
  readonly #parameters: ReadonlyArray<readonly [name: string, parameter: Variable]>;
  /** whether a loss was seen to depend on these parameters only */
  #known: boolean = false;

  constructor(module: Module) {
    this.#module = module;
    this.#parts = module.modules();
    this.#parameters = module.namedParameters();
    for (const [name, parameter] of this.#parameters) {
      Object.defineProperty(this.params, name, {
        enumerable: true,
        configurable: true,
        get: () => parameter.value,
        set: (value: Tensor) => { parameter.value = value; },
      });
    }
  }

  /** the module, and the parameters that it learns */
  parts(): object[] {
    return [this.#module, ...this.#parameters.map(([, parameter]) => parameter).filter((each) => each.requiresGrad)];
  }

  /** the names of the parameters that want no gradient now: layers may be frozen and unfrozen between steps */
  get frozen(): ReadonlySet<string> {
    const names = new Set<string>();
    for (const [name, { requiresGrad }] of this.#parameters) if (!requiresGrad) names.add(name);
    return names;
  }

  loss(X: Tensor): Tensor;
  loss(X: Tensor, y: Labels): [loss: number, grads: Record<string, Tensor>];
  loss(X: Tensor, y?: Labels): Tensor | [loss: number, grads: Record<string, Tensor>] {
    const module = this.#module;
    if (y === undefined) return module.testing(() => cloneOutput(this.#output(X).value));
    if (this.#parts.some(({ training }) => !training)) module.train();
    for (const [, parameter] of this.#parameters) parameter.zeroGrad();
    const loss = classLoss(this.#output(X, 'Solver: '), y);
    if (loss.node === null) {
      throw new TypeError('Solver: the loss depends on no parameter that learns; freeze(false) lets frozen ones learn');
    }
    this.#checkLeaves(loss);
    loss.backward();
    const grads: Record<string, Tensor> = {};
    let missing: string | null = null;
    for (const [name, parameter] of this.#parameters) {
      const { grad, requiresGrad } = parameter;
      if (grad !== null) grads[name] = grad;
      else if (requiresGrad) missing ??= name;
      parameter.grad = null; // it is the step's, and nobody adds to it
    }
    if (missing !== null) throw this.#withoutGradient(missing);
    return [loss.item(), grads];
  }

  #output(X: Tensor, who: string = ''): Variable {
    const out: unknown = this.#module.forward(...inputsOf(this.#module, X));
    if (out instanceof Variable) return out;
    throw new TypeError(`${who}the module must have one output, got ${describe(out)}`);
  }

  /** Throws TypeError for a parameter that the loss depends on and that nobody would update, nor clear. */
  #checkLeaves({ node }: Variable): void {
    if (this.#known || node === null) return;
    const own = new Set<Target>(this.#parameters.map(([, parameter]) => parameter));
    for (const [leaf, user] of leavesOf(node)) {
      if (own.has(leaf)) continue;
      this.#checkParameters();
      throw new TypeError(
        `Solver: a parameter of shape ${shapeText(leaf.value.shape)} that ${user} uses is none of the module's; ` +
        'keep its layer in a field whose name does not begin with # or _',
      );
    }
    this.#known = true;
  }

  #withoutGradient(name: string): TypeError {
    this.#checkParameters();
    return new TypeError(`Solver: the loss does not depend on ${name}: freeze it, or take its layer out of the fields`);
  }

  /** Throws TypeError where layers were replaced, added or taken out: what is there now would not learn. */
  #checkParameters(): void {
    const now = new Map(this.#module.namedParameters());
    const before = new Map(this.#parameters);
    for (const name of [...now.keys(), ...before.keys()]) {
      if (now.get(name) === before.get(name)) continue;
      const change = !before.has(name) ? 'added' : now.has(name) ? 'replaced' : 'taken out';
      throw new TypeError(`Solver: the parameter ${name} was ${change} after the Solver was made: make a new Solver`);
    }
  }

  state(): StateTree {
    this.#checkParameters();
    const generators = this.#module.modules().flatMap((module) => module.generators());
    return {
      buffers: this.#module.bufferDict(),
      generators: generators.map((rng) => ({ ...rng.getState() }) as unknown as StateTree),
    };
  }

  loadState(state: StateTree): void {
    const fn = 'Solver';
    const { buffers, generators } = checkRecord(fn, 'state', state) as { buffers?: unknown; generators?: unknown };
    const here = this.#module.modules().flatMap((module) => module.generators());
    if (!Array.isArray(generators) || generators.length !== here.length) {
      throw new TypeError(`${fn}: state.generators must be a list of ${here.length}, got ${describe(generators)}`);
    }
    const before = here.map((rng) => rng.getState());
    try {
      here.forEach((rng, i) => rng.setState(generators[i] as GeneratorState));
      const given = checkRecord(fn, 'state.buffers', buffers) as Record<string, Tensor>;
      const now = this.#module.bufferDict();
      const own = Object.entries(this.#module.stateDict()).filter(([name]) => !Object.hasOwn(now, name));
      this.#module.loadStateDict({ ...Object.fromEntries(own), ...given });
    } catch (error) {
      here.forEach((rng, i) => rng.setState(before[i]));
      throw error;
    }
  }
}
