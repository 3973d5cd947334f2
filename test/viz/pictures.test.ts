/** Reading JPEG files, resizing, and panels, against Pillow (see fixtures/make-pictures.py). */

import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cropCenter, resizeImages } from '../../src/data/index.ts';
import { arange, flip, tensor } from '../../src/index.ts';
import { decodeJpeg, decodePicture, decodePng, encodePng, panelsSvg, samplesSvg } from '../../src/viz/index.ts';
import { claimingMuch, scansIn, withMoreScans } from '../support/scans.ts';

interface Fixtures {
  readonly jpeg: ReadonlyArray<{ name: string; file: string; shape: number[]; pixels: number[] }>;
  readonly cmyk: string;
  readonly plane: number[];
  readonly resized: ReadonlyArray<{ size: [number, number]; data: number[] }>;
}

const fixtures = JSON.parse(readFileSync(new URL('../fixtures/pictures.json', import.meta.url), 'utf8')) as Fixtures;
const bytesOf = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));

describe('decodeJpeg', () => {
  it.each(fixtures.jpeg)('reads a $name file', ({ name, file, shape, pixels }) => {
    const picture = decodeJpeg(bytesOf(file));
    expect([picture.height, picture.width, picture.channels]).toEqual([shape[0], shape[1], shape[2] ?? 1]);
    const differences = pixels.map((value, i) => value - picture.data[i]); // decoders may round differently
    if (name !== 'subsampled') expect(Math.max(...differences.map(Math.abs))).toBeLessThanOrEqual(3);
    // subsampled colours may be interpolated or repeated, which leaves the luminance as it is
    for (let i = 0; i + 2 < pixels.length && shape.length === 3; i += 3) {
      const [red, green, blue] = differences.slice(i, i + 3);
      expect(Math.abs(0.299 * red + 0.587 * green + 0.114 * blue)).toBeLessThan(3);
    }
    expect(decodePicture(bytesOf(file))).toEqual(picture);
  });

  it('refuses four components, large pictures, and what is no JPEG', () => {
    expect(() => decodeJpeg(bytesOf(fixtures.cmyk))).toThrow(/4 components \(CMYK has 4\)/);
    const [{ file }] = fixtures.jpeg;
    expect(() => decodeJpeg(bytesOf(file), { maxPixels: 100 })).toThrow('has 18x13 pixels, more than maxPixels 100');
    expect(() => decodePicture(Uint8Array.of(1, 2, 3))).toThrow('decodePicture: the file is neither a PNG nor a JPEG');
    const png = { width: 2, height: 1, channels: 1, data: Uint8Array.of(7, 9) };
    expect(decodePicture(encodePng(png))).toEqual(decodePng(encodePng(png)));
  });

  it('refuses more scans than a picture of its size needs, and counts none behind the picture', () => {
    const file = bytesOf(fixtures.jpeg.find(({ name }) => name === 'progressive')!.file);
    const whole = decodeJpeg(file);
    expect(decodeJpeg(withMoreScans(file, 100)).data.length).toBe(whole.data.length); // a small picture takes no time
    const large = claimingMuch(withMoreScans(file, 40));
    const refused = `decodeJpeg: the picture of 8192x8192 has ${scansIn(file) + 40} scans, at most 32 are decoded`;
    expect(() => decodeJpeg(large)).toThrow(new RangeError(refused));
    expect(() => decodePicture(large)).toThrow(refused);
    const film = Uint8Array.from({ length: 2 ** 20 }, (_, i) => [255, 218, 0, 8][i % 4]);
    expect(decodeJpeg(Uint8Array.from([...file, ...film]))).toEqual(whole);
  });

  it('a damaged file is a picture of its size or an Error, never more', () => {
    const files = fixtures.jpeg.map(({ file }) => bytesOf(file));
    fc.assert(fc.property(
      fc.constantFrom(...files),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 }),
      fc.option(fc.nat()),
      (file, changes, cut) => {
        const bytes = file.slice(0, cut === null ? file.length : cut % file.length);
        for (const [at, value] of changes) if (bytes.length > 0) bytes[at % bytes.length] = value;
        try {
          const { width, height, channels, data } = decodeJpeg(bytes, { maxPixels: 10_000 });
          expect(data.length).toBe(width * height * channels);
        } catch (error) {
          expect((error as Error).message).toMatch(/^decodeJpeg: /);
        }
      },
    ), { numRuns: 400 });
  });

  it('says in its own words where segments of a damaged file are not there', () => {
    const file = bytesOf(fixtures.jpeg[0].file);
    let found = 0;
    for (let bit = 0; bit < 8 * file.length; bit++) {
      const bytes = file.slice();
      bytes[bit >> 3] ^= 1 << (bit & 7);
      try {
        decodeJpeg(bytes, { maxPixels: 10_000 });
      } catch (error) {
        const { message, cause } = error as Error;
        if (!(cause instanceof TypeError)) continue;
        found++;
        expect(message).toBe('decodeJpeg: the file is not a readable JPEG: its segments do not fit together');
      }
    }
    expect(found).toBeGreaterThan(0);
  });
});

