import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { copyTree, decodeTree, encodeTree } from '../../src/train/state-tree.ts';
import type { StateTree } from '../../src/train/index.ts';
import { Tensor, tensor } from '../../src/tensor/index.ts';

const leaf: fc.Arbitrary<StateTree> = fc.oneof(
  fc.double(), fc.string(), fc.boolean(), fc.constant(null),
  fc.array(fc.double(), { maxLength: 3 }).map((values) => new Tensor(Float64Array.from(values))),
);
const tree: fc.Arbitrary<StateTree> = fc.letrec<{ node: StateTree }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf, fc.array(tie('node'), { maxLength: 3 }), fc.dictionary(fc.string().filter((key) => !key.startsWith('$')), tie('node'), { maxKeys: 3 }),
  ),
})).node;

/** Tensors as lists, objects as plain ones: what toEqual compares well. */
function plain(value: StateTree): unknown {
  if (value instanceof Tensor) return { tensor: Array.from(value.data), shape: value.shape };
  if (Array.isArray(value)) return (value as StateTree[]).map(plain);
  if (typeof value === 'object' && value !== null) return Object.entries(value).map(([key, item]) => [key, plain(item as StateTree)]);
  return value;
}

describe('state trees', () => {
  it('come back as they were, names with slashes and special numbers included', () => {
    fc.assert(fc.property(tree, (value) => {
      expect(plain(decodeTree('f', 'test', encodeTree('f', 'test', value)))).toEqual(plain(value));
    }), { numRuns: 500 });
    const clash = { a: { b: tensor([1]) }, 'a/b': tensor([2]), nan: NaN, minus: -0, big: -Infinity };
    expect(plain(decodeTree('f', 'test', encodeTree('f', 'test', clash)))).toEqual(plain(clash));
  });

  it('are copied without sharing memory', () => {
    const original = { list: [tensor([1, 2])], text: 'x' };
    const copy = copyTree(original);
    original.list[0].set(9, 0);
    expect(copy.list[0].toArray()).toEqual([1, 2]);
    expect(copy.text).toBe('x');
  });

  it('hold nothing else', () => {
    const circle: Record<string, StateTree> = {};
    circle.self = circle;
    expect(() => encodeTree('f', 'test', circle)).toThrow('f: state is nested deeper than 32 levels');
    expect(() => encodeTree('f', 'test', { a: [new Date()] } as never)).toThrow('got a Date at a/0');
    expect(() => encodeTree('f', 'test', { a: () => 1 } as never)).toThrow(TypeError);
  });
});
