import { describe, expect, it } from 'vitest';
import { arange, eye, full, linspace, logspace, ones, onesLike, tensor, Tensor, zeros, zerosLike } from '../../src/index.ts';
import type { DType, Values } from '../../src/index.ts';

describe('tensor', () => {
  it('reads nested arrays as float32, row-major', () => {
    const t = tensor([[1, 2, 3], [4, 5, 6]]);
    expect([t.shape, t.strides, t.dtype, t.size, t.ndim, t.offset]).toEqual([[2, 3], [3, 1], 'float32', 6, 2, 0]);
    expect([...t.data]).toEqual([1, 2, 3, 4, 5, 6]);
    expect(tensor(5).shape).toEqual([]);
    expect(tensor([[], []]).shape).toEqual([2, 0]);
    expect(tensor([[true, false]]).toArray()).toEqual([[1, 0]]);
    expect(tensor([1, 2, 3, 4], [2, 2], 'int32').toArray()).toEqual([[1, 2], [3, 4]]);
  });

  it('keeps the type of typed arrays and tensors, and copies them', () => {
    const source = Float64Array.of(1, 2, 3, 4);
    const t = tensor(source, [2, 2]);
    expect([t.dtype, t.shape]).toEqual(['float64', [2, 2]]);
    source[0] = 9;
    expect(t.get(0, 0)).toBe(1);
    const types: Array<[ArrayBufferView, DType]> = [
      [new Float32Array(1), 'float32'], [new Int32Array(1), 'int32'], [new Uint8Array(1), 'uint8'],
      [new Int8Array(1), 'int32'], [new Int16Array(1), 'int32'], [new Uint16Array(1), 'int32'],
      [new Uint8ClampedArray(1), 'uint8'], [new Uint32Array(1), 'float64'],
    ];
    for (const [array, dtype] of types) expect(tensor(array).dtype).toBe(dtype);
    expect(tensor(Uint32Array.of(2 ** 32 - 1)).item()).toBe(2 ** 32 - 1);
    const transposed = arange(6).reshape(2, 3).transpose();
    expect(tensor(transposed).toArray()).toEqual([[0, 3], [1, 4], [2, 5]]);
    expect(tensor(transposed, [6], 'float32').toArray()).toEqual([0, 3, 1, 4, 2, 5]);
  });

  it('refuses ragged nesting, foreign elements and sizes that do not fit', () => {
    expect(() => tensor([[1, 2], [3]])).toThrow('tensor: values is ragged: expected 2 entries at depth 1, got 1 entries');
    expect(() => tensor([[1], 2])).toThrow('tensor: values is ragged: expected 1 entries at depth 1, got 2');
    expect(() => tensor([1, [2]])).toThrow('tensor: values is ragged: a list stands where numbers do at depth 1');
    expect(() => tensor([1, '2'] as unknown as Values)).toThrow('tensor: values must hold numbers, got "2"');
    expect(() => tensor(null as unknown as Values)).toThrow(TypeError);
    expect(() => tensor(new BigInt64Array(2))).toThrow(TypeError);
    expect(() => tensor(new DataView(new ArrayBuffer(8)))).toThrow(TypeError);
    expect(() => tensor([1, 2, 3], [2, 2])).toThrow('tensor: shape 2x2 holds 4 elements, values has 3');
    expect(() => tensor(new Float32Array(3), [4])).toThrow(RangeError);
    expect(() => tensor([1], null, 'float16' as DType)).toThrow('tensor: dtype must be one of uint8, int32, float32, float64');
  });

  it('converts as typed arrays do', () => {
    expect(tensor([NaN, Infinity, -1.7, 300], null, 'uint8').toArray()).toEqual([0, 0, 255, 44]);
    expect(tensor([NaN, Infinity]).astype('int32').toArray()).toEqual([0, 0]);
    expect(tensor([NaN, -Infinity], null, 'float64').astype('float32').toArray()).toEqual([NaN, -Infinity]);
  });
});

describe('shapes', () => {
  it('may be a number or a list', () => {
    expect(zeros(3).shape).toEqual([3]);
    expect(ones([2, 0]).size).toBe(0);
    expect(full([], 7).item()).toBe(7);
  });

  it('are checked before anything is allocated', () => {
    expect(() => zeros([2, -1])).toThrow('zeros: shape[1] must be an integer >= 0, got -1');
    expect(() => zeros([1.5])).toThrow('zeros: shape[0] must be an integer >= 0, got 1.5');
    expect(() => zeros([NaN])).toThrow(RangeError);
    expect(() => zeros(['2'] as unknown as number[])).toThrow(TypeError);
    expect(() => zeros('2' as unknown as number[])).toThrow('zeros: shape must be an array of integers, got "2"');
    expect(() => zeros([1e6, 1e6])).toThrow('zeros: shape 1000000x1000000 has more than 2147483647 elements');
    expect(() => zeros([2 ** 53, 0])).toThrow(RangeError);
    expect(() => zeros(new Array<number>(33).fill(1))).toThrow('zeros: shape has 33 axes, at most 32 are supported');
    expect(() => zeros(new Array<number>(3))).toThrow(TypeError);
    expect(() => arange(1e15)).toThrow(RangeError);
    expect(() => linspace(0, 1, 1e12)).toThrow(RangeError);
    expect(() => eye(1e6)).toThrow(RangeError);
    expect(() => eye('3' as never, 'float64')).toThrow(/eye: rows/);
  });
});

