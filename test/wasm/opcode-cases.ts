import { expect } from 'vitest';
import { type OpcodeName, opcodes } from '../../src/wasm/index.ts';
import { address, execute, pattern } from './execute.ts';

/** What must hold of one instruction; each runs it at least once. */
export const cases: Map<string, (name: OpcodeName) => void> = new Map();

type Scalar = number | bigint;
type Oracle = (...values: never[]) => Scalar | boolean;

function add(names: readonly string[], check: (name: OpcodeName) => void): void {
  for (const name of names) {
    if (cases.has(name)) throw new Error(`two cases for ${name}`);
    cases.set(name, check);
  }
}

const samples: Record<string, Scalar[]> = {
  i32: [0, 1, -1, 7, -7, 33, 0x7fffffff, -0x80000000, 0x12345678],
  i64: [0n, 1n, -1n, 7n, -7n, 65n, 2n ** 63n - 1n, -(2n ** 63n), 0x123456789abcdefn],
  f32: [0, -0, 1.5, -2.5, 0.1, 3.5, -1e10, 1e-40, Infinity, -Infinity, NaN].map(Math.fround),
  f64: [0, -0, 1.5, -2.5, 0.1, 3.5, -1e10, 1e-310, Infinity, -Infinity, NaN],
};

/** All tuples of the sample values of these types. */
function tuples(types: readonly string[]): Scalar[][] {
  return types.reduce<Scalar[][]>(
    (all, type) => all.flatMap((tuple) => samples[type].map((value) => [...tuple, value])),
    [[]],
  );
}

function rounded(type: string, value: Scalar | boolean): Scalar {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (type === 'i32') return Number(value) | 0;
  if (type === 'i64') return BigInt.asIntN(64, BigInt(value));
  return type === 'f32' ? Math.fround(Number(value)) : value;
}

/** A scalar instruction against its oracle, on all tuples of samples that `defined` admits. */
function scalar(name: string, oracle: Oracle, defined: (...values: never[]) => boolean = () => true): void {
  add([name], () => {
    const { operands, results } = opcodes.get(name as OpcodeName)!;
    for (const values of tuples(operands!)) {
      if (!defined(...(values as never[]))) continue;
      const expected = rounded(results![0], oracle(...(values as never[])));
      expect({ values, result: execute(name as OpcodeName, values).result }).toEqual({ values, result: expected });
    }
  });
}

const big = (bits: number, value: bigint): bigint => BigInt.asUintN(bits, value);

