/**
 * What layers take where nothing is given: the element type, and one generator for all, so that no two layers start
 * alike.
 */

import type { FloatType } from '../layers/arguments.ts';
import { checkInteger, checkOneOf, checkOptions } from '../runtime/check.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';
import { Rng } from '../tensor/random/rng.ts';

export interface LayerOptions {
  /** where initial parameters are drawn from; the generator that manualSeed sets unless given */
  rng?: RandomSource;
  /** element type of the parameters, float32 unless given */
  dtype?: FloatType;
}

let generator: RandomSource = new Rng(0);

/**
 * Starts the generator that layers draw from, where none is given, anew. Throws TypeError or RangeError as Rng does.
 */
export function manualSeed(seed: number): void {
  generator = new Rng(checkInteger('manualSeed', 'seed', seed, 0));
}

/** The generator that layers draw from where none is given. */
export function defaultRng(): RandomSource {
  return generator;
}

/** Checks a layer's options, of which `own` are its own, and fills in the shared defaults. */
export function layerOptions(fn: string, options: LayerOptions, own: readonly string[] = []): Required<LayerOptions> {
  checkOptions(fn, options, [...own, 'rng', 'dtype']);
  return {
    rng: checkRandomSource(fn, 'rng', options.rng ?? generator),
    dtype: checkOneOf(fn, 'dtype', options.dtype ?? 'float32', ['float32', 'float64']),
  };
}
