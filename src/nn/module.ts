/**
 * Module: a part of a network that holds parameters and other modules as fields, as in PyTorch.
 *
 *   class Block extends Module {
 *     conv = new Conv2d(16, 16, 3, { padding: 'same', rng });
 *     norm = new BatchNorm2d(16);
 *     forward(x: Variable): Variable { return this.norm.forward(this.conv.forward(x)).relu().add(x); }
 *   }
 *
 * Parameters are found by walking the fields: a variable that is a leaf and float is a parameter, a module is walked in
 * turn, and so are arrays and plain objects of either. Their names are the way there: `blocks.0.conv.weight`. Fields
 * that start with # or _ are the class's own business and not walked.
 */

import { noGrad } from '../autograd/recording.ts';
import { Variable } from '../autograd/variable.ts';
import { inStep } from '../kernels/memory/allocate.ts';
import { checkBoolean, checkFunction, checkOptions, describe } from '../runtime/check.ts';
import { showAs } from '../runtime/text.ts';
import { checkTensor, shapeText } from '../tensor/check.ts';
import { zeros } from '../tensor/creation.ts';
import type { RandomSource } from '../tensor/random/source.ts';
import { checkShape, sameShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Settings } from './architecture/types.ts';
import { underPath } from './path.ts';
import { parameterEntry, type StateEntry } from './state-entry.ts';
import { renderModuleSummary } from './summary.ts';
import { SymbolicValue } from './symbol.ts';
import { moduleText } from './text.ts';
import { layerWatcher } from './watch.ts';

/** Tensors by name. */
export type StateDict = Record<string, Tensor>;

export interface LoadStateOptions {
  /** false: entries that are missing or unknown are passed over; true unless given */
  strict?: boolean;
}

/** What loadStateDict did not find a place for, or found nothing for. */
export interface LoadStateResult {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
}

/**
 * A part of a network: a class whose fields hold parameters and modules, and whose `forward` computes with them.
 * The fields' names are the parameters' names in `stateDict()`: `blocks.0.conv.weight`.
 */
export abstract class Module {
  /** true in training (batch statistics, dropout), false at test time; set by train() and eval() */
  training: boolean = true;

  /** what a layer of this library was made with, weights apart, as plain data: what describeModule reads */
  readonly _settings: Settings = {};

  #frozen: boolean = false;

  /** what the constructor has made of the class's forward */
  readonly #ownForward: unknown;

  /** of the last batch that forward got, one an input */
  #inputShapes: ReadonlyArray<readonly number[]> = [];

  /** Gives forward the module's path in errors (see path.ts), and variables alone: tensors become constants. */
  constructor() {
    const forward: unknown = this.forward;
    if (typeof forward !== 'function') throw new TypeError(`${this.constructor.name}: a module must have a method forward`);
    const least = Math.min(1, forward.length);
    const run = (...xs: Array<Variable | Tensor>): Variable => underPath(this, () => {
      const inputs = xs.length < least ? [toVariable(this, 0, undefined)] : xs.map((x, i) => toVariable(this, i, x));
      const out: unknown = Reflect.apply(forward, this, inputs);
      if (out === undefined) throw new TypeError(`${this.constructor.name}: forward returned nothing`);
      this.#inputShapes = inputs.map(({ shape }) => shape);
      if (!('_record' in this)) layerWatcher()?.(this, out instanceof Variable ? out.shape.slice(1) : []);
      return out as Variable;
    });
    this.#ownForward = run;
    Object.defineProperty(this, 'forward', { value: run, writable: true, configurable: true });
    showAs<Module>(this, String);
  }

  /** Whether forward is that of this prototype: neither a subclass nor whoever has the module has put another there. */
  _hasForwardOf(prototype: Module): boolean {
    // a proxy of a module has none
    const isOwn = #ownForward in this && this.forward === this.#ownForward;
    return isOwn && (Object.getPrototypeOf(this) as Module).forward === prototype.forward;
  }

  /** The output for inputs xs. */
  abstract forward(...xs: Variable[]): Variable;

  /** The layers and their settings, nested as PyTorch prints them: what console.log shows, too. */
  toString(): string {
    return moduleText<Module>(this, childrenOf);
  }

