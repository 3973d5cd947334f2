/**
 * Statements: a function body that reads like the loop it is.
 *
 *   defineFunction(module, 'f32_sum', ['i32', 'i32'], ['f32'], (f, x, count) => {
 *     const total = f.local('f32');
 *     f.countdown(count, () => {            // count >= 1: the test comes last, one decrement and one jump a turn
 *       f.set(total, total.add(load('f32', x)));
 *       f.increase(x, 4);
 *     });
 *     f.return(total);
 *   });
 *
 * Every loop is emitted with its test at the end (a loop that may run zero times gets one more test in front), because
 * that is what the engine's compiler turns into the shortest inner loop.
 */

import { FunctionBuilder, type FunctionReference, type GlobalReference } from './function-builder.ts';
import { isVector, type Kind, typeOf } from './kinds.ts';
import { emitStore } from './memory-values.ts';
import type { ModuleBuilder } from './module-builder.ts';
import { instruction } from './opcodes.ts';
import { laneBits, Local, operand, type Operand, Value } from './values.ts';

/** Where a branch goes: the end of a block, or the start of a loop. */
export interface Label {
  readonly height: number;
}

export class Body {
  readonly builder: FunctionBuilder;

  constructor(builder: FunctionBuilder) {
    this.builder = builder;
  }

  /** A new local variable. Zero at first only outside loops: give it a value where that matters. */
  local(kind: Kind, initial?: Operand): Local {
    const local = new Local(kind, this.builder.local(typeOf(kind)), this.builder);
    if (initial !== undefined) this.set(local, initial);
    return local;
  }

  locals(kind: Kind, count: number): Local[] {
    return Array.from({ length: count }, () => this.local(kind));
  }

  /** Computes the value now and keeps it. */
  let(value: Value): Local {
    return this.local(value.kind, value);
  }

  set(target: Local, value: Operand): void {
    operand(target.kind, value).emit(this.builder);
    this.builder.op('local.set', target.index);
  }

  /** target += by */
  increase(target: Local, by: Operand): void {
    this.set(target, target.add(by));
  }

  setGlobal(global: GlobalReference, value: Value): void {
    value.emit(this.builder);
    this.builder.op('global.set', global.index);
  }

  /** Writes a scalar or a whole vector at address + offset bytes. */
  store(address: Value, value: Value, offset: number = 0): void {
    const opcode = instruction(isVector(value.kind) ? 'v128' : value.kind, 'store');
    emitStore(this.builder, opcode, address, value, offset);
  }

  /** Writes one lane of a vector. */
  storeLane(address: Value, vector: Value, lane: number, offset: number = 0): void {
    emitStore(this.builder, instruction('v128', `store${laneBits(vector.kind)}_lane`), address, vector, offset, lane);
  }

  /** Writes the low byte of an i32. */
  storeByte(address: Value, value: Value, offset: number = 0): void {
    emitStore(this.builder, instruction('i32', 'store8'), address, value, offset);
  }

  atomicStore(address: Value, value: Value, offset: number = 0): void {
    emitStore(this.builder, instruction(value.kind, 'atomic.store'), address, value, offset);
  }

  fence(): void {
    this.builder.op('atomic.fence');
  }

  /** Sets `bytes` bytes from the address to the low byte of value. */
  fill(address: Value, value: Operand, bytes: Operand): void {
    this.#emitAll(address, operand('i32', value), operand('i32', bytes));
    this.builder.op('memory.fill');
  }

  /** Copies bytes; the two ranges may overlap. */
  copy(to: Value, from: Value, bytes: Operand): void {
    this.#emitAll(to, from, operand('i32', bytes));
    this.builder.op('memory.copy');
  }

  if(condition: Value, then: () => void, otherwise?: () => void): void {
    this.#condition(condition);
    this.builder.op('if');
    then();
    if (otherwise !== undefined) {
      this.builder.op('else');
      otherwise();
    }
    this.builder.op('end');
  }

  /** A block that can be left early: f.block((exit) => { ... f.breakIf(exit, done); ... }). */
  block(write: (exit: Label) => void): void {
    this.builder.op('block');
    write({ height: this.builder.depth });
    this.builder.op('end');
  }

  /** A loop that goes round only by a branch to its label: f.loop((again) => { ... f.breakIf(again, more); }). */
  loop(write: (again: Label) => void): void {
    this.builder.op('loop');
    write({ height: this.builder.depth });
    this.builder.op('end');
  }

  /** Jumps to the label: out of its block, or to the start of its loop. */
  break(label: Label): void {
    this.builder.op('br', this.builder.depth - label.height);
  }

  breakIf(label: Label, condition: Value): void {
    this.#condition(condition);
    this.builder.op('br_if', this.builder.depth - label.height);
  }

  /** do { write() } while (condition); the condition is built after the body. */
  doWhile(write: () => void, condition: () => Value): void {
    this.loop((again) => {
      write();
      this.breakIf(again, condition());
    });
  }

