/**
 * Networks as graphs: layers are applied to symbols, which stand for values to come, and a model is what leads from its
 * input symbols to its output symbols. Shapes are known while it is written, so a layer that does not fit is an error
 * there.
 *
 *   const image = input([3, 32, 32]);
 *   const features = new Conv2d(3, 16, 3, { padding: 'same' }).apply(image);
 *   const net = model(image, new Linear(16384, 10).apply(new Flatten().apply(features)));
 */

import { Variable } from '../autograd/variable.ts';
import { checkInteger, describe } from '../runtime/check.ts';
import { checkShape, shapeText } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { Settings } from './architecture/types.ts';
import type { Compiled } from './compiled.ts';
import { added, checkModule, joined } from './containers.ts';
import type { Inputs } from './data-loader.ts';
import { Module } from './module.ts';
import { SymbolicValue } from './symbol.ts';
import { type EvaluateOptions, Trainable } from './trainable.ts';

/** The sum of its inputs, which must have one shape: how skip connections meet. */
export class Add extends Module {
  /** Throws TypeError without an input, RangeError where shapes differ: nothing is stretched. */
  forward(...xs: Variable[]): Variable {
    if (xs.length === 0) throw new TypeError('Add: at least one input must be given, got none');
    return xs.slice(1).reduce((sum, x) => added('Add', 'its inputs', sum, x), xs[0]);
  }
}

/** Its inputs one after another along an axis (0 is the batch): how dense connections meet. */
export class Concatenate extends Module {
  readonly #axis: number;
  override readonly _settings: Settings;

  constructor(axis: number = 1) {
    super();
    this.#axis = checkInteger('Concatenate', 'axis', axis);
    this._settings = { axis };
  }

  /** Throws TypeError without an input, RangeError where shapes differ along another axis. */
  forward(...xs: Variable[]): Variable {
    if (xs.length === 0) throw new TypeError('Concatenate: at least one input must be given, got none');
    return joined('Concatenate', 'its inputs', xs, this.#axis);
  }
}

/** A symbol for examples of this shape, without the batch. Throws TypeError or RangeError for what is no shape. */
export function input(shape: number | readonly number[]): SymbolicValue {
  return new SymbolicValue(checkShape('input', shape), null, []);
}

/** A network from a graph of symbols. A layer that was applied twice is one layer with one set of parameters. */
export class GraphModel extends Trainable {
  /** the layers in the order in which they are computed, each once; one may be replaced by another module */
  readonly layers: Module[];
  readonly #inputs: readonly SymbolicValue[];
  readonly #outputs: readonly SymbolicValue[];
  readonly #steps: readonly SymbolicValue[];
  /** where in layers that of each step is */
  readonly #places: readonly number[];

  /** the symbols: inputs, what is computed in its order, outputs */
  get _graph(): Readonly<Record<'inputs' | 'steps' | 'outputs', readonly SymbolicValue[]>> {
    return { inputs: this.#inputs, steps: this.#steps, outputs: this.#outputs };
  }

  /** The layer of each step, as they are now. Throws TypeError where one was replaced by what is no module. */
  get _modules(): readonly Module[] {
    return this.#places.map((place) => checkModule('GraphModel', `layers[${place}]`, this.layers[place]));
  }

  /**
   * Throws TypeError for what are no symbols, RangeError where an input is given twice, and where an output depends on
   * one that is not among those given.
   */
  constructor(inputs: readonly SymbolicValue[], outputs: readonly SymbolicValue[]) {
    super();
    this.#inputs = checkSymbols('inputs', inputs);
    const twice = this.#inputs.find((symbol, i) => this.#inputs.indexOf(symbol) !== i);
    if (twice !== undefined) throw new RangeError(`model: inputs must be different symbols, got one of shape ${shapeText(twice.shape)} twice`);
    this.#outputs = checkSymbols('outputs', outputs);
    this.#steps = inOrder(this.#inputs, this.#outputs);
    const modules = this.#steps.map(({ module }) => checkModule('model', 'a layer', module));
    this.layers = [...new Set(modules)];
    this.#places = modules.map((module) => this.layers.indexOf(module));
  }

  /** The shape of one example of each input. */
  get inputShapes(): ReadonlyArray<readonly number[]> {
    return this.#inputs.map(({ shape }) => shape);
  }

  /**
   * The output for one variable an input, or where there are several all of them: see SeveralOutputs. Throws RangeError
   * for another number of inputs.
   */
  forward(...xs: Variable[]): Variable {
    const outputs = this.forwardAll(...xs);
    return outputs.length === 1 ? outputs[0] : outputs as unknown as Variable;
  }

  /** All outputs, also where there is one. Throws RangeError for another number of inputs. */
  forwardAll(...xs: Array<Variable | Tensor>): Variable[] {
    if (xs.length !== this.#inputs.length) {
      throw new RangeError(`model: forward takes ${this.#inputs.length} inputs, got ${xs.length}`);
    }
    const values = new Map<SymbolicValue, Variable>(
      this.#inputs.map((symbol, i) => [symbol, this.#checkInput(i, xs[i])]),
    );
    const modules = this._modules;
    this.#steps.forEach((step, i) => {
      values.set(step, modules[i].forward(...step.inputs.map((symbol) => values.get(symbol)!)));
    });
    return this.#outputs.map((symbol) => values.get(symbol)!);
  }