describe('fills', () => {
  it('take a type, and keep NaN and infinities', () => {
    expect(zeros([2]).dtype).toBe('float32');
    expect(ones([2], 'uint8').toArray()).toEqual([1, 1]);
    expect(full([2], NaN, 'float64').toArray()).toEqual([NaN, NaN]);
    expect(zerosLike(arange(2)).dtype).toBe('int32');
    expect(onesLike(arange(2), 'float64').toArray()).toEqual([1, 1]);
    expect(() => full([2], '3' as unknown as number)).toThrow('full: value must be a number, got "3"');
  });

  it('logspace multiplies by the same number, and ends where it should', () => {
    // NumPy 1.24: np.logspace(-4, 0, 5), np.logspace(0, 3, 4, base=2), np.logspace(-1, 1, 4)
    const powers = [1e-4, 1e-3, 1e-2, 0.1, 1];
    expect(logspace(-4, 0, 5).toArray()).toEqual(powers.map((value) => expect.closeTo(value, 15) as number));
    expect(logspace(0, 3, 4, 2).toArray()).toEqual([1, 2, 4, 8]);
    const between = [0.1, 0.46415888336127786, 2.154434690031884, 10];
    expect(logspace(-1, 1, 4).toArray()).toEqual(between.map((value) => expect.closeTo(value, 14) as number));
    expect([logspace(0, 1).size, logspace(2, 3, 1).get(0), logspace(0, 1, 0).size]).toEqual([50, 100, 0]);
    expect(logspace(0, 2, 3, 10, 'int32').dtype).toBe('int32');
    expect(() => logspace(0, 1, 2, -1)).toThrow('logspace: base must be a finite number >= 0, got -1');
    expect(() => logspace(0, 1, 1e12)).toThrow(/^logspace: count/);
  });

  it('arange and linspace choose types as documented', () => {
    expect(arange(3).dtype).toBe('int32');
    expect(arange(0, 1, 0.5).dtype).toBe('float64');
    expect(arange(3, undefined, 1, 'float32').dtype).toBe('float32');
    expect([arange(3, 'uint8'), arange(1, 3, 'float64'), arange(0, 4, 2, 'float32')].map((t) => [t.dtype, t.toArray()]))
      .toEqual([['uint8', [0, 1, 2]], ['float64', [1, 2]], ['float32', [0, 2]]]);
    expect([eye(2, 'float64').dtype, eye(2, 3, 'int32').dtype, eye(2, 3, 1, 'uint8').dtype])
      .toEqual(['float64', 'int32', 'uint8']);
    expect(eye(2, 3, 'int32').toArray()).toEqual([[1, 0, 0], [0, 1, 0]]);
    expect(() => arange(3, 'float16' as never)).toThrow('arange: dtype must be one of');
    expect(arange(2 ** 31 - 1, 2 ** 31 + 1).toArray()).toEqual([2 ** 31 - 1, 2 ** 31]);
    expect(linspace(0, 1, 3).dtype).toBe('float64');
    expect(linspace(0.1, 0.7, 7).get(-1)).toBe(0.7);
    expect(() => arange(0, 1, 0)).toThrow('arange: step must not be 0');
    expect(() => arange(NaN)).toThrow(RangeError);
  });
});

describe('text', () => {
  it('shows small tensors whole and the ends of large ones', () => {
    expect(String(arange(4).reshape(2, 2))).toBe('Tensor 2x2 int32\n[[0, 1],\n [2, 3]]');
    expect(String(tensor(0.1))).toBe('Tensor scalar float32 0.1');
    expect(String(zeros([0, 2]))).toBe('Tensor 0x2 float32');
    expect(String(arange(1000))).toBe('Tensor 1000 int32 [0, 1, 2, ..., 997, 998, 999]');
    expect(`${tensor([NaN, 1 / 3], null, 'float64')}`).toBe('Tensor 2 float64 [NaN, 0.33333333]');
  });
});

describe('new Tensor', () => {
  it('wraps an array without copying it', () => {
    const data = new Float32Array(4);
    new Tensor(data, [2, 2]).set(5, 1, 0);
    expect(data[2]).toBe(5);
    expect(new Tensor(data).shape).toEqual([4]);
  });
});
