import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { zipSync } from 'fflate';
import { decodeNpz, encodeNpy, encodeNpz, encodeSafetensors } from '../../src/io/index.ts';
import { crc32 } from '../../src/io/crc32.ts';
import { ones, tensor, zeros } from '../../src/tensor/index.ts';
import { fromBase64, numpyFiles } from './numpy-files.ts';
import { anyTensor, expectSameTensor, mutations } from './support.ts';

const record = { W1: tensor([[1, 2], [3, 4]]), 'block/gamma': ones([3], 'float64'), labels: tensor(Int32Array.of(3, -1)) };

/** A copy of the archive with one little-endian field changed, found by its record's signature. */
function patched(archive: Uint8Array, signature: number, offset: number, bytes: 2 | 4, value: number): Uint8Array {
  const copy = archive.slice();
  const view = new DataView(copy.buffer);
  let at = 0;
  while (view.getUint32(at, true) !== signature) at++;
  if (bytes === 2) view.setUint16(at + offset, value, true);
  else view.setUint32(at + offset, value, true);
  return copy;
}

const directory = 0x02014b50;

/** Where the end record begins. */
function endOf(archive: Uint8Array): number {
  const view = new DataView(archive.buffer);
  let at = archive.length - 22;
  while (view.getUint32(at, true) !== 0x06054b50) at--;
  return at;
}

const counted = (archive: Uint8Array, count: number): Uint8Array =>
  patched(patched(archive, 0x06054b50, 8, 2, count), 0x06054b50, 10, 2, count);

describe('decodeNpz', () => {
  it('reads what numpy.savez wrote', () => {
    const read = decodeNpz(fromBase64(numpyFiles.npz));
    expect(Object.keys(read)).toEqual(['W1', 'labels']);
    expectSameTensor(read.W1, tensor([[0, 0.25, 0.5], [0.75, 1, 1.25]]));
    expectSameTensor(read.labels, tensor(Int32Array.of(3, 1)));
  });

  it('reads what numpy.savez_compressed wrote', () => {
    const read = decodeNpz(fromBase64(numpyFiles.npzCompressed));
    expectSameTensor(read.zeros, zeros([50, 60], 'float64'));
    expectSameTensor(read.x, tensor(Int32Array.of(0, 1, 2, 3, 4, 5), [2, 3]));
  });

  it('reads an archive with a comment, or with the end records of zip64', () => {
    const archive = encodeNpz(record);
    const end = endOf(archive);
    const comment = Uint8Array.from([...patched(archive, 0x06054b50, 20, 2, 5), ...new TextEncoder().encode('hello')]);
    expect(Object.keys(decodeNpz(comment))).toEqual(Object.keys(record));
    const between = new Uint8Array(56 + 20);
    new DataView(between.buffer).setUint32(0, 0x06064b50, true);
    new DataView(between.buffer).setUint32(56, 0x07064b50, true);
    const zip64 = Uint8Array.from([...archive.subarray(0, end), ...between, ...archive.subarray(end)]);
    expect(Object.keys(decodeNpz(zip64))).toEqual(Object.keys(record));
  });

  it('reads an entry of several inflating pieces', () => {
    const large = tensor(Float64Array.from({ length: 40_000 }, (_, i) => Math.sin(i) + 1 / (i + 1)));
    expectSameTensor(decodeNpz(encodeNpz({ large }, { compress: true })).large, large);
  });
});

describe('encodeNpz', () => {
  it.each([false, true])('round-trips a record (compress %s), the same bytes every time', (compress) => {
    const read = decodeNpz(encodeNpz(record, { compress }));
    expect(Object.keys(read)).toEqual(Object.keys(record));
    for (const [name, t] of Object.entries(record)) expectSameTensor(read[name], t);
    expect(encodeNpz(record, { compress })).toEqual(encodeNpz(record, { compress }));
  });

  it('round-trips any names and tensors', () => {
    const name = fc.string({ minLength: 1, unit: 'binary' }).filter((text) => !text.includes('\0'));
    fc.assert(fc.property(fc.dictionary(name, anyTensor, { maxKeys: 3 }), (tensors) => {
      const read = decodeNpz(encodeNpz(tensors));
      expect(Object.keys(read)).toEqual(Object.keys(tensors));
      for (const [key, t] of Object.entries(tensors)) expectSameTensor(read[key], t);
    }));
  });

  it('compresses when asked', () => {
    const t = zeros([1000]);
    expect(encodeNpz({ t }).length).toBeGreaterThan(4000);
    expect(encodeNpz({ t }, { compress: true }).length).toBeLessThan(400);
  });

  it('refuses wrong arguments', () => {
    expect(() => encodeNpz([] as never)).toThrow(new TypeError('encodeNpz: record must be an object, got an array of 0'));
    expect(() => encodeNpz({ a: 1 } as never)).toThrow('encodeNpz: record["a"] must be a Tensor, got 1');
    expect(() => encodeNpz({ '': zeros(1) })).toThrow(RangeError);
    expect(() => encodeNpz({ [`${'x'.repeat(70_000)}`]: zeros(1) })).toThrow(RangeError);
    expect(() => encodeNpz(record, { level: 9 } as never)).toThrow('unknown option "level"');
  });
});