describe('resizeImages', () => {
  const plane = tensor(Float32Array.from(fixtures.plane), [1, 11, 17]);

  it.each(fixtures.resized)('to $size is what Pillow makes', ({ size, data }) => {
    const out = resizeImages(plane, ...size);
    expect(out.shape).toEqual([1, ...size]);
    data.forEach((value, i) => expect(out.data[i]).toBeCloseTo(value, 5));
  });

  it('keeps the type, takes batches and views, and crops the middle', () => {
    const bytes = arange(0, 96, 1, 'uint8').reshape(2, 3, 4, 4);
    expect(resizeImages(bytes, 2, 2).dtype).toBe('uint8');
    const mirrored = flip(bytes, 3);
    expect(resizeImages(mirrored, 4, 4).toArray()).toEqual(mirrored.toArray());
    expect(cropCenter(plane).shape).toEqual([1, 11, 11]);
    expect(cropCenter(bytes, 2, 4).slice(0, 0).toArray()).toEqual([[4, 5, 6, 7], [8, 9, 10, 11]]);
    expect(() => cropCenter(bytes, 5, 1)).toThrow('cropCenter: 5x1 must fit into x, got 2x3x4x4');
  });
});

describe('panelsSvg', () => {
  it('sets pictures in rows under titles that cannot break out', () => {
    const picture = { width: 4, height: 2, channels: 3, data: new Uint8Array(24) };
    const first = [{ title: 'a <b>', picture }, { title: 'c', picture }];
    const svg = panelsSvg([first, [{ title: 'd', picture }]], { width: 100 });
    expect(svg.match(/<image /g)).toHaveLength(3);
    expect(svg).toContain('a &lt;b&gt;');
    expect(svg).toContain('width="242"');
    expect(() => panelsSvg([])).toThrow(/^panelsSvg: rows must be/);
  });
});

describe('samplesSvg', () => {
  it('sets the first images of a class under its name, leaves out classes without any, and refuses other labels', () => {
    const images = tensor(Uint8Array.from({ length: 5 * 12 }, (_, i) => 4 * i), [5, 3, 2, 2]);
    const svg = samplesSvg(images, [2, 0, 2, 2, 0], ['a <b>', 'none', 'c'], { perClass: 2 });
    expect([...svg.matchAll(/<text [^>]+>([^<]+)</g)].map(([, name]) => name)).toEqual(['a &lt;b&gt;', 'c']);
    const [first, second] = [...svg.matchAll(/base64,([^"]+)"/g)].map(([, png]) => decodePng(bytesOf(png)));
    // two images of 2x2 pixels, doubled, with lines of two pixels around them
    expect([first.width, first.height, second.height]).toEqual([8, 14, 14]);
    const redAt = (picture: typeof first, y: number): number => picture.data[3 * (y * picture.width + 2)];
    expect([redAt(first, 2), redAt(first, 8)]).toEqual([1, 4].map((index) => images.get(index, 0, 0, 0)));
    expect([redAt(second, 2), redAt(second, 8)]).toEqual([0, 2].map((index) => images.get(index, 0, 0, 0)));
    expect(() => samplesSvg(images, [0, 0, 0, 0, 3], ['a', 'b', 'c'])).toThrow('labels[4] must be an integer from 0 to 2, got 3');
    expect(() => samplesSvg(images, [0], ['a'])).toThrow('samplesSvg: labels must have 5 labels');
    expect(() => samplesSvg(images, [0, 0, 0, 0, 0], [])).toThrow('samplesSvg: classNames must be');
    expect(() => samplesSvg(images.slice([0, 0]), [], ['a'])).toThrow(RangeError);
  });
});
