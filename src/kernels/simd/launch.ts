/**
 * How host functions run kernels:
 *
 *   reluForward: launched((x, out) => {
 *     launch(relu[floatKind(x)]).x(x).out(out).count(x.length).run(tasks);
 *   })
 *
 * A launched function may run several jobs. Each job is given all arguments that its kernel declares (kernel.ts), by
 * name and in any order; `run` is there when none is missing, so that one which is forgotten, misspelt or of the wrong
 * type is a compile error, and no job sees an argument of another.
 *
 * An array in the heap is passed by its address; any other is staged: copied into scratch, once for all jobs of the
 * launch, and if it is an output, back when the launched function returns. Launched functions may call each other; each
 * has arguments of its own, and scratch is a stack. As long as every array lies in the heap, a launch allocates no
 * JavaScript objects.
 */

import type { FloatKind } from '../../wasm/index.ts';
import type { FloatArray } from '../contract.ts';
import type { DType, TypedArray } from '../memory/allocate.ts';
import { alignBlock } from '../memory/blocks.ts';
import { bytesOf, HeapExhausted } from '../memory/heap.ts';
import { argumentFrames } from '../team/control.ts';
import { currentEngine, type Engine } from '../team/engine.ts';
import type { KernelForm } from '../team/part.ts';
import { runJob } from '../team/run.ts';
import { currentTeam } from '../team/team.ts';
import { type ArgumentType, type ArgumentTypes, type Kernel, place, type Placed } from './kernel.ts';

/** An address in the heap, from `scratch`. */
export type Address = number & { readonly inHeap: true };

/** What an array argument may be given. */
export type Place = TypedArray | Address;

type Given<Type extends ArgumentType> =
  Type extends 'input' | 'output' ? [place: Place] :
    Type extends 'input?' | 'output?' ? [place: Place | null] :
      Type extends 'inout' ? [place: Place, read: boolean] :
        Type extends 'scratch' ? [address: Address] :
          Type extends 'perThread' ? [bytes: number] :
            Type extends 'stamp' ? [] :
              Type extends 'flag' ? [value: boolean] : [value: number];

/** A job that has all its arguments. */
interface CompleteJob {
  /**
   * Runs so many tasks and returns when they are done. Throws what the kernel traps with, or Error when a worker died
   * and its share could not be redone: a task that reads what it overwrites cannot.
   */
  run(tasks: number): void;
}

/** A job that can be given the numbers and truth values of a part, from an object that has them by name. */
interface PartlyGiven<Types extends ArgumentTypes, Rest extends keyof Types> {
  from<Part extends Readonly<Record<string, 'i32' | 'f64' | 'flag'>>>(
    part: keyof Part extends Rest ? Part : never, values: { readonly [Name in keyof Part]: Given<Part[Name]>[0] },
  ): Job<Types, Exclude<Rest, keyof Part>>;
}

type Open<Types extends ArgumentTypes, Rest extends keyof Types> = {
  readonly [Name in Rest]: (...given: Given<Types[Name]>) => Job<Types, Exclude<Rest, Name>>;
};

/** A job whose arguments named Rest are still to be given. */
export type Job<Types extends ArgumentTypes, Rest extends keyof Types = keyof Types> = [Rest] extends [never]
  ? CompleteJob
  : PartlyGiven<Types, Rest> & Open<Types, Rest>;

/** The launches under way, from the outermost: what each needs to end. */
const heights: number[] = [];
const firstCopied: number[] = [];
let depth = 0;
/** the engine that they run on, its argument words, and the first of those of the innermost launch */
let engine: Engine;
let words: Int32Array;
let floats: Float64Array;
let frame = 0;

/** Staged arrays, the addresses of their copies, whether these hold anything yet, and whether they are copied back. */
const copied: TypedArray[] = [];
const copiedTo: number[] = [];
const copyFilled: boolean[] = [];
const copyBack: boolean[] = [];

