/**
 * Kernels as values, and what they are written with.
 *
 * A kernel is a WebAssembly function (args, task): it does task number `task` of a job whose arguments lie at `args`.
 * Tasks of one job are independent and write disjoint memory; how many there are and where they meet follows from the
 * shapes alone, never from the number of threads, so results are the same bits on any number of them.
 *
 * A new kernel is a declaration, which names its arguments with their types,
 *
 *   const scaleArguments = { x: 'input', out: 'output', count: 'i32', factor: 'f64' } as const;
 *   export const scale: FloatKernels<typeof scaleArguments> = floatKernels('scale', scaleArguments);
 *
 * a writer, which finds them in locals,
 *
 *   kernels.define(scale[float], (f, { x, out, count, factor }, task) => { ... });
 *
 * and a host function with the signature of ../contract.ts, which gives every one of them at each launch (launch.ts).
 * A new family is a line in module.ts for its writers and another in backend.ts for its host functions.
 */

import {
  type Body, defineFunction, type FloatKind, type GlobalReference, globalValue, load, type Local, type ModuleBuilder,
  type Value,
} from '../../wasm/index.ts';
import { control, record } from '../team/control.ts';
import type { KernelForm, PartBuilder } from '../team/part.ts';

/**
 * What an argument is to the host; to the kernel it is an i32 (an f64 where it says so).
 *
 * - input, output, inout: an array that is read, overwritten fully without being read, or both; or an address of
 *   scratch. With a question mark, null is allowed too, and the kernel finds 0
 * - scratch: the address of scratch that the jobs of a launch share
 * - perThread: bytes of scratch; the kernel finds the address of those that its thread has for itself
 * - stamp: nothing; the kernel finds a number that no other job has, for KernelBuilder.once
 * - flag, i32, f64: a truth value (0 or 1), a number
 */
export type ArgumentType =
  'input' | 'input?' | 'output' | 'output?' | 'inout' | 'scratch' | 'perThread' | 'stamp' | 'flag' | 'i32' | 'f64';

/** The arguments of a kernel by name, in the order in which they lie in memory. */
export type ArgumentTypes = Readonly<Record<string, ArgumentType>>;

/** Where an argument lies: at this word of 4 bytes, or this one of 8 for an f64, after the job's args. */
export interface Placed {
  readonly name: string;
  readonly type: ArgumentType;
  readonly word: number;
}

/** Float64 arguments begin at this word of 8 bytes; those of 4 bytes are below. */
const firstFloat = 64;

/** The places of a kernel's arguments. A thread's share of scratch takes two words: its address, its bytes. */
export function place(types: ArgumentTypes): Placed[] {
  let [words, floats] = [0, firstFloat];
  const placed = Object.entries(types).map(([name, type]): Placed => {
    if (type === 'f64') return { name, type, word: floats++ };
    const word = words;
    words += type === 'perThread' ? 2 : 1;
    return { name, type, word };
  });
  if (words > 2 * firstFloat || floats > 2 * firstFloat) throw new RangeError('place: a kernel has too many arguments');
  return placed;
}

export class Kernel<Types extends ArgumentTypes> {
  /** says element type and operation: `f32_gemm` */
  readonly name: string;
  readonly types: Types;

  constructor(name: string, types: Types) {
    this.name = name;
    this.types = types;
  }
}

/** A kernel that exists for both element types. */
export type FloatKernels<Types extends ArgumentTypes> = Readonly<Record<FloatKind, Kernel<Types>>>;

/** Declares a kernel for both element types. */
export function floatKernels<Types extends ArgumentTypes>(name: string, types: Types): FloatKernels<Types> {
  return { f32: new Kernel(`f32_${name}`, types), f64: new Kernel(`f64_${name}`, types) };
}

/** A kernel's arguments as its writer finds them. */
export type Arguments<Types extends ArgumentTypes> = { readonly [Name in keyof Types]: Local };

/** Writes a kernel. `leading` gives the address of the arguments to functions that read some of them themselves. */
export type Writer<Types extends ArgumentTypes> =
  (f: Body, a: Arguments<Types>, task: Local, leading: (part: ArgumentTypes) => Value) => void;

export class KernelBuilder {
  readonly module: ModuleBuilder;
  /** multiply and add in one instruction where that is allowed (see multiplyAdd in ../../wasm/values.ts) */
  readonly relaxed: boolean;
  /** in tiles of pairs of vectors (see wide.ts) */
  readonly wide: boolean;
  /** Winograd's products by five tiles (see conv/tile-product.ts) */
  readonly five: boolean;
  /** every kernel that there is a writer for */
  readonly defined: Set<Kernel<ArgumentTypes>> = new Set();
  /** positions in the function table of those that were asked for */
  readonly positions: Map<Kernel<ArgumentTypes>, number> = new Map();
  readonly #participant: GlobalReference;
  readonly #wanted: ReadonlySet<object>;

  /** Of the kernels that are defined, the module gets those that are wanted, with the functions that they call. */
  constructor({ module, participant }: PartBuilder, { relaxed, wide, five }: KernelForm, wanted: ReadonlySet<object>) {
    this.module = module;
    this.relaxed = relaxed;
    this.wide = wide;
    this.five = five;
    this.#participant = participant;
    this.#wanted = wanted;
  }

  /** Says how a kernel is written. Throws TypeError when that has been said already. */
  define<Types extends ArgumentTypes>(kernel: Kernel<Types>, write: Writer<Types>): void {
    const { name, types } = kernel;
    if (this.defined.has(kernel)) throw new TypeError(`KernelBuilder.define: ${name} is defined twice`);
    this.defined.add(kernel);
    if (!this.#wanted.has(kernel)) return;
    const leading = (args: Local) => (part: ArgumentTypes): Value => {
      const names = Object.keys(types);
      if (Object.keys(part).some((each, i) => names[i] !== each || part[each] !== types[each])) {
        throw new TypeError(`KernelBuilder.define: the arguments of ${name} do not begin with ${Object.keys(part).join()}`);
      }
      return args;
    };
    const written = defineFunction(this.module, `${name}__${this.relaxed ? 'relaxed' : 'simd128'}${this.wide ? '_wide' : ''}`, ['i32', 'i32'], [],
      (f, args, task) => write(f, this.read(f, args, types), task, leading(args)));
    this.positions.set(kernel, this.module.addToTable(written));
  }

  /** Writes what a thread does for itself before its first task of a job, given the job's stamp. */
  once(f: Body, stamp: Value, write: () => void): void {
    const mine = f.let(globalValue(this.#participant).mul(record.bytes));
    f.if(load('i32', mine, control.records + record.prepared).ne(stamp), () => {
      write();
      f.store(mine, stamp, control.records + record.prepared);
    });
  }

  /** Loads arguments into locals: all of a kernel's, or those that they begin with. */
  read<Types extends ArgumentTypes>(f: Body, args: Value, types: Types): Arguments<Types> {
    return Object.fromEntries(place(types).map(({ name, type, word }) => {
      if (type === 'f64') return [name, f.let(load('f64', args, 8 * word))];
      const value = load('i32', args, 4 * word);
      if (type !== 'perThread') return [name, f.let(value)];
      return [name, f.let(value.add(globalValue(this.#participant).mul(load('i32', args, 4 * word + 4))))];
    })) as Arguments<Types>;
  }
}
