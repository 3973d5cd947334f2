/** Splitting examples so that every part has the classes in the proportions of the whole. */

import { checkNumber } from '../runtime/check.ts';
import { contiguousData } from '../tensor/internal.ts';
import { checkLabels, type Labels } from '../tensor/labels.ts';
import { checkRandomSource, type RandomSource } from '../tensor/random/source.ts';

/**
 * An order of the examples in which every stretch has the classes in the proportions of the whole, to within one
 * example of each: those of a class, in an order drawn from rng, stand at even distances over the whole length.
 */
export function stratifiedOrder(labels: Int32Array, rng: RandomSource): Int32Array {
  const members = new Map<number, number[]>();
  labels.forEach((label, i) => {
    const list = members.get(label);
    if (list === undefined) members.set(label, [i]);
    else list.push(i);
  });
  const place = new Float64Array(labels.length);
  for (const label of [...members.keys()].sort((a, b) => a - b)) {
    const list = members.get(label)!;
    contiguousData(rng.permutation(list.length)).forEach((rank, i) => {
      place[list[i]] = (rank + 0.5) / list.length;
    });
  }
  return Int32Array.from(labels.keys()).sort((a, b) => place[a] - place[b] || labels[a] - labels[b]);
}

/**
 * Draws a part of the examples that has the classes in the proportions of the whole, to within one of each; the two
 * parts have no example in common. Any stretch of either has those proportions too, so that the last of the first part
 * may be held back for validation.
 *
 * @param y N labels, integers from 0
 * @param share of the examples that go to the second part, from 0 to 1
 * @returns the indices of the N - round(share N) others and of the round(share N) drawn ones
 * @throws TypeError and RangeError for labels that are no classes, and a share that is none
 */
export function stratifiedSplit(
  y: Labels, share: number, rng: RandomSource,
): [rest: Int32Array, part: Int32Array] {
  const fn = 'stratifiedSplit';
  const labels = checkLabels(fn, 'y', y);
  checkNumber(fn, 'share', share, 0, 1);
  const order = stratifiedOrder(labels, checkRandomSource(fn, 'rng', rng));
  const count = Math.round(share * order.length);
  return [order.slice(count), order.slice(0, count)];
}
