/** Matrix products by blocked-product.ts, and the affine layer made of them. */

import type { Epilogue, FloatArray, MatrixKernels } from '../contract.ts';
import { reluForward } from './activation.ts';
import { blockedProduct, storeTile, type BlockedProduct } from './blocked-product.ts';
import { sumRows } from './elementwise.ts';
import { tile4x4 } from './micro-kernel.ts';
import { packStrided } from './packing.ts';

/** A product of two matrices in memory; only store is left open. */
function matrixProduct(
  a: FloatArray, b: FloatArray, m: number, n: number, k: number, transposeA: boolean, transposeB: boolean,
  store: BlockedProduct['store'],
): BlockedProduct {
  const [rowA, stepA] = transposeA ? [1, m] : [k, 1];
  const [columnB, stepB] = transposeB ? [k, 1] : [1, n];
  return {
    rows: m,
    columns: n,
    depth: k,
    packLeft: (panels, width, row, count, step, steps) => {
      packStrided(a, rowA, stepA, panels, width, row, count, step, steps);
    },
    packRight: (panels, width, column, count, step, steps) => {
      packStrided(b, columnB, stepB, panels, width, column, count, step, steps);
    },
    store,
  };
}

/** out (m,n) = op(a) op(b), or += with accumulate; see the contract. */
export function gemm(
  a: FloatArray, b: FloatArray, out: FloatArray, m: number, n: number, k: number,
  transposeA: boolean, transposeB: boolean, accumulate: boolean,
): void {
  blockedProduct(tile4x4, matrixProduct(a, b, m, n, k, transposeA, transposeB, (
    tile, width, row, column, rows, columns, first,
  ) => {
    storeTile(tile, width, out, row * n + column, n, rows, columns, accumulate || !first);
  }));
}

/** out (n,m) = x (n,d) w (d,m) + b (m), then relu if the epilogue asks for it. */
export function affineForward(
  x: FloatArray, w: FloatArray, b: FloatArray, out: FloatArray, n: number, d: number, m: number, epilogue: Epilogue,
): void {
  for (let i = 0; i < n; i++) out.set(b, i * m);
  gemm(x, w, out, n, m, d, false, false, true);
  if (epilogue.relu === true) reluForward(out, out);
}

/** dx = dout w^T, dw = x^T dout, db = column sums of dout; dx null is left out. */
export function affineBackward(
  dout: FloatArray, x: FloatArray, w: FloatArray, dx: FloatArray | null, dw: FloatArray, db: FloatArray,
  n: number, d: number, m: number,
): void {
  if (dx !== null) gemm(dout, w, dx, n, d, m, false, true, false);
  gemm(x, dout, dw, d, m, n, true, false, false);
  sumRows(dout, db, n, m);
}

export const fastMatrix: MatrixKernels = { gemm, affineForward, affineBackward };