  #checkInput(i: number, x: Variable | Tensor): Variable {
    const given = x instanceof Tensor ? new Variable(x, false) : x;
    if (!(given instanceof Variable)) {
      throw new TypeError(`model: input ${i} must be a Variable or a Tensor, got ${describe(x)}`);
    }
    const { shape } = this.#inputs[i];
    if (String(given.shape.slice(1)) !== String(shape)) {
      throw new RangeError(`model: input ${i} must have shape Nx${shapeText(shape)}, got ${shapeText(given.shape)}`);
    }
    return given;
  }

  /** As every Trainable; TypeError where there are several outputs, of which a loss could take one. */
  override compiled(fn: string): Compiled {
    this.#checkOneOutput(fn);
    return super.compiled(fn);
  }

  /** As every Module; TypeError where there are several outputs. */
  override outputShape(...shapes: ReadonlyArray<readonly number[]>): number[] {
    this.#checkOneOutput('outputShape');
    return super.outputShape(...shapes);
  }

  #checkOneOutput(fn: string): void {
    const { length } = this.#outputs;
    if (length > 1) throw new TypeError(`${this.constructor.name}.${fn}: the network must have one output, got ${length}`);
  }

  /** A table of the layers: output shape, parameters, forward FLOPs, and totals. */
  override summary(): string {
    return super.summary(...this.#inputs.map(({ shape }) => shape));
  }
}

/** A graph whose outputs are a list of two or more: forward and predict give a list of as many, in its order. */
export type SeveralOutputs = {
  forward(...xs: Array<Variable | Tensor>): Variable[];
  predict(x: Inputs, options?: EvaluateOptions): Tensor[];
} & GraphModel; // in this order: the first signature that fits is taken

/** The network that leads from these symbols to this one. Throws as GraphModel does. */
export function model(
  inputs: SymbolicValue | readonly SymbolicValue[], outputs: SymbolicValue | readonly [SymbolicValue],
): GraphModel;
/** The network that leads from these symbols to those. Throws as GraphModel does. */
export function model(
  inputs: SymbolicValue | readonly SymbolicValue[], outputs: readonly SymbolicValue[],
): SeveralOutputs;
export function model(
  inputs: SymbolicValue | readonly SymbolicValue[], outputs: SymbolicValue | readonly SymbolicValue[],
): GraphModel {
  return new GraphModel(listOf(inputs), listOf(outputs));
}

function listOf(symbols: SymbolicValue | readonly SymbolicValue[]): readonly SymbolicValue[] {
  return symbols instanceof SymbolicValue ? [symbols] : symbols;
}

function checkSymbols(name: string, symbols: readonly SymbolicValue[]): readonly SymbolicValue[] {
  const good =
    Array.isArray(symbols) && symbols.length > 0 && symbols.every((symbol) => symbol instanceof SymbolicValue);
  if (!good) throw new TypeError(`model: ${name} must be symbols, as input() and apply() make them, got ${describe(symbols)}`);
  return symbols;
}

/** The symbols on the way from inputs to outputs, each after those it is computed from. */
function inOrder(inputs: readonly SymbolicValue[], outputs: readonly SymbolicValue[]): SymbolicValue[] {
  const known = new Set<SymbolicValue>(inputs);
  const order: SymbolicValue[] = [];
  const pending: SymbolicValue[] = [...outputs].reverse();
  while (pending.length > 0) {
    const symbol = pending[pending.length - 1];
    const missing = known.has(symbol) ? [] : symbol.inputs.filter((from) => !known.has(from));
    if (missing.length > 0) {
      pending.push(...[...missing].reverse());
      continue;
    }
    pending.pop();
    if (known.has(symbol)) continue;
    if (symbol.module === null) {
      throw new RangeError(`model: an output depends on an input of shape ${shapeText(symbol.shape)} that is not among inputs`);
    }
    known.add(symbol);
    order.push(symbol);
  }
  return order;
}
