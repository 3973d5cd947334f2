/** One node of a graph that is read: its inputs, its attributes, and what becomes of it. */

import { Module } from '../../nn/module.ts';
import { SymbolicValue } from '../../nn/symbol.ts';
import { describe } from '../../runtime/check.ts';
import { printable } from '../../runtime/text.ts';
import { contiguousData } from '../../tensor/internal.ts';
import { shapeText } from '../../tensor/shape.ts';
import { Tensor } from '../../tensor/tensor.ts';
import { product } from '../bytes.ts';
import type { Message } from './messages.ts';
import { readTensor } from './read-tensor.ts';

/** What a name of the graph stands for: a value that depends on the inputs, or a constant. */
export type Read = SymbolicValue | Tensor;

/** Numbers that all values of one example may have together: what decoding a file may make a forward pass hold. */
const mostElements = 2 ** 28;

/** What nodes share while a graph is read. */
export interface Reading {
  readonly fn: string;
  /** the version of the operators */
  readonly opset: number;
  readonly values: Map<string, Read>;
  /** how often each name is taken */
  readonly uses: ReadonlyMap<string, number>;
  /** names of values by what they are */
  readonly names: Map<SymbolicValue, string>;
  elements: number;
  /** all symbols that nodes made, each after its inputs */
  readonly made: SymbolicValue[];
}

export class NodeToRead {
  readonly opType: string;
  readonly opset: number;
  readonly #reading: Reading;
  readonly #message: Message<'Node'>;
  readonly #attributes: ReadonlyMap<string, Message<'Attribute'>>;
  readonly #where: string;

  constructor(reading: Reading, message: Message<'Node'>, index: number) {
    const { opType = '', name = '', attribute = [], output = [] } = message;
    this.#reading = reading;
    this.#message = message;
    this.opType = opType;
    this.opset = reading.opset;
    this.#attributes = new Map(attribute.map((each) => [each.name ?? '', each]));
    const called = name !== '' ? name : output[0] ?? '';
    this.#where = `${reading.fn}: node ${describe(called === '' ? `#${index}` : called)} (${printable(opType, 40)})`;
  }

  /** What is wrong with the node. */
  error(what: string): RangeError {
    return new RangeError(`${this.#where}: ${what}`);
  }

  get outputs(): readonly string[] { return this.#message.output ?? []; }
  get inputCount(): number { return this.#message.input!.length; }

  /** An input; null where it is left out. */
  optional(i: number): Read | null {
    const name = this.#message.input![i] ?? '';
    if (name === '') return null;
    const value = this.#reading.values.get(name);
    if (value === undefined) throw this.error(`input ${describe(name)} is not computed before it: a missing value or a circle`);
    return value;
  }

  input(i: number): Read {
    const value = this.optional(i);
    if (value === null) throw this.error(`input ${i} is missing`);
    return value;
  }

  get inputs(): Read[] { return this.#message.input!.map((_, i) => this.input(i)); }

  /** An input that depends on the graph's inputs, with an example of so many axes where that is asked for. */
  symbol(i: number, axes?: number): SymbolicValue {
    const value = this.input(i);
    if (!(value instanceof SymbolicValue)) throw this.error(`input ${i} must depend on the graph's inputs, not be constant`);
    if (axes !== undefined && value.shape.length !== axes) {
      throw this.error(`input ${i} must have ${axes + 1} axes, got Nx${shapeText(value.shape)}`);
    }
    return value;
  }

  constant(i: number): Tensor {
    const value = this.input(i);
    if (!(value instanceof Tensor)) throw this.error(`input ${i} must be constant`);
    return value;
  }

  /** The only element of a constant input. */
  scalar(i: number): number {
    const value = this.constant(i);
    if (value.size !== 1) throw this.error(`input ${i} must be one number, got shape ${shapeText(value.shape)}`);
    return value.reshape([]).item();
  }

  /** Elements of a constant input, or null where it is left out. */
  integers(i: number): number[] | null {
    return this.optional(i) === null ? null : Array.from(contiguousData(this.constant(i)));
  }

  /** Whether nothing else takes the value. */
  alone(symbol: SymbolicValue): boolean {
    return this.#reading.uses.get(this.#reading.names.get(symbol) ?? '') === 1;
  }

  #attribute(name: string): Message<'Attribute'> | undefined {
    const found = this.#attributes.get(name);
    if (found !== undefined && (found.reference ?? '') !== '') throw this.error(`attribute ${name} refers to a function's`);
    return found;
  }

  has(name: string): boolean { return this.#attributes.has(name); }
  float(name: string, otherwise: number): number {
    return this.has(name) ? this.#attribute(name)!.f ?? 0 : otherwise;
  }

  int(name: string, otherwise: number): number {
    return this.has(name) ? this.#attribute(name)!.i ?? 0 : otherwise;
  }

  ints(name: string): number[] | null { return this.has(name) ? this.#attribute(name)!.ints! : null; }
  floats(name: string): number[] | null { return this.has(name) ? this.#attribute(name)!.floats! : null; }
  text(name: string, otherwise: string): string {
    const bytes = this.#attribute(name)?.s;
    return bytes === undefined ? otherwise : printable(new TextDecoder().decode(bytes.slice()), 40);
  }

  tensor(name: string): Tensor | null {
    const found = this.#attribute(name)?.t;
    return found === undefined ? null : readTensor(`${this.#where}: attribute ${name}`, found);
  }

  /** Two numbers, one an image's axis, of at least `least`. */
  pair(name: string, otherwise: readonly [number, number], least: number = 1): [number, number] {
    const values = this.ints(name) ?? otherwise;
    if (values.length !== 2 || !values.every((each) => Number.isInteger(each) && each >= least && each < 2 ** 31)) {
      throw this.error(`${name} must be two integers of at least ${least}, got [${values.slice(0, 8).join(', ')}]`);
    }
    return [values[0], values[1]];
  }

  /** An axis of a value as a whole, batch included, counted from the front. */
  axis(value: number, { shape }: SymbolicValue, least: number = 1): number {
    const axes = shape.length + 1;
    const found = value < 0 ? value + axes : value;
    if (!Number.isInteger(found) || found < 0 || found >= axes) throw this.error(`axis ${value} is not one of ${axes}`);
    if (found < least) throw this.error('works along the batch, whose length is free');
    return found;
  }

  /** The symbol of what a module makes of these, of which the shape is known. */
  apply(module: Module, inputs: readonly SymbolicValue[], shape: readonly number[]): SymbolicValue {
    this.#reading.elements += product(shape);
    if (!(this.#reading.elements <= mostElements)) {
      throw this.error(`an example grows to ${shapeText(shape)}, all values together to more than 2^28 numbers`);
    }
    if (shape.some((size) => size < 1)) throw this.error(`nothing is left of an example: ${shapeText(shape)}`);
    const symbol = new SymbolicValue(shape, module, inputs);
    this.#reading.made.push(symbol);
    return symbol;
  }

  /** What a reader makes of the node; errors of layers and tensors that it makes are put under the node's name. */
  read(reader: (node: NodeToRead) => Read): Read {
    try {
      return reader(this);
    } catch (error) {
      if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
      throw error.message.startsWith(this.#where) ? error : this.error(error.message);
    }
  }
}
