/**
 * One function's body, written instruction by instruction. A typed operand stack follows the code as it is emitted, by
 * the validation algorithm of the WebAssembly specification (appendix "Validation Algorithm"), so that a mistake is
 * reported where it is made and not by the engine's compiler as a byte offset.
 */

import { ByteWriter } from './bytes.ts';
import { type ImmediateKind, type Immediates, opcodes, type Opcode, type OpcodeName, type ValueType } from './opcodes.ts';

export const typeCodes: Readonly<Record<ValueType, number>> = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
};

/** The types of a function. */
export interface Signature {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** A function that code can call: imported or defined in the module. */
export interface FunctionReference extends Signature {
  readonly name: string;
  readonly index: number;
}

export interface GlobalReference {
  readonly name: string;
  readonly index: number;
  readonly type: ValueType;
  readonly mutable: boolean;
}

/** What a function body needs to know of its module. */
export interface ModuleScope {
  functionAt(index: number): FunctionReference | undefined;
  signatureAt(typeIndex: number): Signature | undefined;
  globalAt(index: number): GlobalReference | undefined;
}

interface Frame {
  readonly opcode: 'function' | 'block' | 'loop' | 'if' | 'else';
  readonly results: readonly ValueType[];
  /** height of the operand stack where the frame began */
  readonly height: number;
  /** after a branch that never falls through, operands may be anything until the frame ends */
  unreachable: boolean;
}

/** In unreachable code the stack yields operands of any type. */
type StackType = ValueType | 'any';

const laneCounts: Partial<Record<ImmediateKind, number>> = {
  lane2: 2, lane4: 4, lane8: 8, lane16: 16, memory1lane: 16, memory2lane: 8, memory4lane: 4, memory8lane: 2,
};

export class FunctionBuilder implements FunctionReference {
  readonly name: string;
  readonly index: number;
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
  readonly #scope: ModuleScope;
  readonly #code = new ByteWriter();
  readonly #locals: ValueType[];
  readonly #stack: StackType[] = [];
  readonly #frames: Frame[];
  #instructions = 0;

  /** Made by ModuleBuilder.function. */
  constructor(name: string, index: number, signature: Signature, scope: ModuleScope) {
    this.name = name;
    this.index = index;
    this.parameters = signature.parameters;
    this.results = signature.results;
    this.#scope = scope;
    this.#locals = [...signature.parameters];
    this.#frames = [{ opcode: 'function', results: signature.results, height: 0, unreachable: false }];
  }

  /** Declares a local variable (zero at first) and returns its index. */
  local(type: ValueType): number {
    if (!(type in typeCodes)) throw new TypeError(`${this.name}: ${String(type)} is not a type of local variables`);
    return this.#locals.push(type) - 1;
  }

  localType(index: number): ValueType {
    const type = this.#locals[index];
    if (type === undefined) this.#fail(`local ${index} does not exist, there are ${this.#locals.length}`);
    return type;
  }

  /** Blocks open around the next instruction, the function's own included: what branch labels count from. */
  get depth(): number {
    return this.#frames.length;
  }

