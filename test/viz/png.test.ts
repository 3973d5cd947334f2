import { deflateSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tensor } from '../../src/tensor/index.ts';
import { decodePng, encodePng, pictureToTensor, tensorToPicture } from '../../src/viz/index.ts';

/** A PNG writer of the test's own, by the specification, so that the decoder is not judged by its own kin. */
function writePng(
  header: { width: number; height: number; depth: number; colorType: number; interlace?: number },
  scanlines: Uint8Array | Buffer,
  extra: Array<[string, Uint8Array]> = [],
  deflated?: Uint8Array,
): Uint8Array {
  const ihdr = Buffer.alloc(13);
  ihdr.writeUInt32BE(header.width, 0);
  ihdr.writeUInt32BE(header.height, 4);
  ihdr.set([header.depth, header.colorType, 0, 0, header.interlace ?? 0], 8);
  const chunks: Array<[string, Uint8Array]> = [
    ['IHDR', ihdr],
    ...extra,
    ['IDAT', deflated ?? deflateSync(scanlines)],
    ['IEND', Buffer.alloc(0)],
  ];
  return new Uint8Array(
    Buffer.concat([
      Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
      ...chunks.map(([type, data]) => {
        const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
        const chunk = Buffer.alloc(8);
        chunk.writeUInt32BE(data.length, 0);
        chunk.writeUInt32BE(crc32(body), 4);
        return Buffer.concat([chunk.subarray(0, 4), body, chunk.subarray(4)]);
      }),
    ]),
  );
}

function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return (crc ^ 0xffffffff) >>> 0;
}