for (const [type, bits] of [['i32', 32], ['i64', 64]] as const) {
  const signed = (value: Scalar): bigint => BigInt.asIntN(bits, BigInt(value));
  const integer = (
    name: string,
    oracle: (a: bigint, b: bigint) => bigint | boolean,
    defined?: (a: bigint, b: bigint) => boolean,
  ): void =>
    scalar(
      `${type}.${name}`,
      ((a: Scalar, b: Scalar = 0) => {
        const value = oracle(signed(a), signed(b));
        return typeof value === 'boolean' || type === 'i64' ? value : Number(BigInt.asIntN(32, value));
      }) as Oracle,
      defined && (((a: Scalar, b: Scalar) => defined(signed(a), signed(b))) as never),
    );
  const u = (value: bigint): bigint => big(bits, value);
  const mask = BigInt(bits - 1);
  const lowest = -(2n ** BigInt(bits - 1));
  integer('eqz', (a) => a === 0n);
  integer('eq', (a, b) => a === b);
  integer('ne', (a, b) => a !== b);
  integer('lt_s', (a, b) => a < b);
  integer('lt_u', (a, b) => u(a) < u(b));
  integer('gt_s', (a, b) => a > b);
  integer('gt_u', (a, b) => u(a) > u(b));
  integer('le_s', (a, b) => a <= b);
  integer('le_u', (a, b) => u(a) <= u(b));
  integer('ge_s', (a, b) => a >= b);
  integer('ge_u', (a, b) => u(a) >= u(b));
  const digits = (a: bigint): string => u(a).toString(2).padStart(bits, '0');
  integer('clz', (a) => BigInt(digits(a).indexOf('1') < 0 ? bits : digits(a).indexOf('1')));
  integer('ctz', (a) => BigInt(a === 0n ? bits : bits - 1 - digits(a).lastIndexOf('1')));
  integer('popcnt', (a) => BigInt(digits(a).replaceAll('0', '').length));
  integer('add', (a, b) => a + b);
  integer('sub', (a, b) => a - b);
  integer('mul', (a, b) => a * b);
  integer('div_s', (a, b) => a / b, (a, b) => b !== 0n && !(a === lowest && b === -1n));
  integer('div_u', (a, b) => u(a) / u(b), (_, b) => b !== 0n);
  integer('rem_s', (a, b) => a % b, (_, b) => b !== 0n);
  integer('rem_u', (a, b) => u(a) % u(b), (_, b) => b !== 0n);
  integer('and', (a, b) => a & b);
  integer('or', (a, b) => a | b);
  integer('xor', (a, b) => a ^ b);
  integer('shl', (a, b) => a << (b & mask));
  integer('shr_s', (a, b) => a >> (b & mask));
  integer('shr_u', (a, b) => u(a) >> (b & mask));
  integer('rotl', (a, b) => (u(a) << (b & mask)) | (u(a) >> (BigInt(bits) - (b & mask))));
  integer('rotr', (a, b) => (u(a) >> (b & mask)) | (u(a) << (BigInt(bits) - (b & mask))));
}

/** Rounds halves to even, as the hardware does. */
function nearest(x: number): number {
  if (!Number.isFinite(x) || Math.abs(x) > 2 ** 52) return x;
  const down = Math.floor(x);
  const even = x - down === 0.5 ? 2 * Math.round(down / 2) : Math.round(x);
  return even === 0 && (x < 0 || Object.is(x, -0)) ? -0 : even;
}

const float1: Record<string, (a: number) => number> = {
  abs: Math.abs, neg: (a) => -a, ceil: Math.ceil, floor: Math.floor, trunc: Math.trunc, nearest, sqrt: Math.sqrt,
};
const float2: Record<string, (a: number, b: number) => number | boolean> = {
  eq: (a, b) => a === b, ne: (a, b) => a !== b, lt: (a, b) => a < b, gt: (a, b) => a > b, le: (a, b) => a <= b,
  ge: (a, b) => a >= b, add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b, div: (a, b) => a / b,
  min: Math.min, max: Math.max,
};
for (const type of ['f32', 'f64']) {
  for (const [name, oracle] of Object.entries({ ...float1, ...float2 })) scalar(`${type}.${name}`, oracle as Oracle);
  scalar(`${type}.copysign`, ((a: number, b: number) => (Object.is(Math.sign(b), -0) || b < 0 ? -1 : 1) * Math.abs(a)) as Oracle);
}

const inRange = (a: number): boolean => Math.abs(a) < 2 ** 31;
const saturated = (low: number, high: number) => (a: number): number =>
  Number.isNaN(a) ? 0 : Math.min(Math.max(Math.trunc(a), low), high);