describe('decodeNpz refuses', () => {
  const archive = encodeNpz(record, { compress: true });

  it.each([
    ['an archive over the limit', archive, { maxBytes: 100 }, 'more than the allowed 100 bytes'],
    ['a claimed size beyond what deflate can do', patched(archive, directory, 24, 4, 100_000_000), {}, 'cannot hold them'],
    ['an entry longer than it claims', patched(archive, directory, 24, 4, 20), {}, 'inflates to more than its 20 bytes'],
    ['an entry shorter than it claims', patched(archive, directory, 24, 4, 150), {}, 'not its 150'],
    ['a wrong checksum', patched(archive, directory, 16, 4, 1), {}, 'is damaged'],
    ['an encrypted entry', patched(archive, directory, 8, 2, 1), {}, 'is encrypted'],
    ['another compression method', patched(archive, directory, 10, 2, 12), {}, 'compression method 12'],
    ['an entry outside the file', patched(archive, directory, 42, 4, 1 << 30), {}, 'lies outside the archive'],
    ['zip64 sizes', patched(archive, directory, 24, 4, 0xffffffff), {}, 'needs zip64'],
    ['an entry cut off', patched(archive, directory, 20, 4, 1 << 20), {}, 'is cut off'],
    ['a missing entry', counted(archive, 9), {}, 'entry 4 of 9 is missing'],
    ['entries beyond their number', counted(archive, 2), {}, 'directory is damaged'],
    ['two numbers of entries', patched(archive, 0x06054b50, 10, 2, 2), {}, 'directory is damaged'],
    ['a directory in the wrong place', patched(archive, 0x06054b50, 16, 4, 3), {}, 'directory is damaged'],
    ['a directory of another size', patched(archive, 0x06054b50, 12, 4, 1 << 30), {}, 'directory is damaged'],
    ['a directory elsewhere', patched(patched(archive, 0x06054b50, 16, 4, 3), 0x06054b50, 12, 4, endOf(archive) - 3), {}, 'entry 1 of 3 is missing'],
    ['another name in the directory', patched(archive, directory, 46, 2, 0x3141), {}, 'entry A1.npy has another name beside its contents'],
    ['files of another kind', zipSync({ 'a.txt': Uint8Array.of(1) }), {}, 'entry a.txt is not a .npy file'],
    ['a .npy entry that is none', zipSync({ 'a.npy': Uint8Array.of(1) }), {}, 'entry a.npy: not a .npy file'],
    ['what is no archive', new Uint8Array(1000), {}, 'not a zip archive'],
    ['another format', encodeSafetensors({ a: ones(3) }), {}, 'it may be a safetensors file'],
  ])('%s', (_, bytes, options, message) => {
    expect(() => decodeNpz(bytes, options)).toThrow(RangeError);
    expect(() => decodeNpz(bytes, options)).toThrow(message);
  });

  it('entries that lie over one another or over the directory', () => {
    const stored = encodeNpz({ a: zeros(100), b: zeros(100) });
    const both = patched(stored, directory, 42, 4, stored.indexOf(0x50, 300));
    expect(() => decodeNpz(both)).toThrow('another name');
    const longer = patched(patched(stored, directory, 20, 4, 1100), directory, 24, 4, 1100);
    expect(() => decodeNpz(longer)).toThrow('entry a.npy overlaps what follows it');
    expect(decodeNpz(stored).b.size).toBe(100);
  });

  it('by default what inflates to far more than the file, but not where that is asked for', () => {
    const t = zeros([20_000_000]);
    const small = encodeNpz({ t }, { compress: true });
    expect(() => decodeNpz(small)).toThrow(/more than the allowed 7\d{7} bytes \(option maxBytes\)/);
    expect(decodeNpz(small, { maxBytes: 100_000_000 }).t.size).toBe(20_000_000);
  });

  it('or reads whole, but never without one of its arrays or under another name, whichever bit is wrong', () => {
    for (const file of [archive, encodeNpz(record), fromBase64(numpyFiles.npz)]) {
      const whole = decodeNpz(file);
      for (let bit = 0; bit < 8 * file.length; bit++) {
        const bytes = file.slice();
        bytes[bit >> 3] ^= 1 << (bit & 7);
        let read: ReturnType<typeof decodeNpz>;
        try {
          read = decodeNpz(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(RangeError);
          continue;
        }
        expect(Object.keys(read), `bit ${bit}`).toEqual(Object.keys(whole));
        for (const [name, t] of Object.entries(whole)) expectSameTensor(read[name], t);
      }
    }
  });

  it('two entries of one name', () => {
    const twice = zipSync({ 'a.npy': encodeNpy(zeros(1)), 'b.npy': encodeNpy(zeros(1)) }, { level: 0 });
    expect(() => decodeNpz(replaced(twice))).toThrow('two entries named a.npy');
  });

  it('every truncation', () => {
    for (let length = 0; length < archive.length; length++) {
      expect(() => decodeNpz(archive.subarray(0, length))).toThrow(RangeError);
    }
  });

  it('or decodes, but never fails otherwise, whatever bytes are changed', () => {
    const files = [archive, encodeNpz(record), fromBase64(numpyFiles.npzCompressed)];
    fc.assert(fc.property(mutations(files), (bytes) => {
      try {
        decodeNpz(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(RangeError);
      }
    }), { numRuns: 2000 });
  });

  it('wrong arguments', () => {
    expect(() => decodeNpz([] as never)).toThrow(TypeError);
    expect(() => decodeNpz(archive, { maxBytes: -1 })).toThrow(RangeError);
  });
});

/** The archive with every b.npy renamed a.npy, byte by byte. */
function replaced(archive: Uint8Array): Uint8Array {
  const copy = archive.slice();
  for (let i = 0; i + 5 <= copy.length; i++) {
    if (String.fromCharCode(...copy.subarray(i, i + 5)) === 'b.npy') copy[i] = 'a'.charCodeAt(0);
  }
  return copy;
}

describe('crc32', () => {
  it('gives the published check value', () => {
    expect(crc32(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
  });
});
