/**
 * Every tuning constant of the SIMD kernels, with the measurement behind it. GFLOP/s on one core of a Xeon with three
 * 128-bit arithmetic ports at about 3.6 GHz, whose ceiling for separate multiplications and additions is 43.
 */

export const gemmTuning = {
  /** rows of the register tile */
  tileRows: 4,
  /**
   * Vectors across the tile. Plain: with packed rows of one pointer, two take 8 of 16 registers for sums. On a Zen 5
   * core with Node 24 (and 20) that gives 55 GFLOP/s in float32 and 29 in float64, of 67 and 33; three make the engine
   * spill: 34 and 16, so that even 12 last columns are better computed as 8 and 4 (a product with 12 columns 61 to 47
   * microseconds). Wide (see wide.ts): a pair of vectors is one register and one instruction
   */
  tileVectors: { plain: 2, wide: 4 },
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
  /**
   * With fewer rows than this a panel of the vector operand is read where it lies instead of being packed: 50 rows
   * times (8192, 500) take 10.2 ms packed, 9.6 so; 40 times (3072, 1000) on two threads 3.7 and 3.2. It depends on its
   * rows' distance, by which they compete for the sets of the first-level cache: all for one where it is a multiple of
   * 4096 bytes (12 rows times (3072, 1024) 3.8 ms packed, 4.6 so), for at most eight where it is one of 512
   */
  leastRowsForPacking: { oneSet: 5, fewSets: 16, manySets: 72 },
  /**
   * Where that operand has so many bytes and is read by so many rows, a block of it is fetched before it is worked on:
   * a processor waits for far more loads at once where there are no products in between (16 rows times (3072, 1000)
   * 3.0 to 2.7 ms; with 8 rows a seventh is gained from memory, but a tenth lost where it lies in a third-level cache)
   */
  leastRowsForTouching: 16,
  leastBytesForTouching: 524_288,
  /**
   * with fewer columns than this a strided scalar operand is read where it lies instead of being packed; and with fewer
   * than that, one whose rows are contiguous: (8192, 500) times (500, 50) 10.3 packed, 9.3 ms read where it lies
   */
  leastColumnsForPacking: 24,
  leastColumnsForPackingRows: 128,
  /** elements of the scalar operand that a task packs: some 10 microseconds */
  packedPerTask: 16_384,
} as const;

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