  while(condition: () => Value, write: () => void): void {
    this.if(condition(), () => this.doWhile(write, condition));
  }

  /** do { write() } while (--count != 0). count must be at least 1 on entry, and is 0 afterwards. */
  countdown(count: Local, write: () => void): void {
    this.doWhile(write, () => this.#tee(count, count.sub(1)));
  }

  /** As countdown, for a count that may be 0 (or negative: then nothing happens). */
  repeat(count: Local, write: () => void): void {
    this.if(count.gt(0), () => this.countdown(count, write));
  }

  /** for (i = from; i < to; i += step), signed; `to` is computed once. */
  for(i: Local, from: Operand, to: Operand, step: number, write: () => void): void {
    const end = this.#once(to);
    this.set(i, from);
    this.if(i.lt(end), () => this.#forBody(i, end, step, write));
  }

  /** As for, when it is known that from < to: without the test in front. */
  doFor(i: Local, from: Operand, to: Operand, step: number, write: () => void): void {
    const end = this.#once(to);
    this.set(i, from);
    this.#forBody(i, end, step, write);
  }

  /** Runs cases[index]; otherwise is run when index is out of range. */
  switch(index: Value, cases: ReadonlyArray<() => void>, otherwise: () => void = () => undefined): void {
    this.block((exit) => {
      for (let i = 0; i <= cases.length; i++) this.builder.op('block');
      operand('i32', index).emit(this.builder);
      this.builder.op('br_table', Array.from({ length: cases.length + 1 }, (_, i) => i));
      for (const write of [...cases, otherwise]) {
        this.builder.op('end');
        write();
        if (write !== otherwise) this.break(exit);
      }
    });
  }

  /** Calls a function for its effects; its results are dropped. */
  call(target: FunctionReference, ...values: Operand[]): void {
    call(target, ...values).forEach((emit) => emit(this.builder));
    for (const _ of target.results) this.builder.op('drop');
  }

  /** Calls entry `index` of the function table: a function of i32 parameters without results. */
  callIndirect(module: ModuleBuilder, index: Value, ...values: Value[]): void {
    this.#emitAll(...values, operand('i32', index));
    this.builder.op('call_indirect', module.typeIndex(values.map((value) => typeOf(value.kind)), []));
  }

  /** Evaluates for the side effect. */
  drop(value: Value): void {
    value.emit(this.builder);
    this.builder.op('drop');
  }

  return(...values: Value[]): void {
    this.#emitAll(...values);
    this.builder.op('return');
  }

  /** Ends the program with a WebAssembly trap: for states that cannot happen. */
  trap(): void {
    this.builder.op('unreachable');
  }

  #forBody(i: Local, end: Value, step: number, write: () => void): void {
    this.doWhile(write, () => this.#tee(i, i.add(step)).lt(end));
  }

  /** target = value, as an expression. */
  #tee(target: Local, value: Value): Value {
    return new Value(target.kind, (to) => {
      value.emit(to);
      to.op('local.tee', target.index);
    });
  }

  #once(value: Operand): Value {
    const fixed = operand('i32', value);
    return fixed.constant !== null || fixed instanceof Local ? fixed : this.let(fixed);
  }

  #condition(condition: Value): void {
    operand('i32', condition).emit(this.builder);
  }

  #emitAll(...values: Value[]): void {
    for (const value of values) value.emit(this.builder);
  }
}

function call(target: FunctionReference, ...values: Operand[]): Array<(to: FunctionBuilder) => void> {
  if (values.length !== target.parameters.length) {
    throw new TypeError(`${target.name} takes ${target.parameters.length} arguments, got ${values.length}`);
  }
  const emits = values.map((value, i) => {
    if (typeof value !== 'number') return value.emit;
    const type = target.parameters[i];
    if (type === 'v128') throw new TypeError(`${target.name}: argument ${i} is a vector, got a number`);
    return operand(type, value).emit;
  });
  return [...emits, (to) => void to.op('call', target.index)];
}

/** A call as an expression, of a function with one result; kind says how a vector result is read. */
export function callValue(target: FunctionReference, kind: Kind, ...values: Operand[]): Value {
  const emits = call(target, ...values);
  return new Value(kind, (to) => emits.forEach((emit) => emit(to)));
}

/** The value of a global variable. */
export function globalValue(global: GlobalReference): Value {
  return new Value(global.type as Kind, (to) => void to.op('global.get', global.index));
}

/**
 * Writes a whole function; `write` gets its body and its parameters as locals. One that is not exported is written only
 * when the module is built, and only if something in it is found to use it.
 */
export function defineFunction(
  module: ModuleBuilder, name: string, parameters: readonly Kind[], results: readonly Kind[],
  write: (f: Body, ...parameters: Local[]) => void, exportName?: string,
): FunctionReference {
  return module.functionWhenUsed(name, parameters.map(typeOf), results.map(typeOf), (builder) => {
    write(new Body(builder), ...parameters.map((kind, i) => new Local(kind, i, builder)));
    builder.op('end');
  }, exportName);
}
