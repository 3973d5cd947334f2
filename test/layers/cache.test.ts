/** Caches: nothing that is done to one from outside can reach a kernel. */

import { expect, it } from 'vitest';
import { affineBackward, maxPoolBackward, maxPoolForward, reluForward } from '../../src/layers/index.ts';
import type { AffineCache, MaxPoolCache } from '../../src/layers/index.ts';
import { ones, tensor } from '../../src/tensor/index.ts';
import { describeOnEveryBackend } from '../support/backends.ts';

describeOnEveryBackend('caches', () => {
  const pool = { poolHeight: 2, poolWidth: 2, stride: 2 };
  const x = tensor([1, 2, 3, 4], [1, 1, 2, 2]);

  it('show nothing that could be tampered with', () => {
    const [, cache] = maxPoolForward(x, pool);
    expect(Reflect.ownKeys(cache)).toEqual([]);
    Object.assign(cache, { argmax: tensor([2 ** 30], [1, 1, 1, 1], 'int32'), geometry: { outHeight: 1e9 } });
    expect(maxPoolBackward(ones([1, 1, 1, 1]), cache).toArray()).toEqual([[[[0, 0], [0, 1]]]]);
    expect(String(cache)).toBe('[object cache of maxPool]');
  });

  it('cannot be copied or made up', () => {
    const [, cache] = maxPoolForward(x, pool);
    const copies: unknown[] = [{ ...cache }, structuredClone(cache), Object.create(cache), new Proxy(cache, {}), { layer: 'maxPool' }];
    for (const copy of copies) {
      expect(() => maxPoolBackward(ones([1, 1, 1, 1]), copy as MaxPoolCache))
        .toThrow('maxPoolBackward: cache must be what the maxPool forward pass returned');
    }
    expect(() => affineBackward(x, reluForward(x)[1] as unknown as AffineCache))
      .toThrow('affineBackward: cache must come from the affine forward pass, got one of relu');
  });
});
