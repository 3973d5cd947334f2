import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { decodeNpy, encodeNpy } from '../../src/io/index.ts';
import { arange, tensor, Tensor, zeros } from '../../src/tensor/index.ts';
import { fromBase64, numpyFiles } from './numpy-files.ts';
import { anyTensor, expectSameTensor, mutations } from './support.ts';

function decode(name: keyof typeof numpyFiles): Tensor {
  return decodeNpy(fromBase64(numpyFiles[name]));
}

/** A version 1.0 file with this header and these elements. */
function npy(header: string, elements: number[] = []): Uint8Array {
  const text = new TextEncoder().encode(header);
  const start = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, text.length & 255, text.length >> 8];
  return Uint8Array.of(...start, ...text, ...elements);
}

describe('decodeNpy reads what NumPy wrote', () => {
  it.each([
    ['float32', 'float32', [[0, 0.25, 0.5], [0.75, 1, 1.25]]],
    ['float64', 'float64', [0.1, -1e300, Infinity, -0]],
    ['int32', 'int32', [[-(2 ** 31), 2 ** 31 - 1]]],
    ['uint8', 'uint8', [0, 255]],
    ['scalar', 'float64', 2.5],
    ['bigEndianFloat64', 'float64', [1.5, -2.25]],
    ['bigEndianInt32', 'int32', [1, -2]],
    ['bigEndianFortran', 'float32', [[1.5, 2], [3, 4]]],
    ['float16', 'float32', [1, -2.5, 65504, 2 ** -24, Infinity, -Infinity, 0.333251953125]],
    ['int64', 'int32', [5, -7]],
    ['int64TooLarge', 'float64', [5, 2 ** 31]],
    ['int16', 'int32', [-32768, 32767]],
    ['int8', 'int32', [-128, 127]],
    ['uint16', 'int32', [65535]],
    ['uint32', 'int32', [7]],
    ['bool', 'uint8', [1, 0, 1]],
    ['version2', 'int32', [1, 2]],
    ['version3', 'int32', [1, 2]],
  ] as const)('%s', (name, dtype, values) => {
    const t = decode(name);
    expect(t.dtype).toBe(dtype);
    expect(t.toArray()).toEqual(values);
  });

  it('column-major memory comes out row-major', () => {
    const t = decode('fortran');
    expect(t.isContiguous).toBe(true);
    expectSameTensor(t, arange(24).reshape(2, 3, 4));
  });

  it('an empty array keeps its shape', () => {
    expect(decode('empty').shape).toEqual([0, 3]);
  });
});

describe('encodeNpy', () => {
  it('writes the bytes that NumPy writes', () => {
    expect(encodeNpy(tensor([[0, 0.25, 0.5], [0.75, 1, 1.25]]))).toEqual(fromBase64(numpyFiles.float32));
    expect(encodeNpy(tensor([0.1, -1e300, Infinity, -0], null, 'float64'))).toEqual(fromBase64(numpyFiles.float64));
    expect(encodeNpy(tensor(Uint8Array.of(0, 255)))).toEqual(fromBase64(numpyFiles.uint8));
    expect(encodeNpy(zeros([0, 3]))).toEqual(fromBase64(numpyFiles.empty));
    expect(encodeNpy(tensor(2.5, [], 'float64'))).toEqual(fromBase64(numpyFiles.scalar));
  });

  it('round-trips any shape, element type and view', () => {
    fc.assert(fc.property(anyTensor, (t) => expectSameTensor(decodeNpy(encodeNpy(t)), t)));
  });

  it('refuses what is not a tensor', () => {
    expect(() => encodeNpy([1, 2] as never)).toThrow(new TypeError('encodeNpy: t must be a Tensor, got an array of 2'));
  });
});

describe('decodeNpy refuses', () => {
  it.each([
    ['complex', /element type "<c16" is not supported/],
    ['text', /element type "<U2" is not supported/],
    ['objects', /element type "\|O" is not supported/],
    ['records', /records and objects are not supported/],
  ] as const)('%s', (name, message) => {
    expect(() => decode(name)).toThrow(RangeError);
    expect(() => decode(name)).toThrow(message);
  });

  it('every truncation, and bytes after the end', () => {
    const whole = fromBase64(numpyFiles.float32);
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeNpy(whole.subarray(0, length))).toThrow(RangeError);
    }
    expect(() => decodeNpy(Uint8Array.of(...whole, 0))).toThrow('takes 24 bytes, the file has 25');
  });

  it.each([
    ['', 'cannot be read'],
    ['{}', 'must give descr'],
    ["{'descr': '<f4', 'fortran_order': False}", 'must give descr'],
    ["{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}", 'cannot be read'],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (1)}", 'cannot be read'],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", 'cannot be read'],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (1.0,)}", 'cannot be read'],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'extra': True}", 'and nothing else'],
    ["{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 'cannot be read'],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} + 1", 'cannot be read'],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (1,", 'cannot be read'],
    ["{'descr': 'f4', 'fortran_order': False, 'shape': (1,)}", 'element type "f4"'],
    ["{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 4000000000)}", 'more than 2147483647 elements'],
    ["{'descr': '<f8', 'fortran_order': False, 'shape': (2000000000,)}", 'takes 16000000000 bytes, the file has 4'],
    [`{'descr': '<f4', 'fortran_order': False, 'shape': (${'1, '.repeat(33)})}`, 'has 33 axes'],
    [`{${' '.repeat(20_000)}}`, 'at most 10000'],
  ])('the header %j', (header, message) => {
    expect(() => decodeNpy(npy(header, [0, 0, 0, 0]))).toThrow(RangeError);
    expect(() => decodeNpy(npy(header, [0, 0, 0, 0]))).toThrow(message);
  });

  it('other versions, other files, other arguments', () => {
    const whole = fromBase64(numpyFiles.uint8);
    whole[6] = 4;
    expect(() => decodeNpy(whole)).toThrow('.npy version 4.0 is not supported');
    expect(() => decodeNpy(new Uint8Array(100))).toThrow('not a .npy file');
    expect(() => decodeNpy('x' as never)).toThrow(new TypeError('decodeNpy: bytes must be a Uint8Array, got "x"'));
  });

  it('or decodes, but never fails otherwise, whatever bytes are changed', () => {
    const files = [numpyFiles.float32, numpyFiles.fortran, numpyFiles.int64, numpyFiles.version2].map(fromBase64);
    fc.assert(fc.property(mutations(files), (bytes) => {
      try {
        expect(decodeNpy(bytes)).toBeInstanceOf(Tensor);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }), { numRuns: 2000 });
  });
});
