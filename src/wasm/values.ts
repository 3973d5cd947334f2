/**
 * Expressions. A Value is a recipe: its instructions are emitted where a statement uses it (see body.ts), and twice if
 * it is used twice. To compute something once, keep it in a local with `f.let(value)`; a load happens when it is
 * emitted, not when it is written down.
 *
 * The operation's kind picks the instruction: `a.add(b)` is i32.add or f32x4.add. Plain numbers may stand for
 * constants.
 */

import type { FunctionBuilder } from './function-builder.ts';
import { bytesOf, isVector, type Kind, laneKind, lanesOf, type VectorKind } from './kinds.ts';
import { type Immediates, instruction, type Opcode, type OpcodeName, opcodes } from './opcodes.ts';

export type Operand = Value | number;

type Emit = (to: FunctionBuilder) => void;

export class Value {
  readonly kind: Kind;
  readonly emit: Emit;
  /** the value of an i32 constant, else null */
  readonly constant: number | null;
  /** an i32 sum's parts, so that loads and stores put the constant into their immediate */
  readonly base: Value | null;
  readonly offset: number;

  constructor(kind: Kind, emit: Emit, constant: number | null = null, base: Value | null = null, offset: number = 0) {
    this.kind = kind;
    this.emit = emit;
    this.constant = constant;
    this.base = base;
    this.offset = offset;
  }

  add(other: Operand): Value {
    if (this.kind !== 'i32') return this.#binary('add', other);
    const right = operand('i32', other);
    if (right.constant === null) return this.constant === 0 ? right : this.#binary('add', right);
    if (this.constant !== null) return constant('i32', (this.constant + right.constant) | 0);
    if (right.constant === 0) return this;
    const base = this.base ?? this;
    const offset = (this.offset + right.constant) | 0;
    if (offset === 0) return base;
    const emit: Emit = (to) => {
      base.emit(to);
      to.op('i32.const', offset).op('i32.add');
    };
    return new Value('i32', emit, null, base, offset);
  }

  sub(other: Operand): Value {
    const right = operand(this.kind, other);
    if (this.kind === 'i32' && right.constant !== null) return this.add(-right.constant | 0);
    return this.#binary('sub', right);
  }

  mul(other: Operand): Value {
    const right = operand(this.kind, other);
    if (right.constant === 1) return this;
    if (this.constant !== null && right.constant !== null) return constant('i32', Math.imul(this.constant, right.constant));
    return this.#binary('mul', right);
  }

