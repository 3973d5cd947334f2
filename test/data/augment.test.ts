/** Flips and shifts: every output is one of the images that could come of its input, and all of them do. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alternatingFlip, augment, randomFlip, randomShift } from '../../src/data/index.ts';
import { flip, pad, RandomState, Rng, Tensor } from '../../src/tensor/index.ts';

/** Images in which all values differ. */
function ramp(count: number, channels: number, height: number, width: number): Tensor {
  const size = count * channels * height * width;
  return new Tensor(Float32Array.from({ length: size }, (_, i) => i + 1), [count, channels, height, width]);
}

const text = (t: Tensor): string => JSON.stringify(t.toArray());

/** An image (C,H,W) moved by (down, right), the definition: out[y][x] = in[y - down][x - right]. */
function moved(image: Tensor, down: number, right: number, fill: number): Tensor {
  const [channels, height, width] = image.shape;
  const out = new Tensor(new Float32Array(image.size), image.shape);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const inside = y - down >= 0 && y - down < height && x - right >= 0 && x - right < width;
        out.set(inside ? image.get(c, y - down, x - right) : fill, c, y, x);
      }
    }
  }
  return out;
}

describe('randomFlip', () => {
  it('gives each image or its mirror image, and both of them', () => {
    const X = ramp(40, 2, 3, 5);
    const out = randomFlip(X, new Rng(3));
    let flips = 0;
    for (let n = 0; n < 40; n++) {
      const image = X.slice(n);
      const mirrored = text(flip(image, -1));
      expect([text(image), mirrored]).toContain(text(out.slice(n)));
      if (text(out.slice(n)) === mirrored) flips++;
    }
    expect(flips).toBeGreaterThan(8);
    expect(flips).toBeLessThan(32);
  });

  it('flips none or all at the ends of the probability', () => {
    const X = ramp(5, 1, 2, 4);
    expect(text(randomFlip(X, new Rng(0), { probability: 0 }))).toBe(text(X));
    expect(text(randomFlip(X, new Rng(0), { probability: 1 }))).toBe(text(flip(X, -1)));
  });

  it('keeps the element type and leaves its argument alone, views included', () => {
    const X = new Tensor(Uint8Array.from({ length: 36 }, (_, i) => i), [3, 1, 3, 4]);
    const view = X.transpose(0, 1, 3, 2);
    const out = randomFlip(view, new RandomState(0), { probability: 1 });
    expect(out.dtype).toBe('uint8');
    expect(text(out)).toBe(text(flip(view, -1)));
    expect(Array.from(X.data)).toEqual(Array.from({ length: 36 }, (_, i) => i));
  });
});

describe('randomShift', () => {
  it('moves by every offset up to maxShift, and fills what comes in', () => {
    const X = ramp(200, 2, 4, 5);
    const out = randomShift(X, new Rng(1), { maxShift: 2, fill: -1 });
    const seen = new Set<string>();
    for (let n = 0; n < 200; n++) {
      const found = text(out.slice(n));
      for (let down = -2; down <= 2; down++) {
        for (let right = -2; right <= 2; right++) {
          if (text(moved(X.slice(n), down, right, -1)) === found) seen.add(`${n}: ${down},${right}`);
        }
      }
    }
    expect(seen.size).toBe(200);
    expect(new Set([...seen].map((entry) => entry.split(': ')[1])).size).toBe(25);
  });

  it('holds for any size, also shifts as wide as the image', () => {
    fc.assert(fc.property(
      fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 5 }), fc.nat(),
      (height, width, wanted, seed) => {
        const maxShift = Math.min(wanted, Math.max(height, width));
        const X = ramp(1, 1, height, width);
        const found = text(randomShift(X, new Rng(seed), { maxShift }).slice(0));
        const offsets = Array.from({ length: 2 * maxShift + 1 }, (_, i) => i - maxShift);
        const possible = offsets.flatMap((down) => offsets.map((right) => text(moved(X.slice(0), down, right, 0))));
        expect(possible).toContain(found);
      },
    ), { numRuns: 100 });
  });

  it('makes the same draws whatever the images hold, so that a resumed run goes on alike', () => {
    const after = [ramp(6, 3, 4, 4), ramp(6, 3, 4, 4).mul(0)].map((X) => {
      const rng = new Rng(9);
      augment(randomFlip, randomShift)(X, rng);
      return rng.next32();
    });
    expect(after[0]).toBe(after[1]);
  });
});

