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

/** log2 of the bytes that are accessed */
const alignments: Partial<Record<ImmediateKind, number>> = {
  memory1: 0, memory2: 1, memory4: 2, memory8: 3, memory16: 4,
  memory1lane: 0, memory2lane: 1, memory4lane: 2, memory8lane: 3,
};

export class FunctionBuilder implements FunctionReference {
  readonly name: string;
  readonly index: number;
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
  readonly #scope: ModuleScope;
  readonly #code = new ByteWriter();
  readonly #locals: ValueType[];
  /** the operands' types are the first `#height` entries; what lies above is of the past */
  readonly #stack: StackType[] = [];
  #height = 0;
  readonly #frames: Frame[];
  /** the innermost of the frames */
  #frame: Frame;
  #instructions = 0;
  readonly #constants: Map<string, { readonly bytes: Uint8Array; readonly local: number }> = new Map();

  /** Made by ModuleBuilder.function. */
  constructor(name: string, index: number, signature: Signature, scope: ModuleScope) {
    this.name = name;
    this.index = index;
    this.parameters = signature.parameters;
    this.results = signature.results;
    this.#scope = scope;
    this.#locals = [...signature.parameters];
    this.#frame = { opcode: 'function', results: signature.results, height: 0, unreachable: false };
    this.#frames = [this.#frame];
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
  op<Name extends OpcodeName>(name: Name, ...immediates: Immediates<Name>): this;
  op(name: string, first?: unknown, second?: unknown): this {
    return this.emit(opcodes.get(name) ?? this.#fail(`unknown instruction ${String(name)}`), first, second);
  }

  /** The same for an instruction that was looked up before, whose immediates nobody has checked the types of. */
  emit(opcode: Opcode, first?: unknown, second?: unknown): this {
    if (this.#frames.length === 0) this.#fail(`${opcode.name} after the end of the function`);
    this.#instructions++;
    const { operands, results, bytes, immediate } = opcode;
    if (operands === null || results === null) {
      this.#checkTypes(opcode, first);
    } else {
      this.#popAll(opcode.name, operands);
      for (let i = 0; i < results.length; i++) this.#push(results[i]);
    }
    for (let i = 0; i < bytes.length; i++) this.#code.byte(bytes[i]);
    if (immediate !== null) this.#writeImmediate(immediate, first, second);
    return this;
  }

  /**
   * Pushes a vector constant. In a loop it comes from a local that is set once, at the function's start: engines make
   * a vector from its bytes where the instruction stands, in several steps.
   */
  vectorConstant(bytes: Uint8Array): this {
    const isOfLoop = this.#frames.some(({ opcode }) => opcode === 'loop') && bytes.some((byte) => byte !== bytes[0]);
    if (!isOfLoop) return this.op('v128.const', bytes);
    const key = bytes.join();
    if (!this.#constants.has(key)) this.#constants.set(key, { bytes, local: this.local('v128') });
    return this.op('local.get', this.#constants.get(key)!.local);
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
    for (const { bytes, local } of this.#constants.values()) {
      body.bytes(opcodes.get('v128.const')!.bytes).bytes(bytes).bytes(opcodes.get('local.set')!.bytes).unsigned(local);
    }
    return body.append(this.#code);
  }

  get finished(): boolean {
    return this.#frames.length === 0;
  }

  #fail(message: string): never {
    throw new TypeError(`${this.name}, instruction ${this.#instructions}: ${message}`);
  }

  #push(type: StackType): void {
    this.#stack[this.#height++] = type;
  }

  #pushAll(types: readonly ValueType[]): void {
    for (const type of types) this.#push(type);
  }

  #checkTypes(opcode: Opcode, first: unknown): void {
    const index = first as number;
    switch (opcode.name) {
      case 'local.get': return this.#push(this.localType(index));
      case 'local.set': return this.#popOne('local.set', this.localType(index));
      case 'local.tee':
        this.#popOne('local.tee', this.localType(index));
        return this.#push(this.localType(index));
      case 'block': case 'loop': return this.#enter(opcode.name, first as ValueType | undefined);
      case 'if':
        this.#popOne('if', 'i32');
        return this.#enter('if', first as ValueType | undefined);
      case 'else': return this.#else();
      case 'end': return this.#end();
      case 'br':
        this.#popAll('br', this.#labelTypes(index));
        return this.#leave();
      case 'br_if': {
        const types = this.#labelTypes(index);
        this.#popAll('br_if', [...types, 'i32']);
        this.#pushAll(types);
        return;
      }
      case 'br_table': {
        const labels = Array.from(first as ArrayLike<number>);
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
        this.#pushAll(callee.results);
        return;
      }
      case 'call_indirect': {
        const type = this.#scope.signatureAt(index) ?? this.#fail(`call_indirect: there is no type ${index}`);
        this.#popAll('call_indirect', [...type.parameters, 'i32']);
        this.#pushAll(type.results);
        return;
      }
      case 'drop': return void this.#pop('drop', 'any');
      case 'select': {
        this.#popOne('select', 'i32');
        const second = this.#pop('select', 'any');
        const first = this.#pop('select', second);
        if (first === 'v128' || second === 'v128') this.#fail('select: vectors have none, use v128.bitselect');
        this.#push(first === 'any' ? second : first);
        return;
      }
      case 'global.get': return this.#push(this.#global(index).type);
      case 'global.set': {
        const global = this.#global(index);
        if (!global.mutable) this.#fail(`global.set: ${global.name} is immutable`);
        return this.#popOne('global.set', global.type);
      }
      default: this.#fail(`${opcode.name} has no typing rule`);
    }
  }

  #global(index: number): GlobalReference {
    return this.#scope.globalAt(index) ?? this.#fail(`there is no global ${index}`);
  }

  #pop(instruction: string, expected: StackType): StackType {
    const frame = this.#frame;
    if (this.#height === frame.height) {
      if (frame.unreachable) return expected;
      this.#fail(`${instruction} expects ${expected} on the stack, the ${frame.opcode} has nothing left`);
    }
    const actual = this.#stack[--this.#height];
    if (actual !== expected && actual !== 'any' && expected !== 'any') {
      this.#fail(`${instruction} expects ${expected}, got ${actual}`);
    }
    return actual === 'any' ? expected : actual;
  }

