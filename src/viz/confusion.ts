/** Which class is taken for which. */

import { checkInteger, checkRecord, checkString, describe } from '../runtime/check.ts';
import { labelValues, type Labels } from '../tensor/labels.ts';
import { escapeText } from './escape.ts';
import { formatPercent } from './ticks.ts';

/**
 * The confusion matrix: counts[t][p] is how many examples of class t were predicted as p. Throws TypeError or
 * RangeError for label lists of different lengths and for labels that are not integers within 0..numClasses-1.
 */
export function confusionMatrix(actualLabels: Labels, predictedLabels: Labels, numClasses: number): number[][] {
  const fn = 'confusionMatrix';
  checkInteger(fn, 'numClasses', numClasses, 1, 10_000);
  const [actual, predicted] = [labelValues(fn, 'actual', actualLabels), labelValues(fn, 'predicted', predictedLabels)];
  if (actual.length !== predicted.length) {
    throw new RangeError(`${fn}: predicted must have ${actual.length} labels as actual has, got ${predicted.length}`);
  }
  const counts = Array.from({ length: numClasses }, () => new Array<number>(numClasses).fill(0));
  for (let i = 0; i < actual.length; i++) {
    const row = checkInteger(fn, `actual[${i}]`, plain(actual[i]), 0, numClasses - 1);
    counts[row][checkInteger(fn, `predicted[${i}]`, plain(predicted[i]), 0, numClasses - 1)]++;
  }
  return counts;
}

/** A 64-bit integer as a number; anything else as it is. */
function plain(label: unknown): unknown {
  return typeof label === 'bigint' ? Number(label) : label;
}

/** A confusion matrix with the names of its classes. */
export interface Confusion {
  readonly counts: ReadonlyArray<readonly number[]>;
  readonly classNames: readonly string[];
}

/** Throws TypeError or RangeError unless the matrix is square, of counts, with a name for each class. */
export function checkConfusion(fn: string, confusion: Confusion): void {
  checkRecord(fn, 'confusion', confusion);
  const { counts, classNames } = confusion;
  if (!Array.isArray(counts) || !counts.every(Array.isArray) || !Array.isArray(classNames)) {
    throw new TypeError(
      `${fn}: confusion must have counts and classNames, got ${describe(counts)} and ${describe(classNames)}`,
    );
  }
  if (counts.length !== classNames.length || counts.some((row) => row.length !== counts.length)) {
    throw new RangeError(
      `${fn}: confusion.counts must be ${classNames.length}x${classNames.length}, one row and column a ` +
      `class, got rows of ${counts.map((row) => row.length).join(', ')}`,
    );
  }
  counts.forEach((row) => row.forEach((count) => checkInteger(fn, 'confusion.counts', count, 0)));
  classNames.forEach((name, i) => checkString(fn, `confusion.classNames[${i}]`, name));
}

/**
 * The matrix as a section of a page: a heat map whose cells are shaded by the square root of their share of the row, so
 * that the few mistakes can be seen beside the many right answers. width is a class of the page's grid.
 */
export function confusionSection(confusion: Confusion, width: string = ''): string {
  const { counts, classNames } = confusion;
  const names = classNames.map(escapeText);
  const total = counts.flat().reduce((sum, count) => sum + count, 0);
  const columns = names.map((name) => `<th scope="col"><span title="${name}">${name}</span></th>`).join('');
  const rows = counts.map((row, actual) => {
    const rowTotal = row.reduce((sum: number, count: number) => sum + count, 0);
    const cells = row.map((count: number, predicted: number) => {
      const share = rowTotal === 0 ? 0 : count / rowTotal;
      const verdict = actual === predicted ? 'right' : 'wrong';
      const title =
        `${count} of ${rowTotal} ${names[actual]} predicted as ${names[predicted]} ` +
        `(${formatPercent(share)}): ${verdict}`;
      const emphasis = actual === predicted ? ' class="diagonal"' : '';
      return `<td${emphasis} style="--shade:${Math.sqrt(share).toFixed(3)}" title="${title}">${count}</td>`;
    });
    const recall = rowTotal === 0 ? '\u2013' : formatPercent(row[actual] / rowTotal, 0);
    return `<tr><th scope="row"><span title="${names[actual]}">${names[actual]}</span></th>${cells.join('')}<td class="recall">${recall}</td></tr>`;
  });
  return (
    `<section class="card ${width}"><h2>Confusion matrix</h2>` +
    `<p class="confusion-readout" role="status">${total.toLocaleString('en-US')} test images: rows show what they are, ` +
    'columns what the network said.</p>' +
    '<div class="scroll" tabindex="0" role="region" aria-label="Confusion matrix"><table class="confusion">' +
    `<thead><tr><th scope="col" class="corner"><span>true \\ predicted</span></th>` +
    `${columns}<th scope="col" class="recall"><span>right</span></th></tr></thead>` +
    `<tbody>${rows.join('')}</tbody></table></div></section>`
  );
}