const saturatedBig = (low: bigint, high: bigint) => (a: number): bigint => {
  if (Number.isNaN(a)) return 0n;
  if (Math.abs(a) === Infinity) return a < 0 ? low : high;
  const whole = BigInt(Math.trunc(a));
  return whole < low ? low : whole > high ? high : whole;
};
scalar('i32.wrap_i64', ((a: bigint) => Number(BigInt.asIntN(32, a))) as Oracle);
scalar('i64.extend_i32_s', ((a: number) => BigInt(a)) as Oracle);
scalar('i64.extend_i32_u', ((a: number) => BigInt(a >>> 0)) as Oracle);
for (const from of ['f32', 'f64']) {
  scalar(`i32.trunc_${from}_s`, Math.trunc as Oracle, inRange as never);
  scalar(`i32.trunc_sat_${from}_s`, saturated(-0x80000000, 0x7fffffff) as Oracle);
  scalar(`i32.trunc_sat_${from}_u`, ((a: number) => saturated(0, 0xffffffff)(a) | 0) as Oracle);
  scalar(`i64.trunc_sat_${from}_s`, saturatedBig(-(2n ** 63n), 2n ** 63n - 1n) as Oracle);
  scalar(`i64.trunc_sat_${from}_u`, saturatedBig(0n, 2n ** 64n - 1n) as Oracle);
  scalar(`${from}.convert_i32_s`, ((a: number) => a) as Oracle);
  scalar(`${from}.convert_i32_u`, ((a: number) => a >>> 0) as Oracle);
  scalar(`${from}.convert_i64_s`, ((a: bigint) => Number(a)) as Oracle);
}
scalar('f32.demote_f64', Math.fround as Oracle);
scalar('f64.promote_f32', ((a: number) => a) as Oracle);
const notNaN = (a: number): boolean => !Number.isNaN(a);
scalar('i32.reinterpret_f32', ((a: number) => new Int32Array(Float32Array.of(a).buffer)[0]) as Oracle, notNaN as never);
scalar('i64.reinterpret_f64', ((a: number) => new BigInt64Array(Float64Array.of(a).buffer)[0]) as Oracle, notNaN as never);
scalar('f32.reinterpret_i32', ((a: number) => new Float32Array(Int32Array.of(a).buffer)[0]) as Oracle);
scalar('f64.reinterpret_i64', ((a: bigint) => new Float64Array(BigInt64Array.of(a).buffer)[0]) as Oracle);

add(['i32.const'], (name) => {
  for (const value of [0, 63, 64, -64, -65, 2 ** 31 - 1, -(2 ** 31)])
    expect(execute(name, [], [value]).result).toBe(value);
});
add(['i64.const'], (name) => {
  for (const value of samples.i64) expect(execute(name, [], [value]).result).toBe(value);
});
add(['f32.const'], (name) => {
  for (const value of samples.f32) expect(execute(name, [], [value]).result).toBe(value);
});
add(['f64.const'], (name) => {
  for (const value of samples.f64) expect(execute(name, [], [value]).result).toBe(value);
});

const view = new DataView(pattern.buffer, address);
const loads: Record<string, (at: number) => Scalar> = {
  'i32.load': (at) => view.getInt32(at, true), 'i64.load': (at) => view.getBigInt64(at, true),
  'f32.load': (at) => view.getFloat32(at, true), 'f64.load': (at) => view.getFloat64(at, true),
  'i32.load8_s': (at) => view.getInt8(at), 'i32.load8_u': (at) => view.getUint8(at),
  'i32.load16_s': (at) => view.getInt16(at, true), 'i32.load16_u': (at) => view.getUint16(at, true),
  'i64.load32_s': (at) => BigInt(view.getInt32(at, true)), 'i64.load32_u': (at) => BigInt(view.getUint32(at, true)),
  'i32.atomic.load': (at) => view.getInt32(at, true), 'i64.atomic.load': (at) => view.getBigInt64(at, true),
};
for (const [name, oracle] of Object.entries(loads)) {
  add([name], (opcode) => {
    for (const offset of [0, 8, 200, 60000]) {
      expect(execute(opcode, [address], [offset]).result).toBe(oracle(offset));
    }
  });
}
const stores: Array<[string, Scalar, (view: DataView) => Scalar, Scalar]> = [
  ['i32.store', -5, (v) => v.getInt32(8, true), -5], ['i64.store', -5n, (v) => v.getBigInt64(8, true), -5n],
  ['f32.store', 1.25, (v) => v.getFloat32(8, true), 1.25], ['f64.store', 0.1, (v) => v.getFloat64(8, true), 0.1],
  ['i32.store8', 0x1fe, (v) => v.getUint16(8, true), 0xfe | (view.getUint8(9) << 8)],
  ['i32.store16', 0x1fffe, (v) => v.getUint32(8, true), 0xfffe + view.getUint16(10, true) * 65536],
  ['i64.store32', 0x1ffffffffn, (v) => v.getInt32(8, true), -1],
  ['i32.atomic.store', 77, (v) => v.getInt32(8, true), 77], ['i64.atomic.store', 77n, (v) => v.getBigInt64(8, true), 77n],
];
for (const [name, value, read, expected] of stores) {
  add([name], (opcode) => {
    const { memory } = execute(opcode, [address, value], [8]);
    expect(read(memory)).toBe(expected);
    expect(memory.getUint8(7)).toBe(view.getUint8(7));
    expect(memory.getUint8(16)).toBe(view.getUint8(16));
  });
}

