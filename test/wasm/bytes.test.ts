import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter, constant, ModuleBuilder } from '../../src/wasm/index.ts';
import { evaluate } from './support.ts';

const unsigned = (value: number): number[] => [...new ByteWriter().unsigned(value).toUint8Array()];
const signed32 = (value: number): number[] => [...new ByteWriter().signed32(value).toUint8Array()];
const signed64 = (value: bigint): number[] => [...new ByteWriter().signed64(value).toUint8Array()];

/** Reads LEB128 by its definition: sum of 7-bit digits, minus 2^bits where the last digit's top bit says negative. */
function decode(bytes: readonly number[], signed: boolean): bigint {
  let value = 0n;
  bytes.forEach((byte, i) => {
    expect(byte >= 0x80).toBe(i < bytes.length - 1);
    value += BigInt(byte & 0x7f) << BigInt(7 * i);
  });
  return signed && bytes[bytes.length - 1] & 0x40 ? value - (1n << BigInt(7 * bytes.length)) : value;
}

describe('LEB128', () => {
  it('writes the examples of the DWARF and WebAssembly specifications', () => {
    expect(unsigned(0)).toEqual([0]);
    expect(unsigned(127)).toEqual([127]);
    expect(unsigned(128)).toEqual([0x80, 1]);
    expect(unsigned(624485)).toEqual([0xe5, 0x8e, 0x26]);
    expect(unsigned(0xffffffff)).toEqual([0xff, 0xff, 0xff, 0xff, 0x0f]);
    expect(signed32(-123456)).toEqual([0xc0, 0xbb, 0x78]);
    expect(signed32(63)).toEqual([63]);
    expect(signed32(64)).toEqual([0xc0, 0]);
    expect(signed32(-64)).toEqual([0x40]);
    expect(signed32(-65)).toEqual([0xbf, 0x7f]);
    expect(signed32(-1)).toEqual([0x7f]);
    expect(signed32(2 ** 31 - 1)).toEqual([0xff, 0xff, 0xff, 0xff, 0x07]);
    expect(signed32(-(2 ** 31))).toEqual([0x80, 0x80, 0x80, 0x80, 0x78]);
    expect(signed32(0xffffffff)).toEqual([0x7f]);
    expect(signed64(-1n)).toEqual([0x7f]);
    expect(signed64(2n ** 64n - 1n)).toEqual([0x7f]);
    expect(signed64(-(2n ** 63n))).toHaveLength(10);
  });

  it('round-trips, in as few bytes as there can be', () => {
    fc.assert(fc.property(fc.nat(0xffffffff), (value) => {
      const bytes = unsigned(value);
      expect(decode(bytes, false)).toBe(BigInt(value));
      expect(bytes.length).toBe(Math.max(1, Math.ceil(value.toString(2).length / 7)));
    }));
    fc.assert(fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (value) => {
      expect(decode(signed32(value), true)).toBe(BigInt(value));
    }));
    fc.assert(fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      expect(decode(signed64(value), true)).toBe(value);
    }));
  });

  it('refuses what does not fit', () => {
    for (const value of [-1, 0.5, NaN, 2 ** 32]) expect(() => unsigned(value)).toThrow(RangeError);
    for (const value of [-(2 ** 31) - 1, 0.5, Infinity, 2 ** 32]) expect(() => signed32(value)).toThrow(RangeError);
    for (const value of [2n ** 64n, -(2n ** 63n) - 1n]) expect(() => signed64(value)).toThrow(RangeError);
  });

  it('is what the engine reads', () => {
    fc.assert(fc.property(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (value) => {
      expect(evaluate('i32', [], [], () => constant('i32', value))).toBe(value);
    }), { numRuns: 30 });
  });
});

describe('modules of any size', () => {
  it('with 300 functions, long names and 300 locals', () => {
    const module = new ModuleBuilder();
    for (let i = 0; i < 300; i++) {
      const f = module.function(`${'naïve'.repeat(40)}${i}`, [], ['i32'], i === 299 ? 'main' : undefined);
      for (let k = 0; k < 300; k++) f.local(k % 2 === 0 ? 'i32' : 'v128');
      f.op('i32.const', i).op('local.tee', 298).op('end');
    }
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(module.build()));
    expect((exports.main as () => number)()).toBe(299);
  });
});
