/** Some images of every class, a column each under the class's name: what one looks at before anything else. */

import { checkInteger, checkOptions, describe } from '../runtime/check.ts';
import { checkRank } from '../tensor/check.ts';
import { stack } from '../tensor/joining.ts';
import { checkLabels, type Labels } from '../tensor/labels.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { imageGrid } from './grid.ts';
import { panelsSvg } from './panels.ts';
import type { Panel } from './panels.ts';

export interface SamplesOptions {
  /** images of a class, 7 unless told: the first ones, as many as there are */
  readonly perClass?: number;
}

/**
 * The first images (N, C, H, W) of each class, one column a class, as an SVG document that holds its pictures. uint8
 * images are shown as they are, others stretched each to its own range. Throws TypeError or RangeError for what are no
 * images, labels (N) that no class name stands for, and bad options.
 */
export function samplesSvg(
  images: Tensor, labels: Labels, classNames: readonly string[], options: SamplesOptions = {},
): string {
  const fn = 'samplesSvg';
  checkOptions(fn, options, ['perClass']);
  const perClass = checkInteger(fn, 'perClass', options.perClass ?? 7, 1, 1000);
  const [count] = checkRank(fn, 'images', images, 4).shape;
  if (!Array.isArray(classNames) || classNames.length === 0 || classNames.some((name) => typeof name !== 'string')) {
    throw new TypeError(`${fn}: classNames must be an array of strings, not empty, got ${describe(classNames)}`);
  }
  const classes = checkLabels(fn, 'labels', labels, count, classNames.length);
  const columns = (classNames as readonly string[]).flatMap((title, label): Panel[] => {
    const chosen: Tensor[] = [];
    for (let i = 0; i < count && chosen.length < perClass; i++) if (classes[i] === label) chosen.push(images.slice(i));
    return chosen.length === 0 ? [] : [{ title, picture: imageGrid(stack(chosen), { columns: 1, scale: 2 }) }];
  });
  if (columns.length === 0) throw new RangeError(`${fn}: images must have at least one image, got none`);
  return panelsSvg([columns], { width: 84 });
}
