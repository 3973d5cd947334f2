/**
 * Transcendental functions of vectors, lane by lane, for use in any kernel: each takes `keep`, which computes a value
 * once, and a vector that may be used more than once, and gives an expression. Errors are a few units in the last place
 * of the vector's own type. NaN stays NaN.
 */

import { constant, select, type Value } from '../../../wasm/index.ts';
import { beyondNormal, shortTailPolynomial, tailPolynomial } from '../../naive/normal.ts';

/** Computes a value once, for use in several places. */
export type Keep = (value: Value) => Value;

/** What the exponential of a type is made of. */
interface ExponentialFacts {
  /** ln 2 = high + low; high has so many trailing zero bits that n times it is exact */
  readonly high: number;
  readonly low: number;
  /** terms of the Taylor series of exp(r), |r| <= ln(2) / 2 */
  readonly terms: number;
  /** adding 1.5 * 2^(mantissa bits) leaves an integer in the lowest bits of a number */
  readonly toInteger: number;
  readonly integers: 'i32x4' | 'i64x2';
  readonly mantissaBits: number;
  /** what is added to an exponent to store it; numbers below 2^(1 - bias) are subnormal */
  readonly bias: number;
  /** below this exp is 0, above that infinite */
  readonly underflow: number;
  readonly overflow: number;
  /** results below exp(small) may be subnormal: they are made 2^shift times as large and then scaled down */
  readonly small: number;
  readonly shift: number;
  /** terms of the series of atanh(s) / s, s^2 <= 0.03 */
  readonly logarithmTerms: number;
}

const facts: Readonly<Record<'f32x4' | 'f64x2', ExponentialFacts>> = {
  f32x4: {
    integers: 'i32x4', mantissaBits: 23, bias: 127, toInteger: 1.5 * 2 ** 23, high: 0.693359375, low: -2.12194440e-4,
    terms: 7, logarithmTerms: 5, underflow: -104, overflow: 88.72283, small: -80, shift: 64,
  },
  f64x2: {
    integers: 'i64x2', mantissaBits: 52, bias: 1023, toInteger: 1.5 * 2 ** 52, high: 0.6931471803691238,
    low: 1.9082149292705877e-10, terms: 13, logarithmTerms: 11, underflow: -746, overflow: Math.log(Number.MAX_VALUE),
    small: -700, shift: 128,
  },
};

function factsOf(x: Value): ExponentialFacts {
  return facts[x.kind as 'f32x4'];
}

/** 1 / k! for k = 0..count. */
function inverseFactorials(count: number): number[] {
  const factorials = [1];
  for (let k = 1; k <= count; k++) factorials.push(factorials[k - 1] * k);
  return factorials.map((factorial) => 1 / factorial);
}

/** coefficients[0] + coefficients[1] x + ..., by Horner's rule. */
function polynomial(x: Value, [first, ...rest]: readonly number[]): Value {
  return rest.length === 0 ? constant(x.kind, first) : polynomial(x, rest).mul(x).add(first);
}

/**
 * x = n ln 2 + r with n an integer and |r| <= ln(2) / 2. ln 2 is subtracted in two parts, the first of which has so few
 * bits that n times it is exact (Cody and Waite 1980).
 */
function reduce(keep: Keep, x: Value): { n: Value; r: Value } {
  const { high, low } = factsOf(x);
  const n = keep(x.mul(Math.LOG2E).nearest());
  return { n, r: keep(x.sub(n.mul(high)).sub(n.mul(low))) };
}

/** The integer n of a float vector, moved to where a float has its exponent. */
function asExponent(n: Value): Value {
  const { toInteger, integers, mantissaBits } = factsOf(n);
  return n.add(toInteger).as(integers).shl(mantissaBits);
}

/**
 * exp(x + rest) for a rest of less than 0.1, left out where null: exp(r) is its Taylor series, and 2^n is put into the
 * result's exponent bits as an integer.
 */
export function exponential(keep: Keep, x: Value, rest: Value | null = null): Value {
  const { terms, integers, underflow, overflow, small, shift } = factsOf(x);
  const { n, r } = reduce(keep, x);
  const series = polynomial(rest === null ? r : keep(r.add(rest)), inverseFactorials(terms));
  const isSmall = keep(x.lt(small));
  const exponent = asExponent(n.add(isSmall.and(constant(x.kind, shift))));
  const scaled = series.as(integers).add(exponent).as(x.kind);
  const result = scaled.mul(select(isSmall, constant(x.kind, 2 ** -shift), 1));
  // NaN fails the comparison and stays NaN, whatever is added
  return select(x.le(overflow), result.andNot(x.lt(underflow)), x.add(Infinity));
}

