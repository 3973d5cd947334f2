/** How far results lie from what was expected: the one measure of the tests (beside the public relError). */

/**
 * The largest |actual - expected| / scale over all elements, where scale is one number or one for each element: what an
 * element's terms add up to in absolute value, which rounding errors are proportional to. Elements that are equal count
 * 0, whatever their scale; equal infinities, and NaN in both, are equal. NaN as soon as any other NaN or infinity comes
 * in, wherever it stands, so that no comparison with a tolerance passes. Throws RangeError where lengths differ.
 */
export function worstError(
  actual: ArrayLike<number>, expected: ArrayLike<number>, scale: number | ArrayLike<number> = 1,
): number {
  const lengths = [actual.length, expected.length, typeof scale === 'number' ? actual.length : scale.length];
  if (new Set(lengths).size > 1) throw new RangeError(`worstError: lengths must be equal, got ${lengths.join(', ')}`);
  let worst = 0;
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [actual[i], expected[i]];
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const size = Math.max(typeof scale === 'number' ? scale : scale[i], 1e-30);
    // An infinite scale would forgive everything; Math.max hands NaN on, as > does not.
    worst = Math.max(worst, Number.isFinite(a - b) && Number.isFinite(size) ? Math.abs(a - b) / size : NaN);
  }
  return worst;
}

/** The largest |value|, NaN where there is one: a scale for results that are measured as a whole. */
export function largest(values: ArrayLike<number>): number {
  return worstError(values, new Float64Array(values.length));
}
