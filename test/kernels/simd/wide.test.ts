import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FloatArray } from '../../../src/kernels/contract.ts';
import type { ConvGeometry } from '../../../src/kernels/geometry.ts';
import { activeKernels } from '../../../src/kernels/registry.ts';
import { takesHalving } from '../../../src/kernels/simd/conv/choose-halving.ts';
import { setWideProof } from '../../../src/kernels/simd/wide.ts';
import { info, ready, shutdown } from '../../../src/kernels/status.ts';
import { configure } from '../../../src/runtime/settings.ts';
import { compareWithNaive } from '../compare.ts';
import { floats, type FloatType, randomFloats, simdKernels } from './support.ts';

// The wide form computes on every engine; only its speed needs the engine's flag.
beforeAll(() => {
  setWideProof(() => null);
});
afterAll(async () => {
  setWideProof(null);
  configure({ threads: 'auto', wideSimd: false });
  await shutdown();
});

/** What a computation gives in the usual form on one thread, and in the wide form on 1, 2 and 3. */
async function expectSameBits(compute: () => FloatArray[]): Promise<void> {
  configure({ backend: 'simd', threads: 1, wideSimd: false });
  const usual = compute();
  for (const threads of [1, 2, 3]) {
    configure({ threads, wideSimd: true });
    await ready();
    expect(info().wideSimd).toBe(true);
    expect(compute(), `${threads} threads`).toEqual(usual);
  }
}

const types: readonly FloatType[] = ['float32', 'float64'];

describe('the wide form of the kernels', () => {
  it('gives the same bits in products of any shape', async () => {
    const shape = fc.record({
      m: fc.integer({ min: 1, max: 90 }), n: fc.integer({ min: 1, max: 90 }), k: fc.integer({ min: 1, max: 70 }),
      transposeA: fc.boolean(), transposeB: fc.boolean(), accumulate: fc.boolean(),
    });
    const cases = [...fc.sample(shape, { numRuns: 60, seed: 5 }), {
      m: 130, n: 300, k: 800, transposeA: false, transposeB: false, accumulate: false,
    }];
    await expectSameBits(() => types.flatMap((type) => cases.map(({ m, n, k, transposeA, transposeB, accumulate }) => {
      const out = randomFloats(type, m * n, 3);
      const [a, b] = [randomFloats(type, m * k, m), randomFloats(type, k * n, n + 7)];
      activeKernels().gemm(a, b, out, m, n, k, transposeA, transposeB, accumulate);
      return out;
    })));
  });

  it('gives the same bits in convolutions of every path, forward and backward', async () => {
    const shape = fc.record({
      batch: fc.integer({ min: 1, max: 20 }), channels: fc.integer({ min: 1, max: 21 }),
      filters: fc.integer({ min: 1, max: 21 }), height: fc.integer({ min: 2, max: 13 }),
      width: fc.integer({ min: 2, max: 13 }), window: fc.constantFrom(1, 3, 3, 5, 7), stride: fc.constantFrom(1, 1, 2),
      depthwise: fc.constantFrom(false, false, true),
    });
    const halving = fc.record({
      batch: fc.integer({ min: 6, max: 20 }), channels: fc.constantFrom(16, 24), filters: fc.constantFrom(24, 32),
      height: fc.integer({ min: 13, max: 16 }), width: fc.integer({ min: 13, max: 16 }), window: fc.constant(3),
      stride: fc.constant(2), depthwise: fc.constant(false),
    });
    const drawn = [...fc.sample(shape, { numRuns: 60, seed: 6 }), ...fc.sample(halving, { numRuns: 12, seed: 7 })];
    const cases = drawn.map((each): ConvGeometry => {
      const { batch, height, width, window, stride } = each;
      const pad = (window - 1) / 2;
      const size = (side: number): number => Math.floor((side + 2 * pad - window) / stride) + 1;
      return {
        batch, height, width, channels: each.channels, filters: each.depthwise ? each.channels : each.filters,
        groups: each.depthwise ? each.channels : 1, kernelHeight: window, kernelWidth: window, strideY: stride,
        strideX: stride, padTop: pad, padLeft: pad, dilationY: 1, dilationX: 1, outHeight: size(height),
        outWidth: size(width),
      };
    });
    expect(cases.filter((g) => takesHalving(new Float32Array(), g)).length).toBeGreaterThan(10);
    await expectSameBits(() => types.flatMap((type) => cases.flatMap((g) => {
      const x = randomFloats(type, g.batch * g.channels * g.height * g.width, 1);
      const w = randomFloats(type, g.filters * (g.channels / g.groups) * g.kernelHeight ** 2, 2);
      const dout = randomFloats(type, g.batch * g.filters * g.outHeight * g.outWidth, 4);
      const [out, dx, dw] = [floats(type, dout.length), floats(type, x.length), floats(type, w.length)];
      const db = floats(type, g.filters);
      activeKernels().convForward(x, w, randomFloats(type, g.filters, 3), out, g, { relu: true });
      activeKernels().convBackward(dout, x, w, dx, dw, db, g);
      return [out, dx, dw, db];
    })));
  });

  it('is refused, with the reason, where it is not proven', () => {
    configure({ backend: 'simd', threads: 1, wideSimd: true });
    setWideProof(() => 'this engine ended');
    configure({ wideSimd: true });
    expect(info().wideSimd).toBe(false);
    expect(info().why).toContain('wide SIMD is asked for, but refused: this engine ended');
    setWideProof(null);
    configure({ wideSimd: true });
    expect(info().wideSimd).toBe(false);
    expect(info().why.some((line) => line.includes("import 'tilegrad/node'"))).toBe(true);
    configure({ wideSimd: false });
    expect(info().why.some((line) => line.startsWith('wide SIMD'))).toBe(false);
    setWideProof(() => null);
  });

  it('is proven once, not at every change of the settings', () => {
    let proofs = 0;
    setWideProof(() => {
      proofs++;
      return null;
    });
    for (const threads of [1, 2, 1]) {
      configure({ threads, wideSimd: true });
      activeKernels();
      expect(info().wideSimd).toBe(true);
    }
    expect(proofs).toBe(1);
  });
});

describe('wide', () => {
  beforeAll(() => {
    configure({ backend: 'simd', threads: 2, wideSimd: true });
    activeKernels();
  });
  compareWithNaive('wide simd', simdKernels(), { runs: 10 });
});
