import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { gzipSync } from 'fflate';
import { decodeSafetensors, encodeNpy, encodeNpz, encodeSafetensors } from '../../src/io/index.ts';
import { arange, tensor, Tensor, zeros } from '../../src/tensor/index.ts';
import { anyTensor, expectSameTensor, mutations } from './support.ts';

/** A file with this header text and this many zero bytes of data (or these bytes). */
function file(header: string | object, data: number | number[] = 0): Uint8Array {
  const text = new TextEncoder().encode(typeof header === 'string' ? header : JSON.stringify(header));
  const bytes = typeof data === 'number' ? new Uint8Array(data) : Uint8Array.from(data);
  const whole = new Uint8Array(8 + text.length + bytes.length);
  new DataView(whole.buffer).setBigUint64(0, BigInt(text.length), true);
  whole.set(text, 8);
  whole.set(bytes, 8 + text.length);
  return whole;
}

const f32 = (shape: number[], begin: number, end: number): object => ({ dtype: 'F32', shape, data_offsets: [begin, end] });

describe('encodeSafetensors', () => {
  it('writes the published layout', () => {
    const bytes = encodeSafetensors({ w: tensor([[1, -2]]) }, { format: 'pt' });
    const header = '{"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]}}';
    const padded = header.padEnd(Math.ceil(header.length / 8) * 8);
    expect(new DataView(bytes.buffer).getBigUint64(0, true)).toBe(BigInt(padded.length));
    expect(new TextDecoder().decode(bytes.subarray(8, 8 + padded.length))).toBe(padded);
    expect([...bytes.subarray(8 + padded.length)]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0]);
  });

  it('aligns the data section and every tensor to its elements', () => {
    const bytes = encodeSafetensors({ a: tensor(Uint8Array.of(1, 2, 3)), b: zeros(3), c: zeros(3, 'float64') });
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length))) as
      Record<string, { data_offsets: [number, number] }>;
    expect(length % 8).toBe(0);
    expect(header.c.data_offsets).toEqual([0, 24]);
    expect(header.b.data_offsets).toEqual([24, 36]);
    expect(header.a.data_offsets).toEqual([36, 39]);
  });

  it('round-trips any names, tensors and metadata', () => {
    const name = fc.string({ unit: 'binary' }).filter((text) => text !== '__metadata__');
    const metadata = fc.dictionary(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), { maxKeys: 3 });
    fc.assert(fc.property(fc.dictionary(name, anyTensor, { maxKeys: 4 }), metadata, (tensors, texts) => {
      const read = decodeSafetensors(encodeSafetensors(tensors, texts));
      expect(Object.keys(read.tensors)).toEqual(Object.keys(tensors));
      for (const [key, t] of Object.entries(tensors)) expectSameTensor(read.tensors[key], t);
      expect(Object.entries(read.metadata)).toEqual(Object.entries(texts));
    }));
  });

  it('keeps a tensor called __proto__ an ordinary entry', () => {
    const read = decodeSafetensors(encodeSafetensors(Object.fromEntries([['__proto__', zeros(1)]])));
    expect(Object.keys(read.tensors)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(read.tensors)).toBe(Object.prototype);
  });

  it('decodes into memory of its own', () => {
    const bytes = encodeSafetensors({ w: tensor([1, 2]) });
    const { tensors } = decodeSafetensors(bytes);
    bytes.fill(0);
    expect(tensors.w.toArray()).toEqual([1, 2]);
  });

  it('refuses wrong arguments', () => {
    expect(() => encodeSafetensors(null as never)).toThrow(new TypeError('encodeSafetensors: record must be an object, got null'));
    expect(() => encodeSafetensors({ w: [1] } as never)).toThrow('encodeSafetensors: record["w"] must be a Tensor, got an array of 1');
    expect(() => encodeSafetensors({}, { step: 3 } as never)).toThrow('metadata["step"] must be a string, got 3');
    expect(() => encodeSafetensors({ __metadata__: zeros(1) })).toThrow(RangeError);
  });
});