  /** Quotient; of integers, signed and truncated. */
  div(other: Operand): Value { return this.#binary(this.#signed('div'), other); }
  divU(other: Operand): Value { return this.#binary('div_u', other); }
  /** Remainder of integers, with the sign of the dividend. */
  rem(other: Operand): Value { return this.#binary('rem_s', other); }
  remU(other: Operand): Value { return this.#binary('rem_u', other); }
  /** Of floats: NaN if either is NaN. Of integer vectors: signed. */
  min(other: Operand): Value { return this.#binary(this.#signed('min'), other); }
  max(other: Operand): Value { return this.#binary(this.#signed('max'), other); }
  /** other < this ? other : this, in one x86 instruction; if either is NaN, this. */
  pmin(other: Operand): Value { return this.#binary('pmin', other); }
  /** this < other ? other : this, in one x86 instruction; if either is NaN, this. */
  pmax(other: Operand): Value { return this.#binary('pmax', other); }

  and(other: Operand): Value { return this.#bits('and', other); }
  or(other: Operand): Value { return this.#bits('or', other); }
  xor(other: Operand): Value { return this.#bits('xor', other); }
  /** this and not other (vectors). */
  andNot(other: Operand): Value { return this.#bits('andnot', other); }
  not(): Value { return apply('v128.not', this.kind, [this]); }
  shl(count: Operand): Value { return this.#shift('shl', count); }
  /** Shift right, filling with the sign. */
  shr(count: Operand): Value { return this.#shift('shr_s', count); }
  /** Shift right, filling with zeros. */
  shrU(count: Operand): Value { return this.#shift('shr_u', count); }

  neg(): Value {
    if (this.kind === 'i32' || this.kind === 'i64') throw new TypeError(`neg: ${this.kind} has none, subtract from 0`);
    return this.#unary('neg');
  }

  abs(): Value { return this.#unary('abs'); }
  sqrt(): Value { return this.#unary('sqrt'); }
  floor(): Value { return this.#unary('floor'); }
  ceil(): Value { return this.#unary('ceil'); }
  trunc(): Value { return this.#unary('trunc'); }
  /** Rounds to the nearest integer, halves to even. */
  nearest(): Value { return this.#unary('nearest'); }

  /** Comparisons give an i32 of 0 or 1; of vectors, a mask of the same kind. Integers compare as signed. */
  eq(other: Operand): Value { return this.#compare('eq', other); }
  ne(other: Operand): Value { return this.#compare('ne', other); }
  lt(other: Operand): Value { return this.#compare(this.#signed('lt'), other); }
  gt(other: Operand): Value { return this.#compare(this.#signed('gt'), other); }
  le(other: Operand): Value { return this.#compare(this.#signed('le'), other); }
  ge(other: Operand): Value { return this.#compare(this.#signed('ge'), other); }
  /** Unsigned comparisons, as addresses above 2 GiB need them. */
  ltU(other: Operand): Value { return this.#compare('lt_u', other); }
  gtU(other: Operand): Value { return this.#compare('gt_u', other); }
  leU(other: Operand): Value { return this.#compare('le_u', other); }
  geU(other: Operand): Value { return this.#compare('ge_u', other); }
  eqz(): Value { return unary(instruction(this.kind, 'eqz'), 'i32', this); }

  /** One lane as a scalar; lanes of i8x16 and i16x8 come without sign. */
  lane(index: number): Value {
    const narrow = this.kind === 'i8x16' || this.kind === 'i16x8';
    return apply(`${this.kind}.extract_lane${narrow ? '_u' : ''}` as 'f32x4.extract_lane', laneKind(this.kind), [this], index);
  }

  replaceLane(index: number, scalar: Operand): Value {
    const lane = operand(laneKind(this.kind), scalar);
    return apply(`${this.kind}.replace_lane` as 'f32x4.replace_lane', this.kind, [this, lane], index);
  }

  /** The same bits read as another kind. Between vectors it costs nothing. */
  as(kind: Kind): Value {
    if (kind === this.kind) return this;
    if (isVector(kind) && isVector(this.kind)) return new Value(kind, this.emit);
    return apply(`${kind}.reinterpret_${this.kind}` as OpcodeName, kind, [this]);
  }

  /** 1 when any bit of the vector is set, as an i32. */
  anyTrue(): Value { return apply('v128.any_true', 'i32', [this]); }
  /** 1 when every lane is nonzero, as an i32. Float vectors count by their bits. */
  allTrue(): Value { return apply(`${integerShape(this.kind)}.all_true` as 'i32x4.all_true', 'i32', [this]); }
  /** The top bit of every lane, as the low bits of an i32. */
  bitmask(): Value { return apply(`${integerShape(this.kind)}.bitmask` as 'i32x4.bitmask', 'i32', [this]); }

  #binary(operation: string, other: Operand): Value {
    return binary(instruction(this.kind, operation), this.kind, this, operand(this.kind, other));
  }

  #unary(operation: string): Value {
    return unary(instruction(this.kind, operation), this.kind, this);
  }

  #compare(operation: string, other: Operand): Value {
    const result = isVector(this.kind) ? this.kind : 'i32';
    return binary(instruction(this.kind, operation), result, this, operand(this.kind, other));
  }

  #bits(operation: string, other: Operand): Value {
    const right = typeof other === 'number' ? constant(this.kind, other) : other;
    if (!isVector(this.kind)) return this.#binary(operation, right);
    return binary(instruction('v128', operation), this.kind, this, right); // masks of other lane kinds are welcome
  }

  #shift(operation: string, count: Operand): Value {
    const by = operand(isVector(this.kind) ? 'i32' : this.kind, count);
    if (operation === 'shl' && this.constant !== null && by.constant !== null) {
      return constant('i32', this.constant << by.constant);
    }
    return binary(instruction(this.kind, operation), this.kind, this, by);
  }

  /** The name of an operation that integers have in a signed and an unsigned form. */
  #signed(operation: string): string {
    return this.kind.startsWith('f') ? operation : `${operation}_s`;
  }
}

/** A local variable of one function. Made by Body; read like any value, written with f.set. */
export class Local extends Value {
  readonly index: number;
  readonly owner: FunctionBuilder;

  constructor(kind: Kind, index: number, owner: FunctionBuilder) {
    super(kind, (to) => {
      if (to !== owner) throw new TypeError(`${to.name}: local ${index} belongs to ${owner.name}`);
      to.op('local.get', index);
    });
    this.index = index;
    this.owner = owner;
  }
}

/** Any instruction as an expression: operands first, then its immediates. Throws TypeError for an unknown name. */
export function apply<Name extends OpcodeName>(
  name: Name, result: Kind, operands: readonly Value[], ...immediates: Immediates<Name>
): Value {
  const opcode = opcodes.get(name);
  if (opcode === undefined) throw new TypeError(`there is no instruction ${name}`);
  const [first, second] = immediates as readonly unknown[];
  return new Value(result, (to) => {
    for (const each of operands) each.emit(to);
    to.emit(opcode, first, second);
  });
}

/** An instruction of one operand and perhaps a number as its immediate. */
export function unary(opcode: Opcode, result: Kind, a: Value, immediate?: number): Value {
  return new Value(result, (to) => {
    a.emit(to);
    to.emit(opcode, immediate);
  });
}

/** An instruction of two operands. */
function binary(opcode: Opcode, result: Kind, a: Value, b: Value): Value {
  return new Value(result, (to) => {
    a.emit(to);
    b.emit(to);
    to.emit(opcode);
  });
}

/** A constant; of a vector kind, the number in every lane. i64 constants are exact up to 2^53. */
export function constant(kind: Kind, value: number): Value {
  switch (kind) {
    case 'i32': return new Value('i32', (to) => void to.op('i32.const', value), value | 0);
    case 'i64': return new Value('i64', (to) => void to.op('i64.const', BigInt(value)));
    case 'f32': return new Value('f32', (to) => void to.op('f32.const', value));
    case 'f64': return new Value('f64', (to) => void to.op('f64.const', value));
    default: return vectorConstant(kind, new Array<number>(lanesOf(kind)).fill(value));
  }
}

/** A vector constant, lane by lane. Throws RangeError unless there is one number a lane. */
export function vectorConstant(kind: VectorKind, lanes: readonly number[]): Value {
  if (lanes.length !== lanesOf(kind)) {
    throw new RangeError(`vectorConstant: ${kind} has ${lanesOf(kind)} lanes, got ${lanes.length} numbers`);
  }
  const view = new DataView(new ArrayBuffer(16));
  lanes.forEach((value, i) => {
    switch (kind) {
      case 'i8x16': return view.setInt8(i, value);
      case 'i16x8': return view.setInt16(2 * i, value, true);
      case 'i32x4': return view.setInt32(4 * i, value, true);
      case 'i64x2': return view.setBigInt64(8 * i, BigInt(value), true);
      case 'f32x4': return view.setFloat32(4 * i, value, true);
      case 'f64x2': return view.setFloat64(8 * i, value, true);
    }
  });
  const bytes = new Uint8Array(view.buffer);
  return new Value(kind, (to) => void to.vectorConstant(bytes));
}

/** The operand as a Value of this kind. Throws TypeError when it is a Value of another. */
export function operand(kind: Kind, value: Operand): Value {
  if (typeof value === 'number') return constant(kind, value);
  if (value.kind !== kind) throw new TypeError(`expected ${kind}, got ${value.kind}`);
  return value;
}

/** A vector with the scalar in every lane. */
export function splat(kind: VectorKind, scalar: Operand): Value {
  return unary(instruction(kind, 'splat'), kind, operand(laneKind(kind), scalar));
}

/** condition ? yes : no. Scalars: both are evaluated. Vectors: bit by bit, condition being a mask. */
export function select(condition: Value, yes: Value, no: Operand): Value {
  const other = operand(yes.kind, no);
  if (isVector(yes.kind)) return apply('v128.bitselect', yes.kind, [yes, other, condition]);
  return apply('select', yes.kind, [yes, other, operand('i32', condition)]);
}

/**
 * Picks lanes of two vectors: lane i of the result is lane lanes[i] of a, or lane lanes[i] - lanesOf(kind) of b.
 * Throws RangeError unless one lane is named for each of the result.
 */
export function shuffle(a: Value, b: Value, lanes: readonly number[]): Value {
  const { kind } = a;
  const count = lanesOf(kind);
  if (!isVector(kind) || lanes.length !== count || lanes.some((lane) => !(lane >= 0 && lane < 2 * count))) {
    throw new RangeError(`shuffle: ${kind} takes ${count} lanes from 0 to ${2 * count - 1}, got ${lanes.join(' ')}`);
  }
  const width = 16 / count;
  const bytes = lanes.flatMap((lane) => Array.from({ length: width }, (_, i) => lane * width + i));
  return apply('i8x16.shuffle', kind, [a, operand(kind, b)], bytes);
}

/** a * b + c; with relaxed, in one instruction where the engine has it, which rounds once instead of twice. */
export function multiplyAdd(a: Value, b: Value, c: Value, relaxed: boolean = false): Value {
  if (!relaxed) return c.add(a.mul(b));
  return apply(`${a.kind}.relaxed_madd` as OpcodeName, a.kind, [a, operand(a.kind, b), operand(a.kind, c)]);
}

/** c - a * b, as multiplyAdd. */
export function negativeMultiplyAdd(a: Value, b: Value, c: Value, relaxed: boolean = false): Value {
  if (!relaxed) return c.sub(a.mul(b));
  return apply(`${a.kind}.relaxed_nmadd` as OpcodeName, a.kind, [a, operand(a.kind, b), operand(a.kind, c)]);
}

/** Converts an i32 to a scalar float. */
export function toFloat(kind: 'f32' | 'f64', value: Operand): Value {
  return apply(`${kind}.convert_i32_s` as OpcodeName, kind, [operand('i32', value)]);
}

function integerShape(kind: Kind): Kind {
  return kind === 'f32x4' ? 'i32x4' : kind === 'f64x2' ? 'i64x2' : kind;
}

/** The scalar memory width in bits of a vector's lanes. */
export function laneBits(kind: Kind): 8 | 16 | 32 | 64 {
  return ((8 * bytesOf(kind)) / lanesOf(kind)) as 8 | 16 | 32 | 64;
}
