/** Reading picture files in Node: Exif orientations and libjpeg-turbo's pixels against Pillow, and hostile files. */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { picturePixels } from '../../src/node/pictures/decode-task.ts';
import type { PictureForm } from '../../src/node/pictures/decode-task.ts';
import { decodeTurbo } from '../../src/node/pictures/jpeg-turbo.ts';
import { decodePicture, decodePng, encodePng } from '../../src/viz/index.ts';
import { exifOrientation } from '../../src/viz/orientation.ts';
import { claimingMuch, withMoreScans } from '../support/scans.ts';

interface Oriented {
  readonly kind: string;
  readonly orientation: number;
  readonly file: string;
  readonly shape: number[];
  readonly pixels: string;
}

interface Fixtures {
  readonly oriented: readonly Oriented[];
  readonly resized: ReadonlyArray<{ name: string; file: string; pixels: string }>;
}

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8'));
const { oriented, resized } = read('orientations.json') as Fixtures;
const { cmyk } = read('pictures.json') as { cmyk: string };
const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));
const form: PictureForm = { height: 32, width: 32, channels: 3, fit: 'crop', maxPixels: 10_000 };
const furthest = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);

describe('Exif orientation', () => {
  it.each(oriented)('$orientation of a $kind file', ({ kind, orientation, file, shape, pixels }) => {
    expect(exifOrientation(bytesOf(file))).toBe(orientation);
    const { height, width, data } = decodePicture(bytesOf(file));
    expect([height, width]).toEqual(shape.slice(0, 2));
    expect(furthest(data, bytesOf(pixels))).toBeLessThanOrEqual(kind === 'PNG' ? 0 : 3);
    const own = picturePixels(bytesOf(file), { ...form, height, width });
    expect(own.size).toEqual([width, height]);
    const plane = height * width;
    const all = bytesOf(pixels);
    const planes = Array.from({ length: data.length }, (_, i) => all[(i % plane) * 3 + Math.floor(i / plane)]);
    expect(furthest(own.row, planes)).toBe(0); // libjpeg-turbo's pixels, as Pillow's
  });

  it('is 1 where the block is damaged, in any way', () => {
    fc.assert(fc.property(fc.constantFrom(...oriented), fc.nat(), fc.nat(255), fc.nat(), ({ file }, at, value, cut) => {
      const bytes = bytesOf(file);
      bytes[2 + at % 60] = value;
      expect([1, 2, 3, 4, 5, 6, 7, 8]).toContain(exifOrientation(bytes.slice(0, cut % bytes.length)));
    }), { numRuns: 500 });
  });
});

describe('picturePixels', () => {
  it.each(resized)('crops and resizes a JPEG of $name as Pillow does, but for its rounding', ({ file, pixels }) => {
    const { row } = picturePixels(bytesOf(file), form);
    const all = bytesOf(pixels);
    const expected = Array.from({ length: row.length }, (_, i) => all[(i % 1024) * 3 + Math.floor(i / 1024)]);
    expect(furthest(row, expected)).toBeLessThanOrEqual(1);
  });

  it('decodes at a reduced scale where that leaves twice the size, to nearly the same', () => {
    const [{ file }] = resized;
    expect(decodeTurbo(bytesOf(file), 4)).toMatchObject({ width: 20, height: 15, channels: 3 });
    const small = { ...form, height: 12, width: 12 }; // 80x60 at a half is 40x30
    const reduced = picturePixels(bytesOf(file), small).row;
    const whole = picturePixels(encodePng(decodeTurbo(bytesOf(file), 1)!), small).row;
    expect(furthest(reduced, whole)).toBeGreaterThan(0);
    expect(furthest(reduced, whole)).toBeLessThan(12);
  });

  it('refuses CMYK and too many pixels from the header, and files that are cut', () => {
    expect(() => picturePixels(bytesOf(cmyk), form)).toThrow('it has 4 components (CMYK has 4), not 1 or 3');
    const huge = bytesOf(resized[0].file);
    const frame = huge.findIndex((byte, i) => byte === 0xff && huge[i + 1] === 0xc0);
    huge.set([60_000 >> 8, 60_000 & 255, 60_000 >> 8, 60_000 & 255], frame + 5);
    expect(() => picturePixels(huge, form)).toThrow('the picture has 60000x60000 pixels, more than maxPixels 10000');
    for (const { file } of resized) {
      const bytes = bytesOf(file);
      const half = bytes.slice(0, bytes.length >> 1);
      expect(() => picturePixels(half, form)).toThrow(/^decodeJpeg: the file is not a readable JPEG/);
    }
  });

  it('refuses more scans than a picture of its size needs, without decoding one', () => {
    const file = bytesOf(resized.find(({ name }) => name === 'progressive')!.file);
    const many = claimingMuch(withMoreScans(file, 2000));
    for (const read of [() => decodeTurbo(many, 1), () => picturePixels(many, { ...form, maxPixels: 2 ** 26 })]) {
      expect(read).toThrow(/^decodeJpeg: the picture of 8192x8192 has 20\d\d scans, at most 32 are decoded$/);
    }
  });

  it('makes of a damaged file pixels of the form, or an error', () => {
    const files = [...resized, ...oriented.slice(4, 8)].map(({ file }) => bytesOf(file));
    fc.assert(fc.property(
      fc.constantFrom(...files), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      fc.option(fc.nat()),
      (file, changes, cut) => {
        const bytes = file.slice(0, cut === null ? file.length : cut % file.length);
        for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
        try {
          expect(picturePixels(bytes, form).row.length).toBe(3 * 32 * 32);
        } catch (error) {
          expect((error as Error).message).toMatch(/^decode(Jpeg|Png|Picture): /);
        }
      },
    ), { numRuns: 500 });
    const [{ file, pixels }] = oriented;
    const sound = picturePixels(bytesOf(file), { ...form, height: 16, width: 24 }).row; // after all that, as before
    expect([sound[0], sound[384], sound[768]]).toEqual(Array.from(bytesOf(pixels).slice(0, 3)));
    expect(decodePng(encodePng({ width: 1, height: 1, channels: 1, data: Uint8Array.of(7) })).data[0]).toBe(7);
  });
});
