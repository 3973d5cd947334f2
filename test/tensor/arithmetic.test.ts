import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  add,
  allClose,
  arange,
  clip,
  configure,
  div,
  einsum,
  exp,
  full,
  logicalAnd,
  logicalNot,
  matmul,
  maximum,
  mul,
  ones,
  pow,
  sub,
  sum,
  tensor,
  where,
  zeros,
} from '../../src/index.ts';
import type { DType, Operand, Tensor } from '../../src/index.ts';
import { at, build, modelled } from './model.ts';
import type { Modelled } from './model.ts';

/** Two tensors whose shapes broadcast together: axes dropped in front or shrunk to 1. */
const broadcastable = fc
  .tuple(fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 4 }), fc.infiniteStream(fc.integer({ min: 0, max: 3 })))
  .chain(([shape, choices]) => {
    const shrink = (): number[] => {
      const dropped = choices.next().value % (shape.length + 1);
      return shape.slice(dropped).map((extent) => (choices.next().value === 0 ? 1 : extent));
    };
    return fc.tuple(modelled(fc.constant(shrink())), modelled(fc.constant(shrink())));
  });

function broadcastModel(a: Modelled, b: Modelled, f: (x: number, y: number) => number): unknown {
  const ndim = Math.max(a.tensor.ndim, b.tensor.ndim);
  const shape = Array.from({ length: ndim }, (_, axis) => {
    const x = a.tensor.shape[axis - ndim + a.tensor.ndim] ?? 1;
    const y = b.tensor.shape[axis - ndim + b.tensor.ndim] ?? 1;
    return x === 1 ? y : x;
  });
  const lookup = ({ tensor: t, model }: Modelled, index: number[]): number =>
    at(model, index.slice(ndim - t.ndim).map((i, axis) => (t.shape[axis] === 1 ? 0 : i)));
  return build(shape, (index) => f(lookup(a, index), lookup(b, index)));
}

describe.each(['naive', 'js'] as const)('broadcasting, backend %s', (backend) => {
  afterAll(() => configure({ backend: 'auto' }));

  it('every operation equals the model in every type', () => {
    configure({ backend });
    const operations: Array<[(a: Operand, b: Operand) => Tensor, (x: number, y: number) => number]> = [
      [add, (x, y) => x + y], [sub, (x, y) => x - y], [mul, (x, y) => x * y], [maximum, Math.max],
    ];
    fc.assert(fc.property(broadcastable, fc.constantFrom('float32', 'float64', 'int32'), ([a, b], dtype) => {
      for (const [operation, f] of operations) {
        const out = operation(a.tensor.astype(dtype as DType), b.tensor.astype(dtype as DType));
        expect(out.dtype).toBe(dtype);
        expect(out.add(0).toArray()).toEqual(broadcastModel(a, b, (x, y) => f(x, y) + 0));
      }
    }), { numRuns: 150 });
  });

  it('a number is rounded to the type of the tensor first', () => {
    configure({ backend });
    const t = arange(1000).astype('float32');
    expect([...t.mul(0.1).data]).toEqual([...t.data].map((x) => Math.fround(x * Math.fround(0.1))));
    expect([...t.clone().addInPlace(0.1).data]).toEqual([...t.data].map((x) => Math.fround(x + Math.fround(0.1))));
  });

  it('operands with strides give what their copies give', () => {
    configure({ backend });
    const a = arange(24).reshape(4, 6).astype('float32').slice([null, null, 2], [null, null, -2]);
    const b = arange(6).reshape(3, 2).astype('float32').transpose();
    expect(a.mul(b).toArray()).toEqual(a.clone().mul(b.clone()).toArray());
    expect(a.exp().toArray()).toEqual(a.clone().exp().toArray());
    expect(a.matmul(b.transpose()).toArray()).toEqual(a.clone().matmul(b.transpose().clone()).toArray());
  });
});