describe('decodeSafetensors widens', () => {
  it.each([
    ['F16', 'float32', [0x00, 0x3c, 0x01, 0x00], [1, 2 ** -24]],
    ['BF16', 'float32', [0x80, 0x3f, 0x49, 0xc0], [1, -3.140625]],
    ['I64', 'int32', [0xfe, ...Array<number>(7).fill(0xff), 3, 0, 0, 0, 0, 0, 0, 0], [-2, 3]],
    ['U64', 'int32', [2, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0], [2, 3]],
    ['I16', 'int32', [0xff, 0xff, 1, 0], [-1, 1]],
    ['U16', 'int32', [0xff, 0xff, 1, 0], [65535, 1]],
    ['U32', 'int32', [0xff, 0, 0, 0, 1, 0, 0, 0], [255, 1]],
    ['U32', 'float64', [0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0], [2 ** 32 - 1, 1]],
    ['U64', 'float64', [0, 0, 0, 0, 0, 0, 0x20, 0, 3, 0, 0, 0, 0, 0, 0, 0], [2 ** 53, 3]],
    ['I64', 'float64', [0, 0, 0, 0, 0, 0, 0xe0, 0xff, 0, 0, 0, 0x80, 0, 0, 0, 0], [-(2 ** 53), 2 ** 31]],
    ['I64', 'int32', [0, 0, 0, 0x80, 255, 255, 255, 255, 255, 255, 255, 0x7f, 0, 0, 0, 0], [-(2 ** 31), 2 ** 31 - 1]],
    ['I8', 'int32', [0xff, 1], [-1, 1]],
    ['BOOL', 'uint8', [1, 0], [1, 0]],
  ])('%s to %s', (stored, dtype, bytes, values) => {
    const header = { t: { dtype: stored, shape: [2], data_offsets: [0, bytes.length] } };
    const { tensors } = decodeSafetensors(file(header, bytes));
    expect(tensors.t.dtype).toBe(dtype);
    expect(tensors.t.toArray()).toEqual(values);
  });
});