/** Makes a function that runs jobs one that can be called. Throws Error, when called, without an engine. */
export function launched<Values extends unknown[], Result>(
  run: (...values: Values) => Result,
): (...values: Values) => Result {
  return (...values) => {
    begin();
    let returned = false;
    try {
      const result = run(...values);
      returned = true;
      return result;
    } finally {
      finish(returned);
    }
  };
}

function begin(): void {
  if (depth === 0) {
    engine = currentEngine();
    ({ words, floats } = engine);
  }
  if (depth >= argumentFrames.count) {
    throw new RangeError(`launch: kernels call each other more than ${argumentFrames.count} deep`);
  }
  heights[depth] = engine.scratch.height;
  firstCopied[depth] = copied.length;
  enter(depth + 1);
}

/** Ends the innermost launch; outputs are copied back only if it has not failed. */
function finish(returned: boolean): void {
  const first = firstCopied[depth - 1];
  if (copied.length > first) {
    for (let i = first; returned && i < copied.length; i++) {
      if (copyBack[i]) copied[i].set(engine.heap.arrayLike(copied[i], copiedTo[i]));
    }
    copied.length = first;
  }
  engine.scratch.pop(heights[depth - 1]);
  enter(depth - 1);
}

function enter(level: number): void {
  depth = level;
  frame = (argumentFrames.address + (level - 1) * argumentFrames.bytes) / 4;
}

/** How the kernels of the launch under way are written. */
export function form(): KernelForm {
  return engine.form;
}

/** The address of so many bytes of scratch, 64-byte aligned, until the launch ends. Its contents are unspecified. */
export function scratch(bytes: number): Address {
  return engine.scratch.push(bytes) as Address;
}

/** An array in scratch, for tables that kernels read and short results, which need no copying then. */
export function scratchArray(dtype: DType, length: number): TypedArray {
  return engine.heap.array(dtype, scratch(bytesOf(dtype, length)), length);
}

/**
 * The address of an array that kernels read, or also or only overwrite, for tables that name it; other arrays are given
 * as they are.
 */
export function staged(array: TypedArray, read: boolean = true, written: boolean = false): Address {
  return addressOf(array, read, written) as Address;
}

/** The element type of an array, as the emitters call it. */
export function floatKind(array: FloatArray): FloatKind {
  return array instanceof Float32Array ? 'f32' : 'f64';
}

/** The address of a place for kernels that read it, overwrite it, or both. */
function addressOf(given: Place | null, read: boolean, written: boolean): number {
  if (given === null) return 0;
  if (typeof given === 'number') return given;
  return engine.heap.owns(given) ? given.byteOffset : stage(given, read, written);
}

function stage(array: TypedArray, read: boolean, written: boolean): number {
  let i = copied.indexOf(array, firstCopied[depth - 1]);
  if (i === -1) {
    const address = engine.scratch.push(array.byteLength);
    i = copied.push(array) - 1;
    copiedTo[i] = address;
    copyFilled[i] = copyBack[i] = false;
  }
  if (read && !copyFilled[i]) {
    engine.heap.arrayLike(array, copiedTo[i]).set(array);
    copyFilled[i] = true;
  }
  copyBack[i] ||= written;
  return copiedTo[i];
}

/** Gives arguments by name, each method returning the job itself, and runs it. */
class Setters {
  readonly kernel: Kernel<ArgumentTypes>;
  readonly #placed: readonly Placed[];
  readonly #inputs: readonly number[];
  readonly #outputs: readonly number[];
  readonly #shares: readonly number[];
  readonly #parts: Map<ArgumentTypes, readonly Placed[]> = new Map();