describe('types', () => {
  const one = (dtype: DType): Tensor => full([2], 1, dtype);

  it('are promoted as in NumPy', () => {
    const table: Array<[DType, DType, DType]> = [
      ['uint8', 'uint8', 'uint8'], ['uint8', 'int32', 'int32'], ['uint8', 'float32', 'float32'], ['uint8', 'float64', 'float64'],
      ['int32', 'int32', 'int32'], ['int32', 'float32', 'float64'], ['int32', 'float64', 'float64'],
      ['float32', 'float32', 'float32'], ['float32', 'float64', 'float64'], ['float64', 'float64', 'float64'],
    ];
    for (const [a, b, result] of table) {
      expect([one(a).add(one(b)).dtype, one(b).mul(one(a)).dtype]).toEqual([result, result]);
      expect(where(one('uint8'), one(a), one(b)).dtype).toBe(result);
      const quotient = a.startsWith('float') || b.startsWith('float') ? result : 'float64';
      expect(one(a).div(one(b)).dtype).toBe(quotient);
    }
  });

  it('einsum sums and multiplies in the type of its result, however its operands are paired', () => {
    const fine = tensor([[0.1, 0.2, 0.3]], null, 'float32').astype('float64');
    const [coarse, one] = [fine.astype('float32'), ones([1], 'float64')];
    const sum = fine.sum().item();
    expect(sum).not.toBe(Math.fround(sum));
    // summed before it meets the other operand
    expect(einsum('ij,k->k', coarse, one).item()).toBe(sum);
    expect(einsum('ij,ij,k->k', coarse, coarse, one).item()).toBe(fine.mul(fine).sum().item());
    const bytes = tensor([20, 30], null, 'uint8');
    expect(einsum('i,i,k->k', bytes, bytes, ones([1], 'int32')).toArray()).toEqual([1300]);
  });

  it('einsum of integers wraps, whether the products are summed or the sums multiplied', () => {
    const large = full([3], 2147483647, 'int32');
    expect(einsum('a,b->', large, large).item()).toBe(9); // (3 (2^31 - 1))^2 is 9 modulo 2^32
    expect(einsum('a,a->', large, large).item()).toBe(3);
    expect(einsum('a->', large).item()).toBe(2147483645);
    expect(einsum('ab,cb->b', large.reshape(3, 1), large.reshape(3, 1)).toArray()).toEqual([9]);
    expect(einsum('a,b->b', tensor([200, 100], null, 'uint8'), tensor([3, 4], null, 'uint8')).toArray()).toEqual([132, 176]);
    expect(einsum('ij->j', zeros([0, 2], 'int32')).toArray()).toEqual([0, 0]);
  });

  it('a number adapts to a float tensor and widens an integer one only where it must', () => {
    expect(one('float32').mul(0.1).dtype).toBe('float32');
    expect(one('float32').mul(0.1).get(0)).toBe(Math.fround(0.1));
    expect(one('uint8').add(200).toArray()).toEqual([201, 201]);
    expect(one('uint8').add(200).dtype).toBe('uint8');
    expect(one('uint8').sub(-1).dtype).toBe('int32');
    expect(one('uint8').add(1000).toArray()).toEqual([1001, 1001]);
    expect(one('int32').add(0.5).toArray()).toEqual([1.5, 1.5]);
    expect(one('int32').add(NaN).dtype).toBe('float64');
    expect(one('int32').mul(2 ** 40).toArray()).toEqual([2 ** 40, 2 ** 40]);
    expect(add(1, 2).item()).toBe(3);
    expect(sub(1, one('float32')).toArray()).toEqual([0, 0]);
    expect(div(1, tensor([2, 4])).toArray()).toEqual([0.5, 0.25]);
  });

  it('integers wrap, in multiplication too where a float64 product would lose bits', () => {
    expect(full([1], 2 ** 31 - 1, 'int32').add(1).item()).toBe(-(2 ** 31));
    expect(full([1], 123456789, 'int32').mul(full([1], 987654321, 'int32')).item()).toBe(-67153019);
    expect(full([1], 200, 'uint8').mul(full([1], 3, 'uint8')).item()).toBe(88);
    expect(full([1], 46341, 'int32').square().item()).toBe(-2147479015);
    expect(pow(full([1], 3, 'int32'), 21).item()).toBe(Number(BigInt.asIntN(32, 3n ** 21n)));
  });
});

