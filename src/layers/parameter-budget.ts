/**
 * How many parameters may be made. A description of a network that came from a file may ask for any number of them; who
 * builds it allows as many as the file has, so that what it takes stays in proportion to the file.
 */

import { checkFunction, checkInteger } from '../runtime/check.ts';

let left: number = Infinity;

/** Runs make, during which at most so many numbers of parameters may be made: RangeError beyond. */
export function withinParameterBudget<T>(numbers: number, make: () => T): T {
  checkInteger('withinParameterBudget', 'numbers', numbers, 0);
  checkFunction('withinParameterBudget', 'make', make);
  const before = left;
  left = numbers;
  try {
    return make();
  } finally {
    left = before;
  }
}

/** Counts numbers of parameters that are about to be made. Throws RangeError for more than are allowed. */
export function spendParameters(fn: string, numbers: number): void {
  if (numbers > left) throw new RangeError(`${fn}: takes ${numbers} parameters more, of which only ${left} are there`);
  left -= numbers;
}
