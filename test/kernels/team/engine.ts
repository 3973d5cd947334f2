/** An engine with small kernels made for tests: what the team and the launches are tried with. */

import type { Heap } from '../../../src/kernels/memory/heap.ts';
import { type ArgumentTypes, Kernel } from '../../../src/kernels/simd/kernel.ts';
import { Engine } from '../../../src/kernels/team/engine.ts';
import { emitTeam } from '../../../src/kernels/team/loop.ts';
import { beginPart, type KernelSource, type PartBytes } from '../../../src/kernels/team/part.ts';
import {
  atomicUpdate, type Body, constant, defineFunction, globalValue, load, type Local, toFloat,
} from '../../../src/wasm/index.ts';

/** Positions in the table of `testEngine`'s kernels. */
export const kernels = {
  /** out[i] = x[i] * 2 for the task's share of i: args are x, out, elements a task, elements (float32) */
  double: 0,
  /** x[i] = x[i] + 1 in place, `rounds` times over: args are x, elements a task, elements, rounds (int32) */
  increment: 1,
  /** traps in task `victim`, else counts the task: args are counter, victim */
  trap: 2,
  /** every task waits until all tasks have been begun: needs as many threads as tasks. args: counter, tasks */
  barrier: 3,
  /**
   * every task waits until all have been begun; then the first one in a worker that finds the word `armed` nonzero
   * clears it and never ends. args: armed, counter, tasks
   */
  hang: 4,
  /** out[task] = task + number: args are out, number (the first float64) */
  number: 5,
  /** every task waits until all have been begun; then it traps if it is in a worker. args: counter, tasks */
  trapInWorker: 6,
  /** every task waits until one for each thread has been begun; out[task] = its thread. args: counter, threads, out */
  whose: 7,
  /**
   * out[task] = out[task] + 1, the leader's only when a worker has begun one; in a worker, task `victim` never ends the
   * first time. args: begun, armed, out, victim
   */
  stop: 8,
  /**
   * out[task] = out[task] + 1, the leader's only when a worker has begun one; a worker looks at `begun` so many times
   * before it is done. args: begun, looks, out
   */
  slow: 9,
} as const;

function forShare(
  f: Body, args: Local, task: Local, slots: { size: number; total: number }, write: (i: Local) => void,
): void {
  const size = f.let(load('i32', args, slots.size));
  const i = f.let(task.mul(size));
  const end = f.let(i.add(size));
  const total = f.let(load('i32', args, slots.total));
  f.if(end.gt(total), () => f.set(end, total));
  f.while(() => i.lt(end), () => {
    write(i);
    f.increase(i, 1);
  });
}

/** Those that launches run, as they declare kernels. */
export const declared: {
  readonly double: Kernel<{ x: 'input'; out: 'output'; size: 'i32'; total: 'i32' }>;
  readonly increment: Kernel<{ x: 'inout'; size: 'i32'; total: 'i32'; rounds: 'i32' }>;
  readonly trap: Kernel<{ counter: 'scratch'; victim: 'i32' }>;
  readonly number: Kernel<{ out: 'output'; number: 'f64' }>;
} = {
  double: new Kernel('double', { x: 'input', out: 'output', size: 'i32', total: 'i32' }),
  increment: new Kernel('increment', { x: 'inout', size: 'i32', total: 'i32', rounds: 'i32' }),
  trap: new Kernel('trap', { counter: 'scratch', victim: 'i32' }),
  number: new Kernel('number', { out: 'output', number: 'f64' }),
};

const names = Object.keys(kernels) as Array<keyof typeof kernels>;
const others = names.filter((name) => !(name in declared)).map((name) => new Kernel(name, {}));
const all: ReadonlyArray<Kernel<ArgumentTypes>> = [...Object.values(declared), ...others];

/** What stands for a kernel where an engine is asked for it. */
export function kernelNamed(name: keyof typeof kernels): Kernel<ArgumentTypes> {
  return all.find((kernel) => kernel.name === name)!;
}

/**
 * The test kernels on a heap: those named in `atOnce` are there from the start (all, by default, at their positions),
 * the others come as parts when they are launched.
 */
export function testEngine(heap: Heap, atOnce: ReadonlyArray<keyof typeof kernels> = names): Engine {
  const source: KernelSource = { form: { relaxed: false, wide: false, five: false }, kernels: all, emit: emitPart };
  const engine = new Engine(new WebAssembly.Module(emitTeam(heap.initialPages)), heap, source);
  for (const name of atOnce) {
    const position = engine.position(kernelNamed(name));
    if (position !== kernels[name]) throw new Error(`testEngine: ${name} is at ${position}`);
  }
  return engine;
}

