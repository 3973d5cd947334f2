import { expect } from 'vitest';
import { address, execute, pattern } from './execute.ts';
import { add, float1, float2, samples, saturated } from './opcode-cases.ts';

type Lanes = number[] | bigint[];

const constructors = {
  i8x16: [Int8Array, Uint8Array], i16x8: [Int16Array, Uint16Array], i32x4: [Int32Array, Uint32Array],
  i64x2: [BigInt64Array, BigUint64Array], f32x4: [Float32Array, Float32Array], f64x2: [Float64Array, Float64Array],
} as const;
type Shape = keyof typeof constructors;

function pack(shape: Shape, lanes: Lanes): Uint8Array {
  return new Uint8Array(new (constructors[shape][0] as unknown as new (lanes: Lanes) => Float64Array)(lanes).buffer);
}

function unpack(shape: Shape, bytes: unknown, unsigned: boolean = false): Lanes {
  const { buffer } = bytes as Uint8Array;
  const lanes = constructors[shape][unsigned ? 1 : 0] as unknown as new (buffer: ArrayBufferLike) => Float64Array;
  return Array.from(new lanes(buffer)) as Lanes;
}

const laneCount = (shape: Shape): number => Number(shape.slice(shape.indexOf('x') + 1));
const laneBits = (shape: Shape): number => 128 / laneCount(shape);

/** Sample vectors of a shape: all samples of its lane type, in turns. */
function vectors(shape: Shape): Uint8Array[] {
  const lanes = laneCount(shape);
  const values: Lanes = shape.startsWith('f') ? (samples[shape.slice(0, 3)] as number[])
    : shape === 'i64x2' ? (samples.i64 as bigint[])
      : [0, 1, -1, 7, -7, 100, 2 ** (laneBits(shape) - 1) - 1, -(2 ** (laneBits(shape) - 1)), 0x55, -0x33];
  return values.map((_, first) =>
    pack(shape, Array.from({ length: lanes }, (_, i) => values[(first + 3 * i) % values.length]) as Lanes),
  );
}

type LaneOracle = (...lanes: never[]) => number | bigint | boolean;

/** A lane-wise instruction: vectors of `from` in, `to` out; booleans become masks. */
function lanewise(
  name: string, from: Shape, arity: number, oracle: LaneOracle, unsigned: boolean = false, to: Shape = from,
): void {
  add([name], (opcode) => {
    const all = vectors(from);
    for (let i = 0; i < all.length; i++) {
      for (let j = 0; j < (arity > 1 ? all.length : 1); j++) {
        const inputs = [all[i], all[j], all[(i + 2 * j + 1) % all.length]].slice(0, arity);
        const lanes = inputs.map((input) => unpack(from, input, unsigned));
        const results = lanes[0].map((_, lane) => {
          const value = oracle(...(lanes.map((each) => each[lane]) as never[]));
          if (typeof value !== 'boolean') return value;
          return to === 'i64x2' ? (value ? -1n : 0n) : value ? -1 : 0;
        }) as Lanes;
        const shape = typeof oracle(...(lanes.map((each) => each[0]) as never[])) === 'boolean'
          ? (to === 'f32x4' ? 'i32x4' : to === 'f64x2' ? 'i64x2' : to) : to;
        const mask = shape === 'i64x2' ? results.map((value) => BigInt(value)) : results;
        expect({ lanes, result: unpack(shape, execute(opcode, inputs).result) })
          .toEqual({ lanes, result: unpack(shape, pack(shape, mask as Lanes)) });
      }
    }
  });
}

