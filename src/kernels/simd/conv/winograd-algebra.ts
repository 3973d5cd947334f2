/**
 * Winograd's minimal filtering F(4x4, 3x3), F(3x3, 4x4) and F(2x4, 5x5): the one-dimensional transforms.
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
 * A 4-tap filter over 6 inputs gives 3 outputs, and one of 5 taps 2, by the same 6 products (36 instead of 144 in two
 * dimensions): B depends on the points alone, G has a column for each tap and A a column for each output. Of 5 taps a
 * tile is larger in one direction: 8 points give 4 outputs, so 6 rows of 8 inputs give 2 rows of 4 outputs by 48
 * products in place of 200.
 *
 * The six points are 0, 1, -1, 1/2, -2 and infinity. The customary 0, 1, -1, 2, -2 need a few operations less but lose
 * two to four times as much precision: over 128 channels the largest error is 1.2e-5 of the output's standard deviation
 * with ours, 2.9e-5 with those, and 4e-6 for the direct sum in float32. The eight are 0, 1, -1, 1/2, -1/2, 2, -2 and
 * infinity: over 64 channels F(2x4, 5x5) loses 1.4e-5, F(2x2, 5x5) 6.5e-6 by 9 products an output in place of 6, and
 * F(4x4, 5x5) would lose 3.3e-5.
 *
 *         |1  -3/2  -2   3/2   1   0 |        |  1      0      0  |          |1  1  1   1    1  0|
 *         |0  -1    1/2  5/2   1   0 |        | 1/3    1/3    1/3 |    A^T = |0  1 -1  1/2  -2  0|
 *   B^T = |0   1   -5/2  1/2   1   0 |    G = |-1/3    1/3   -1/3 |          |0  1  1  1/4   4  0|
 *         |0  -2   -1    2     1   0 |        |-16/15 -8/15  -4/15|          |0  1 -1  1/8  -8  1|
 *         |0   1/2 -1   -1/2   1   0 |        | 1/15  -2/15   4/15|
 *         |0   1   -3/2 -2    3/2  1 |        |  0      0      1  |
 *
 * In G and A each further column is the last times the point; at infinity only the last column has a 1. So it is with
 * the eight points, whose pairs p, -p share most of what they take: what of a row belongs to even powers is the same in
 * both, and what belongs to odd ones differs in sign. With M the product of all (x - p), the row of B^T for a point has
 * the coefficients of M / (x - p), that for infinity M's, and in G its powers are divided by the value of M / (x - p).
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

/** The transforms of a line by a set of points. */
export interface LineTransforms {
  /** inputs of a line, and points at which the polynomials are multiplied */
  readonly points: 6 | 8;
  /** B^T d: inputs to points; 24 operations for six, 40 for eight */
  readonly input: (f: Body, d: readonly Value[]) => Value[];
  /** A^T m: points to so many outputs; six to 4 in 18 operations, to 3 in 13, to 2 in 9, eight to 4 in 22 */
  readonly output: (f: Body, m: readonly Value[], outputs: number) => Value[];
  /** G g: taps to points */
  readonly filter: (f: Body, g: readonly Value[]) => Value[];
}

/** How the images are cut for filters of a size, in rows and columns. */
export interface TileShape {
  /** outputs of a tile */
  readonly rows: number;
  readonly columns: number;
  /** inputs of a tile, and points */
  readonly inputRows: number;
  readonly inputColumns: number;
  /** points of a tile: inputRows times inputColumns */
  readonly points: number;
  /** the transforms of its columns, and of its rows */
  readonly down: LineTransforms;
  readonly across: LineTransforms;
}

/** The tiles for filters of so many taps. */
export function tileShape(taps: Taps): TileShape {
  return shapeOf(taps, taps === 5 ? eightPoints : sixPoints);
}

/**
 * The tiles for the gradient at filters of so many taps, always of six points: with eight, gradients of 5 taps would
 * lose nearly twice as much and be hardly faster, since a tile's outputs are transformed to all the points.
 */
export function gradientTileShape(taps: Taps): TileShape {
  return shapeOf(taps, sixPoints);
}

function shapeOf(taps: Taps, across: LineTransforms): TileShape {
  const down = sixPoints;
  const [inputRows, inputColumns] = [down.points, across.points];
  return {
    rows: inputRows + 1 - taps, columns: inputColumns + 1 - taps, inputRows, inputColumns,
    points: inputRows * inputColumns, down, across,
  };
}

