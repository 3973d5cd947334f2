/**
 * Every tuning constant of the SIMD kernels, with the measurement behind it. GFLOP/s on one core of a Xeon with three
 * 128-bit arithmetic ports at about 3.6 GHz, whose ceiling for separate multiplications and additions is 43.
 */

import type { FloatKind } from '../../wasm/index.ts';

export const gemmTuning = {
  /** rows of the register tile */
  tileRows: 4,
  /**
   * vectors across the tile. Node 24 reaches the ceiling with two or three; Node 20 does 40 with 4x8 and 38 with 4x12
   * in float32, but 12 with 4x4 and 19 with 4x6 in float64
   */
  tileVectors: { f32: 2, f64: 3 },
  /** the same with fused multiply-add: 49 in float32; in float64 24 with 4x4, 19 with 4x6 */
  fusedTileVectors: { f32: 2, f64: 2 },
  /** vectors across the widest tile, which takes the last columns where that saves a narrow one */
  widestTile: 3,
  /** depth (k) of a block: a panel of the vector operand then takes 12 KiB of the first-level cache, 6 KiB
   * a tile of the other; 256 was 2 to 4% slower, 512 no faster */
  depthBlock: 384,
  /**
   * rows and columns of the result that one task computes at most: a block of each operand stays in a second-level
   * cache
   */
  taskRows: 256,
  taskColumns: 128,
  /**
   * A product is cut further for the sake of other threads while its tasks have more floating-point operations than
   * this (about 25 microseconds), there are fewer than mostTasks, and rows or columns of a task stay above leastSide
   */
  taskOperations: 1e6,
  mostTasks: 16,
  leastSide: 32,
  /** with fewer rows than this a panel of the vector operand is read where it lies instead of being packed */
  leastRowsForPacking: 16,
  /**
   * with fewer columns than this a strided scalar operand is read where it lies instead of being packed; and with fewer
   * than that, one whose rows are contiguous
   */
  leastColumnsForPacking: 24,
  leastColumnsForPackingRows: 128,
  /** elements of the scalar operand that a task packs: some 10 microseconds */
  packedPerTask: 16_384,
} as const;

/** Vectors across gemm's register tile. */
export function gemmTileVectors(float: FloatKind, relaxed: boolean): number {
  return (relaxed ? gemmTuning.fusedTileVectors : gemmTuning.tileVectors)[float];
}

export const normTuning = {
  /** channels of a task where a row holds one element of each: 4 cache lines of float32 */
  columnsPerTask: 64,
  /** elements of a task that goes through planes */
  elementsPerTask: 32_768,
  /** what a plane costs by itself when it is pooled, in elements: where they are small there are more tasks */
  elementsPerPlane: 64,
  /** shares of a parameter's gradient that are summed apart */
  gradientTasks: 16,
} as const;

export const elementwiseTuning = {
  /** elements of a task that goes through arrays element by element: 64 KiB of float32, some 10 microseconds */
  elementsPerTask: 16_384,
} as const;