function emitPart(wanted: readonly object[], first: number, initialPages: number): PartBytes {
  const { module, participant } = beginPart(first, initialPages);
  const positions = new Map<object, number>();
  const add = (name: keyof typeof kernels, write: (f: Body, args: Local, task: Local) => void): void => {
    const kernel = kernelNamed(name);
    if (!wanted.includes(kernel)) return;
    positions.set(kernel, module.addToTable(defineFunction(module, name, ['i32', 'i32'], [], write)));
  };
  add('double', (f, args, task) => {
    const x = f.let(load('i32', args, 0));
    const out = f.let(load('i32', args, 4));
    forShare(f, args, task, { size: 8, total: 12 }, (i) => {
      const value = load('f32', x.add(i.shl(2)));
      f.store(out.add(i.shl(2)), value.add(value));
    });
  });
  add('increment', (f, args, task) => {
    const x = f.let(load('i32', args, 0));
    const rounds = f.let(load('i32', args, 12));
    f.repeat(rounds, () => {
      forShare(f, args, task, { size: 4, total: 8 }, (i) => {
        const address = f.let(x.add(i.shl(2)));
        f.store(address, load('i32', address).add(1));
      });
    });
  });
  add('trap', (f, args, task) => {
    f.if(task.eq(load('i32', args, 4)), () => f.trap());
    f.drop(atomicUpdate('add', 'i32', load('i32', args, 0), 1));
  });
  add('barrier', (f, args) => {
    const counter = f.let(load('i32', args, 0));
    f.drop(atomicUpdate('add', 'i32', counter, 1));
    f.doWhile(() => undefined, () => atomicUpdate('or', 'i32', counter, 0).lt(load('i32', args, 4)));
  });
  add('hang', (f, args) => {
    const counter = f.let(load('i32', args, 4));
    f.drop(atomicUpdate('add', 'i32', counter, 1));
    f.doWhile(() => undefined, () => atomicUpdate('or', 'i32', counter, 0).lt(load('i32', args, 8)));
    f.if(globalValue(participant), () => {
      f.if(atomicUpdate('xchg', 'i32', load('i32', args, 0), 0), () => f.loop((again) => f.break(again)));
    });
  });
  add('number', (f, args, task) => {
    const at = load('i32', args, 0).add(task.shl(3));
    f.store(at, load('f64', args, 512).add(toFloat('f64', task)));
  });
  add('whose', (f, args, task) => {
    const counter = f.let(load('i32', args, 0));
    f.drop(atomicUpdate('add', 'i32', counter, 1));
    f.doWhile(() => undefined, () => atomicUpdate('or', 'i32', counter, 0).lt(load('i32', args, 4)));
    f.store(load('i32', args, 8).add(task.shl(2)), globalValue(participant));
  });
  add('stop', (f, args, task) => {
    const begun = f.let(load('i32', args, 0));
    f.if(globalValue(participant), () => {
      f.atomicStore(begun, constant('i32', 1));
      f.if(task.eq(load('i32', args, 12)), () => {
        f.if(atomicUpdate('xchg', 'i32', load('i32', args, 4), 0), () => f.loop((again) => f.break(again)));
      });
    }, () => f.doWhile(() => undefined, () => atomicUpdate('or', 'i32', begun, 0).eqz()));
    f.drop(atomicUpdate('add', 'i32', load('i32', args, 8).add(task.shl(2)), 1));
  });
  add('slow', (f, args, task) => {
    const begun = f.let(load('i32', args, 0));
    const left = f.let(load('i32', args, 4));
    f.if(globalValue(participant), () => {
      f.atomicStore(begun, constant('i32', 1));
      f.countdown(left, () => f.drop(atomicUpdate('or', 'i32', begun, 0)));
    }, () => f.doWhile(() => undefined, () => atomicUpdate('or', 'i32', begun, 0).eqz()));
    f.drop(atomicUpdate('add', 'i32', load('i32', args, 8).add(task.shl(2)), 1));
  });
  add('trapInWorker', (f, args) => {
    const counter = f.let(load('i32', args, 0));
    f.drop(atomicUpdate('add', 'i32', counter, 1));
    f.doWhile(() => undefined, () => atomicUpdate('or', 'i32', counter, 0).lt(load('i32', args, 4)));
    f.if(globalValue(participant), () => f.trap());
  });
  return { bytes: module.build(), positions };
}
