/**
 * Winograd's minimal filtering F(4x4, 3x3): the one-dimensional transforms.
 *
 * A 3-tap filter over 6 inputs gives 4 outputs. Directly that takes 12 multiplications; as a product of polynomials,
 * evaluated at 6 points, multiplied point by point and interpolated, it takes 6:
 *
 *   y = A^T [ (G g) * (B^T d) ]                 d: 6 inputs, g: 3 taps, y: 4 outputs, * element by element
 *
 * and nested in two dimensions 36 instead of 144, a quarter: Y = A^T [ (G g G^T) * (B^T d B) ] A. Summed over channels,
 * the products at each of the 36 points are a matrix product (filters x channels) (channels x tiles).
 * (S. Winograd 1980; A. Lavin and S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2016.)
 *
 * The points here are 0, 1, -1, 1/2, -2 and infinity. The customary 0, 1, -1, 2, -2 need a few operations less but lose
 * two to four times as much precision: over 128 channels the largest error is 1.2e-5 of the output's standard deviation
 * with ours, 2.9e-5 with those, and 4e-6 for the direct sum in float32.
 *
 *         |1  -3/2  -2   3/2   1   0 |        |  1      0      0  |          |1  1  1   1    1  0|
 *         |0  -1    1/2  5/2   1   0 |        | 1/3    1/3    1/3 |    A^T = |0  1 -1  1/2  -2  0|
 *   B^T = |0   1   -5/2  1/2   1   0 |    G = |-1/3    1/3   -1/3 |          |0  1  1  1/4   4  0|
 *         |0  -2   -1    2     1   0 |        |-16/15 -8/15  -4/15|          |0  1 -1  1/8  -8  1|
 *         |0   1/2 -1   -1/2   1   0 |        | 1/15  -2/15   4/15|
 *         |0   1   -3/2 -2    3/2  1 |        |  0      0      1  |
 *
 * The gradients are the same three maps transposed: with dM = A dY A^T, the gradient at the filter is
 * G^T [ sum over tiles of (B^T d B) * dM ] G.
 *
 * Every function takes and gives vectors (each lane is an independent problem) and keeps shared terms in locals.
 */

import type { Body, Value } from '../../../wasm/index.ts';

/** Outputs of a tile in each direction. */
export const tileSize = 4;
/** Inputs of a tile in each direction: tileSize + 3 - 1. */
export const inputSize = 6;
/** Points at which the polynomials are multiplied: inputSize squared. */
export const points = 36;

/** B^T d: 6 inputs to 6 points, 24 operations. */
export function inputTransform(f: Body, d: readonly Value[]): Value[] {
  const even = f.let(d[4].sub(d[2]));
  const odd = f.let(d[3].sub(d[1]));
  return [
    d[0].add(d[4]).sub(d[2].add(d[2])).add(odd.mul(1.5)),
    even.add(odd).add(d[2].add(d[3]).mul(1.5)),
    even.sub(odd).add(d[3].sub(d[2]).mul(1.5)),
    even.add(odd.add(odd)),
    even.sub(odd.mul(0.5)),
    d[1].add(d[5]).sub(d[3].add(d[3])).add(even.mul(1.5)),
  ];
}

/** A^T m: 6 points to 4 outputs, 18 operations. */
export function outputTransform(f: Body, m: readonly Value[]): Value[] {
  const sum = f.let(m[1].add(m[2]));
  const difference = f.let(m[1].sub(m[2]));
  return [
    m[0].add(sum).add(m[3].add(m[4])),
    difference.add(m[3].mul(0.5)).sub(m[4].add(m[4])),
    sum.add(m[3].mul(0.25)).add(m[4].mul(4)),
    difference.add(m[3].mul(0.125)).sub(m[4].mul(8)).add(m[5]),
  ];
}

/** A y: 4 output gradients to 6 points, the transpose of outputTransform, 16 operations. */
export function outputGradientTransform(f: Body, y: readonly Value[]): Value[] {
  const even = f.let(y[0].add(y[2]));
  const odd = f.let(y[1].add(y[3]));
  return [
    y[0],
    even.add(odd),
    even.sub(odd),
    y[0].add(y[1].add(y[2].add(y[3].mul(0.5)).mul(0.5)).mul(0.5)),
    y[0].sub(y[1].sub(y[2].sub(y[3].add(y[3])).mul(2)).mul(2)),
    y[3],
  ];
}

/** G g: 3 taps to 6 points. */
export function filterTransform(f: Body, g: readonly Value[]): Value[] {
  const outer = f.let(g[0].add(g[2]).mul(1 / 3));
  const middle = f.let(g[1].mul(1 / 3));
  return [
    g[0],
    outer.add(middle),
    middle.sub(outer),
    g[0].mul(-16 / 15).sub(g[1].mul(8 / 15)).sub(g[2].mul(4 / 15)),
    g[0].mul(1 / 15).sub(g[1].mul(2 / 15)).add(g[2].mul(4 / 15)),
    g[2],
  ];
}

/** G^T u: 6 points to 3 filter gradients, the transpose of filterTransform. */
export function filterGradientTransform(f: Body, u: readonly Value[]): Value[] {
  const difference = f.let(u[1].sub(u[2]).mul(1 / 3));
  const sum = f.let(u[1].add(u[2]).mul(1 / 3));
  return [
    u[0].add(difference).sub(u[3].mul(16 / 15)).add(u[4].mul(1 / 15)),
    sum.sub(u[3].mul(8 / 15)).sub(u[4].mul(2 / 15)),
    difference.sub(u[3].mul(4 / 15)).add(u[4].mul(4 / 15)).add(u[5]),
  ];
}