  #popOne(instruction: string, type: ValueType): void {
    const below = this.#height - 1;
    if (below >= this.#frame.height && this.#stack[below] === type) this.#height = below;
    else this.#popAll(instruction, [type]);
  }

  #popAll(instruction: string, types: readonly ValueType[]): void {
    const { height, unreachable } = this.#frame;
    const stack = this.#stack;
    const available = Math.min(types.length, this.#height - height);
    let fits = available === types.length || unreachable;
    for (let i = 1; i <= available && fits; i++) {
      const actual = stack[this.#height - i];
      fits = actual === types[types.length - i] || actual === 'any';
    }
    if (!fits) {
      this.#fail(`${instruction} expects ${list(types)}, the stack has ${list(this.#operands(this.#height - available))}`);
    }
    this.#height -= available;
  }

  /** The types on the stack from a height upwards. */
  #operands(from: number): StackType[] {
    return this.#stack.slice(from, this.#height);
  }

  #labelTypes(label: number): readonly ValueType[] {
    const frame = this.#frames[this.#frames.length - 1 - label];
    if (frame === undefined) this.#fail(`label ${label} does not exist, ${this.#frames.length} blocks are open`);
    return frame.opcode === 'loop' ? [] : frame.results; // a branch to a loop goes to its start, which takes nothing
  }

  #enter(opcode: Frame['opcode'], result: ValueType | undefined): void {
    this.#open({ opcode, results: result === undefined ? [] : [result], height: this.#height, unreachable: false });
  }

  #open(frame: Frame): void {
    this.#frames.push(frame);
    this.#frame = frame;
  }

  #leave(): void {
    this.#frame.unreachable = true;
    this.#height = this.#frame.height;
  }

  #closeFrame(): Frame {
    const frame = this.#frame;
    this.#popAll(`the end of ${frame.opcode === 'function' ? 'the function' : frame.opcode}`, frame.results);
    if (this.#height !== frame.height) {
      this.#fail(`the ${frame.opcode} ends with ${list(this.#operands(frame.height))} left over on the stack`);
    }
    this.#frames.pop();
    this.#frame = this.#frames[this.#frames.length - 1];
    return frame;
  }

  #else(): void {
    const frame = this.#frame;
    if (frame.opcode !== 'if') this.#fail(`else inside ${frame.opcode}, not inside if`);
    this.#closeFrame();
    this.#open({ opcode: 'else', results: frame.results, height: frame.height, unreachable: false });
  }

  #end(): void {
    const frame = this.#closeFrame();
    if (frame.opcode === 'if' && frame.results.length > 0) this.#fail(`if with result ${list(frame.results)} needs an else`);
    if (frame.opcode !== 'function') this.#pushAll(frame.results);
  }

  #writeImmediate(kind: ImmediateKind, value: unknown, second: unknown): void {
    const first = value as number;
    switch (kind) {
      case 'label': case 'function': case 'local': case 'global':
        this.#code.unsigned(first);
        return;
      case 'i32':
        this.#code.signed32(first);
        return;
      case 'block':
        this.#code.byte(value === undefined ? 0x40 : typeCodes[value as ValueType]);
        return;
      case 'labels': {
        const labels = Array.from(value as ArrayLike<number>);
        this.#code.unsigned(labels.length - 1);
        for (const label of labels) this.#code.unsigned(label);
        return;
      }
      case 'type':
        this.#code.unsigned(first).byte(0); // the only table
        return;
      case 'zero':
        this.#code.byte(0);
        return;
      case 'zeros':
        this.#code.byte(0).byte(0);
        return;
      case 'i64':
        this.#code.signed64(value as bigint);
        return;
      case 'f32':
        this.#code.float32(first);
        return;
      case 'f64':
        this.#code.float64(first);
        return;
      case 'bytes16': case 'lanes16': {
        const bytes = Array.from(value as ArrayLike<number>);
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
      default: // memory<bytes> or memory<bytes>lane: log2 of the alignment, offset, lane
        this.#code.byte(alignments[kind]!).unsigned(first ?? 0);
        if (laneCounts[kind] !== undefined) this.#code.byte(this.#lane(kind, second as number));
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
