/**
 * Filters that stay transformed from call to call. With few images they take longer to transform than to use, and at
 * test time they are the same at every call, which the kernel checks bit by bit against a copy.
 *
 * The room for them hangs on the array that holds the filters and is freed with it, so a network of any depth keeps all
 * of its layers', and several networks do. An array that is seen for the first time gets none: of filters that are a
 * part of a larger array, every call may bring another view.
 */

import type { FloatArray } from '../../contract.ts';
import { residentArray, type TypedArray } from '../../memory/allocate.ts';
import { currentEngine } from '../../team/engine.ts';
import type { Taps } from './winograd-algebra.ts';
import { keptBlockBytes } from './winograd-filter-kernels.ts';

/** A layer's filters, transformed, and a copy of what they were transformed from; both in the heap. */
export interface KeptFilters {
  readonly u: TypedArray;
  readonly copy: TypedArray;
}

interface Entry {
  readonly channels: number;
  readonly filters: number;
  readonly taps: Taps;
  /** the form of the kernels, which pad the channels differently */
  readonly wide: boolean;
  kept: KeptFilters | null;
  /** calls until room is asked for */
  wait: number;
}

const entries: WeakMap<FloatArray, Entry> = new WeakMap();

/** Where there was no room it is asked for again after so many calls: some of the limits hold for a moment only. */
const callsBetweenTries = 1000;

/** Room for the transforms of these filters, `transformedBytes`; null where there is none. */
export function keptFilters(
  w: FloatArray, channels: number, filters: number, taps: Taps, transformedBytes: number,
): KeptFilters | null {
  const entry = entries.get(w);
  const { heap, form: { wide } } = currentEngine();
  const isSame = entry !== undefined && entry.channels === channels && entry.filters === filters
    && entry.taps === taps && entry.wide === wide;
  if (!isSame) {
    entries.set(w, { channels, filters, taps, wide, kept: null, wait: 0 });
    return null;
  }
  const { kept } = entry;
  if (kept !== null && heap.owns(kept.u)) return kept;
  if (entry.wait-- > 0) return null;
  const copy = residentArray('uint8', keptBlockBytes(channels, taps) * Math.ceil(filters / 8));
  const u = residentArray('uint8', transformedBytes);
  entry.kept = heap.owns(copy) && heap.owns(u) ? { copy: copy.fill(0), u } : null;
  entry.wait = callsBetweenTries;
  return entry.kept;
}