  constructor(kernel: Kernel<ArgumentTypes>) {
    this.kernel = kernel;
    this.#placed = place(kernel.types);
    const wordsOf = (...types: ArgumentType[]): number[] =>
      this.#placed.filter(({ type }) => types.includes(type)).map(({ word }) => word);
    this.#inputs = wordsOf('input', 'input?');
    this.#outputs = wordsOf('output', 'output?');
    this.#shares = wordsOf('perThread');
    for (const { name, type, word } of this.#placed) Object.defineProperty(this, name, { value: setters[type](word) });
  }

  from(part: ArgumentTypes, values: Readonly<Record<string, number | boolean>>): this {
    let placed = this.#parts.get(part);
    if (placed === undefined) {
      placed = this.#placed.filter(({ name }) => name in part);
      this.#parts.set(part, placed);
    }
    for (let i = 0; i < placed.length; i++) {
      const { name, type, word } = placed[i];
      if (type === 'f64') floats[(frame >> 1) + word] = values[name] as number;
      else words[frame + word] = values[name] as number; // of a truth value, 0 or 1
    }
    return this;
  }

  run(tasks: number): void {
    const position = engine.position(this.kernel);
    const participants = this.#shares.length > 0 && tasks > 1 ? currentTeam().participants : 1;
    for (const word of this.#shares) words[frame + word] = scratch(words[frame + word + 1] * participants);
    runJob(position, 4 * frame, tasks, !this.#inPlace());
    for (let i = firstCopied[depth - 1]; i < copied.length; i++) copyFilled[i] = true;
  }

  /** True when tasks read what they overwrite, because an output is an input as well. */
  #inPlace(): boolean {
    if (readsInout) return true;
    for (const output of this.#outputs) {
      const address = words[frame + output];
      for (const input of this.#inputs) if (words[frame + input] === address && address !== 0) return true;
    }
    return false;
  }
}

/** whether an inout of the job that is being given its arguments is read */
let readsInout = false;

/** Says of that job that its tasks read what they overwrite, where only a table that it is given shows it. */
export function overwritesWhatItReads(): void {
  readsInout = true;
}

/** of the job that was stamped last; threads that were never given one have 0 */
let stamp = 0;

/** Bytes of scratch that a thread may have for itself: the word in which they are noted has a sign. */
const mostPerThread = 2 ** 30;

type Setter = (this: Setters, given: never, read: never) => Setters;

/** By type, the method that gives an argument at a word. */
const setters: Readonly<Record<ArgumentType, (word: number) => Setter>> = {
  input: (word) => arraySetter(word, true, false),
  'input?': (word) => arraySetter(word, true, false),
  output: (word) => arraySetter(word, false, true),
  'output?': (word) => arraySetter(word, false, true),
  inout: (word) => function (given: Place, read: boolean) {
    readsInout ||= read;
    words[frame + word] = addressOf(given, read, true);
    return this;
  },
  scratch: wordSetter,
  perThread: (word) => function (bytes: number) {
    if (bytes > mostPerThread) throw new HeapExhausted(`launch: no memory for ${bytes} bytes of scratch a thread`);
    words[frame + word + 1] = alignBlock(bytes);
    return this;
  },
  stamp: (word) => function () {
    words[frame + word] = stamp = (stamp + 1 | 0) || 1;
    return this;
  },
  flag: (word) => function (value: boolean) {
    words[frame + word] = value ? 1 : 0;
    return this;
  },
  i32: wordSetter,
  f64: (word) => function (value: number) {
    floats[(frame >> 1) + word] = value;
    return this;
  },
};

function arraySetter(word: number, read: boolean, written: boolean): Setter {
  return function (given: Place | null) {
    words[frame + word] = addressOf(given, read, written); // addresses from 2 GiB wrap as bits
    return this;
  };
}

function wordSetter(word: number): Setter {
  return function (value: number) {
    words[frame + word] = value;
    return this;
  };
}

const jobs: WeakMap<object, Setters> = new WeakMap();

/** Begins a job of the launch under way: give it its arguments, then run it, before another is begun. */
export function launch<Types extends ArgumentTypes>(kernel: Kernel<Types>): Job<Types> {
  let job = jobs.get(kernel);
  if (job === undefined) jobs.set(kernel, job = new Setters(kernel));
  readsInout = false;
  return job as unknown as Job<Types>;
}