add(['nop', 'atomic.fence'], (name) => {
  expect(execute(name, []).result).toBe(undefined);
});
add(['memory.size'], (name) => {
  expect(execute(name, []).result).toBe(1);
});
add(['memory.grow'], (name) => {
  expect(execute(name, [2]).result).toBe(1);
  expect(execute(name, [4]).result).toBe(-1);
});
add(['memory.fill'], (name) => {
  const { memory } = execute(name, [address + 3, 0x107, 2]);
  expect([2, 3, 4, 5].map((i) => memory.getUint8(i))).toEqual([view.getUint8(2), 7, 7, view.getUint8(5)]);
});
add(['memory.copy'], (name) => {
  const { memory } = execute(name, [address + 1, address, 3]);
  expect([0, 1, 2, 3, 4].map((i) => memory.getUint8(i))).toEqual([0, 0, 1, 2, 4].map((i) => view.getUint8(i)));
});

for (const [type, bits] of [['i32', 32], ['i64', 64]] as const) {
  const make = (value: number): Scalar => (type === 'i32' ? value : BigInt(value));
  const read = (v: DataView): bigint => (type === 'i32' ? BigInt(v.getInt32(8, true)) : v.getBigInt64(8, true));
  const updates: Record<string, (old: bigint, value: bigint) => bigint> = {
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    and: (a, b) => a & b,
    or: (a, b) => a | b,
    xor: (a, b) => a ^ b,
    xchg: (_, b) => b,
  };
  for (const [name, oracle] of Object.entries(updates)) {
    add([`${type}.atomic.rmw.${name}`], (opcode) => {
      const { result, memory } = execute(opcode, [address, make(-12345)], [8]);
      expect(BigInt(result as Scalar)).toBe(read(view));
      expect(read(memory)).toBe(BigInt.asIntN(bits, oracle(read(view), -12345n)));
    });
  }
  add([`${type}.atomic.rmw.cmpxchg`], (opcode) => {
    const old = type === 'i32' ? Number(read(view)) : read(view);
    const hit = execute(opcode, [address, old, make(9)], [8]);
    expect([hit.result, read(hit.memory)]).toEqual([old, 9n]);
    const miss = execute(opcode, [address, make(1), make(9)], [8]);
    expect([miss.result, read(miss.memory)]).toEqual([old, read(view)]);
  });
}
add(['memory.atomic.notify'], (name) => {
  expect(execute(name, [address, 3], [0]).result).toBe(0);
});
add(['memory.atomic.wait32'], (name) => {
  expect(execute(name, [address, 1, -1n]).result).toBe(1); // the value differs
  expect(execute(name, [address, view.getInt32(0, true), 1000n]).result).toBe(2); // timed out
});
add(['memory.atomic.wait64'], (name) => {
  expect(execute(name, [address, 1n, -1n]).result).toBe(1);
  expect(execute(name, [address, view.getBigInt64(0, true), 1000n]).result).toBe(2);
});

export { add, float1, float2, saturated, samples };