  /** This module and all below it, by path ('' for this one), each once, in the order of the fields. */
  namedModules(): Array<[path: string, module: Module]> {
    const found = new Map<Module, string>();
    const walk = (module: Module, path: string): void => {
      if (found.has(module)) return;
      found.set(module, path);
      for (const [name, child] of childrenOf(module)) walk(child, join(path, name));
    };
    walk(this, '');
    return [...found].map(([module, path]) => [path, module]);
  }

  /** This module and all below it. */
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** All parameters by name, each once, in the order of the fields. */
  namedParameters(): Array<[name: string, parameter: Variable]> {
    const found = new Map<Variable, string>();
    for (const [name, parameter] of parameterFields(this)) if (!found.has(parameter)) found.set(parameter, name);
    return [...found].map(([parameter, name]) => [name, parameter]);
  }

  /** All parameters: what an optimiser takes. */
  parameters(): Variable[] {
    return this.namedParameters().map(([, parameter]) => parameter);
  }

  /** Forgets the gradients of all parameters. */
  zeroGrad(): void {
    for (const parameter of this.parameters()) parameter.zeroGrad();
  }

  /** Sets whether gradients are wanted for the parameters: false leaves them as they are in training. Returns this. */
  requiresGrad(wanted: boolean = true): this {
    checkBoolean(`${this.constructor.name}.requiresGrad`, 'wanted', wanted);
    for (const parameter of this.parameters()) parameter.requiresGrad = wanted;
    return this;
  }

  /**
   * Puts this module and all below it into training mode, or with false into test mode; what is frozen stays in test
   * mode. Returns this.
   */
  train(mode: boolean = true): this {
    checkBoolean(`${this.constructor.name}.train`, 'mode', mode);
    for (const module of this.modules()) module.training = mode && !module.#frozen;
    return this;
  }

  /**
   * Keeps this module and all below it as they are: no gradients, and test mode whatever is said to a module above, so
   * that running averages stay too. With false they learn again. Returns this.
   */
  freeze(frozen: boolean = true): this {
    checkBoolean(`${this.constructor.name}.freeze`, 'frozen', frozen);
    for (const module of this.modules()) {
      module.#frozen = frozen;
      if (frozen) module.training = false;
    }
    return this.requiresGrad(!frozen);
  }

  /** Puts this module and all below it into test mode. Returns this. */
  eval(): this {
    return this.train(false);
  }

  /** Calls fn with this module and all below it, the lowest first. Returns this. */
  apply(fn: (module: Module) => void): this;
  /**
   * The symbol of what this module makes of these symbols (see graph.ts). Throws, under the layer's path, RangeError
   * where a shape does not fit.
   */
  apply(...symbols: SymbolicValue[] | [readonly SymbolicValue[]]): SymbolicValue;
  apply(...given: ReadonlyArray<((module: Module) => void) | SymbolicValue | readonly SymbolicValue[]>): unknown {
    const [first] = given;
    if (typeof first === 'function') {
      for (const module of this.modules().reverse()) first(module);
      return this;
    }
    const symbols = (given.length === 1 && Array.isArray(first) ? first : given) as readonly SymbolicValue[];
    if (symbols.length === 0 || !symbols.every((symbol) => symbol instanceof SymbolicValue)) {
      throw new TypeError(`${this.constructor.name}.apply: a function or symbols must be given, got ${describe(first)}`);
    }
    return new SymbolicValue(this.outputShape(...symbols.map(({ shape }) => shape)), this, symbols);
  }

  /** The shape of one example after this module, for inputs of these shapes: found by computing with zeros. */
  outputShape(...shapes: ReadonlyArray<readonly number[]>): number[] {
    return this.probe(shapes, (out) => out.shape.slice(1), 'outputShape');
  }

  /** Computes with one example of zeros an input, in test mode and unrecorded, and reads something off the output. */
  probe<T>(shapes: ReadonlyArray<readonly number[]>, read: (out: Variable) => T, fn: string = 'probe'): T {
    const name = `${this.constructor.name}.${fn}`;
    if (!Array.isArray(shapes)) throw new TypeError(`${name}: shapes must be a list of shapes, got ${describe(shapes)}`);
    const sizes = shapes.map((shape: readonly number[], i) => checkShape(name, shape, `shape ${i}`));
    checkFunction(name, 'read', read);
    const dtype = this.parameters()[0]?.dtype ?? 'float32';
    return this.testing(() =>
      read(this.forward(...sizes.map((shape) => new Variable(zeros([1, ...shape], dtype), false)))),
    );
  }