describe('decodeSafetensors refuses', () => {
  it.each<[string, Uint8Array, string]>([
    ['fewer than 8 bytes', new Uint8Array(7), 'too few for a header'],
    ['a header longer than the file', file('{}').subarray(0, 9), 'claims 2 bytes, but only 1 follow'],
    ['a huge header', Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x7f, 0x7b), 'at most 100000000 are allowed'],
    ['a header that is not UTF-8', file('{"ä": 1}').map((byte) => (byte === 0xc3 ? 0xff : byte)), 'not valid UTF-8'],
    ['a header that is not JSON', file('{"a": }'), 'not valid JSON'],
    ['a header that ends early', file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'), 'not valid JSON'],
    ['a header that goes on', file('{} {}'), 'not valid JSON'],
    ['a comma without a tensor after it', file('{"__metadata__":{},}'), 'not valid JSON'],
    ['brackets that do not match', file('{"__metadata__":{"a":"b"]}'), 'not valid JSON'],
    ['no comma', file('{"__metadata__":{"a":"b" "c":"d"}}'), 'not valid JSON'],
    ['a header that is a list', file('[]'), "does not begin with '{'"],
    ['leading space', file(' {}'), "does not begin with '{'"],
    ['a name twice', file('{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}, "\\u0061" : {"dtype":"U8","shape":[0],"data_offsets":[0,0]}}'), 'names "a" twice'],
    ['a key twice', file('{"a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1), 'names "dtype" twice'],
    ['metadata that is a list', file({ __metadata__: [] }), '__metadata__ must be an object'],
    ['metadata that is not text', file({ __metadata__: { a: 1 } }), 'entry "a" must be a string, got 1'],
    ['an entry that is a number', file({ a: 1 }), 'tensor "a" must be described by an object'],
    ['an unknown key', file({ a: { ...f32([1], 0, 4), extra: 1 } }, 4), 'unknown key "extra"'],
    ['an unknown type', file({ a: { dtype: 'F8_E4M3', shape: [1], data_offsets: [0, 1] } }, 1), 'dtype "F8_E4M3"'],
    ['no type', file({ a: { shape: [1], data_offsets: [0, 1] } }, 1), 'dtype undefined'],
    ['a negative size', file({ a: f32([-1], 0, 4) }, 4), 'not a list of sizes'],
    ['a fractional size', file({ a: f32([0.5], 0, 2) }, 2), 'not a list of sizes'],
    ['a shape that is text', file('{"a":{"dtype":"U8","shape":"1","data_offsets":[0,1]}}', 1), 'not a list of sizes'],
    ['offsets in reverse', file({ a: f32([1], 4, 0) }, 4), 'not [begin, end]'],
    ['three offsets', file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}', 1), 'not [begin, end]'],
    ['a shape of another size', file({ a: f32([3], 0, 8) }, 8), 'of shape 3 (F32) takes 12 bytes, data_offsets give 8'],
    ['a huge shape', file({ a: f32([2 ** 30, 2 ** 30], 0, 4) }, 4), 'more than 2147483647 elements'],
    ['a huge shape that overflows', file({ a: f32([2 ** 52, 2 ** 52, 2 ** 52], 0, 0) }), 'more than 2147483647 elements'],
    ['a large shape without its data', file({ a: f32([500_000_000], 0, 2e9) }, 4), 'take 2000000000 bytes, but 4 follow'],
    ['an overlap', file({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12), '"b" at bytes 4..12 overlaps the tensor before it'],
    ['a hole', file({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12), '"b" at bytes 8..12 leaves a hole before it'],
    ['bytes left over', file({ a: f32([1], 0, 4) }, 5), 'take 4 bytes, but 5 follow'],
    ['missing bytes', file({ a: f32([2], 0, 8) }, 5), 'take 8 bytes, but 5 follow'],
    ['an integer beyond 2^53', file({ a: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }, [1, 0, 0, 0, 0, 0, 0x20, 0]),
      'tensor "a": element 0 is 9007199254740993 (int64)'],
    ['one below -2^53', file({ a: { dtype: 'I64', shape: [1], data_offsets: [0, 8] } }, [255, 255, 255, 255, 255, 255, 0xdf, 255]),
      'tensor "a": element 0 is -9007199254740993 (int64)'],
    ['a huge unsigned one', file({ a: { dtype: 'U64', shape: [1], data_offsets: [0, 8] } }, Array<number>(8).fill(255)),
      'tensor "a": element 0 is 18446744073709551615 (uint64)'],
    ['padding with NUL', file('{}\0\0\0\0\0\0'), 'padded with NUL, expected spaces'],
    ['a text', new TextEncoder().encode('any other file'), 'not a safetensors file'],
    ['a zip archive', encodeNpz({ a: zeros(100) }), 'not a safetensors file; it is a zip archive, as .npz and .pt files are'],
    ['an empty zip archive', encodeNpz({}), 'it is a zip archive'],
    ['a .npy file', encodeNpy(zeros(100)), 'it is a .npy file'],
    ['a gzip file', gzipSync(new Uint8Array(100)), 'it is a gzip file'],
  ])('%s', (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes)).toThrow(RangeError);
    expect(() => decodeSafetensors(bytes)).toThrow(message);
  });

  it('nothing else of a file with metadata null', () => {
    expect(decodeSafetensors(file({ __metadata__: null, a: f32([1], 0, 4) }, 4)).metadata).toEqual({});
  });

  it('every truncation', () => {
    const whole = encodeSafetensors({ a: arange(5), b: tensor([[1, 2]]) }, { note: 'x' });
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeSafetensors(whole.subarray(0, length))).toThrow(RangeError);
    }
  });

  it('deep nesting and long names, without choking', () => {
    const deep = file(`{"a":${'['.repeat(200_000)}${']'.repeat(200_000)}}`);
    expect(() => decodeSafetensors(deep)).toThrow('tensor "a" is described by 400000 characters');
    expect(() => decodeSafetensors(file('{"a":[[[]]]}'))).toThrow('tensor "a" is nested deeper than 2 levels');
    expect(() => decodeSafetensors(file('{"__metadata__":{"a":[[]]}}'))).toThrow('is nested deeper than 1 levels');
    const names = Array.from({ length: 103_000 }, (_, i) => `"${i}":""`).join();
    expect(() => decodeSafetensors(file(`{"__metadata__":{${names}}}`))).toThrow(/names more than 10\d+ entries/);
    expect(() => decodeSafetensors(file(`{"a${'\\"'.repeat(1000)}`))).toThrow('not valid JSON');
    expect(() => decodeSafetensors(file({ ['x'.repeat(100_000)]: 1 }))).toThrow(/tensor "x{40}\.\.\."/);
  });

  it('or decodes, but never fails otherwise, whatever bytes are changed', () => {
    const whole = encodeSafetensors({ a: arange(5), 'b"': tensor([[1, 2]]), c: zeros([0, 2], 'float64') }, { note: 'x' });
    fc.assert(fc.property(mutations([whole]), (bytes) => {
      try {
        for (const t of Object.values(decodeSafetensors(bytes).tensors)) expect(t).toBeInstanceOf(Tensor);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }), { numRuns: 3000 });
  });

  it('what is no Uint8Array', () => {
    expect(() => decodeSafetensors(new ArrayBuffer(8) as never)).toThrow(TypeError);
  });
});
