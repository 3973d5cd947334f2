/** Modules made of modules. */

import { applyLayer } from '../autograd/layer.ts';
import { concat } from '../autograd/functions.ts';
import { Variable } from '../autograd/variable.ts';
import { fuse } from '../layers/fuse.ts';
import type { LayerRecord } from '../layers/record.ts';
import { describe } from '../runtime/check.ts';
import { normalizeAxis, sameShape, shapeText } from '../tensor/shape.ts';
import { LayerModule } from './layer-module.ts';
import { Module } from './module.ts';
import { Trainable } from './trainable.ts';
import { layerWatcher } from './watch.ts';

/** A stretch of a chain that is computed at once. */
interface Stretch {
  readonly modules: readonly Module[];
  /** what the modules compute together; null for a module that has no record */
  readonly record: LayerRecord | null;
}

/** The stretches of a chain of modules: runs of layers are fused where they have a common form. */
function stretches(modules: readonly Module[]): Stretch[] {
  const found: Stretch[] = [];
  for (let at = 0; at < modules.length;) {
    const run: LayerModule[] = [];
    for (const layer of modules.slice(at)) {
      if (!(layer instanceof LayerModule && layer._computesRecord)) break;
      run.push(layer);
    }
    if (run.length === 0) {
      found.push({ modules: [modules[at]], record: null });
      at++;
      continue;
    }
    for (const { record, count } of fuse(run.map(({ _record }) => _record))) {
      found.push({ modules: modules.slice(at, at + count), record: count === 1 ? null : record });
      at += count;
    }
  }
  return found;
}

/**
 * A chain of modules, each taking the output of the one before it. Neighbours with a common form are computed as one.
 */
export class Sequential extends Trainable {
  #modules: readonly Module[];
  #stretches: readonly Stretch[];
  /** how many fields there were when the chain was read */
  #fields: number;

  /** Throws TypeError for what is no module, RangeError for an empty chain. */
  constructor(...modules: Module[]) {
    super();
    if (modules.length === 0) throw new RangeError('sequential: at least one layer must be given, got none');
    this.#modules = modules.map((module, i) => checkModule('sequential', `layer ${i}`, module));
    Object.assign(this, modules);
    this.#stretches = stretches(modules);
    this.#fields = Object.keys(this).length;
  }

  /**
   * The chain, as its numbered fields are now: `net[2]` may be given another module, a last one added or deleted.
   * Throws TypeError where one is no module, or missing.
   */
  get _modules(): readonly Module[] {
    const fields = this as unknown as Readonly<Record<number, unknown>>;
    const names = Object.keys(this);
    if (names.length === this.#fields && this.#modules.every((module, i) => fields[i] === module)) return this.#modules;
    const numbers = names.filter((name) => /^\d+$/.test(name));
    const modules = numbers.map((_, i) => checkModule('Sequential', `layer ${i}`, fields[i]));
    this.#stretches = stretches(modules);
    this.#fields = names.length;
    return this.#modules = modules;
  }

  forward(x: Variable): Variable {
    const chain = this._modules;
    if (layerWatcher() !== null) return chain.reduce((out, module) => module.forward(out), x);
    let out = x;
    for (const { modules, record } of this.#stretches) {
      out = record === null ? modules[0].forward(out) : together(modules as readonly LayerModule[], record, out);
    }
    return out;
  }
}

function computesRecord(layer: LayerModule): boolean {
  return layer._computesRecord;
}

/** What the layers make of x, computed as one. What has no such form or does not fit, they compute or refuse singly. */
function together(layers: readonly LayerModule[], record: LayerRecord, x: Variable): Variable {
  const [first] = layers;
  const singly = (): Variable => layers.reduce((out, layer) => layer.forward(out), x);
  if (!first.takes(x) || !layers.every(computesRecord)) return singly(); // one may have been wrapped since
  const parameters = layers.flatMap((layer) => layer.layerParameters());
  // batchnorm alone is another at test time: one that is frozen so stays frozen among layers that train
  const { training } = layers.find(({ _record }) => _record.kind === 'batchnorm') ?? first;
  const mode = training ? 'train' : 'test';
  try {
    return applyLayer(first.constructor.name, record, x, parameters, mode);
  } catch {
    return singly(); // whose error names the layer that is to blame
  }
}

/**
 * x + body(x), or shortcut(x) + body(x), which must have one shape: He, Zhang, Ren, Sun, "Deep residual learning for
 * image recognition", 2015.
 */
export class Residual extends Module {
  readonly body: Module;
  readonly shortcut: Module | null;