  /**
   * A table of the layers for examples of these shapes, one an input, or where none is given of those that forward got
   * last: output shape, parameters, forward FLOPs, and totals. Throws TypeError where there are none, RangeError, under
   * the layer's path, where a shape does not fit.
   */
  summary(...shapes: ReadonlyArray<readonly number[]>): string {
    const given = shapes.length > 0 ? shapes : this.#inputShapes.map((shape) => shape.slice(1));
    if (given.length === 0) {
      throw new TypeError(
        `${this.constructor.name}.summary: shape must be given before the first forward pass: the shape of one example ` +
        'an input, as summary([3, 32, 32]), got none',
      );
    }
    return renderModuleSummary(this, given, (part) =>
      fieldsOf(part).map(([, value]) => value).filter(isParameter));
  }

  /** Runs fn in test mode, as a step of its own in which nothing is recorded; then the modes are as they were. */
  testing<T>(fn: () => T): T {
    checkFunction(`${this.constructor.name}.testing`, 'fn', fn);
    const modules = this.modules();
    const modes = modules.map(({ training }) => training);
    this.eval();
    try {
      return noGrad(() => inStep(fn));
    } finally {
      modules.forEach((module, i) => { module.training = modes[i]; });
    }
  }

  /**
   * What the module itself stores, beside what the modules below it do: its parameters as they lie. Layers whose layout
   * or names differ from PyTorch's, and those with running averages, say so here.
   */
  stateEntries(): StateEntry[] {
    return fieldsOf(this)
      .filter((field): field is [string, Variable] => isParameter(field[1]))
      .map(([name, parameter]) => parameterEntry(name, parameter));
  }

  /** What the module itself draws random numbers from in training, so that a checkpoint can hold where it stands. */
  generators(): RandomSource[] {
    return [];
  }

