/**
 * Max pooling by windows of 2x2 at the end of a Winograd convolution: a band of output rows is pooled as pixels before
 * it is stored, so that the image between the two is never written. A pixel is a vector of four channels, so windows
 * need no shuffling.
 */

import {
  defineFunction, type FunctionReference, load, type ModuleBuilder, select, splat, vectorConstant,
} from '../../../wasm/index.ts';
import { beats } from '../vectors.ts';
import type { PixelShape } from './winograd-transforms.ts';

/**
 * poolBand(band, bandRow, rows, width, place): a finished band of an even number of rows is used up: its first row
 * becomes the maxima of its windows, row after row without gaps, its second their places in the plane as i32, where
 * `place` is that of the band's first pixel. Equal candidates and NaN count as in the pooling kernels.
 */
export function emitPoolBand(module: ModuleBuilder, { bytes, vectors }: PixelShape): FunctionReference {
  return defineFunction(module, 'f32_pool_band__simd128', new Array<'i32'>(5).fill('i32'), [], (
    f, band, bandRow, rows, width, place,
  ) => {
    const [left, row, column, upper, lower, next, to, placeTo] = f.locals('i32', 8);
    const [first, best, bestPlace] = [f.local('i32x4'), f.local('f32x4'), f.local('i32x4')];
    const ones = vectorConstant('i32x4', [1, 1, 1, 1]);
    const below = f.let(splat('i32x4', width));
    f.set(left, vectors);
    f.countdown(left, () => {
      f.set(upper, band);
      f.set(to, band);
      f.set(placeTo, band.add(bandRow));
      f.set(first, splat('i32x4', place));
      f.set(row, rows.shrU(1));
      f.countdown(row, () => {
        f.set(lower, upper.add(bandRow));
        f.set(next, lower.add(bandRow));
        f.set(column, width.shrU(1));
        f.countdown(column, () => {
          const candidates = [upper, lower].flatMap((from) =>
            [f.let(load('f32x4', from)), f.let(load('f32x4', from, bytes))]);
          const places = [first, first.add(ones), first.add(below), first.add(below).add(ones)];
          f.set(best, candidates[0]);
          f.set(bestPlace, first);
          for (let i = 1; i < 4; i++) {
            const wins = f.let(beats(candidates[i], best));
            f.set(best, select(wins, candidates[i], best));
            f.set(bestPlace, select(wins.as('i32x4'), places[i], bestPlace));
          }
          f.store(to, best);
          f.store(placeTo, bestPlace);
          for (const pointer of [to, placeTo]) f.increase(pointer, bytes);
          for (const pointer of [upper, lower]) f.increase(pointer, 2 * bytes);
          f.set(first, first.add(ones).add(ones));
        });
        f.set(first, first.add(below));
        f.set(upper, next);
      });
      f.increase(band, 16);
    });
  });
}