  constructor(body: Module, shortcut: Module | null = null) {
    super();
    this.body = checkModule('Residual', 'body', body);
    this.shortcut = shortcut === null ? null : checkModule('Residual', 'shortcut', shortcut);
  }

  forward(x: Variable): Variable {
    const straight = this.shortcut === null ? x : this.shortcut.forward(x);
    return added('Residual', 'body and shortcut', this.body.forward(x), straight);
  }
}

/**
 * a + b. Throws TypeError for what are no variables, RangeError unless they have one shape: a sum that stretches one of
 * them is rarely meant.
 */
export function added(fn: string, what: string, a: Variable, b: Variable): Variable {
  checkVariables(fn, what, [a, b]);
  if (!sameShape(a.shape, b.shape)) {
    throw new RangeError(`${fn}: ${what} must have one shape, got ${shapeText(a.shape)} and ${shapeText(b.shape)}`);
  }
  return a.add(b);
}

/** Throws TypeError where a module gave something else, as a graph of several outputs does. */
function checkVariables(fn: string, what: string, xs: readonly unknown[]): void {
  const odd = xs.find((x) => !(x instanceof Variable));
  if (odd !== undefined) throw new TypeError(`${fn}: ${what} must be Variables, got ${describe(odd)}`);
}

/**
 * xs one after another along an axis. Throws TypeError for what are no variables, RangeError unless they have that
 * axis, and one shape but for it.
 */
export function joined(fn: string, what: string, xs: readonly Variable[], axis: number = 1): Variable {
  checkVariables(fn, what, xs);
  const [{ ndim, shape }] = xs;
  const along = normalizeAxis(fn, axis, ndim);
  const odd = xs.find((x) => x.ndim !== ndim || x.shape.some((extent, i) => i !== along && extent !== shape[i]));
  if (odd === undefined) return concat(xs, axis);
  throw new RangeError(
    `${fn}: ${what} must have one shape but for axis ${along}, got ${shapeText(shape)} and ${shapeText(odd.shape)}`,
  );
}

/** The outputs of all branches for the same x, side by side along axis 1 (channels). */
export class Concat extends Module {
  readonly branches: readonly Module[];

  constructor(...branches: Module[]) {
    super();
    this.branches = branches.map((branch, i) => checkModule('Concat', `branches[${i}]`, branch));
    if (branches.length === 0) throw new RangeError('Concat: at least one branch must be given, got none');
  }

  forward(x: Variable): Variable {
    return joined('Concat', 'branches', this.branches.map((branch) => branch.forward(x)));
  }
}

/** Throws TypeError unless value is a Module; of a course network, whose class is not known here, it says the way. */
export function checkModule(fn: string, name: string, value: unknown): Module {
  if (value instanceof Module) return value;
  const { params, layers, config } = Object(value) as Readonly<Record<string, unknown>>;
  const isNetwork = [params, layers, config].every((field) => typeof field === 'object' && field !== null);
  const way = isNetwork ? '; networkModule of tilegrad/models makes a Module of a course network' : '';
  throw new TypeError(`${fn}: ${name} must be a Module, got ${describe(value)}${way}`);
}

/**
 * A network of layers one after another: `sequential(new Conv2d(3, 16, 3), new ReLU(), ...)`. Throws as Sequential
 * does.
 */
export function sequential(...layers: Module[]): Sequential {
  return new Sequential(...layers);
}
