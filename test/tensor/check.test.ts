import { describe, expect, it } from 'vitest';
import { arange, zeros } from '../../src/index.ts';
import { checkRank, checkTensor, checkTensorShape, checkTensorType, shapeText } from '../../src/tensor/check.ts';

describe('checks of tensor arguments', () => {
  it('return the tensor, or name function, argument, expectation and what came', () => {
    const t = zeros([2, 3]);
    expect(checkTensor('f', 'x', t)).toBe(t);
    expect(() => checkTensor('f', 'x', { shape: [2] })).toThrow('f: x must be a Tensor, got an Object');
    expect(checkRank('f', 'x', t, 2, 4)).toBe(t);
    expect(() => checkRank('f', 'x', t, 4)).toThrow('f: x must have 4 axes, got 2 (x 2x3)');
    expect(checkTensorShape('f', 'x', t, [2, 3])).toBe(t);
    expect(() => checkTensorShape('f', 'x', t, [3, 2])).toThrow('f: x must have shape 3x2, got 2x3');
    expect(checkTensorType('f', 'x', t, 'float32', 'float64')).toBe(t);
    expect(() => checkTensorType('f', 'x', arange(2), 'float32')).toThrow('f: x must be float32, got int32');
  });

  it('show shapes as 2x3x8x8', () => {
    expect([shapeText([2, 3, 8, 8]), shapeText([5]), shapeText([])]).toEqual(['2x3x8x8', '5', 'scalar']);
  });
});
