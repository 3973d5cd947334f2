import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FloatArray } from '../../../src/kernels/contract.ts';
import { naiveKernels } from '../../../src/kernels/naive/index.ts';
import { features } from '../../../src/runtime/features.ts';
import { configure } from '../../../src/runtime/settings.ts';
import { floats, type FloatType, randomFloats, simdKernels } from './support.ts';
import { worstError } from '../../support/errors.ts';

const simd = simdKernels();
const tolerance: Record<FloatType, number> = { float32: 1e-5, float64: 1e-12 };
const types: FloatType[] = ['float32', 'float64'];

interface Case {
  type: FloatType;
  m: number;
  n: number;
  k: number;
  transposeA: boolean;
  transposeB: boolean;
  accumulate: boolean;
}

/** The same numbers in float64, so that the oracle itself has no rounding worth speaking of. */
const wide = (array: FloatArray): Float64Array => Float64Array.from(array);
const absolute = (array: FloatArray): Float64Array => Float64Array.from(array, Math.abs);

function checkProduct({ type, m, n, k, transposeA, transposeB, accumulate }: Case): void {
  const a = randomFloats(type, m * k, m + 31 * k);
  const b = randomFloats(type, k * n, n + 17 * k + 5);
  const out = randomFloats(type, m * n, 3);
  const expected = wide(out);
  const scale = absolute(out);
  naiveKernels.gemm(wide(a), wide(b), expected, m, n, k, transposeA, transposeB, accumulate);
  naiveKernels.gemm(absolute(a), absolute(b), scale, m, n, k, transposeA, transposeB, accumulate);
  simd.gemm(a, b, out, m, n, k, transposeA, transposeB, accumulate);
  expect(worstError(out, expected, scale), `${type} ${m}x${n}x${k} ${transposeA} ${transposeB} ${accumulate}`)
    .toBeLessThan(tolerance[type]);
}

const flags = [false, true];

describe('gemm', () => {
  it('equals the definition on every small shape, transposed or not', () => {
    for (const type of types) {
      for (const m of [1, 2, 3, 4, 5, 8, 17]) {
        for (const n of [1, 3, 4, 7, 8, 9, 12, 13, 16, 21]) {
          for (const k of [1, 2, 4, 7]) {
            for (const transposeA of flags) {
              for (const transposeB of flags) {
                checkProduct({ type, m, n, k, transposeA, transposeB, accumulate: (m + n) % 2 === 0 });
              }
            }
          }
        }
      }
    }
  });

  it('equals the definition on random shapes', () => {
    const size = fc.integer({ min: 1, max: 90 });
    fc.assert(fc.property(fc.record({
      type: fc.constantFrom(...types), m: size, n: size, k: size, transposeA: fc.boolean(), transposeB: fc.boolean(),
      accumulate: fc.boolean(),
    }), checkProduct), { numRuns: 150 });
  });

  it('equals the definition when every dimension is cut into blocks', () => {
    for (const transposeA of flags) {
      for (const transposeB of flags) {
        checkProduct({ type: 'float32', m: 263, n: 139, k: 261, transposeA, transposeB, accumulate: false });
        checkProduct({ type: 'float64', m: 30, n: 270, k: 260, transposeA, transposeB, accumulate: true });
      }
    }
  });

  it('equals the definition wherever the rows of the vector operand lie, fetched first, packed or neither', () => {
    for (const [m, n, k] of [[18, 1003, 140], [18, 1024, 140], [6, 1024, 9], [75, 1001, 5], [15, 640, 9]]) {
      for (const type of types) {
        checkProduct({ type, m, n, k, transposeA: false, transposeB: false, accumulate: n % 2 === 0 });
      }
    }
  });

  it('leaves nothing to do for empty shapes, and zeros for an empty sum', () => {
    const out = Float32Array.of(1, 2, 3, 4);
    simd.gemm(new Float32Array(0), new Float32Array(0), out, 2, 2, 0, false, false, true);
    expect([...out]).toEqual([1, 2, 3, 4]);
    simd.gemm(new Float32Array(0), new Float32Array(0), out, 2, 2, 0, false, false, false);
    expect([...out]).toEqual([0, 0, 0, 0]);
    simd.gemm(new Float32Array(0), new Float32Array(4), new Float32Array(0), 0, 2, 2, false, false, false);
    simd.gemm(new Float32Array(4), new Float32Array(0), new Float32Array(0), 2, 0, 2, false, false, false);
  });

  it('carries NaN and infinity to their row or column only', () => {
    for (const type of types) {
      const a = floats(type, 9 * 5).fill(1);
      const b = floats(type, 5 * 11).fill(1);
      a[3 * 5 + 2] = NaN;
      b[1 * 11 + 10] = Infinity;
      const out = floats(type, 99);
      simd.gemm(a, b, out, 9, 11, 5, false, false, false);
      out.forEach((value, i) => {
        const [row, column] = [Math.floor(i / 11), i % 11];
        expect(value).toBe(row === 3 ? NaN : column === 10 ? Infinity : 5);
      });
    }
  });

  it('gives the same bits wherever the arrays lie in memory', () => {
    const backing = randomFloats('float32', 5000, 9);
    const product = (offset: number): Float32Array => {
      const a = (backing as Float32Array).slice();
      const moved = new Float32Array(6000);
      moved.set(a.subarray(0, 37 * 29), offset);
      const out = new Float32Array(37 * 41);
      const [left, right] = [moved.subarray(offset, offset + 37 * 29), a.subarray(100, 100 + 29 * 41)];
      simd.gemm(left, right, out, 37, 41, 29, false, false, false);
      return out;
    };
    expect(product(3)).toEqual(product(0));
  });
});

