/**
 * Winograd's minimal filtering F(4x4, 3x3), F(3x3, 4x4) and F(2x2, 5x5): the one-dimensional transforms.
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
 * A 4-tap filter over 6 inputs gives 3 outputs, and one of 5 taps 2, by the same 6 products (36 instead of 144 and 100
 * in two dimensions): B depends on the points alone, G has a column for each tap and A a column for each output.
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
 * In G and A each further column is the last times the point; at infinity only the last column has a 1.
 *
 * The gradients are the same three maps transposed: with dM = A dY A^T, the gradient at the filter is
 * G^T [ sum over tiles of (B^T d B) * dM ] G.
 *
 * Every function takes and gives vectors (each lane is an independent problem) and keeps shared terms in locals.
 */

import { features } from '../../../runtime/features.ts';
import { type Body, constant, multiplyAdd, type Value } from '../../../wasm/index.ts';

/** Taps of a filter in each direction, for which there are kernels. */
export type Taps = 3 | 4 | 5;
export const everyTaps: readonly Taps[] = [3, 4, 5];

/** Inputs of a tile in each direction. */
export const inputSize = 6;
/** Points at which the polynomials are multiplied: inputSize squared. */
export const points = 36;

/** Outputs of a tile in each direction. */
export function tileSize(taps: Taps): number {
  return inputSize + 1 - taps;
}

/** B^T d: 6 inputs to 6 points, 24 operations. */
export function inputTransform(f: Body, d: readonly Value[]): Value[] {
  const even = f.let(d[4].sub(d[2]));
  const odd = f.let(d[3].sub(d[1]));
  return [
    plusMultiple(d[0].add(d[4]), d[2], -2).add(odd.mul(1.5)),
    even.add(odd).add(d[2].add(d[3]).mul(1.5)),
    even.sub(odd).add(d[3].sub(d[2]).mul(1.5)),
    plusMultiple(even, odd, 2),
    plusMultiple(even, odd, -0.5),
    plusMultiple(d[1].add(d[5]), d[3], -2).add(even.mul(1.5)),
  ];
}

/** A^T m: 6 points to so many outputs; 18 operations to 4 of them, 13 to 3, 9 to 2. */
export function outputTransform(f: Body, m: readonly Value[], outputs: number): Value[] {
  const sum = f.let(m[1].add(m[2]));
  const difference = f.let(m[1].sub(m[2]));
  return Array.from({ length: outputs }, (_, k) => {
    if (k === 0) return m[0].add(sum).add(m[3].add(m[4]));
    const finite = plusMultiple(plusMultiple(k % 2 === 0 ? sum : difference, m[3], 2 ** -k), m[4], (-2) ** k);
    return k === outputs - 1 ? finite.add(m[5]) : finite;
  });
}

/**
 * A y: output gradients to 6 points, the transpose of outputTransform; 16 operations from 4 of them, 11 from 3, 6 from
 * 2.
 */
export function outputGradientTransform(f: Body, y: readonly Value[]): Value[] {
  const [even, odd] = evenAndOdd(f, y);
  // Horner's scheme
  const half = y.reduceRight((high, low) => plusMultiple(low, high, 0.5));
  const minusTwo = y.reduceRight((high, low) => plusMultiple(low, high, -2));
  return [y[0], even.add(odd), even.sub(odd), half, minusTwo, y[y.length - 1]];
}

/** G g: the taps to 6 points. */
export function filterTransform(f: Body, g: readonly Value[]): Value[] {
  const [even, odd] = evenAndOdd(f, g).map((sum) => f.let(sum.mul(1 / 3)));
  const polynomial = (scale: number, point: number): Value =>
    g.map((tap, k) => tap.mul(scale * point ** k)).reduce((sum, term) => sum.add(term));
  return [
    g[0], even.add(odd), odd.sub(even), polynomial(-16 / 15, 1 / 2), polynomial(1 / 15, -2), g[g.length - 1],
  ];
}

/** G^T u: 6 points to the gradients at the taps, the transpose of filterTransform. */
export function filterGradientTransform(f: Body, u: readonly Value[], taps: Taps): Value[] {
  const difference = f.let(u[1].sub(u[2]).mul(1 / 3));
  const sum = f.let(u[1].add(u[2]).mul(1 / 3));
  return Array.from({ length: taps }, (_, k) => {
    const finite = (k % 2 === 0 ? difference : sum).sub(u[3].mul(16 / 15 * 2 ** -k)).add(u[4].mul((-2) ** k / 15));
    if (k === 0) return finite.add(u[0]);
    return k === taps - 1 ? finite.add(u[5]) : finite;
  });
}

/**
 * value + of * by, where `by` is a power of 2, or minus one. Such a product is exact, so a fused multiply-add gives the
 * same bits, on every machine and without `relaxedSimd` (but for products that are subnormal or overflow). It takes
 * half of the instructions, and not those of the units that add: a convolution takes 4 to 7% less.
 */
function plusMultiple(value: Value, of: Value, by: number): Value {
  return multiplyAdd(of, constant('f32x4', by), value, features().relaxedSimd);
}

/** The sums of the terms at even and at odd places. */
function evenAndOdd(f: Body, terms: readonly Value[]): Value[] {
  return [0, 1].map((parity) =>
    f.let(terms.filter((_, k) => k % 2 === parity).reduce((sum, term) => sum.add(term))));
}
