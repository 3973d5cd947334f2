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

describe('matrix kernels on several threads', () => {
  let alone: Record<FloatType, Buffer>;
  beforeAll(async () => {
    await threads(1);
    alone = { float32: products('float32'), float64: products('float64') };
  });
  afterAll(async () => {
    configure({ threads: 'auto' });
    await shutdown();
  });

  it.each([2, 3])('%i give the bits of one', async (count) => {
    await threads(count);
    expect(existingTeam()?.joined).toBe(count - 1);
    for (const type of ['float32', 'float64'] as const) {
      for (let round = 0; round < 2; round++) expect(Buffer.compare(products(type), alone[type])).toBe(0);
    }
  });
});
