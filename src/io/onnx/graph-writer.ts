/** An ONNX graph while it is written: nodes in the order of computation, and the constants that they take. */

import { describe } from '../../runtime/check.ts';
import { full } from '../../tensor/creation.ts';
import { contiguousData, contiguousDataAs } from '../../tensor/internal.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import { elementBytes } from '../elements.ts';
import { attributeType, type Message, typeNumber } from './messages.ts';

export type FloatType = 'float32' | 'float64';

/** A value of the graph. */
export interface Value {
  readonly name: string;
  /** its shape in the pass that is being written down, batch included */
  readonly shape: readonly number[];
  /** whether it depends on an input: then its first axis is as long as the batch, however long that is */
  readonly free: boolean;
}

/** A constant: elements of the model's type, or integers that say how to compute. */
type Constant = Tensor | readonly number[];

export class GraphWriter {
  readonly nodes: Array<Message<'Node'>> = [];
  readonly constants: Map<string, Constant> = new Map();
  readonly #names: Set<string> = new Set();
  /** what values that became outputs are called now, by the name under which they were made */
  readonly #outputs: Map<string, string> = new Map();
  /** stands in front of the names of nodes and values: the path of the layer that computes */
  readonly #path: () => string;
  readonly #float: FloatType;

  constructor(float: FloatType, path: () => string) {
    this.#float = float;
    this.#path = path;
  }

  /** A value that comes from outside. */
  input(name: string, shape: readonly number[]): Value {
    return { name: this.#unique(name), shape, free: true };
  }

  /** Adds a node, and gives its output, whose shape the caller knows. */
  add(
    opType: string, inputs: readonly Value[], shape: readonly number[], attribute: Array<Message<'Attribute'>> = [],
  ): Value {
    const path = this.#path();
    const name = this.#unique(path === '' ? opType : `${path}/${opType}`);
    this.nodes.push({ input: inputs.map((input) => input.name), output: [name], name, opType, attribute });
    return { name, shape, free: inputs.some(({ free }) => free) };
  }

  /** A tensor under a name of its own: a parameter, or a number that was written in a formula. */
  constant(name: string, tensor: Tensor): Value {
    const unique = this.#unique(name);
    this.constants.set(unique, tensor);
    return { name: unique, shape: tensor.shape, free: false };
  }

  /** A number in the graph's type. */
  scalar(value: number): Value {
    return this.constant(this.#inPath('number'), full([], value, this.#float));
  }

  /** A constant without a name in the model. */
  unnamed(tensor: Tensor): Value {
    return this.constant(this.#inPath('constant'), tensor);
  }

  /** A list of integers, as shapes and axes are given. */
  integers(values: readonly number[]): Value {
    const name = this.#unique(this.#inPath('integers'));
    this.constants.set(name, values);
    return { name, shape: [values.length], free: false };
  }

  #inPath(what: string): string {
    const path = this.#path();
    return path === '' ? what : `${path}/${what}`;
  }

  /** The name, with a number behind where it is taken. */
  #unique(name: string): string {
    let found = name;
    for (let i = 1; this.#names.has(found); i++) found = `${name}_${i}`;
    this.#names.add(found);
    return found;
  }

  /** Gives the value a name that readers meet: it becomes an output. One value may become several. */
  output(name: string, value: Value): Value {
    const unique = this.#unique(name);
    const maker = this.nodes.find(({ output }) => output![0] === value.name);
    if (maker === undefined) { // comes from outside, is constant, or is an output already
      const from = this.#outputs.get(value.name) ?? value.name;
      this.nodes.push({ input: [from], output: [unique], name: unique, opType: 'Identity', attribute: [] });
      return { ...value, name: unique };
    }
    for (const { input, output } of this.nodes) {
      for (const list of [input!, output!]) list.forEach((each, i) => { if (each === value.name) list[i] = unique; });
    }
    this.#outputs.set(value.name, unique);
    return { ...value, name: unique };
  }

  /** Takes away the nodes for which this is not so. */
  keep(wanted: (node: Message<'Node'>) => boolean): void {
    this.nodes.splice(0, this.nodes.length, ...this.nodes.filter(wanted));
  }

  /** The constants that some node takes, as messages. */
  initializers(): Array<Message<'Tensor'>> {
    const used = new Set(this.nodes.flatMap(({ input }) => input!));
    const taken = [...this.constants].filter(([name]) => used.has(name));
    return taken.map(([name, value]) => this.#initializer(name, value));
  }

  #initializer(name: string, value: Constant): Message<'Tensor'> {
    if (isIntegers(value)) {
      const stored = BigInt64Array.from(value, BigInt);
      return { dims: [value.length], dataType: typeNumber.int64, name, rawData: new Uint8Array(stored.buffer) };
    }
    const rawData = elementBytes(contiguousDataAs(value, this.#float));
    return { dims: [...value.shape], dataType: typeNumber[this.#float], name, rawData };
  }

  /**
   * The value as readers meet it, from its shapes in two passes over batches of other sizes, of which `batches` tells:
   * an axis of one length in both has that length, one as long as the batch is the batch, any other one is left open.
   */
  describe({ name, shape }: Value, other: Value, batches: readonly [number, number]): Message<'ValueInfo'> {
    const dim = shape.map((size, i): Message<'Dimension'> => {
      if (size === other.shape[i]) return { dimValue: size };
      return size === batches[0] && other.shape[i] === batches[1] ? { dimParam: 'batch' } : {};
    });
    return { name, type: { tensorType: { elemType: typeNumber[this.#float], shape: { dim } } } };
  }

  /** Where this graph differs from another one; null where they are the same. */
  difference(other: GraphWriter): string | null {
    const node = this.nodes.findIndex((each, i) => JSON.stringify(each) !== JSON.stringify(other.nodes[i]));
    if (node !== -1) return this.nodes[node].name!;
    if (this.nodes.length !== other.nodes.length) return other.nodes[this.nodes.length].name!;
    return [...this.constants].find(([name, value]) => !sameConstant(value, other.constants.get(name)))?.[0] ?? null;
  }
}

function sameConstant(a: Constant, b: Constant | undefined): boolean {
  if (b === undefined || isIntegers(a) !== isIntegers(b)) return false;
  if (isIntegers(a) || isIntegers(b)) return String(a) === String(b);
  if (a === b) return true;
  const [x, y] = [elementBytes(contiguousData(a)), elementBytes(contiguousData(b))];
  return String(a.shape) === String(b.shape) && x.length === y.length && x.every((byte, i) => byte === y[i]);
}

function isIntegers(value: Constant): value is readonly number[] {
  return Array.isArray(value);
}

export function float(name: string, f: number): Message<'Attribute'> {
  return { name, f, type: attributeType.float };
}

export function int(name: string, i: number): Message<'Attribute'> {
  return { name, i, type: attributeType.int };
}

export function ints(name: string, values: readonly number[]): Message<'Attribute'> {
  return { name, ints: [...values], type: attributeType.ints };
}

/** What cannot be exported. */
export function notExported(what: unknown, why: string = 'has no form in ONNX that is known here'): TypeError {
  return new TypeError(`encodeOnnx: ${typeof what === 'string' ? what : describe(what)} ${why}`);
}