/** exp(x) - 1 for x <= 60, with small results as accurate as large ones: 2^n (exp(r) - 1) + (2^n - 1). */
export function exponentialLessOne(keep: Keep, x: Value): Value {
  const { terms, integers } = factsOf(x);
  const { n, r } = reduce(keep, keep(x.max(-60)));
  const [, ...coefficients] = inverseFactorials(terms + 1);
  const series = keep(polynomial(r, coefficients).mul(r));
  const power = keep(constant(x.kind, 1).as(integers).add(asExponent(n)).as(x.kind));
  return power.mul(series).add(power.sub(1));
}

/**
 * log x = n ln 2 + log m with x = 2^n m and m between sqrt(1/2) and sqrt(2), and log m = 2 atanh((m - 1) / (m + 1)) by
 * its Taylor series. A subnormal x is made normal first.
 */
export function logarithm(keep: Keep, x: Value): Value {
  const { kind } = x;
  const { high, low, toInteger, integers, mantissaBits, bias, logarithmTerms } = factsOf(x);
  const lift = mantissaBits + 1;
  const isTiny = keep(x.lt(2 ** (1 - bias)));
  const lifted = keep(x.mul(select(isTiny, constant(kind, 2 ** lift), 1)));
  const mantissa = keep(lifted.and(constant(integers, 2 ** mantissaBits - 1)).or(constant(kind, 1)));
  const isLarge = keep(mantissa.gt(Math.SQRT2));
  const exponent = lifted.as(integers).shrU(mantissaBits).or(constant(kind, toInteger)).as(kind).sub(toInteger + bias);
  const n = keep(exponent.sub(isTiny.and(constant(kind, lift))).add(isLarge.and(constant(kind, 1))));
  const f = keep(mantissa.mul(select(isLarge, constant(kind, 0.5), 1)).sub(1));
  const s = keep(f.div(f.add(2)));
  const square = keep(s.mul(s));
  const inverseOdds = Array.from({ length: logarithmTerms - 1 }, (_, k) => 1 / (2 * k + 3));
  const twice = keep(s.add(s));
  const rest = twice.mul(square).mul(polynomial(square, inverseOdds));
  const result = n.mul(high).add(n.mul(low).add(rest).add(twice));
  const outside = select(x.eq(0), constant(kind, -Infinity), NaN);
  return select(x.lt(Infinity), select(x.gt(0), result, outside), x);
}

/** The logistic function 1 / (1 + exp(-x)) at x and at -x, with exp only of what is not positive. */
export function logistic(keep: Keep, x: Value): { here: Value; opposite: Value } {
  const e = keep(exponential(keep, keep(x.abs().neg())));
  const one = constant(x.kind, 1);
  const isNegative = keep(x.lt(0));
  const sum = keep(e.add(one));
  return { here: select(isNegative, e, one).div(sum), opposite: select(isNegative, one, e).div(sum) };
}

/** tanh |x| = (exp(2 |x|) - 1) / (exp(2 |x|) + 1), which is 1 long before |x| is 30. */
export function hyperbolicTangent(keep: Keep, x: Value): Value {
  const t = keep(exponentialLessOne(keep, keep(x.abs().min(30).mul(2))));
  const size = keep(t.div(t.add(2)));
  return select(constant(x.kind, -0), x, size); // the sign bit of x, the others of size
}

/** exp(-x^2 / 2) and Phi(x), as ../../naive/normal.ts has them; the head of x is what fits half of a mantissa. */
export function normal(keep: Keep, x: Value): { curve: Value; share: Value } {
  const single = x.kind === 'f32x4';
  const size = keep(x.abs().min(beyondNormal));
  const head = keep(size.and(constant(factsOf(x).integers, single ? -(2 ** 12) : -(2 ** 27))));
  const rest = keep(head.sub(size).mul(head.add(size)).mul(0.5));
  const curve = keep(exponential(keep, keep(head.mul(head).mul(-0.5)), rest));
  const s = keep(constant(x.kind, 4).div(size.add(4)));
  const ratio = polynomial(keep(s.add(s).sub(1)), single ? shortTailPolynomial : tailPolynomial);
  const tail = keep(curve.mul(s).mul(ratio));
  return { curve, share: select(x.gt(0), constant(x.kind, 1).sub(tail), tail) };
}
