/**
 * Minimal filtering for windows of 3x3 that move by 2: the one-dimensional transforms.
 *
 * Along a line, such windows meet pixels of one parity at their outer taps and of the other at the middle one:
 *
 *   y[i] = g0 d[i] + g2 d[i + 1] + g1 e[i]        d: padded pixels 0, 2, 4, ...; e: padded pixels 1, 3, ...
 *
 * The outer taps are a filter of two taps that moves by 1. Winograd's F(4, 2) gives 4 outputs of it by 5 products in
 * place of 8 (see winograd-algebra.ts), at the points 0, 1, -1, -1/2 and infinity. The middle tap takes 4 products as
 * it is; so that they need no way back of their own, its pixels are transformed to the four numbers that the outputs'
 * map turns into them again at the points 0, 1, -1 and infinity. So 4 outputs take 9 products, in two dimensions 16
 * take 81 in place of 144, added up at 25 points: 4 products for every channel at those 16 that both directions' middle
 * taps share, 2 at 8 of them, one at the last.
 *
 *         |1   2  -1  -2   0|        | 1    0  |          |1  1  1   1   0|          | 1  0 -1  0|         | 1 |
 *         |0   1   3   2   0|        | 1/6  1/6|    A^T = |0  1 -1 -1/2  0|    E^T = | 0  1  1  0|    H =  |1/2|
 *   B^T = |0  -1  -1   2   0|    G = |-1/2  1/2|          |0  1  1  1/4  0|          | 0 -1  1  0|         |1/2|
 *         |0  -1   0   1   0|        | 8/3 -4/3|          |0  1 -1 -1/8  1|          | 0 -1  0  1|         | 1 |
 *         |0 -1/2 -1  1/2  1|        | 0    1  |
 *
 * A line's 9 places are those of d at the five points, then those of e at its four. Every function takes and gives
 * vectors whose lanes are independent problems.
 */

import type { Body, Value } from '../../../wasm/index.ts';

/** Points in each direction, and outputs of a tile. */
export const halvingPoints = 5;
export const halvingOutputs = 4;
/** Places in each direction, and padded pixels under a tile. */
export const halvingPlaces = 9;

/** The point of every place. */
const pointOfPlace: readonly number[] = [0, 1, 2, 3, 4, 0, 1, 2, 4];
/** The one point that the middle tap has no place at. */
export const lonelyPoint = 3;

/** Where two places meet: the point, how many pairs of places do so there (1, 2 or 4), and which of them this is. */
export function meeting(y: number, x: number): { point: number; kinds: number; kind: number } {
  const [pointY, pointX] = [pointOfPlace[y], pointOfPlace[x]];
  const across = pointX === lonelyPoint ? 1 : 2;
  const kinds = across * (pointY === lonelyPoint ? 1 : 2);
  const kind = (y < halvingPoints ? 0 : across) + (x < halvingPoints ? 0 : 1);
  return { point: pointY * halvingPoints + pointX, kinds, kind };
}

/** B^T d and E^T e: 9 padded pixels to 9 places. */
export function halvingInput(f: Body, pixels: readonly Value[]): Value[] {
  const [d0, e0, d1, e1, d2, e2, d3, e3, d4] = pixels;
  const rise = f.let(d3.sub(d1));
  return [
    d0.sub(d2).sub(rise.mul(2)), d1.add(d2).mul(3).add(rise.mul(2)), d3.sub(d2).add(rise), rise,
    d4.sub(d2).add(rise.mul(1 / 2)),
    e0.sub(e2), e1.add(e2), e2.sub(e1), e3.sub(e1),
  ];
}

/** The transpose: the gradients at 9 places to those at 9 padded pixels. */
export function halvingInputGradient(f: Body, v: readonly Value[]): Value[] {
  const rise = f.let(v[3].add(v[4].mul(1 / 2)).sub(v[0].mul(2)));
  const d1 = v[1].sub(v[2]).sub(rise);
  const d2 = v[1].mul(3).sub(v[2]).sub(v[0]).sub(v[4]);
  const d3 = v[1].add(v[2]).mul(2).add(rise);
  const e1 = v[6].sub(v[7]).sub(v[8]);
  const e2 = v[6].add(v[7]).sub(v[5]);
  return [v[0], v[5], d1, e1, d2, e2, d3, v[8], v[4]];
}

/** G g and H g: 3 taps to 9 places. */
export function halvingFilter(f: Body, [g0, g1, g2]: readonly Value[]): Value[] {
  const half = f.let(g1.mul(1 / 2));
  return [
    g0, g0.add(g2).mul(1 / 6), g2.sub(g0).mul(1 / 2), g0.add(g0).sub(g2).mul(4 / 3), g2, g1, half, half, g1,
  ];
}

/** The transpose: the gradients at 9 places to those at 3 taps. */
export function halvingFilterGradient(f: Body, u: readonly Value[]): Value[] {
  const [sixth, half, third] = [f.let(u[1].mul(1 / 6)), f.let(u[2].mul(1 / 2)), f.let(u[3].mul(4 / 3))];
  return [
    u[0].add(sixth).sub(half).add(third.add(third)),
    u[5].add(u[6].add(u[7]).mul(1 / 2)).add(u[8]),
    sixth.add(half).sub(third).add(u[4]),
  ];
}

/** A^T m: 5 points to 4 outputs. */
export function halvingOutput(f: Body, m: readonly Value[]): Value[] {
  const sum = f.let(m[1].add(m[2]));
  const difference = f.let(m[1].sub(m[2]));
  return [
    m[0].add(sum).add(m[3]), difference.sub(m[3].mul(1 / 2)), sum.add(m[3].mul(1 / 4)),
    difference.sub(m[3].mul(1 / 8)).add(m[4]),
  ];
}

/** A y: the gradients at 4 outputs to those at 5 points. */
export function halvingOutputGradient(f: Body, y: readonly Value[]): Value[] {
  const [even, odd] = [f.let(y[0].add(y[2])), f.let(y[1].add(y[3]))];
  const last = y[0].sub(y[1].mul(1 / 2)).add(y[2].mul(1 / 4)).sub(y[3].mul(1 / 8));
  return [y[0], even.add(odd), even.sub(odd), last, y[3]];
}