for (const shape of ['i8x16', 'i16x8', 'i32x4', 'i64x2'] as const) {
  const bits = laneBits(shape);
  const signedLane = (value: bigint): number | bigint => {
    const wrapped = BigInt.asIntN(bits, value);
    return shape === 'i64x2' ? wrapped : Number(wrapped);
  };
  const arithmetic: Record<string, (a: bigint, b: bigint) => bigint> = {
    add: (a, b) => a + b, sub: (a, b) => a - b, ...(shape === 'i8x16' ? {} : { mul: (a: bigint, b: bigint) => a * b }),
  };
  for (const [name, oracle] of Object.entries(arithmetic)) {
    lanewise(`${shape}.${name}`, shape, 2, ((a: number, b: number) => signedLane(oracle(BigInt(a), BigInt(b)))) as LaneOracle);
  }
  lanewise(`${shape}.neg`, shape, 1, ((a: number) => signedLane(-BigInt(a))) as LaneOracle);
  lanewise(`${shape}.abs`, shape, 1, ((a: number) => signedLane(a < 0 ? -BigInt(a) : BigInt(a))) as LaneOracle);
  lanewise(`${shape}.eq`, shape, 2, ((a: number, b: number) => a === b) as LaneOracle);
  lanewise(`${shape}.ne`, shape, 2, ((a: number, b: number) => a !== b) as LaneOracle);
  const orders: Record<string, (a: number, b: number) => boolean> = {
    lt: (a, b) => a < b, gt: (a, b) => a > b, le: (a, b) => a <= b, ge: (a, b) => a >= b,
  };
  for (const [name, oracle] of Object.entries(orders)) {
    lanewise(`${shape}.${name}_s`, shape, 2, oracle as LaneOracle);
    if (shape !== 'i64x2') lanewise(`${shape}.${name}_u`, shape, 2, oracle as LaneOracle, true);
  }
  if (shape !== 'i64x2') {
    for (const sign of ['s', 'u']) {
      lanewise(`${shape}.min_${sign}`, shape, 2, Math.min as LaneOracle, sign === 'u');
      lanewise(`${shape}.max_${sign}`, shape, 2, Math.max as LaneOracle, sign === 'u');
    }
  }
  const shifts: Record<string, (a: bigint, count: bigint) => bigint> = {
    shl: (a, n) => a << n, shr_s: (a, n) => BigInt.asIntN(bits, a) >> n, shr_u: (a, n) => BigInt.asUintN(bits, a) >> n,
  };
  for (const [name, oracle] of Object.entries(shifts)) {
    add([`${shape}.${name}`], (opcode) => {
      for (const count of [0, 1, bits - 1, bits + 2]) {
        for (const vector of vectors(shape)) {
          const expected = (unpack(shape, vector) as number[]).map((a) =>
            signedLane(oracle(BigInt(a), BigInt(count % bits))),
          );
          expect(unpack(shape, execute(opcode, [vector, count]).result)).toEqual(expected);
        }
      }
    });
  }
  add([`${shape}.all_true`], (opcode) => {
    const ones = pack(shape, new Array(laneCount(shape)).fill(shape === 'i64x2' ? 2n : 2) as Lanes);
    expect(execute(opcode, [ones]).result).toBe(1);
    const holed = ones.slice();
    holed.fill(0, 16 - bits / 8);
    expect(execute(opcode, [holed]).result).toBe(0);
  });
  add([`${shape}.bitmask`], (opcode) => {
    for (const vector of vectors(shape)) {
      const expected = (unpack(shape, vector) as number[]).reduce((mask, lane, i) => mask | (lane < 0 ? 1 << i : 0), 0);
      expect(execute(opcode, [vector]).result).toBe(expected);
    }
  });
}
lanewise('i8x16.popcnt', 'i8x16', 1, ((a: number) => a.toString(2).replaceAll('0', '').length) as LaneOracle, true);

const widenings = [['i16x8', 'i8x16'], ['i32x4', 'i16x8'], ['i64x2', 'i32x4']] as const;
for (const [to, from] of widenings) {
  for (const half of ['low', 'high']) {
    for (const sign of ['s', 'u']) {
      add([`${to}.extend_${half}_${from}_${sign}`], (opcode) => {
        for (const vector of vectors(from)) {
          const lanes = unpack(from, vector, sign === 'u') as number[];
          const taken = half === 'low' ? lanes.slice(0, lanes.length / 2) : lanes.slice(lanes.length / 2);
          const expected = to === 'i64x2' ? taken.map(BigInt) : taken;
          expect(unpack(to, execute(opcode, [vector]).result, sign === 'u')).toEqual(expected);
        }
      });
    }
  }
}
add(['i32x4.dot_i16x8_s'], (opcode) => {
  const a = [1, -2, 3, -4, 32767, 5, -32768, 7];
  const b = [8, 7, -6, 5, 32767, -3, 32767, 1];
  const expected = [0, 2, 4, 6].map((i) => a[i] * b[i] + a[i + 1] * b[i + 1]);
  expect(unpack('i32x4', execute(opcode, [pack('i16x8', a), pack('i16x8', b)]).result)).toEqual(expected);
});

for (const shape of ['f32x4', 'f64x2'] as const) {
  for (const [name, oracle] of Object.entries(float1)) lanewise(`${shape}.${name}`, shape, 1, oracle as LaneOracle);
  for (const [name, oracle] of Object.entries(float2)) lanewise(`${shape}.${name}`, shape, 2, oracle as LaneOracle);
  lanewise(`${shape}.pmin`, shape, 2, ((a: number, b: number) => (b < a ? b : a)) as LaneOracle);
  lanewise(`${shape}.pmax`, shape, 2, ((a: number, b: number) => (a < b ? b : a)) as LaneOracle);
}

