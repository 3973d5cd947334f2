/**
 * What a kernel family writes its kernels with.
 *
 * A kernel is a WebAssembly function (args, task): it does task number `task` of a job whose arguments lie at `args`.
 * Tasks of one job are independent and write disjoint memory; how many there are and where they meet follows from the
 * shapes alone, never from the number of threads, so results are the same bits on any number of them.
 *
 * A family is one file (or folder) with two halves: an emitter, which adds its kernels to the module by name, and host
 * functions with the signatures of ../contract.ts, which fill in arguments and launch jobs (see launch.ts):
 *
 *   const slots = new ArgumentSlots(['x', 'out', 'count']);
 *
 *   export function emitScale(kernels: KernelBuilder): void {
 *     kernels.define('f32_scale__simd128', (f, args, task) => {
 *       const { x, out } = slots.read(f, args, ['x', 'out']);
 *       ...
 *     });
 *   }
 *
 * and a line in module.ts for the emitter, another in backend.ts for the host functions.
 */

import {
  type Body, defineFunction, type FunctionReference, type GlobalReference, globalValue, load, type Local,
  type ModuleBuilder, type Value,
} from '../../wasm/index.ts';
import type { Launch } from './launch.ts';

export class KernelBuilder {
  readonly module: ModuleBuilder;
  /** multiply and add in one instruction where that is allowed (see multiplyAdd in ../../wasm/values.ts) */
  readonly relaxed: boolean;
  readonly #participant: GlobalReference;
  readonly #indexes: Map<string, number> = new Map();

  constructor(module: ModuleBuilder, relaxed: boolean, participant: GlobalReference) {
    this.module = module;
    this.relaxed = relaxed;
    this.#participant = participant;
  }

  /** The number of the running thread, for its share of Launch.scratchPerThread. */
  participant(): Value {
    return globalValue(this.#participant);
  }

  /** Writes a kernel. Its name says type, operation, tile and instruction set: `f32_gemm_4x8__simd128`. */
  define(name: string, write: (f: Body, args: Local, task: Local) => void): FunctionReference {
    return this.register(defineFunction(this.module, name, ['i32', 'i32'], [], write));
  }

  /** Makes a function (args, task) that is in the module already a kernel, under its name. */
  register(kernel: FunctionReference): FunctionReference {
    if (kernel.parameters.join() !== 'i32,i32' || kernel.results.length > 0) {
      throw new TypeError(`KernelBuilder.register: ${kernel.name} must take two i32 and give nothing`);
    }
    if (this.#indexes.has(kernel.name)) throw new TypeError(`KernelBuilder.register: two kernels are called ${kernel.name}`);
    this.#indexes.set(kernel.name, this.module.addToTable(kernel));
    return kernel;
  }

  /** Position in the function table by name. */
  get indexes(): ReadonlyMap<string, number> {
    return this.#indexes;
  }
}

/** Float64 arguments begin at this slot, two slots each; i32 arguments are below. */
const firstFloatSlot = 128;

/** The arguments of a family's kernels by name: i32 ones, and float64 ones. */
export class ArgumentSlots<Integers extends string, Floats extends string = never> {
  readonly #integers: readonly Integers[];
  readonly #floats: readonly Floats[];

  constructor(integers: readonly Integers[], floats: readonly Floats[] = []) {
    if (integers.length > firstFloatSlot || 2 * floats.length > firstFloatSlot) {
      throw new RangeError(`ArgumentSlots: at most ${firstFloatSlot} i32 and ${firstFloatSlot / 2} float64 arguments`);
    }
    this.#integers = integers;
    this.#floats = floats;
  }

  /** In a kernel: loads i32 arguments into locals. */
  read<const Names extends readonly Integers[]>(f: Body, args: Value, names: Names): { [K in Names[number]]: Local } {
    const entries = names.map((name) => [name, f.let(load('i32', args, 4 * this.#integers.indexOf(name)))]);
    return Object.fromEntries(entries) as { [K in Names[number]]: Local };
  }

  /** In a kernel: loads a float64 argument. */
  readFloat(f: Body, args: Value, name: Floats): Local {
    return f.let(load('f64', args, 4 * this.#floatSlot(name)));
  }

  /** On the host: sets an i32 argument of the next job. */
  set(launch: Launch, name: Integers, value: number): void {
    launch.arg(this.#integers.indexOf(name), value);
  }

  /** On the host: sets a float64 argument of the next job. */
  setFloat(launch: Launch, name: Floats, value: number): void {
    launch.argFloat64(this.#floatSlot(name), value);
  }

  #floatSlot(name: Floats): number {
    return firstFloatSlot + 2 * this.#floats.indexOf(name);
  }
}