describe('augment', () => {
  it('applies transforms in order, with one generator', () => {
    const X = ramp(8, 1, 6, 6);
    const rng = new Rng(5);
    const expected = randomShift(randomFlip(X, rng), rng);
    expect(text(augment(randomFlip, randomShift)(X, new Rng(5)))).toBe(text(expected));
    expect(augment()(X, new Rng(5))).toBe(X);
  });

  it('refuses bad arguments', () => {
    const X = ramp(1, 1, 2, 2);
    expect(() => randomFlip(X.reshape(4), new Rng(0))).toThrow(RangeError);
    expect(() => randomFlip(X, Math as unknown as Rng)).toThrow(TypeError);
    expect(() => randomFlip(X, new Rng(0), { probability: 2 })).toThrow(RangeError);
    expect(() => randomShift(X, new Rng(0), { maxShift: 3 })).toThrow(RangeError);
    expect(() => randomShift(X, new Rng(0), { shift: 1 } as object)).toThrow(TypeError);
    expect(() => augment('flip' as unknown as typeof randomFlip)).toThrow(TypeError);
  });
});

describe('alternatingFlip', () => {
  it('mirrors about half of the images in one epoch and the others in the next', () => {
    const X = ramp(200, 1, 2, 3);
    const indices = Int32Array.from({ length: 200 }, (_, i) => 3 * i);
    const [first, second, third] = [0, 1, 2].map((epoch) =>
      alternatingFlip(X, new Rng(0), { batch: { indices, epoch } }));
    let mirrored = 0;
    for (let n = 0; n < 200; n++) {
      const both = [text(X.slice(n)), text(flip(X.slice(n), -1))];
      expect([text(first.slice(n)), text(second.slice(n))].sort()).toEqual([...both].sort());
      if (text(first.slice(n)) === both[1]) mirrored++;
    }
    expect(mirrored).toBeGreaterThan(70);
    expect(mirrored).toBeLessThan(130);
    expect(text(third)).toBe(text(first));
  });

  it('goes by the place in the data set and not by that in the batch, and needs it', () => {
    const X = ramp(8, 1, 2, 3);
    const batch = { indices: [0, 1, 2, 3, 4, 5, 6, 7], epoch: 0 };
    const whole = alternatingFlip(X, new Rng(0), { batch });
    const part = alternatingFlip(X.slice([4, 8]), new Rng(0), { batch: { ...batch, indices: [4, 5, 6, 7] } });
    expect(text(part)).toBe(text(whole.slice([4, 8])));
    const short = { ...batch, indices: [1] };
    expect(() => alternatingFlip(X, new Rng(0), { batch: short })).toThrow(/batch.indices must hold 8 numbers/);
    expect(() => alternatingFlip(X, new Rng(0))).toThrow(/^alternatingFlip: /);
  });
});

describe('randomShift with border reflect', () => {
  it('is padding with mirror images and cropping', () => {
    const side = fc.integer({ min: 1, max: 6 });
    fc.assert(fc.property(side, side, fc.nat(), fc.nat(), (height, width, seed, size) => {
      const maxShift = size % Math.min(height, width);
      const X = ramp(6, 2, height, width);
      const out = randomShift(X, new Rng(seed), { maxShift, border: 'reflect' });
      const padded = pad(X, [[0, 0], [0, 0], [maxShift, maxShift], [maxShift, maxShift]], 'reflect');
      const draws = new Rng(seed);
      const offset = (): number => Math.floor(draws.random() * (2 * maxShift + 1));
      for (let n = 0; n < 6; n++) {
        const [top, left] = [2 * maxShift - offset(), 2 * maxShift - offset()];
        expect(text(out.slice(n))).toBe(text(padded.slice(n, null, [top, top + height], [left, left + width])));
      }
    }));
  });

  it('refuses shifts as wide as the image, of which there is no mirror image', () => {
    expect(() => randomShift(ramp(1, 1, 4, 3), new Rng(0), { maxShift: 3, border: 'reflect' })).toThrow(RangeError);
  });
});