// ---- bits ----
const bitPairs: Array<[number, number]> = [[0x0f, 0x33], [0xff, 0x00], [0xa5, 0x5a]];
const bitwise: Record<string, (a: number, b: number) => number> = {
  and: (a, b) => a & b, or: (a, b) => a | b, xor: (a, b) => a ^ b, andnot: (a, b) => a & ~b,
};
const bytes = (value: number): Uint8Array => new Uint8Array(16).fill(value);
for (const [name, oracle] of Object.entries(bitwise)) {
  add([`v128.${name}`], (opcode) => {
    for (const [a, b] of bitPairs)
      expect(execute(opcode, [bytes(a), bytes(b)]).result).toEqual(bytes(oracle(a, b) & 0xff));
  });
}
add(['v128.not'], (opcode) => {
  expect(execute(opcode, [bytes(0x3c)]).result).toEqual(bytes(0xc3));
});
add(['v128.bitselect'], (opcode) => {
  expect(execute(opcode, [bytes(0xaa), bytes(0x0f), bytes(0xf0)]).result).toEqual(bytes(0xaf));
});
add(['v128.any_true'], (opcode) => {
  expect(execute(opcode, [bytes(0)]).result).toBe(0);
  expect(execute(opcode, [bytes(0).fill(4, 15)]).result).toBe(1);
});

// ---- memory ----
const memory = pattern.slice(address);
const at = (offset: number, length: number): Uint8Array => memory.slice(offset, offset + length);
const padded = (data: Uint8Array): Uint8Array => {
  const out = new Uint8Array(16);
  out.set(data);
  return out;
};
const repeated = (data: Uint8Array): Uint8Array => Uint8Array.from({ length: 16 }, (_, i) => data[i % data.length]);
add(['v128.load'], (opcode) => {
  for (const offset of [0, 3, 200]) expect(execute(opcode, [address], [offset]).result).toEqual(at(offset, 16));
});
add(['v128.store'], (opcode) => {
  const vector = pack('i32x4', [1, -2, 3, -4]);
  const after = execute(opcode, [address, vector], [5]).memory;
  expect(Array.from({ length: 18 }, (_, i) => after.getUint8(4 + i))).toEqual([memory[4], ...vector, memory[21]]);
});
for (const [name, from, to] of [['8x8', 'i8x16', 'i16x8'], ['16x4', 'i16x8', 'i32x4'], ['32x2', 'i32x4', 'i64x2']] as const) {
  for (const sign of ['s', 'u']) {
    add([`v128.load${name}_${sign}`], (opcode) => {
      const lanes = unpack(from, padded(at(11, 8)), sign === 'u').slice(0, laneCount(to));
      expect(unpack(to, execute(opcode, [address], [11]).result, sign === 'u')).toEqual(to === 'i64x2' ? (lanes as number[]).map(BigInt) : lanes);
    });
  }
}
for (const width of [1, 2, 4, 8]) {
  add([`v128.load${8 * width}_splat`], (opcode) => {
    expect(execute(opcode, [address], [7]).result).toEqual(repeated(at(7, width)));
  });
  if (width >= 4) {
    add([`v128.load${8 * width}_zero`], (opcode) => {
      expect(execute(opcode, [address], [7]).result).toEqual(padded(at(7, width)));
    });
  }
  const vector = Uint8Array.from({ length: 16 }, (_, i) => i);
  add([`v128.load${8 * width}_lane`], (opcode) => {
    for (let lane = 0; lane < 16 / width; lane++) {
      const expected = vector.slice();
      expected.set(at(9, width), lane * width);
      expect(execute(opcode, [address, vector], [9, lane]).result).toEqual(expected);
    }
  });
  add([`v128.store${8 * width}_lane`], (opcode) => {
    for (let lane = 0; lane < 16 / width; lane++) {
      const after = execute(opcode, [address, vector], [2, lane]).memory;
      const expected = [memory[1], ...vector.slice(lane * width, (lane + 1) * width), memory[2 + width]];
      expect(expected.map((_, i) => after.getUint8(1 + i))).toEqual(expected);
    }
  });
}

