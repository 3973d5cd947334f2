/**
 * The five loops around the micro-kernel (Goto & van de Geijn 2008, in the terms of BLIS): the product is cut into
 * blocks that fit the caches, both sides of a block are packed into panels that the micro-kernel reads from front to
 * back, and each finished tile is handed to whoever wanted the product. Loops are numbered from the inside, as there.
 *
 * Assumptions: panels and tiles are float64; a panel is `width` rows (left) or columns (right) wide, stored step by
 * step, and filled up with zeros where the matrix ends, so that the micro-kernel knows no edges. Where a matrix comes
 * from and where a tile goes is the business of the BlockedProduct: the same loops multiply matrices, convolve,
 * and compute both gradients of a convolution without ever building the column matrix.
 */

import { roundUp } from '../../runtime/numbers.ts';
import type { FloatArray } from '../contract.ts';
import type { MicroKernel } from './micro-kernel.ts';
import { float64Scratch } from './scratch.ts';
import { blockColumns, blockDepth, blockRows } from './tuning.ts';

/** One product: left (rows, depth) times right (depth, columns), and what to do with the result. */
export interface BlockedProduct {
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** packs rows row..row+count of the left matrix, steps step..step+steps, into panels of `width` rows */
  packLeft(panels: Float64Array, width: number, row: number, count: number, step: number, steps: number): void;
  /** packs columns column..column+count of the right matrix in the same way */
  packRight(panels: Float64Array, width: number, column: number, count: number, step: number, steps: number): void;
  /**
   * Takes the tile at (row, column); only its first `rows` rows (of `width` values each) and `columns` columns count.
   * first and last tell whether this is the first and the last block of the depth.
   */
  store(
    tile: Float64Array, width: number, row: number, column: number, rows: number, columns: number,
    first: boolean, last: boolean,
  ): void;
}

const leftPanels = float64Scratch();
const rightPanels = float64Scratch();
const tileScratch = float64Scratch();

/** Computes the product. With depth 0 every tile is zero and is stored once, first and last. */
export function blockedProduct(micro: MicroKernel, product: BlockedProduct): void {
  const { rows, columns, depth } = product;
  const tile = tileScratch.take(micro.rows * micro.columns);
  for (let column = 0; column < columns; column += blockColumns) { // loop 5
    const columnCount = Math.min(blockColumns, columns - column);
    let step = 0;
    do { // loop 4
      const steps = Math.min(blockDepth, depth - step);
      const right = rightPanels.take(roundUp(columnCount, micro.columns) * steps);
      product.packRight(right, micro.columns, column, columnCount, step, steps);
      for (let row = 0; row < rows; row += blockRows) { // loop 3
        const rowCount = Math.min(blockRows, rows - row);
        const left = leftPanels.take(roundUp(rowCount, micro.rows) * steps);
        product.packLeft(left, micro.rows, row, rowCount, step, steps);
        tileLoops(micro, product, left, right, tile, row, rowCount, column, columnCount, step, steps);
      }
      step += steps;
    } while (step < depth);
  }
}

/** The two inner loops: every left panel meets every right panel of the block. */
function tileLoops(
  micro: MicroKernel, product: BlockedProduct, left: Float64Array, right: Float64Array, tile: Float64Array,
  row: number, rowCount: number, column: number, columnCount: number, step: number, steps: number,
): void {
  const first = step === 0;
  const last = step + steps >= product.depth;
  for (let c = 0; c < columnCount; c += micro.columns) { // loop 2
    for (let r = 0; r < rowCount; r += micro.rows) { // loop 1
      micro.run(left, r * steps, right, c * steps, steps, tile);
      product.store(
        tile, micro.columns, row + r, column + c,
        Math.min(micro.rows, rowCount - r), Math.min(micro.columns, columnCount - c), first, last,
      );
    }
  }
}

/**
 * Writes the filled part of a tile to matrix at start + row * stride + column, or adds it there: what most products do
 * with their tiles.
 */
export function storeTile(
  tile: Float64Array, width: number, matrix: FloatArray, start: number, stride: number, rows: number, columns: number,
  add: boolean,
): void {
  for (let r = 0; r < rows; r++) {
    const from = r * width;
    const to = start + r * stride;
    if (columns === 4) {
      // A whole row of a 4-wide tile, which nearly all are: a loop of four would take longer to run than its body.
      if (add) {
        matrix[to] += tile[from];
        matrix[to + 1] += tile[from + 1];
        matrix[to + 2] += tile[from + 2];
        matrix[to + 3] += tile[from + 3];
      } else {
        matrix[to] = tile[from];
        matrix[to + 1] = tile[from + 1];
        matrix[to + 2] = tile[from + 2];
        matrix[to + 3] = tile[from + 3];
      }
    } else {
      for (let c = 0; c < columns; c++) matrix[to + c] = add ? matrix[to + c] + tile[from + c] : tile[from + c];
    }
  }
}
