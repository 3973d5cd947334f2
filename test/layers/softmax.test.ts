import { describe, expect, it } from 'vitest';
import { softmaxBackward, softmaxForward } from '../../src/layers/index.ts';
import { zeros } from '../../src/index.ts';

describe('softmax of nothing', () => {
  it('is nothing, on axes with and without elements', () => {
    for (const [shape, axis] of [[[0], -1], [[0, 3], 1], [[3, 0], 1]] as const) {
      const [out, cache] = softmaxForward(zeros(shape), axis);
      expect(out.shape).toEqual([...shape]);
      expect(softmaxBackward(zeros(shape), cache).shape).toEqual([...shape]);
    }
  });
});