// ---- constants and lanes ----
add(['v128.const'], (opcode) => {
  const value = Uint8Array.from({ length: 16 }, (_, i) => 255 - 3 * i);
  expect(execute(opcode, [], [value]).result).toEqual(value);
});
add(['i8x16.shuffle'], (opcode) => {
  const a = Uint8Array.from({ length: 16 }, (_, i) => i);
  const b = Uint8Array.from({ length: 16 }, (_, i) => 100 + i);
  const lanes = [0, 31, 1, 30, 16, 15, 2, 2, 17, 9, 8, 7, 6, 5, 4, 3];
  expect(execute(opcode, [a, b], [lanes]).result).toEqual(
    Uint8Array.from(lanes, (lane) => (lane < 16 ? lane : 84 + lane)),
  );
});
add(['i8x16.swizzle', 'i8x16.relaxed_swizzle'], (opcode) => {
  const a = Uint8Array.from({ length: 16 }, (_, i) => 50 + i);
  const indexes = Uint8Array.from({ length: 16 }, (_, i) => (7 * i) % 16);
  expect(execute(opcode, [a, indexes]).result).toEqual(indexes.map((index) => 50 + index));
  if (opcode === 'i8x16.swizzle') expect(execute(opcode, [a, bytes(16)]).result).toEqual(bytes(0));
});
for (const shape of Object.keys(constructors) as Shape[]) {
  const type = shape === 'i64x2' ? 'i64' : shape.startsWith('f') ? shape.slice(0, 3) : 'i32';
  const narrow = laneBits(shape) < 32;
  const one = type === 'i64' ? -3n : type === 'i32' ? -3 : -1.5;
  add([`${shape}.splat`], (opcode) => {
    const lanes = unpack(shape, execute(opcode, [one]).result) as unknown[];
    expect(lanes).toEqual(new Array(laneCount(shape)).fill(one));
  });
  add([`${shape}.replace_lane`], (opcode) => {
    for (let lane = 0; lane < laneCount(shape); lane++) {
      const vector = vectors(shape)[1];
      const expected = unpack(shape, vector) as unknown[];
      expected[lane] = one;
      expect(unpack(shape, execute(opcode, [vector, one], [lane]).result)).toEqual(expected);
    }
  });
  for (const sign of narrow ? ['_s', '_u'] : ['']) {
    add([`${shape}.extract_lane${sign}`], (opcode) => {
      for (const vector of vectors(shape)) {
        unpack(shape, vector, sign === '_u').forEach((value, lane) => {
          expect(execute(opcode, [vector], [lane]).result).toBe(value);
        });
      }
    });
  }
}

// ---- conversions ----
add(['f32x4.demote_f64x2_zero'], (opcode) => {
  for (const vector of vectors('f64x2')) {
    const [a, b] = unpack('f64x2', vector) as number[];
    expect(unpack('f32x4', execute(opcode, [vector]).result)).toEqual([Math.fround(a), Math.fround(b), 0, 0]);
  }
});
add(['f64x2.promote_low_f32x4'], (opcode) => {
  for (const vector of vectors('f32x4')) {
    expect(unpack('f64x2', execute(opcode, [vector]).result)).toEqual(unpack('f32x4', vector).slice(0, 2));
  }
});
for (const [sign, low, high] of [['s', -0x80000000, 0x7fffffff], ['u', 0, 0xffffffff]] as const) {
  const toInteger = (a: number): number => saturated(low, high)(a) | 0;
  lanewise(`i32x4.trunc_sat_f32x4_${sign}`, 'f32x4', 1, toInteger as LaneOracle, false, 'i32x4');
  add([`i32x4.trunc_sat_f64x2_${sign}_zero`], (opcode) => {
    for (const vector of vectors('f64x2')) {
      const expected = [...(unpack('f64x2', vector) as number[]).map(toInteger), 0, 0];
      expect(unpack('i32x4', execute(opcode, [vector]).result)).toEqual(expected);
    }
  });
  lanewise(`f32x4.convert_i32x4_${sign}`, 'i32x4', 1, Math.fround as LaneOracle, sign === 'u', 'f32x4');
  add([`f64x2.convert_low_i32x4_${sign}`], (opcode) => {
    for (const vector of vectors('i32x4')) {
      expect(unpack('f64x2', execute(opcode, [vector]).result)).toEqual(unpack('i32x4', vector, sign === 'u').slice(0, 2));
    }
  });
}

// ---- relaxed: on operands where every permitted behaviour gives the same result ----
for (const shape of ['f32x4', 'f64x2'] as const) {
  const lanes = laneCount(shape);
  const exact = (first: number): Uint8Array => pack(shape, Array.from({ length: lanes }, (_, i) => first + i));
  const check = (operation: string, arity: number, oracle: (a: number, b: number, c: number) => number): void =>
    add([`${shape}.relaxed_${operation}`], (opcode) => {
      const expected = Array.from({ length: lanes }, (_, i) => oracle(3 + i, -5 + i, 7 + i));
      expect(unpack(shape, execute(opcode, [exact(3), exact(-5), exact(7)].slice(0, arity)).result)).toEqual(expected);
    });
  check('madd', 3, (a, b, c) => a * b + c);
  check('nmadd', 3, (a, b, c) => c - a * b);
  check('min', 2, (a, b) => Math.min(a, b));
  check('max', 2, (a, b) => Math.max(a, b));
}
for (const shape of ['i32x4', 'i64x2'] as const) {
  add([`${shape}.relaxed_laneselect`], (opcode) => {
    const masks = shape === 'i32x4' ? pack(shape, [-1, 0, -1, 0]) : pack(shape, [0n, -1n]);
    const expected = masks.map((mask) => (mask === 0xff ? 0x11 : 0x22));
    expect(execute(opcode, [bytes(0x11), bytes(0x22), masks]).result).toEqual(expected);
  });
}
