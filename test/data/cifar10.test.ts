/** The binary format of CIFAR-10: parsing, writing, and what is refused. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classNames, encodeCifar10, parseCifar10 } from '../../src/data/index.ts';
import { RecordDecoder } from '../../src/data/cifar10.ts';
import { Rng, Tensor } from '../../src/tensor/index.ts';

/** A batch file of n records whose pixels are all different from their neighbours'. */
function batchFile(n: number): Uint8Array {
  const bytes = new Uint8Array(n * 3073);
  for (let i = 0; i < n; i++) {
    bytes[i * 3073] = (i * 7) % 10;
    for (let p = 0; p < 3072; p++) bytes[i * 3073 + 1 + p] = (i * 31 + p * 17) & 255;
  }
  return bytes;
}

describe('parseCifar10', () => {
  it('puts label, planes, rows and columns where the format says', () => {
    const bytes = batchFile(3);
    const { images, labels } = parseCifar10(bytes);
    expect(images.shape).toEqual([3, 3, 32, 32]);
    expect(images.dtype).toBe('uint8');
    expect(labels).toBeInstanceOf(Int32Array);
    expect(Array.from(labels)).toEqual([0, 7, 4]);
    for (const [n, c, y, x] of [[0, 0, 0, 0], [1, 2, 5, 9], [2, 1, 31, 31]]) {
      expect(images.get(n, c, y, x)).toBe(bytes[n * 3073 + 1 + c * 1024 + y * 32 + x]);
    }
  });

  it('takes an ArrayBuffer and a view into a larger one, and keeps no hold on them', () => {
    const bytes = batchFile(2);
    const larger = new Uint8Array(bytes.length + 10);
    larger.set(bytes, 5);
    const fromView = parseCifar10(larger.subarray(5, 5 + bytes.length));
    expect(Array.from(fromView.images.data)).toEqual(Array.from(parseCifar10(bytes.buffer as ArrayBuffer).images.data));
    larger.fill(0);
    expect(fromView.images.get(1, 0, 0, 0)).toBe(31);
  });

  it('inverts encodeCifar10', () => {
    fc.assert(fc.property(fc.integer({ min: 1, max: 4 }), fc.nat(), (n, seed) => {
      const rng = new Rng(seed);
      const images = new Tensor(Uint8Array.from({ length: n * 3072 }, () => rng.next32() & 255), [n, 3, 32, 32]);
      const labels = Int32Array.from({ length: n }, () => rng.integers(10));
      const back = parseCifar10(encodeCifar10(images, labels));
      expect(Buffer.compare(back.images.data as Uint8Array, images.data as Uint8Array)).toBe(0);
      expect(back.labels).toEqual(labels);
    }), { numRuns: 20 });
  });

  it('refuses lengths that are no whole number of records', () => {
    expect(() => parseCifar10(new Uint8Array(0))).toThrow(new RangeError(
      'parseCifar10: the length must be a positive multiple of 3073 bytes, got nothing',
    ));
    expect(() => parseCifar10(batchFile(3).subarray(0, 7000))).toThrow(new RangeError(
      'parseCifar10: the length must be a positive multiple of 3073 bytes, got 7000 (2 records and 854 bytes)',
    ));
  });

  it('refuses a label above 9, naming the record', () => {
    const bytes = batchFile(3);
    bytes[2 * 3073] = 10;
    expect(() => parseCifar10(bytes)).toThrow(new RangeError('parseCifar10: record 2 has label 10, expected 0 to 9'));
  });

  it('refuses what is not bytes', () => {
    for (const wrong of [null, undefined, 'text', [1, 2], new Float32Array(3073)]) {
      expect(() => parseCifar10(wrong as unknown as Uint8Array)).toThrow(TypeError);
    }
  });
});

describe('RecordDecoder', () => {
  it('gives the same however the bytes are cut', () => {
    const bytes = batchFile(3);
    const whole = parseCifar10(bytes);
    fc.assert(fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 }), (cuts) => {
      const decoder = new RecordDecoder('test', new Uint8Array(3 * 3072), new Int32Array(3));
      const ends = [...cuts].sort((a, b) => a - b);
      let start = 0;
      for (const end of [...ends, bytes.length]) {
        decoder.push(bytes.subarray(start, end));
        start = end;
      }
      const { images, labels } = decoder.result();
      expect(Buffer.compare(images.data as Uint8Array, whole.images.data as Uint8Array)).toBe(0);
      expect(labels).toEqual(whole.labels);
    }), { numRuns: 50 });
  });

  it('notices bytes that are missing and bytes too many', () => {
    const decoder = new RecordDecoder('test', new Uint8Array(3072), new Int32Array(1));
    decoder.push(batchFile(1).subarray(0, 3000));
    expect(() => decoder.result()).toThrow(new RangeError('test: expected 3073 bytes, got 3000'));
    expect(() => decoder.push(new Uint8Array(74))).toThrow(RangeError);
  });
});

describe('encodeCifar10', () => {
  const images = new Tensor(new Uint8Array(2 * 3072), [2, 3, 32, 32]);

  it('writes views as they are seen', () => {
    const { images: all } = parseCifar10(batchFile(3));
    const bytes = encodeCifar10(all.slice([1, 3]), [5, 6]);
    expect(bytes.length).toBe(2 * 3073);
    expect(Buffer.compare(bytes.subarray(1, 3073), batchFile(3).subarray(3074, 6146))).toBe(0);
  });

  it('refuses other types, shapes and labels', () => {
    expect(() => encodeCifar10(images.astype('float32'), [0, 1])).toThrow(TypeError);
    expect(() => encodeCifar10([1] as unknown as Tensor, [0, 1])).toThrow(TypeError);
    expect(() => encodeCifar10(images.reshape(2, 3, 1024, 1), [0, 1]))
      .toThrow('encodeCifar10: images must be (N,3,32,32), got 2x3x1024x1');
    expect(() => encodeCifar10(images, [0])).toThrow('encodeCifar10: labels must be 2, one an image, got 1');
    for (const label of [-1, 10, 1.5, NaN]) {
      expect(() => encodeCifar10(images, [0, label]))
        .toThrow(`encodeCifar10: record 1 has label ${label}, expected 0 to 9`);
    }
  });
});

describe('classNames', () => {
  it("are those of the release's batches.meta.txt", () => {
    expect(classNames.join(' ')).toBe('airplane automobile bird cat deer dog frog horse ship truck');
  });
});