describe('in place', () => {
  it('writes to the tensor itself, also through views and overlapping operands', () => {
    const t = arange(6).reshape(2, 3).astype('float32');
    t.slice(null, 1).addInPlace(10);
    t.transpose().mulInPlace(tensor([1, 2]));
    expect(t.toArray()).toEqual([[0, 11, 2], [6, 28, 10]]);
    const row = tensor([1, 2, 3, 4]);
    row.slice([1]).addInPlace(row.slice([null, -1]));
    expect(row.toArray()).toEqual([1, 3, 5, 7]);
    row.subInPlace(row);
    expect(row.toArray()).toEqual([0, 0, 0, 0]);
    expect(tensor([3]).divInPlace(2).item()).toBe(1.5);
    expect(full([2], 250, 'uint8').addInPlace(10).toArray()).toEqual([4, 4]);
  });

  it('refuses to grow the target or to put fractions into integers', () => {
    expect(() => zeros([2]).addInPlace(zeros([3, 2]))).toThrow('addInPlace: shape 3x2 cannot be broadcast to 2');
    expect(() => arange(2).addInPlace(0.5)).toThrow('addInPlace: the result is float64, which a tensor of int32 cannot hold');
    expect(() => arange(2).divInPlace(2)).toThrow(TypeError);
  });
});

describe('errors', () => {
  it('name the function, the argument and what came', () => {
    expect(() => zeros([2, 3]).add(zeros([4]))).toThrow('add: shapes 2x3 and 4 cannot be broadcast together');
    expect(() => zeros([2]).mul('3' as unknown as number)).toThrow('mul: b must be a Tensor or a number, got "3"');
    expect(() => matmul(zeros([2, 3]), zeros([4, 5]))).toThrow('matmul: a has 3 columns, b has 4 rows (a 2x3, b 4x5)');
    expect(() => exp(3 as unknown as Tensor)).toThrow('exp: x must be a Tensor, got 3');
    expect(() => sum([1] as unknown as Tensor)).toThrow('sum: x must be a Tensor, got an array of 1');
    expect(() => einsum('ij', null as unknown as Tensor)).toThrow('einsum: operand 0 must be a Tensor, got null');
    expect(() => zeros([65536, 1]).add(zeros([1, 65536]))).toThrow('add: the broadcast shape 65536x65536 has more than 2147483647 elements');
    expect(() => clip(zeros([2]), NaN, 1)).toThrow(RangeError);
  });
});

describe('logic', () => {
  it('allClose follows NumPy: relative to b, NaN is close to nothing', () => {
    expect(allClose(tensor([1, Infinity]), tensor([1 + 1e-6, Infinity]))).toBe(true);
    expect(allClose(tensor([1]), tensor([1.1]))).toBe(false);
    expect(allClose(tensor([NaN]), tensor([NaN]))).toBe(false);
    expect(allClose(tensor([Infinity]), tensor([1]))).toBe(false);
    expect(allClose(tensor([1]), tensor([Infinity]))).toBe(false);
  });

  it('truth counts NaN as true', () => {
    const t = tensor([NaN, 0, 2]);
    expect(logicalNot(t).toArray()).toEqual([0, 1, 0]);
    expect(logicalAnd(t, 1).toArray()).toEqual([1, 0, 1]);
    expect(t.isNaN().toArray()).toEqual([1, 0, 0]);
    expect(tensor([NaN, 0, Infinity]).isFinite().toArray()).toEqual([0, 1, 0]);
  });
});
