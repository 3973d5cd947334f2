/** Filters that stay transformed from call to call: found again, renewed when they change, told apart by shape. */

import { afterEach, describe, expect, it } from 'vitest';
import { residentArray } from '../../../src/kernels/memory/allocate.ts';
import { naiveKernels } from '../../../src/kernels/naive/index.ts';
import { takesWinograd } from '../../../src/kernels/simd/conv/choose.ts';
import { keptFilters } from '../../../src/kernels/simd/conv/kept-filters.ts';
import { shutdown } from '../../../src/kernels/team/team.ts';
import type { ConvGeometry } from '../../../src/kernels/geometry.ts';
import { worstError } from '../../support/errors.ts';
import { convOf } from '../../support/geometry.ts';
import { randomFloats, simdKernels } from './support.ts';

const simd = simdKernels();
/** of sums of some hundred terms of at most 1 */
const tolerance = 5e-5;

afterEach(() => shutdown());

function geometry(channels: number, filters: number): ConvGeometry {
  return convOf({
    batch: 2, channels, height: 7, width: 9, filters, kernelHeight: 3, kernelWidth: 3, stride: 1, pad: 1,
  });
}

/** The output, by simd and by the definition, of these filters on images that are always the same. */
function outputs(w: Float32Array, g: ConvGeometry): [actual: Float32Array, expected: Float32Array] {
  const x = randomFloats('float32', g.batch * g.channels * g.height * g.width, 1) as Float32Array;
  const [actual, expected] = [1, 2].map(() => new Float32Array(g.batch * g.filters * g.outHeight * g.outWidth));
  expect(takesWinograd(x, g)).toBe(true);
  simd.convForward(x, w, null, actual, g, {});
  naiveKernels.convForward(x, w, null, expected, g, {});
  return [actual, expected];
}

function resident(values: ArrayLike<number>): Float32Array {
  const array = residentArray('float32', values.length) as Float32Array;
  array.set(values);
  return array;
}

describe('filters that stay transformed', () => {
  it('give the same bits at every call, in the heap or outside', () => {
    const g = geometry(11, 19);
    const values = randomFloats('float32', 11 * 19 * 9, 2);
    for (const w of [resident(values), Float32Array.from(values)]) {
      const [first, expected] = outputs(w, g);
      expect(worstError(first, expected)).toBeLessThan(tolerance);
      for (let call = 0; call < 3; call++) expect(outputs(w, g)[0]).toEqual(first);
    }
  });

  it('are transformed again when one of them has changed, in whichever block and bit', () => {
    const g = geometry(11, 19);
    const w = resident(randomFloats('float32', 11 * 19 * 9, 3));
    for (let call = 0; call < 3; call++) outputs(w, g);
    for (const i of [0, 8, 98, 99, 791, 792, 1000, w.length - 1]) {
      w[i] = -w[i];
      const fresh = outputs(w.slice(), g)[0];
      expect(outputs(w, g)[0], `weight ${i}`).toEqual(fresh);
      expect(outputs(w, g)[0], `weight ${i} again`).toEqual(fresh);
    }
    w[5] = NaN;
    expect(outputs(w, g)[0].some(Number.isNaN)).toBe(true);
    w[5] = 0;
    expect(outputs(w, g)[0].some(Number.isNaN)).toBe(false);
  });

  it('are not taken for those of another layer that has as many of them', () => {
    const w = resident(randomFloats('float32', 8 * 16 * 9, 4));
    for (let call = 0; call < 3; call++) {
      for (const g of [geometry(8, 16), geometry(16, 8)]) {
        const [actual, expected] = outputs(w, g);
        expect(worstError(actual, expected)).toBeLessThan(tolerance);
      }
    }
  });

  it('have room from the second call on, for any number of layers', () => {
    const layers = Array.from({ length: 200 }, () => resident(new Float32Array(8 * 8 * 9)));
    const room = (w: Float32Array): unknown => keptFilters(w, 8, 8, 3, 9216);
    expect(layers.map(room).every((kept) => kept === null)).toBe(true);
    const kept = layers.map(room);
    expect(new Set(kept).size).toBe(200);
    expect(kept).not.toContain(null);
    expect(layers.map(room)).toEqual(kept);
    layers.forEach((w, i) => expect(room(w)).toBe(kept[i]));
    expect(room(layers[0].subarray(0))).toBeNull();
  });
});