  /** Emits one instruction. Throws TypeError when the operand stack does not fit it, RangeError for a bad immediate. */
  op<Name extends OpcodeName>(name: Name, ...immediates: Immediates<Name>): this {
    const opcode = opcodes.get(name);
    if (opcode === undefined) this.#fail(`unknown instruction ${String(name)}`);
    if (this.#frames.length === 0) this.#fail(`${name} after the end of the function`);
    this.#instructions++;
    const values = immediates as readonly unknown[];
    this.#checkTypes(opcode, values);
    const { code } = opcode;
    if (typeof code === 'number') this.#code.byte(code);
    else this.#code.byte(code[0]).unsigned(code[1]);
    if (opcode.immediate !== null) this.#writeImmediate(opcode.immediate, values);
    return this;
  }

  /** The bytes of the function's entry in the code section. Throws TypeError when blocks are still open. */
  encode(): ByteWriter {
    if (this.#frames.length > 0) this.#fail(`the function is not finished: ${this.#frames.length} blocks are open`);
    const body = new ByteWriter();
    const declared = this.#locals.slice(this.parameters.length);
    const runs: Array<[number, ValueType]> = [];
    for (const type of declared) {
      const last = runs.at(-1);
      if (last?.[1] === type) last[0]++;
      else runs.push([1, type]);
    }
    body.unsigned(runs.length);
    for (const [count, type] of runs) body.unsigned(count).byte(typeCodes[type]);
    return body.append(this.#code);
  }

  get finished(): boolean {
    return this.#frames.length === 0;
  }

  #fail(message: string): never {
    throw new TypeError(`${this.name}, instruction ${this.#instructions}: ${message}`);
  }

  #checkTypes(opcode: Opcode, values: readonly unknown[]): void {
    if (opcode.operands !== null && opcode.results !== null) {
      this.#popAll(opcode.name, opcode.operands);
      this.#stack.push(...opcode.results);
      return;
    }
    const index = values[0] as number;
    switch (opcode.name) {
      case 'block': case 'loop': return this.#enter(opcode.name, values[0] as ValueType | undefined);
      case 'if':
        this.#popAll('if', ['i32']);
        return this.#enter('if', values[0] as ValueType | undefined);
      case 'else': return this.#else();
      case 'end': return this.#end();
      case 'br':
        this.#popAll('br', this.#labelTypes(index));
        return this.#leave();
      case 'br_if': {
        const types = this.#labelTypes(index);
        this.#popAll('br_if', [...types, 'i32']);
        this.#stack.push(...types);
        return;
      }
      case 'br_table': {
        const labels = Array.from(values[0] as ArrayLike<number>);
        if (labels.length === 0) this.#fail('br_table needs at least its default label');
        const types = labels.map((label) => this.#labelTypes(label));
        const mismatch = types.find((each) => each.join() !== types[0].join());
        if (mismatch) this.#fail(`br_table: its labels take different types, ${list(types[0])} and ${list(mismatch)}`);
        this.#popAll('br_table', [...types[0], 'i32']);
        return this.#leave();
      }
      case 'return':
        this.#popAll('return', this.results);
        return this.#leave();
      case 'unreachable': return this.#leave();
      case 'call': {
        const callee = this.#scope.functionAt(index) ?? this.#fail(`call: there is no function ${index}`);
        this.#popAll(`call ${callee.name}`, callee.parameters);
        this.#stack.push(...callee.results);
        return;
      }
      case 'call_indirect': {
        const type = this.#scope.signatureAt(index) ?? this.#fail(`call_indirect: there is no type ${index}`);
        this.#popAll('call_indirect', [...type.parameters, 'i32']);
        this.#stack.push(...type.results);
        return;
      }
      case 'drop':
        this.#pop('drop', 'any');
        return;
      case 'select': {
        this.#popAll('select', ['i32']);
        const second = this.#pop('select', 'any');
        const first = this.#pop('select', second);
        if (first === 'v128' || second === 'v128') this.#fail('select: vectors have none, use v128.bitselect');
        this.#stack.push(first === 'any' ? second : first);
        return;
      }
      case 'local.get':
        this.#stack.push(this.localType(index));
        return;
      case 'local.set': return this.#popAll('local.set', [this.localType(index)]);
      case 'local.tee':
        this.#popAll('local.tee', [this.localType(index)]);
        this.#stack.push(this.localType(index));
        return;
      case 'global.get':
        this.#stack.push(this.#global(index).type);
        return;
      case 'global.set': {
        const global = this.#global(index);
        if (!global.mutable) this.#fail(`global.set: ${global.name} is immutable`);
        return this.#popAll('global.set', [global.type]);
      }
      default: this.#fail(`${opcode.name} has no typing rule`);
    }
  }

  #global(index: number): GlobalReference {
    return this.#scope.globalAt(index) ?? this.#fail(`there is no global ${index}`);
  }

  #pop(instruction: string, expected: StackType): StackType {
    const frame = this.#frames[this.#frames.length - 1];
    if (this.#stack.length === frame.height) {
      if (frame.unreachable) return expected;
      this.#fail(`${instruction} expects ${expected} on the stack, the ${frame.opcode} has nothing left`);
    }
    const actual = this.#stack.pop() as StackType;
    if (actual !== expected && actual !== 'any' && expected !== 'any') {
      this.#fail(`${instruction} expects ${expected}, got ${actual}`);
    }
    return actual === 'any' ? expected : actual;
  }

  #popAll(instruction: string, types: readonly ValueType[]): void {
    const frame = this.#frames[this.#frames.length - 1];
    const stack = this.#stack;
    const available = Math.min(types.length, stack.length - frame.height);
    let fits = available === types.length || frame.unreachable;
    for (let i = 1; i <= available && fits; i++) {
      const actual = stack[stack.length - i];
      fits = actual === types[types.length - i] || actual === 'any';
    }
    if (!fits) this.#fail(`${instruction} expects ${list(types)}, the stack has ${list(stack.slice(stack.length - available))}`);
    stack.length -= available;
  }

