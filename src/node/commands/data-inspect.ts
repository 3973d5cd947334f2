/** `tilegrad data inspect`: what is in a data set, before one trains on it. */

import type { LabelledImages } from '../../data/index.ts';
import { printable } from '../../runtime/text.ts';
import { stack } from '../../tensor/joining.ts';
import { encodePng, imageGrid } from '../../viz/index.ts';
import { atomicWriteFile } from '../atomic-write.ts';
import { inspectDataSet } from '../data-sets/inspect.ts';
import { loadDataSet } from '../data-sets/load.ts';
import type { LoadedDataSet } from '../data-sets/load.ts';
import { placeOf, refuseExisting } from './existing.ts';
import { ProgressLine } from './progress.ts';
import { drawnShapes, unreadableLines } from './run-data.ts';
import { formatTable } from './table.ts';
import type { Surroundings } from './terminal.ts';

export interface InspectOptions {
  /** side that pictures of a folder are brought to */
  readonly size?: number;
  readonly splitSeed?: number;
  readonly layout?: 'NCHW' | 'NHWC';
  /** a PNG file for the grid of samples */
  readonly samples?: string;
  readonly overwrite?: boolean;
}

/** A data set that was read, or the procedural one. */
type InspectedSet = Omit<LoadedDataSet, 'kind'>;

/** Duplicates and sizes that are listed; of more only the number is said. */
const listed = 5;
/** Samples of each class, and classes, in the grid. */
const [perClass, mostClasses] = [10, 40];

/**
 * Prints what was found at a path, or in the procedural set for the word shapes, and writes the samples where asked.
 * Rejects with UsageError before anything is read where the samples would replace a file unasked, and as loadDataSet
 * does.
 */
export async function runInspect(path: string, options: InspectOptions, { stdout }: Surroundings): Promise<number> {
  const { size, splitSeed = 0, layout, samples, overwrite } = options;
  if (samples !== undefined) {
    const kept = new Map([[await placeOf(path), 'the data set itself']]);
    await refuseExisting('data inspect', samples, overwrite, kept, '--samples');
  }
  const line = new ProgressLine(stdout);
  const isDrawn = path === 'shapes';
  const read = (): Promise<LoadedDataSet> => loadDataSet(path, {
    seed: splitSeed, layout, ...(size === undefined ? {} : { size }),
    onProgress: (done, total) => line.show(() => `reading pictures ${done}/${total}`),
  });
  const set: InspectedSet = isDrawn ? { name: 'procedural shapes', unreadable: [], ...drawnShapes() } : await read();
  line.clear();
  stdout.write(`${set.name}${isDrawn ? '' : ` from ${printable(path)}`}\n`);
  for (const text of describeSet(set)) stdout.write(`${text}\n`);
  if (samples !== undefined) {
    const grid = imageGrid(sampleRows(set.train, set.classNames.length), { columns: perClass, scale: 2 });
    await atomicWriteFile(samples, encodePng(grid));
    stdout.write(`samples, a row a class: ${samples}\n`);
  }
  return 0;
}

function describeSet(set: InspectedSet): string[] {
  const { trainCounts, testCounts, shape, mean, deviation, duplicates } = inspectDataSet(set);
  const number = (value: number): string => value.toLocaleString('en-US');
  const figures = (values: readonly number[]): string => values.map((value) => value.toFixed(1)).join(', ');
  const rows = set.classNames.map((name, label) =>
    [printable(name, 60), number(trainCounts[label]), number(testCounts[label])]);
  const total = [trainCounts, testCounts].map((counts) => number(counts.reduce((a, b) => a + b, 0)));
  const table = formatTable(['class', 'training', 'test'], [...rows, ['all', ...total]], ['left', 'right', 'right']).trimEnd();
  const fileOf = (part: 'train' | 'test', n: number): string =>
    printable((part === 'train' ? set.folder?.trainFiles : set.folder?.testFiles)?.[n] ?? `${part} image ${n}`);
  const exact = duplicates.filter((found) => found.exact).length;
  return [
    `images: ${shape[0]} ${shape[0] === 1 ? 'channel' : 'channels'} of ${shape[1]}x${shape[2]}`,
    ...sizeLines(set),
    `mean ${figures(mean)}, standard deviation ${figures(deviation)} of 0 to 255`,
    table,
    ...unreadableLines(set.unreadable),
    `test images that are also training images: ${number(exact)} exactly, ${number(duplicates.length - exact)} nearly`,
    ...duplicates.slice(0, listed).map(({ train, test, exact: same }) =>
      `  ${fileOf('test', test)} ${same ? 'is' : 'is nearly'} ${fileOf('train', train)}`),
    ...(duplicates.length > listed ? [`  and ${number(duplicates.length - listed)} more`] : []),
  ];
}

/** The sizes of a folder's files: the most frequent, the smallest and the largest. */
function sizeLines({ folder }: InspectedSet): string[] {
  if (folder === undefined) return [];
  const counts = new Map<string, number>();
  for (const [width, height] of folder.sizes) counts.set(`${width}x${height}`, (counts.get(`${width}x${height}`) ?? 0) + 1);
  const ordered = [...counts].sort((a, b) => b[1] - a[1]).slice(0, listed).map(([size, count]) => `${count} of ${size}`);
  const sides = (side: 0 | 1): string => {
    const extents = folder.sizes.map((size) => size[side]);
    return `${extents.reduce((a, b) => Math.min(a, b))} to ${extents.reduce((a, b) => Math.max(a, b))}`;
  };
  const more = counts.size > listed ? ', ...' : '';
  return [`files: ${sides(0)} wide, ${sides(1)} high; ${ordered.join(', ')}${more}`];
}

/** The first images of each class, a row each; classes with fewer repeat theirs, so that the rows are whole. */
function sampleRows({ images, labels }: LabelledImages, classes: number) {
  const rows = Array.from({ length: Math.min(classes, mostClasses) }, (_, label) => {
    const members = Array.from(labels.keys()).filter((i) => labels[i] === label);
    if (members.length === 0) return [];
    return Array.from({ length: perClass }, (_unused, i) => images.slice(members[i % members.length]));
  });
  return stack(rows.flat());
}
