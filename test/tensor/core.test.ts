import { beforeEach, describe, expect, it, vi } from 'vitest';

import { operationNames } from '../../src/tensor/core.ts';
import { Tensor } from '../../src/tensor/index.ts';

describe('a tensor without operations', () => {
  beforeEach(() => void vi.resetModules());

  /** As in a bundle of a program that only reads and writes arrays. */
  async function readingOnly(): Promise<Tensor> {
    const { newTensor } = await import('../../src/tensor/core.ts');
    const { decodeNpy, encodeNpy } = await import('../../src/io/npy.ts');
    return decodeNpy(encodeNpy(newTensor(Float32Array.of(1, 2, 3, 4, 5, 6), [3, 2], [1, 3])));
  }

  it('holds and shows numbers', async () => {
    const t = await readingOnly();
    expect(t).toBeInstanceOf(Tensor);
    expect(t.constructor.name).toBe('Tensor');
    expect([t.get(2, 1), t.get(-3, 0)]).toEqual([6, 1]);
    t.set(7, 0, 0);
    expect(t.toArray()).toEqual([[7, 4], [2, 5], [3, 6]]);
    expect(String(t)).toBe(String(new Tensor(t.data, [3, 2])));
    expect(JSON.stringify(t)).toBe('{"shape":[3,2],"dtype":"float32","values":[[7,4],[2,5],[3,6]]}');
    expect(t.view([2], [-2], 4).toArray()).toEqual([3, 2]);
  });

  it('says what is missing where an operation is called', async () => {
    const t = await readingOnly();
    for (const name of operationNames) {
      expect(() => (t as unknown as Record<string, () => void>)[name]()).toThrow(`${name}: this program only reads and writes arrays`);
    }
  });

  it('has them as soon as the rest of the library is there', async () => {
    await readingOnly();
    await import('../../src/tensor/index.ts');
    const t = await readingOnly();
    expect(t.reshape(2, 3).add(1).toArray()).toEqual([[2, 5, 3], [6, 4, 7]]);
  });

  it('names just the methods that the class adds', () => {
    expect([...operationNames].sort()).toEqual(
      Object.getOwnPropertyNames(Tensor.prototype).filter((name) => name !== 'constructor').sort());
  });
});