const sixPoints: LineTransforms = {
  points: 6,

  input(f, d) {
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
  },

  output(f, m, outputs) {
    const sum = f.let(m[1].add(m[2]));
    const difference = f.let(m[1].sub(m[2]));
    return Array.from({ length: outputs }, (_, k) => {
      if (k === 0) return m[0].add(sum).add(m[3].add(m[4]));
      const finite = plusMultiple(plusMultiple(k % 2 === 0 ? sum : difference, m[3], 2 ** -k), m[4], (-2) ** k);
      return k === outputs - 1 ? finite.add(m[5]) : finite;
    });
  },

  filter(f, g) {
    const [even, odd] = evenAndOdd(f, g).map((sum) => f.let(sum.mul(1 / 3)));
    const polynomial = (scale: number, point: number): Value =>
      g.map((tap, k) => tap.mul(scale * point ** k)).reduce((sum, term) => sum.add(term));
    return [
      g[0], even.add(odd), odd.sub(even), polynomial(-16 / 15, 1 / 2), polynomial(1 / 15, -2), g[g.length - 1],
    ];
  },
};

/**
 * A y: output gradients to six points, the transpose of output; 16 operations from 4 of them, 11 from 3, 6 from 2.
 */
export function outputGradientTransform(f: Body, y: readonly Value[]): Value[] {
  const [even, odd] = evenAndOdd(f, y);
  // Horner's scheme
  const half = y.reduceRight((high, low) => plusMultiple(low, high, 0.5));
  const minusTwo = y.reduceRight((high, low) => plusMultiple(low, high, -2));
  return [y[0], even.add(odd), even.sub(odd), half, minusTwo, y[y.length - 1]];
}

/** G^T u: six points to the gradients at the taps, the transpose of filter. */
export function filterGradientTransform(f: Body, u: readonly Value[], taps: Taps): Value[] {
  const difference = f.let(u[1].sub(u[2]).mul(1 / 3));
  const sum = f.let(u[1].add(u[2]).mul(1 / 3));
  return Array.from({ length: taps }, (_, k) => {
    const finite = (k % 2 === 0 ? difference : sum).sub(u[3].mul(16 / 15 * 2 ** -k)).add(u[4].mul((-2) ** k / 15));
    if (k === 0) return finite.add(u[0]);
    return k === taps - 1 ? finite.add(u[5]) : finite;
  });
}

/** Points whose negatives are points too, and the values of M / (x - p) at both, which G divides by. */
const pairs = [[1, -9 / 2], [1 / 2, 45 / 32], [2, 90]] as const;

const eightPoints: LineTransforms = {
  points: 8,

  // M / (x - p) = (x^2 + p x) (x^4 - (a + b) x^2 + a b), a and b being the squares of the other two pairs
  input(f, d) {
    const [odd, even] = [1, 2].map((first) => {
      const [low, middle, high] = [d[first], d[first + 2], d[first + 4]];
      const five = f.let(middle.mul(5));
      return [
        f.let(low.add(high).sub(middle.mul(4.25))),
        f.let(plusMultiple(high, low, 4).sub(five)),
        f.let(plusMultiple(plusMultiple(high, low, 0.25), five, -0.25)),
      ];
    });
    return [
      d[0].sub(d[6]).add(d[4].sub(d[2]).mul(5.25)),
      ...pairs.flatMap(([point], i) => [point, -point].map((each) => plusMultiple(even[i], odd[i], each))),
      d[7].sub(d[1]).add(d[3].sub(d[5]).mul(5.25)),
    ];
  },

  output(f, m, outputs) {
    const [sums, differences] = (['add', 'sub'] as const).map((operation) =>
      pairs.map((_, i) => f.let(m[2 * i + 1][operation](m[2 * i + 2]))));
    return Array.from({ length: outputs }, (_, k) => {
      const [ones, halves, twos] = k % 2 === 0 ? sums : differences;
      const finite = plusMultiple(plusMultiple(ones, halves, 2 ** -k), twos, 2 ** k);
      if (k === 0) return m[0].add(finite);
      return k === outputs - 1 ? finite.add(m[7]) : finite;
    });
  },

  filter(f, g) {
    const atPairs = pairs.flatMap(([point, divisor]) => {
      const [even, odd] = [0, 1].map((parity) => {
        // Horner's scheme
        const sum = g.filter((_, k) => k % 2 === parity)
          .reduceRight((high, low) => plusMultiple(low, high, point ** 2));
        return f.let(sum.mul(1 / divisor));
      });
      return [plusMultiple(even, odd, point), plusMultiple(even, odd, -point)];
    });
    return [g[0], ...atPairs, g[g.length - 1]];
  },
};

/**
 * value + of * by, where `by` is a power of 2 or the negative of one. Such a product is exact, so a fused multiply-add
 * gives the same bits, on every machine and without `relaxedSimd` (but for products that are subnormal or overflow). It
 * takes half of the instructions, and not those of the units that add: a convolution takes 4 to 7% less.
 */
function plusMultiple(value: Value, of: Value, by: number): Value {
  if (Math.abs(by) === 1) return by === 1 ? value.add(of) : value.sub(of);
  return multiplyAdd(of, constant('f32x4', by), value, features().relaxedSimd);
}

/** The sums of the terms at even and at odd places. */
function evenAndOdd(f: Body, terms: readonly Value[]): Value[] {
  return [0, 1].map((parity) =>
    f.let(terms.filter((_, k) => k % 2 === parity).reduce((sum, term) => sum.add(term))));
}
