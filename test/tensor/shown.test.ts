/** How a tensor appears to what knows no tensors: the console, JSON, text, another copy of the library, a clone. */

import { inspect } from 'node:util';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { reluBackward, reluForward, softmaxLoss } from '../../src/layers/index.ts';
import { add, concat, matmul, Tensor, tensor, zeros } from '../../src/tensor/index.ts';

describe('a tensor', () => {
  const t = tensor([[1, 2], [3, 4]]);

  it('is printed with its shape, type and values', () => {
    expect(inspect(t)).toBe(t.toString());
    expect(inspect({ w: t })).toContain('Tensor 2x2 float32');
    const denoInspect = (t as unknown as Record<symbol, () => string>)[Symbol.for('Deno.customInspect')];
    expect(denoInspect.call(t)).toBe(t.toString());
    expect(Object.keys(t)).not.toContain('inspect');
  });

  it('becomes JSON that makes it again', () => {
    const { shape, dtype, values } = JSON.parse(JSON.stringify(t.transpose().astype('int32'))) as Tensor & { values: number[] };
    expect({ shape, dtype, values }).toEqual({ shape: [2, 2], dtype: 'int32', values: [[1, 3], [2, 4]] });
    expect(tensor(values, shape, dtype).toArray()).toEqual([[1, 3], [2, 4]]);
    expect(JSON.stringify(tensor(7))).toBe('{"shape":[],"dtype":"float32","values":7}');
  });

  it('joins text as text, and numbers as a number where it holds one', () => {
    expect('W1: ' + (t as unknown as string)).toBe(`W1: ${t.toString()}`);
    expect(1 + (tensor([41]) as unknown as number)).toBe(42);
    expect(() => Number(t)).toThrow('item: the tensor has 4 elements');
  });

  it('has a shape and strides that nobody can change', () => {
    expect(Object.isFrozen(t.shape) && Object.isFrozen(t.strides)).toBe(true);
    expect(() => { (t.shape as number[])[0] = 1000; }).toThrow(TypeError);
  });

  it('that was cloned is refused by its name', () => {
    const clone = structuredClone({ ...t }) as unknown as Tensor;
    expect(clone).not.toBeInstanceOf(Tensor);
    expect(() => reluForward(clone)).toThrow(
      'reluForward: x must be a Tensor, got an Object that has lost its class, as structuredClone and postMessage leave it',
    );
    expect(() => add(1, { ...t } as unknown as Tensor)).toThrow('add: b must be a Tensor or a number, got an Object that has lost');
    expect(Object.create(Tensor.prototype)).not.toBeInstanceOf(Tensor);
  });
});

describe('a tensor of another copy of the library', () => {
  let other: typeof import('../../src/tensor/index.ts');
  let otherLayers: typeof import('../../src/layers/index.ts');

  beforeAll(async () => {
    vi.resetModules();
    other = await import('../../src/tensor/index.ts');
    otherLayers = await import('../../src/layers/index.ts');
  });

  it('is of another class, and works', () => {
    const foreign = other.tensor([[1, -2], [-3, 4]]);
    expect(foreign.constructor).not.toBe(Tensor);
    expect(foreign).toBeInstanceOf(Tensor);
    const [out, cache] = reluForward(foreign);
    expect(out.toArray()).toEqual([[1, 0], [0, 4]]);
    expect(reluBackward(other.ones([2, 2]), cache).toArray()).toEqual([[1, 0], [0, 1]]);
    expect(matmul(foreign.transpose(), zeros([2, 2])).toArray()).toEqual([[0, 0], [0, 0]]);
    expect(concat([foreign, tensor([[5, 6]])]).shape).toEqual([3, 2]);
    expect(softmaxLoss(foreign, other.tensor([0, 1], null, 'int32'))[0]).toBeGreaterThan(0);
    expect(zeros([2, 2]).assign(foreign).toArray()).toEqual(foreign.toArray());
  });

  it('has caches that only its own backward passes take', () => {
    const [, cache] = otherLayers.reluForward(other.ones([2]));
    expect(() => reluBackward(tensor([1, 2]), cache as never)).toThrow(TypeError);
    expect(() => reluBackward(tensor([1, 2]), cache as never)).toThrow('reluBackward: cache must be what the relu forward pass');
  });
});
