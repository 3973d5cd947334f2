/** Eigenvalues and eigenvectors of symmetric matrices, by Jacobi's rotations (1846). */

import { allocateCollected } from '../kernels/memory/allocate.ts';
import { checkRank, shapeText } from './check.ts';
import { contiguousDataAs } from './internal.ts';
import { Tensor } from './tensor.ts';

/** Passes over all pairs; each squares what is left beside the diagonal, so that a dozen are plenty. */
const mostSweeps = 50;

/**
 * The eigenvalues (n) of a symmetric matrix (n, n), rising, and eigenvectors of length 1, the columns of (n, n), both
 * float64: `x = V diag(w) V^T`. Only the lower triangle is read, as by numpy.linalg.eigh. Takes some n^3 steps times
 * ten: meant for matrices of up to a few hundred rows.
 * Throws TypeError unless x is a Tensor, RangeError unless it is a square matrix of finite numbers.
 */
export function eigh(x: Tensor): [values: Tensor, vectors: Tensor] {
  const { shape: [n, columns] } = checkRank('eigh', 'x', x, 2);
  if (n !== columns) throw new RangeError(`eigh: x must be square, got ${shapeText(x.shape)}`);
  const given = contiguousDataAs(x, 'float64') as Float64Array;
  if (!given.every(Number.isFinite)) throw new RangeError('eigh: x must be finite, got NaN or infinity');
  const rows = Array.from({ length: n }, (_, i) =>
    Float64Array.from({ length: n }, (__, j) => given[Math.max(i, j) * n + Math.min(i, j)]));
  const vectors = Array.from({ length: n }, (_, i) => Float64Array.from({ length: n }, (__, j) => Number(i === j)));
  const largest = given.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const negligible = (largest * Number.EPSILON) / 64;
  for (let sweep = 0; sweep < mostSweeps && rotateAll(rows, vectors, negligible); sweep++);
  const order = rows.map((_, i) => i).sort((i, j) => rows[i][i] - rows[j][j]);
  const values = allocateCollected('float64', n);
  const columnsOut = allocateCollected('float64', n * n);
  order.forEach((from, to) => {
    values[to] = rows[from][from];
    for (let i = 0; i < n; i++) columnsOut[i * n + to] = vectors[from][i];
  });
  return [new Tensor(values, [n]), new Tensor(columnsOut, [n, n])];
}

/** One rotation for each element beside the diagonal that is not negligible; false where none was needed. */
function rotateAll(rows: readonly Float64Array[], vectors: readonly Float64Array[], negligible: number): boolean {
  let rotated = false;
  for (let p = 0; p < rows.length; p++) {
    for (let q = p + 1; q < rows.length; q++) {
      const beside = rows[p][q];
      if (Math.abs(beside) <= negligible) continue;
      rotated = true;
      // The smaller of the two angles that make the element 0 (Rutishauser 1966).
      const ratio = (rows[q][q] - rows[p][p]) / (2 * beside);
      const tangent = Math.sign(ratio || 1) / (Math.abs(ratio) + Math.hypot(ratio, 1));
      const cosine = 1 / Math.hypot(tangent, 1);
      const sine = tangent * cosine;
      for (const row of rows) {
        const left = row[p];
        row[p] = cosine * left - sine * row[q];
        row[q] = sine * left + cosine * row[q];
      }
      rotateRows(rows[p], rows[q], cosine, sine);
      rotateRows(vectors[p], vectors[q], cosine, sine);
      rows[p][q] = rows[q][p] = 0;
    }
  }
  return rotated;
}

function rotateRows(a: Float64Array, b: Float64Array, cosine: number, sine: number): void {
  for (let i = 0; i < a.length; i++) {
    const left = a[i];
    a[i] = cosine * left - sine * b[i];
    b[i] = sine * left + cosine * b[i];
  }
}
