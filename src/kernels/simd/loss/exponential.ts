/**
 * exp of two float64 at a time, to within a rounding error or two.
 *
 * x = n ln 2 + r with n an integer and |r| <= ln(2)/2, so exp(x) = 2^n exp(r). ln 2 is subtracted in two parts, the
 * first of which has so few bits that n times it is exact (Cody and Waite 1980); exp(r) is its Taylor series, whose
 * 14th term is below 1e-17; and 2^n is put into the result's exponent bits as an integer.
 */

import { type Body, select, type Value, vectorConstant } from '../../../wasm/index.ts';

/** ln 2 = high + low; high has 21 trailing zero bits */
const high = 0.6931471803691238;
const low = 1.9082149292705877e-10;
const terms = 13;
/** Adding 1.5 * 2^52 to a number below 2^51 in size leaves its integer in the lowest bits. */
const toInteger = 6755399441055744;
/** Below this exp is 0 in float64; results below exp(-700) may be subnormal and are scaled down in a second step. */
const underflow = -746;
const small = -700;

function both(value: number): Value {
  return vectorConstant('f64x2', [value, value]);
}

/** exp(x) for x <= 709, lane by lane; NaN stays NaN. */
export function exponential(f: Body, x: Value): Value {
  const n = f.let(x.mul(both(Math.LOG2E)).nearest());
  const r = f.let(x.sub(n.mul(both(high))).sub(n.mul(both(low))));
  const factorials = [1];
  for (let k = 1; k <= terms; k++) factorials.push(factorials[k - 1] * k);
  const series = f.local('f64x2', both(1 / factorials[terms]));
  for (let k = terms - 1; k >= 0; k--) f.set(series, series.mul(r).add(both(1 / factorials[k])));
  const isSmall = f.let(x.lt(both(small)));
  const exponent = n.add(isSmall.and(both(128))).add(both(toInteger)).as('i64x2').shl(52);
  const scaled = f.let(series.as('i64x2').add(exponent).as('f64x2'));
  const result = f.let(scaled.mul(f.let(select(isSmall, both(2 ** -128), both(1)))));
  return f.let(select(x.eq(x), result.andNot(x.lt(both(underflow))), x));
}
