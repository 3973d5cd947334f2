/**
 * The innermost loop of every matrix product and convolution: a small tile of the result is held in registers while
 * two packed panels stream by. The loops around (blocked-product.ts) are handed a MicroKernel and know only its size,
 * the division of labour of BLIS (Van Zee & van de Geijn 2015).
 */

/** Computes one tile from a panel of the left and a panel of the right matrix. */
export interface MicroKernel {
  /** rows of the tile: the left panel holds this many values a step */
  readonly rows: number;
  /** columns of the tile: the right panel holds this many values a step */
  readonly columns: number;
  /**
   * tile (rows, columns) = the sum over `depth` steps of left column times right row, where step p of a panel starts
   * at start + p * width.
   */
  run(
    left: Float64Array, leftStart: number, right: Float64Array, rightStart: number, depth: number, tile: Float64Array,
  ): void;
}

/**
 * A 4 x 4 tile: 16 sums, 8 loads for 16 multiplications. Panels are float64 for both element types: JavaScript
 * computes in float64 anyway, so converting once while packing is faster than at every load (5 against 3.8 GFLOP/s),
 * and this function, which sees a single array type, is compiled once and stays so.
 */
function run4x4(
  left: Float64Array, leftStart: number, right: Float64Array, rightStart: number, depth: number, tile: Float64Array,
): void {
  let s00 = 0, s01 = 0, s02 = 0, s03 = 0;
  let s10 = 0, s11 = 0, s12 = 0, s13 = 0;
  let s20 = 0, s21 = 0, s22 = 0, s23 = 0;
  let s30 = 0, s31 = 0, s32 = 0, s33 = 0;
  let i = leftStart;
  let j = rightStart;
  for (let p = 0; p < depth; p++) {
    const b0 = right[j], b1 = right[j + 1], b2 = right[j + 2], b3 = right[j + 3];
    const a0 = left[i];
    s00 += a0 * b0; s01 += a0 * b1; s02 += a0 * b2; s03 += a0 * b3;
    const a1 = left[i + 1];
    s10 += a1 * b0; s11 += a1 * b1; s12 += a1 * b2; s13 += a1 * b3;
    const a2 = left[i + 2];
    s20 += a2 * b0; s21 += a2 * b1; s22 += a2 * b2; s23 += a2 * b3;
    const a3 = left[i + 3];
    s30 += a3 * b0; s31 += a3 * b1; s32 += a3 * b2; s33 += a3 * b3;
    i += 4;
    j += 4;
  }
  tile[0] = s00; tile[1] = s01; tile[2] = s02; tile[3] = s03;
  tile[4] = s10; tile[5] = s11; tile[6] = s12; tile[7] = s13;
  tile[8] = s20; tile[9] = s21; tile[10] = s22; tile[11] = s23;
  tile[12] = s30; tile[13] = s31; tile[14] = s32; tile[15] = s33;
}

export const tile4x4: MicroKernel = { rows: 4, columns: 4, run: run4x4 };
