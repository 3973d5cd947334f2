/**
 * Matrix products by the definition: every element of the result is one dot product, summed in float64 whatever the
 * arrays hold. Shapes are stated in ../contract.ts.
 */

import type { Epilogue, FloatArray, MatrixKernels } from '../contract.ts';

/** out (m,n) = op(a) (m,k) op(b) (k,n), or out += with accumulate. Transposing only changes where an element lies. */
export function gemm(
  a: FloatArray, b: FloatArray, out: FloatArray, m: number, n: number, k: number,
  transposeA: boolean, transposeB: boolean, accumulate: boolean,
): void {
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) {
        const left = transposeA ? a[p * m + i] : a[i * k + p];
        const right = transposeB ? b[j * k + p] : b[p * n + j];
        sum += left * right;
      }
      out[i * n + j] = accumulate ? out[i * n + j] + sum : sum;
    }
  }
}

/** out (n,m) = x (n,d) w (d,m) + b (m): each of the n examples is one row. */
export function affineForward(
  x: FloatArray, w: FloatArray, b: FloatArray, out: FloatArray, n: number, d: number, m: number, epilogue: Epilogue,
): void {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      let sum = b[j];
      for (let p = 0; p < d; p++) sum += x[i * d + p] * w[p * m + j];
      out[i * m + j] = epilogue.relu === true && sum < 0 ? 0 : sum;
    }
  }
}

/**
 * The gradients of out = x w + b. Output (i,j) is sum_p x[i,p] w[p,j] + b[j], so by the chain rule
 * dx[i,p] = sum_j dout[i,j] w[p,j], dw[p,j] = sum_i x[i,p] dout[i,j] and db[j] = sum_i dout[i,j]:
 * as matrices, dx = dout w^T and dw = x^T dout.
 */
export function affineBackward(
  dout: FloatArray, x: FloatArray, w: FloatArray, dx: FloatArray | null, dw: FloatArray, db: FloatArray,
  n: number, d: number, m: number,
): void {
  if (dx !== null) gemm(dout, w, dx, n, d, m, false, true, false);
  gemm(x, dout, dw, d, m, n, true, false, false);
  for (let j = 0; j < m; j++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += dout[i * m + j];
    db[j] = sum;
  }
}

export const naiveMatrix: MatrixKernels = { gemm, affineForward, affineBackward };
