/**
 * Loads, atomic operations and the arithmetic of addresses. Addresses are i32 values; a constant that was added to one
 * goes into the instruction's immediate, which is free. (That assumes that base + constant does not wrap around at 4
 * GiB, which holds for every address inside a block of memory computed from the block's start.)
 */

import type { FunctionBuilder } from './function-builder.ts';
import { isVector, type Kind, type VectorKind } from './kinds.ts';
import { instruction, type Opcode } from './opcodes.ts';
import { apply, constant, laneBits, operand, type Operand, unary, Value } from './values.ts';

/** An address taken apart into what must be computed and what the immediate can hold. */
function splitAddress(address: Value, offset: number): { readonly base: Value; readonly immediate: number } {
  operand('i32', address);
  if (address.base !== null && address.offset + offset >= 0) {
    return { base: address.base, immediate: address.offset + offset };
  }
  if (offset < 0) return { base: address.add(offset), immediate: 0 };
  return { base: address, immediate: offset };
}

type Memory = 'f32.load';

function access(name: string, result: Kind, address: Value, offset: number, rest: readonly Value[] = []): Value {
  const { base, immediate } = splitAddress(address, offset);
  return apply(name as Memory, result, [base, ...rest], immediate);
}

/** A scalar or a whole vector at address + offset bytes. Vectors need no alignment. */
export function load(kind: Kind, address: Value, offset: number = 0): Value {
  const { base, immediate } = splitAddress(address, offset);
  return unary(instruction(isVector(kind) ? 'v128' : kind, 'load'), kind, base, immediate);
}

/** One element at the address, in every lane. */
export function loadSplat(kind: VectorKind, address: Value, offset: number = 0): Value {
  return access(`v128.load${laneBits(kind)}_splat`, kind, address, offset);
}

/** One element at the address in lane 0, zero in the others. Only 32- and 64-bit lanes. */
export function loadZero(kind: VectorKind, address: Value, offset: number = 0): Value {
  return access(`v128.load${laneBits(kind)}_zero`, kind, address, offset);
}

/** The vector with one lane replaced by the element at the address. */
export function loadLane(vector: Value, lane: number, address: Value, offset: number = 0): Value {
  const { base, immediate } = splitAddress(address, offset);
  const name = `v128.load${laneBits(vector.kind)}_lane` as 'v128.load32_lane';
  return apply(name, vector.kind, [base, vector], immediate, lane);
}

/** A byte without sign, as an i32. */
export function loadByte(address: Value, offset: number = 0): Value {
  return access('i32.load8_u', 'i32', address, offset);
}

/** Eight bytes without sign, widened to an i16x8. */
export function loadBytesWidened(address: Value, offset: number = 0): Value {
  return access('v128.load8x8_u', 'i16x8', address, offset);
}

/** An atomic load; the address must be a multiple of the size. */
export function atomicLoad(kind: 'i32' | 'i64', address: Value, offset: number = 0): Value {
  return access(`${kind}.atomic.load`, kind, address, offset);
}

/** Changes memory atomically and gives the old value. Emit it once: as a statement with f.drop, or with f.let. */
export function atomicUpdate(
  operation: 'add' | 'sub' | 'and' | 'or' | 'xor' | 'xchg', kind: 'i32' | 'i64', address: Value, value: Operand, offset: number = 0,
): Value {
  return access(`${kind}.atomic.rmw.${operation}`, kind, address, offset, [operand(kind, value)]);
}

/** Writes replacement where memory equals expected; gives the old value. */
export function atomicCompareExchange(
  kind: 'i32' | 'i64', address: Value, expected: Operand, replacement: Operand, offset: number = 0,
): Value {
  const values = [operand(kind, expected), operand(kind, replacement)];
  return access(`${kind}.atomic.rmw.cmpxchg`, kind, address, offset, values);
}

/**
 * Sleeps while the i32 at the address equals expected. timeout in nanoseconds (an i64; negative: for ever). Gives 0
 * when woken, 1 when the value differed, 2 after the timeout. Traps where blocking is forbidden (a browser's main
 * thread).
 */
export function atomicWait(address: Value, expected: Operand, timeout: Operand = -1, offset: number = 0): Value {
  return access('memory.atomic.wait32', 'i32', address, offset, [operand('i32', expected), operand('i64', timeout)]);
}

/** Wakes up to count sleepers; gives how many there were. */
export function atomicNotify(address: Value, count: Operand, offset: number = 0): Value {
  return access('memory.atomic.notify', 'i32', address, offset, [operand('i32', count)]);
}

/** Emits a store of any kind: the address, the value, the instruction with the folded offset and perhaps a lane. */
export function emitStore(
  to: FunctionBuilder, opcode: Opcode, address: Value, value: Value, offset: number, lane?: number,
): void {
  const { base, immediate } = splitAddress(address, offset);
  base.emit(to);
  value.emit(to);
  to.emit(opcode, immediate, lane);
}

/** pages of 64 KiB that the memory has now */
export function memorySize(): Value {
  return apply('memory.size', 'i32', []);
}

/** The address of element `index` of an array of elements of so many bytes that starts at `start`. */
export function elementAddress(start: Value, index: Operand, bytes: number): Value {
  const position = typeof index === 'number' ? constant('i32', index * bytes) : scale(index, bytes);
  return position.constant === null ? start.add(position) : start.add(position.constant);
}

/** index * bytes, by a shift where bytes is a power of two; index's added constant stays foldable. */
export function scale(index: Value, bytes: number): Value {
  if (index.constant !== null) return constant('i32', index.constant * bytes);
  if (index.base !== null) return scale(index.base, bytes).add(index.offset * bytes);
  const exponent = Math.log2(bytes);
  return Number.isInteger(exponent) ? (exponent === 0 ? index : index.shl(exponent)) : index.mul(bytes);
}
