import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeIdx, encodeIdx } from '../../src/io/index.ts';
import { Tensor } from '../../src/tensor/index.ts';

const arrays = { uint8: Uint8Array, int32: Int32Array, float32: Float32Array, float64: Float64Array };

describe('IDX', () => {
  it('comes back as it was, of every element type', () => {
    fc.assert(fc.property(
      fc.constantFrom('uint8' as const, 'int32' as const, 'float32' as const, 'float64' as const),
      fc.array(fc.nat(4), { minLength: 1, maxLength: 4 }), fc.nat(),
      (dtype, shape, seed) => {
        const size = shape.reduce((a, b) => a * b, 1);
        const values = Array.from({ length: size }, (_, i) => (seed * 31 + i * 77) % 251);
        const t = new Tensor(arrays[dtype].from(values), shape);
        const back = decodeIdx(encodeIdx(t));
        expect([back.dtype, back.shape, back.toArray()]).toEqual([dtype, shape, t.toArray()]);
      },
    ));
  });

  it('reads bytes as the format says: big-endian, small integers with signs', () => {
    expect(decodeIdx(Uint8Array.of(0, 0, 0x0b, 1, 0, 0, 0, 2, 255, 254, 1, 0)).toArray()).toEqual([-2, 256]);
    expect(decodeIdx(Uint8Array.of(0, 0, 0x09, 1, 0, 0, 0, 2, 255, 1)).toArray()).toEqual([-1, 1]);
    const written = Array.from(encodeIdx(new Tensor(Uint8Array.of(7, 9), [1, 2])));
    expect(written).toEqual([0, 0, 8, 2, 0, 0, 0, 1, 0, 0, 0, 2, 7, 9]);
  });

  it('refuses what is none, is cut, or claims more than it holds, and allocates nothing for it', () => {
    const whole = encodeIdx(new Tensor(new Uint8Array(24), [2, 3, 4]));
    for (let cut = 0; cut < whole.length; cut++) expect(() => decodeIdx(whole.slice(0, cut))).toThrow(RangeError);
    expect(() => decodeIdx(Uint8Array.of(...whole, 0))).toThrow('shape 2x3x4 of uint8 takes 24 bytes, the file has 25');
    const claims = Uint8Array.of(0, 0, 0x0e, 3, ...new Array<number>(12).fill(255), 1);
    expect(() => decodeIdx(claims)).toThrow('the file has 1');
    expect(() => decodeIdx(Uint8Array.of(0x1f, 0x8b, 8, 0))).toThrow('it is a gzip file');
  });
});