  #labelTypes(label: number): readonly ValueType[] {
    const frame = this.#frames[this.#frames.length - 1 - label];
    if (frame === undefined) this.#fail(`label ${label} does not exist, ${this.#frames.length} blocks are open`);
    return frame.opcode === 'loop' ? [] : frame.results; // a branch to a loop goes to its start, which takes nothing
  }

  #enter(opcode: Frame['opcode'], result: ValueType | undefined): void {
    const results = result === undefined ? [] : [result];
    this.#frames.push({ opcode, results, height: this.#stack.length, unreachable: false });
  }

  #leave(): void {
    const frame = this.#frames[this.#frames.length - 1];
    frame.unreachable = true;
    this.#stack.length = frame.height;
  }

  #closeFrame(): Frame {
    const frame = this.#frames[this.#frames.length - 1];
    this.#popAll(`the end of ${frame.opcode === 'function' ? 'the function' : frame.opcode}`, frame.results);
    if (this.#stack.length !== frame.height) {
      this.#fail(`the ${frame.opcode} ends with ${list(this.#stack.slice(frame.height))} left over on the stack`);
    }
    this.#frames.pop();
    return frame;
  }

  #else(): void {
    const frame = this.#frames[this.#frames.length - 1];
    if (frame.opcode !== 'if') this.#fail(`else inside ${frame.opcode}, not inside if`);
    this.#closeFrame();
    this.#frames.push({ opcode: 'else', results: frame.results, height: frame.height, unreachable: false });
  }

  #end(): void {
    const frame = this.#closeFrame();
    if (frame.opcode === 'if' && frame.results.length > 0) this.#fail(`if with result ${list(frame.results)} needs an else`);
    if (frame.opcode !== 'function') this.#stack.push(...frame.results);
  }

  #writeImmediate(kind: ImmediateKind, values: readonly unknown[]): void {
    const first = values[0] as number;
    switch (kind) {
      case 'block':
        this.#code.byte(values[0] === undefined ? 0x40 : typeCodes[values[0] as ValueType]);
        return;
      case 'labels': {
        const labels = Array.from(values[0] as ArrayLike<number>);
        this.#code.unsigned(labels.length - 1);
        for (const label of labels) this.#code.unsigned(label);
        return;
      }
      case 'label': case 'function': case 'local': case 'global':
        this.#code.unsigned(first);
        return;
      case 'type':
        this.#code.unsigned(first).byte(0); // the only table
        return;
      case 'zero':
        this.#code.byte(0);
        return;
      case 'zeros':
        this.#code.byte(0, 0);
        return;
      case 'i32':
        this.#code.signed32(first);
        return;
      case 'i64':
        this.#code.signed64(values[0] as bigint);
        return;
      case 'f32':
        this.#code.float32(first);
        return;
      case 'f64':
        this.#code.float64(first);
        return;
      case 'bytes16': case 'lanes16': {
        const bytes = Array.from(values[0] as ArrayLike<number>);
        const limit = kind === 'bytes16' ? 256 : 32;
        if (bytes.length !== 16 || bytes.some((byte) => !Number.isInteger(byte) || byte < 0 || byte >= limit)) {
          throw new RangeError(`${this.name}: expected 16 integers below ${limit}, got ${bytes.join(' ')}`);
        }
        this.#code.bytes(bytes);
        return;
      }
      case 'lane2': case 'lane4': case 'lane8': case 'lane16':
        this.#code.byte(this.#lane(kind, first));
        return;
      default: { // memory<bytes> or memory<bytes>lane: log2 of the alignment, offset, lane
        this.#code.unsigned(Math.log2(Number.parseInt(kind.slice('memory'.length), 10))).unsigned(first ?? 0);
        if (kind.endsWith('lane')) this.#code.byte(this.#lane(kind, values[1] as number));
      }
    }
  }

  #lane(kind: ImmediateKind, lane: number): number {
    const count = laneCounts[kind] as number;
    if (!Number.isInteger(lane) || lane < 0 || lane >= count) {
      throw new RangeError(`${this.name}: lane must be an integer from 0 to ${count - 1}, got ${lane}`);
    }
    return lane;
  }
}

function list(types: readonly string[]): string {
  return types.length === 0 ? 'nothing' : types.join(' ');
}