describe('encodePng and decodePng', () => {
  it('give back every pixel of any picture', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 1, max: 4 }),
        fc.infiniteStream(fc.nat(255)),
        (width, height, channels, stream) => {
          const data = Uint8Array.from({ length: width * height * channels }, () => stream.next().value as number);
          const back = decodePng(encodePng({ width, height, channels, data }));
          expect([back.width, back.height, back.channels, ...back.data]).toEqual([width, height, channels, ...data]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('decode files by another writer: filters, 16 bits, few bits, palettes with and without alpha', () => {
    // 2x2 RGB; row 0 filter Sub, row 1 filter Up.
    const rgb = writePng(
      { width: 2, height: 2, depth: 8, colorType: 2 },
      Buffer.from([1, 10, 20, 30, 5, 5, 5, 2, 1, 1, 1, 1, 1, 1]),
    );
    expect([...decodePng(rgb).data]).toEqual([10, 20, 30, 15, 25, 35, 11, 21, 31, 16, 26, 36]);
    const grey16 = writePng({ width: 2, height: 1, depth: 16, colorType: 0 }, Buffer.from([0, 0xab, 0xcd, 0x01, 0xff]));
    expect([...decodePng(grey16).data]).toEqual([0xab, 0x01]);
    const grey1 = writePng(
      { width: 3, height: 2, depth: 1, colorType: 0 },
      Buffer.from([0, 0b10100000, 0, 0b01000000]),
    );
    expect([...decodePng(grey1).data]).toEqual([255, 0, 255, 0, 255, 0]);
    const grey4 = writePng({ width: 3, height: 1, depth: 4, colorType: 0 }, Buffer.from([0, 0x1f, 0x80]));
    expect([...decodePng(grey4).data]).toEqual([17, 255, 136]);
    const palette: [string, Uint8Array] = ['PLTE', Buffer.from([1, 2, 3, 4, 5, 6])];
    const indexed = writePng({ width: 3, height: 1, depth: 2, colorType: 3 }, Buffer.from([0, 0b00010000]), [palette]);
    expect(decodePng(indexed)).toMatchObject({ channels: 3, data: Uint8Array.from([1, 2, 3, 4, 5, 6, 1, 2, 3]) });
    const alpha = writePng({ width: 2, height: 1, depth: 8, colorType: 3 }, Buffer.from([0, 0, 1]), [
      palette,
      ['tRNS', Buffer.from([9])],
    ]);
    expect(decodePng(alpha)).toMatchObject({ channels: 4, data: Uint8Array.from([1, 2, 3, 9, 4, 5, 6, 255]) });
  });

  it('decodes Adam7 interlacing', () => {
    // 3x2 grey: passes 1 (0,0), 4 (2,0), 6 (1,0), 7 (row 1).
    const png = writePng(
      { width: 3, height: 2, depth: 8, colorType: 0, interlace: 1 },
      Buffer.from([0, 1, 0, 3, 0, 2, 0, 4, 5, 6]),
    );
    expect([...decodePng(png).data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  const good = encodePng({ width: 5, height: 4, channels: 3, data: Uint8Array.from({ length: 60 }, (_, i) => i * 4) });

  it('refuses a file cut off anywhere', () => {
    for (let length = 0; length < good.length; length++) {
      expect(() => decodePng(good.slice(0, length)), `${length} bytes`).toThrow(
        /^decodePng: the file is not a readable PNG/,
      );
    }
  });

  it('refuses or survives any damaged byte, and never says so with a foreign error', () => {
    for (let at = 0; at < good.length; at++) {
      for (const flip of [1, 0x80]) {
        const bad = good.slice();
        bad[at] ^= flip;
        expect(() => decodePng(bad), `byte ${at}`).toThrow(/^decodePng: /);
      }
    }
  });

  it('refuses what is not a picture of the size it claims, without allocating it', () => {
    const huge = writePng({ width: 2 ** 31 - 1, height: 2 ** 31 - 1, depth: 8, colorType: 2 }, Buffer.from([0]));
    expect(() => decodePng(huge)).toThrow(RangeError);
    const wide = writePng({ width: 8000, height: 8000, depth: 8, colorType: 0 }, Buffer.from([0]));
    expect(() => decodePng(wide)).toThrow(
      'decodePng: the file is not a readable PNG: its pixel data hold fewer than the 64008000 bytes of its size',
    );
    const bomb = writePng({ width: 2, height: 2, depth: 8, colorType: 0 }, Buffer.alloc(1 << 26));
    expect(bomb.length).toBeLessThan(100_000);
    expect(() => decodePng(bomb)).toThrow('its pixel data hold more than the 6 bytes of its size');
    expect(() => decodePng(good, { maxPixels: 19 })).toThrow(
      'decodePng: the picture has 5x4 pixels, more than maxPixels 19',
    );
    const text = writePng({ width: 1, height: 1, depth: 8, colorType: 0 }, Buffer.from([0, 7]), [
      ['iCCP', Buffer.concat([Buffer.from('x\0\0'), deflateSync(Buffer.alloc(1 << 24))])],
    ]);
    expect([...decodePng(text).data]).toEqual([7]);
  });

  it('refuses unknown colour types, missing palettes, colours beyond the palette, and what is not bytes', () => {
    expect(() => decodePng(writePng({ width: 1, height: 1, depth: 8, colorType: 5 }, Buffer.from([0, 0])))).toThrow(
      'colour type 5 with 8 bits',
    );
    expect(() => decodePng(writePng({ width: 1, height: 1, depth: 8, colorType: 3 }, Buffer.from([0, 0])))).toThrow(
      'its palette is missing',
    );
    expect(() =>
      decodePng(
        writePng({ width: 1, height: 1, depth: 8, colorType: 3 }, Buffer.from([0, 2]), [
          ['PLTE', Buffer.from([1, 2, 3])],
        ]),
      ),
    ).toThrow('a pixel has colour 2 of a palette of 1');
    expect(() => decodePng(writePng({ width: 1, height: 1, depth: 8, colorType: 0 }, Buffer.from([9, 0])))).toThrow(
      /^decodePng: .*filter/i,
    );
    expect(() => decodePng('x' as unknown as Uint8Array)).toThrow(TypeError);
    expect(() => decodePng(good, { maxPixel: 3 } as object)).toThrow('decodePng: unknown option "maxPixel"');
  });

  it('encodePng refuses data that do not fit the size', () => {
    expect(() => encodePng({ width: 2, height: 2, channels: 3, data: new Uint8Array(11) })).toThrow(
      'encodePng: picture.data must have 12 elements (2x2x3), got 11',
    );
    expect(() => encodePng({ width: 0, height: 2, channels: 3, data: new Uint8Array(0) })).toThrow(RangeError);
    expect(() => encodePng({ width: 1, height: 1, channels: 1, data: [1] as unknown as Uint8Array })).toThrow(
      TypeError,
    );
  });
});

describe('pictures and tensors', () => {
  it('put channels first and back', () => {
    const picture = { width: 2, height: 1, channels: 3, data: Uint8Array.from([1, 2, 3, 4, 5, 6]) };
    const image = pictureToTensor(picture);
    expect(image.shape).toEqual([3, 1, 2]);
    expect(image.toArray()).toEqual([[[1, 4]], [[2, 5]], [[3, 6]]]);
    expect([...tensorToPicture(image).data]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('round, clamp and take views', () => {
    const image = tensor([
      [-5, 1.6],
      [300, NaN],
    ]);
    expect([...tensorToPicture(image).data]).toEqual([0, 2, 255, 0]);
    expect([...tensorToPicture(image.transpose(1, 0)).data]).toEqual([0, 255, 2, 0]);
    expect(() => tensorToPicture(tensor([1, 2]))).toThrow(
      'tensorToPicture: image must have shape (1 to 4 channels, height, width) or (height, width), got 2',
    );
  });
});
