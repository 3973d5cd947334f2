/**
 * The standard normal distribution, which GELU weighs its input by. Its function Phi(x) = (1 + erf(x / sqrt 2)) / 2
 * falls below 1e-300 on the left, where that form cancels to nothing; so the tail is computed as such:
 *
 *   Phi(-x) = exp(-x^2 / 2) s P(2 s - 1),   s = 4 / (4 + x),   x >= 0
 *
 * The factor after the exponential, Mills' ratio / sqrt(2 pi), is so smooth in s that one polynomial does for all x:
 * the form of Shepherd & Laframboise, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x in 0 <= x < infinity", 1981.
 * P's coefficients, lowest power first, are those of the Chebyshev expansion, computed with 50 digits and cut off where
 * the rest is below 2e-16 of the value (below 6e-8 for float32).
 */

export const tailPolynomial: readonly number[] = [
  0.18882128260393785, 0.15197416049297324, 0.09678435018555664, 0.04663046448989468, 0.01509914372259023,
  0.0018850472422229046, -0.0008699230891628756, -0.0004077046213683964, 3.3336052290036945e-5, 5.7773784446822336e-5,
  -4.769190076797745e-7, -8.78640058976113e-6, 1.7865053828168654e-7, 1.480723444385482e-6, -1.5623877693912945e-7,
  -2.5674601753579823e-7, 6.61834320494967e-8, 4.055790802133918e-8, -1.9695900856734096e-8, -4.892402234993512e-9,
  4.01684673933235e-9, 3.19308785823943e-10, -4.221644241696684e-10,
];

/** The same polynomial as far as float32 needs it. */
export const shortTailPolynomial: readonly number[] = [
  0.188821282, 0.151974101, 0.0967843907, 0.0466316777, 0.015098824, 0.00187805785, -0.000869041974, -0.000390946725,
  3.23314203e-5, 3.93301424e-5,
];

/** From here on exp(-x^2 / 2) is 0 in float64; a larger number need not be squared. */
export const beyondNormal = 40;

/**
 * exp(-x^2 / 2). The square of a large x has lost more digits than the exponential can do without, so x is split in a
 * head, whose square is exact, and the rest: x^2 = head^2 + (x - head) (x + head).
 */
export function bellCurve(x: number): number {
  const size = Math.min(Math.abs(x), beyondNormal);
  const head = Math.fround(size);
  return Math.exp(-head * head / 2) * Math.exp((head - size) * (head + size) / 2);
}

/** Phi(x): the share of the standard normal distribution that lies below x. */
export function normalShare(x: number): number {
  const s = 4 / (4 + Math.min(Math.abs(x), beyondNormal));
  const tail = bellCurve(x) * s * tailPolynomial.reduceRight((sum, coefficient) => sum * (2 * s - 1) + coefficient);
  return x > 0 ? 1 - tail : tail;
}