  /** Copies of what is no parameter, by name. */
  bufferDict(): StateDict {
    return Object.fromEntries(
      [...this.#entries()].filter(([, { isBuffer }]) => isBuffer).map(([name, e]) => [name, e.read()]),
    );
  }

  /**
   * Copies of all parameters and running averages, by PyTorch's names and in its layouts; as there, under the names of
   * all places at which a module stands.
   */
  stateDict(): StateDict {
    const state: StateDict = {};
    for (const [name, entry] of this.#entries()) state[name] = entry.read();
    return state;
  }

  /**
   * Takes up what stateDict returned, of this library or of PyTorch. Throws, and changes nothing, TypeError for what is
   * no record of tensors and (unless strict is false) for entries that are missing or unknown, RangeError for an entry
   * of another shape. Returns the names that were missing and those that were unknown.
   */
  loadStateDict(state: StateDict, options: LoadStateOptions = {}): LoadStateResult {
    const fn = `${this.constructor.name}.loadStateDict`;
    if (typeof state !== 'object' || state === null || Array.isArray(state)) {
      throw new TypeError(`${fn}: state must be a record of tensors, got ${describe(state)}`);
    }
    checkOptions(fn, options, ['strict']);
    const strict = checkBoolean(fn, 'strict', options.strict ?? true);
    const entries = this.#entries();
    const present = [...entries].filter(([name]) => Object.hasOwn(state, name));
    // what stands in several places is there where one of its names is: earlier versions wrote the first alone
    const given = new Set(present.map(([, entry]) => entry));
    const missing = [...entries].filter(([, entry]) => !given.has(entry)).map(([name]) => name);
    const unexpected = Object.keys(state).filter((name) => !entries.has(name));
    if (strict && missing.length + unexpected.length > 0) {
      throw new TypeError(
        `${fn}: the state does not fit: ${listed('missing', missing)}${missing.length * unexpected.length > 0 ? '; ' : ''}` +
        `${listed('unknown', unexpected)}; { strict: false } loads the others`,
      );
    }
    for (const [name, { shape }] of present) {
      const stored = checkTensor(fn, `state[${JSON.stringify(name)}]`, state[name]);
      if (!sameShape(stored.shape, shape)) {
        throw new RangeError(`${fn}: ${name} must have shape ${shapeText(shape)}, got ${shapeText(stored.shape)}`);
      }
    }
    for (const [name, entry] of present) entry.write(state[name]);
    return { missing, unexpected };
  }

  #entries(): Map<string, StateEntry> {
    const entries = new Map<string, StateEntry>();
    const ofModule = new Map<Module, readonly StateEntry[]>(); // the same ones at all places
    for (const [path, module] of placesOf(this)) {
      const own = ofModule.get(module) ?? module.stateEntries();
      ofModule.set(module, own);
      for (const entry of own) entries.set(join(path, entry.name), entry);
    }
    return entries;
  }
}

/**
 * A module and all below it by path, one that stands in several places at each of them: what PyTorch's state_dict has
 * names for. Where modules refer to each other in a circle, which PyTorch has no state_dict of, each comes once.
 */
export function placesOf(module: Module): Array<[path: string, module: Module]> {
  const found: Array<[string, Module]> = [];
  const above = new Set<Module>();
  let isCircular = false;
  const walk = (each: Module, path: string): void => {
    isCircular ||= above.has(each);
    if (isCircular) return;
    above.add(each);
    found.push([path, each]);
    for (const [name, child] of childrenOf(each)) walk(child, join(path, name));
    above.delete(each);
  };
  walk(module, '');
  return isCircular ? module.namedModules() : found;
}

/** An input of forward: a tensor becomes a constant. Throws TypeError for what is neither. */
function toVariable(module: Module, i: number, x: unknown): Variable {
  if (x instanceof Variable) return x;
  if (x instanceof Tensor) return new Variable(x, false);
  throw new TypeError(`${module.constructor.name}: input ${i} must be a Variable or a Tensor, got ${describe(x)}`);
}

/** Batches of examples, one an input, as variables in the type that the module computes in. */
export function inputsOf(module: Module, inputs: Tensor | readonly Tensor[]): Variable[] {
  const dtype = module.parameters()[0]?.dtype;
  return (inputs instanceof Tensor ? [inputs] : inputs).map((x) =>
    new Variable(dtype === undefined || x.dtype === dtype ? x : x.astype(dtype), false));
}

/** Whether a field is a parameter: a leaf that can have a gradient. */
function isParameter(value: unknown): value is Variable {
  return value instanceof Variable && value.isLeaf && /^float/.test(value.dtype);
}

/** The fields that are parameters, of a module and all below it, by name: one that stands in several, several times. */
export function parameterFields(module: Module): Array<[name: string, parameter: Variable]> {
  return module.namedModules().flatMap(([path, each]) => fieldsOf(each)
    .filter((field): field is [string, Variable] => isParameter(field[1]))
    .map(([name, parameter]): [string, Variable] => [join(path, name), parameter]));
}

/** The variables and modules among an object's fields, with those in arrays and plain objects, by name. */
function fieldsOf(owner: object): Array<[name: string, value: Variable | Module]> {
  const found: Array<[string, Variable | Module]> = [];
  const add = (name: string, value: unknown, depth: number): void => {
    if (value instanceof Variable || value instanceof Module) found.push([name, value]);
    else if (depth > 0 && isContainer(value)) {
      for (const [key, inner] of Object.entries(value)) add(`${name}.${key}`, inner, depth - 1);
    }
  };
  for (const [name, value] of Object.entries(owner)) if (!name.startsWith('_')) add(name, value, deepest);
  return found;
}

/** The modules among a module's fields, by name. */
function childrenOf(module: Module): Array<[name: string, child: Module]> {
  return fieldsOf(module).filter((field): field is [string, Module] => field[1] instanceof Module);
}

/** How deeply arrays and objects of modules may be nested. */
const deepest = 4;

function isContainer(value: unknown): value is object {
  if (Array.isArray(value)) return true;
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** The path of a field of what lies at a path. */
export function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

function listed(what: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const shown = names.slice(0, 5).map((name) => JSON.stringify(name)).join(', ');
  return `${what} ${shown}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;
}
