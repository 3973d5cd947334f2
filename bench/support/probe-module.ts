/**
 * The kernels that measure the machine itself, emitted by the library's own assembler and run by its worker team: what
 * they reach is what any kernel of the library could.
 */

import { features } from '../../src/runtime/features.ts';
import { sharedHeap } from '../../src/kernels/memory/heap.ts';
import { Engine } from '../../src/kernels/team/engine.ts';
import { emitTeam } from '../../src/kernels/team/loop.ts';
import { beginPart } from '../../src/kernels/team/part.ts';
import {
  atomicLoad, atomicUpdate, type Body, constant, defineFunction, type FloatKind, lanesOf, load, type Local,
  multiplyAdd, type Value, vectorOf,
} from '../../src/wasm/index.ts';

/** The i32 arguments of the probes, by byte offset. */
const slots = { rounds: 0, out: 4, from: 8, to: 12, bytes: 16, total: 20, counter: 24 } as const;

export type SlotName = keyof typeof slots;

export type ProbeName =
  'f32' | 'f64' | 'f32_relaxed' | 'f64_relaxed' | 'copy_vectors' | 'copy_memory' | 'nothing' | 'meet';

/** Chains side by side: each waits some eight cycles for its own multiplication and addition; registers hold them. */
const chains = 12;

/** Floating-point operations of one round of an arithmetic probe. */
export function operationsPerRound(float: FloatKind): number {
  return 2 * chains * lanesOf(vectorOf(float));
}

function slot(f: Body, args: Value, name: SlotName): Local {
  return f.let(load('i32', args, slots[name]));
}

/** x = x / 2 + 1 over and over, in registers: as many multiplications as additions, and the numbers stay near 2. */
function emitArithmetic(f: Body, args: Value, task: Value, float: FloatKind, relaxed: boolean): void {
  const vector = vectorOf(float);
  const values = Array.from({ length: chains }, (_, i) => f.local(vector, constant(vector, i)));
  const half = f.let(constant(vector, 0.5));
  const one = f.let(constant(vector, 1));
  const rounds = slot(f, args, 'rounds');
  f.repeat(rounds, () => values.forEach((value) => f.set(value, multiplyAdd(value, half, one, relaxed))));
  // the result goes to memory, so that it must be computed
  f.store(slot(f, args, 'out').add(task.shl(6)), values.reduce<Value>((a, b) => a.add(b), constant(vector, 0)));
}

/** Task `task` copies `bytes` bytes, fewer where the total ends. */
function emitCopy(f: Body, args: Value, task: Value, vectors: boolean): void {
  const bytes = slot(f, args, 'bytes');
  const distance = f.let(task.mul(bytes));
  const count = f.let(slot(f, args, 'total').sub(distance));
  f.if(count.gt(bytes), () => f.set(count, bytes));
  const from = f.let(slot(f, args, 'from').add(distance));
  const to = f.let(slot(f, args, 'to').add(distance));
  if (!vectors) return f.copy(to, from, count);
  const left = f.let(count.shrU(6));
  f.repeat(left, () => {
    const line = [0, 16, 32, 48].map((offset) => f.let(load('f32x4', from, offset)));
    line.forEach((value, i) => f.store(to, value, 16 * i));
    f.increase(from, 64);
    f.increase(to, 64);
  });
}

/** Looks at the counter before a thread that waits for the other in `meet` gives up: some seconds. */
const mostLooks = 1_000_000_000;

function emitMeeting(f: Body, args: Value): void {
  const counter = slot(f, args, 'counter');
  f.drop(atomicUpdate('add', 'i32', counter, 1));
  const looks = f.local('i32', mostLooks);
  f.doWhile(() => f.set(looks, looks.sub(1)), () => atomicLoad('i32', counter).lt(2).and(looks.gt(0)));
}

/** What stands for the probes where the engine asks for kernels. */
const allProbes = {};

function emitProbes(
  first: number, initialPages: number,
): { bytes: Uint8Array<ArrayBuffer>; probes: ReadonlyMap<ProbeName, number> } {
  const { module } = beginPart(first, initialPages);
  const probes = new Map<ProbeName, number>();
  const add = (name: ProbeName, write: (f: Body, args: Local, task: Local) => void): void => {
    probes.set(name, module.addToTable(defineFunction(module, name, ['i32', 'i32'], [], write)));
  };
  for (const float of ['f32', 'f64'] as const) {
    add(float, (f, args, task) => emitArithmetic(f, args, task, float, false));
    if (features().relaxedSimd) add(`${float}_relaxed`, (f, args, task) => emitArithmetic(f, args, task, float, true));
  }
  add('copy_vectors', (f, args, task) => emitCopy(f, args, task, true));
  add('copy_memory', (f, args, task) => emitCopy(f, args, task, false));
  add('nothing', () => undefined);
  add('meet', (f, args) => emitMeeting(f, args));
  return { bytes: module.build(), probes };
}

export interface Probes {
  readonly engine: Engine;
  /** position in the function table */
  readonly positions: ReadonlyMap<ProbeName, number>;
}

let built: Probes | string | null = null;

/** The probes on the library's heap, made at first use; or why there are none here. */
export function probes(): Probes | string {
  built ??= build();
  return built;
}

function build(): Probes | string {
  const heap = sharedHeap();
  if (typeof heap === 'string') return heap;
  let positions: ReadonlyMap<ProbeName, number> = new Map();
  const engine = new Engine(new WebAssembly.Module(emitTeam(heap.initialPages)), heap, {
    form: { relaxed: false, wide: false, five: false },
    kernels: [allProbes],
    emit(_kernels, first, initialPages) {
      const { bytes, probes } = emitProbes(first, initialPages);
      positions = probes;
      return { bytes, positions: new Map([[allProbes, first]]) };
    },
  });
  engine.position(allProbes);
  return { engine, positions };
}

/** Byte offset of an argument. */
export function slotOffset(name: SlotName): number {
  return slots[name];
}
