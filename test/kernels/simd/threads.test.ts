import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { currentTeam, existingTeam, shutdown } from '../../../src/kernels/team/team.ts';
import { configure } from '../../../src/runtime/settings.ts';
import { floats, type FloatType, randomFloats, simdKernels } from './support.ts';

/** Starts a team of so many threads and waits until all of them take part. */
async function threads(count: number): Promise<void> {
  configure({ threads: count });
  simdKernels();
  const team = currentTeam();
  while (team.joined < count - 1) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Products with several tasks each; results in one array. */
function products(type: FloatType): Buffer {
  const simd = simdKernels();
  const [m, n, k] = [270, 200, 400];
  const a = randomFloats(type, m * k, 1);
  const b = randomFloats(type, k * n, 2);
  const parts: Uint8Array[] = [];
  for (const transposeA of [false, true]) {
    for (const transposeB of [false, true]) {
      const out = floats(type, m * n);
      simd.gemm(a, b, out, m, n, k, transposeA, transposeB, false);
      parts.push(new Uint8Array(out.buffer));
    }
  }
  const [dx, dw, db] = [floats(type, m * k), floats(type, k * n), floats(type, n)];
  simd.affineBackward(randomFloats(type, m * n, 3), a, b, dx, dw, db, m, k, n);
  for (const each of [dx, dw, db]) parts.push(new Uint8Array(each.buffer));
  return Buffer.concat(parts);
}

/** Images of sides that vectors do not divide, cropped and in other colours. */
function changedImages(type: FloatType): Buffer {
  const simd = simdKernels();
  return Buffer.concat([1, 3, 4].flatMap((channels) => {
    const g = { batch: 31, channels, height: 43, width: 29 };
    const size = channels * 43 * 29;
    const x = randomFloats(type, 31 * size, 1);
    const boxes = Int32Array.from({ length: 4 * 31 }, (_, i) => [i % 7, i % 5, 1 + i % 37, 1 + i % 25][i % 4]);
    const factors = randomFloats(type, 3 * 31, 2).map((value) => 1 + value / 2);
    const [mean, std] = [floats(type, size).fill(120), floats(type, size).fill(90)];
    const [cropped, coloured] = [floats(type, x.length), floats(type, x.length)];
    simd.cropImages(x, boxes, cropped, g);
    simd.jitterColors(x, factors, mean, std, coloured, g);
    return [cropped, coloured].map(({ buffer }) => new Uint8Array(buffer));
  }));
}

const computed = (type: FloatType): Buffer => Buffer.concat([products(type), changedImages(type)]);

describe('matrix kernels and those of training images on several threads', () => {
  let alone: Record<FloatType, Buffer>;
  beforeAll(async () => {
    await threads(1);
    alone = { float32: computed('float32'), float64: computed('float64') };
  });
  afterAll(async () => {
    configure({ threads: 'auto' });
    await shutdown();
  });

  it.each([2, 3])('%i give the bits of one', async (count) => {
    await threads(count);
    expect(existingTeam()?.joined).toBe(count - 1);
    for (const type of ['float32', 'float64'] as const) {
      for (let round = 0; round < 2; round++) expect(Buffer.compare(computed(type), alone[type])).toBe(0);
    }
  });
});
