/** Arithmetic that several rooms need. */

/** The next multiple at or above a value. */
export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}