describe.skipIf(!features().relaxedSimd)('gemm with fused multiply-add', () => {
  it('equals the definition too', () => {
    configure({ relaxedSimd: true });
    simdKernels();
    try {
      for (const type of types) {
        for (const transposeB of flags) {
          checkProduct({ type, m: 30, n: 61, k: 50, transposeA: false, transposeB, accumulate: true });
        }
      }
    } finally {
      configure({ relaxedSimd: false });
      simdKernels();
    }
  });
});

describe('affine', () => {
  const shape = fc.record({
    type: fc.constantFrom(...types), n: fc.integer({ min: 1, max: 40 }), d: fc.integer({ min: 1, max: 60 }),
    m: fc.integer({ min: 1, max: 40 }), relu: fc.boolean(),
  });

  function checkForward(
    { type, n, d, m, relu }: { type: FloatType; n: number; d: number; m: number; relu: boolean },
  ): void {
    const x = randomFloats(type, n * d, n + d);
    const w = randomFloats(type, d * m, d + m + 1);
    const b = randomFloats(type, m, m + 2);
    const out = floats(type, n * m).fill(9);
    const expected = new Float64Array(n * m);
    const scale = new Float64Array(n * m);
    naiveKernels.affineForward(wide(x), wide(w), wide(b), expected, n, d, m, { relu });
    naiveKernels.affineForward(absolute(x), absolute(w), absolute(b), scale, n, d, m, {});
    simd.affineForward(x, w, b, out, n, d, m, { relu });
    expect(worstError(out, expected, scale)).toBeLessThan(tolerance[type]);
  }

  function checkBackward(
    { type, n, d, m }: { type: FloatType; n: number; d: number; m: number }, wantDx: boolean = true,
  ): void {
    const dout = randomFloats(type, n * m, n + m);
    const x = randomFloats(type, n * d, n + d);
    const w = randomFloats(type, d * m, d + m + 1);
    const sizes = [n * d, d * m, m];
    const run = (kernels: typeof simd, [y, v, u]: FloatArray[], outs: FloatArray[]): FloatArray[] => {
      kernels.affineBackward(y, v, u, wantDx ? outs[0] : null, outs[1], outs[2], n, d, m);
      return outs;
    };
    const make = (of: FloatType): FloatArray[] => sizes.map((size) => floats(of, size).fill(7));
    const expected = run(naiveKernels, [wide(dout), wide(x), wide(w)], make('float64'));
    const scale = run(naiveKernels, [absolute(dout), absolute(x), absolute(w)], make('float64'));
    const actual = run(simd, [dout, x, w], make(type));
    actual.forEach((each, i) => expect(worstError(each, expected[i], scale[i])).toBeLessThan(tolerance[type]));
  }

  it('forward equals the definition on random shapes', () => {
    fc.assert(fc.property(shape, checkForward), { numRuns: 150 });
    checkForward({ type: 'float32', n: 50, d: 700, m: 130, relu: true });
    checkForward({ type: 'float64', n: 3, d: 300, m: 10, relu: true });
  });

  it('backward equals the definition on random shapes, with and without dx', () => {
    fc.assert(fc.property(shape, fc.boolean(), checkBackward), { numRuns: 150 });
    checkBackward({ type: 'float32', n: 50, d: 600, m: 130 });
    checkBackward({ type: 'float32', n: 700, d: 40, m: 10 });
  });

  it('keeps NaN through the fused relu', () => {
    const out = new Float32Array(10);
    const [w, b] = [new Float32Array(20).fill(-1), new Float32Array(10)];
    simd.affineForward(Float32Array.of(1, NaN), w, b, out, 1, 2, 10, { relu: true });
    expect([...out]).toEqual(new Array(10).fill(NaN));
  });

  it('accepts empty batches and layers without inputs', () => {
    const out = new Float32Array(6);
    const nothing = new Float32Array(0);
    simd.affineForward(nothing, nothing, Float32Array.of(1, -2, 3), out, 2, 0, 3, { relu: true });
    expect([...out]).toEqual([1, 0, 3, 1, 0, 3]);
    const [dw, db] = [new Float32Array(6).fill(5), new Float32Array(3).fill(5)];
    simd.affineBackward(new Float32Array(0), new Float32Array(0), new Float32Array(6), null, dw, db, 0, 2, 3);
    expect([...dw, ...db]).toEqual(new Array(9).fill(0));
  });
});
