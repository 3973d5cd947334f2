/** `tilegrad evaluate`: how well a trained model does on a data set, class by class, and its surest mistakes. */

import { printable } from '../../runtime/text.ts';
import type { LoadedModel, Prediction } from '../../io/index.ts';
import { confusionMatrix, reportHtml, tensorToPicture } from '../../viz/index.ts';
import { atomicWriteFile } from '../atomic-write.ts';
import { accuracyOf } from './evaluation.ts';
import { type EvaluationImages, evaluationImages } from './evaluation-images.ts';
import { filesOfModel, placeOf, refuseExisting } from './existing.ts';
import { readModelFile } from './model-input.ts';
import { percent } from './outputs.ts';
import { readPlainFile } from '../plain-file.ts';
import { ProgressLine } from './progress.ts';
import { unreadableLines } from './run-data.ts';
import { formatTable } from './table.ts';
import { interruptExitCode, interruptible, UsageError } from './terminal.ts';
import type { Surroundings } from './terminal.ts';

export interface EvaluateCommandOptions {
  /** the data set; without it as train finds one */
  readonly data?: string;
  /** the first n test images only */
  readonly numTest?: number;
  /** what drew the test images of data that have none: as in training; 0 unless told */
  readonly splitSeed?: number;
  readonly layout?: 'NCHW' | 'NHWC';
  /** where the page goes; evaluation.html unless told, where only an earlier page of this command is replaced */
  readonly out?: string;
  /** replace a file that lies there */
  readonly overwrite?: boolean;
}

const batchSize = 100;
const standardPage = 'evaluation.html';
/** A page has some pictures of a data set in it; a file of more bytes is none. */
const mostPageBytes = 64 * 2 ** 20;
/** What this command's pages begin with, behind a few lines that all pages have, and end with. */
const [pageTitle, pageFooter] = ['Evaluation on ', 'Made by tilegrad.'];

/** The most sure of the wrong answers, on the page. */
const shownMistakes = 60;

/**
 * Prints accuracy and a table of the classes, and writes a page with the confusion matrix and the mistakes that the
 * model was surest of. Returns the exit code. Rejects with DataFileError for what cannot be read, UsageError for data
 * without test images or with classes that the model does not know, and where the page that `out` names would replace a
 * file unasked, or one of the model's run. Where that holds of the page that nobody named, it is not written.
 */
export async function runEvaluate(
  model: string, options: EvaluateCommandOptions, surroundings: Surroundings,
): Promise<number> {
  const { data, numTest, splitSeed, layout, out = standardPage, overwrite } = options;
  const kept = await filesOfModel(model);
  if (data !== undefined) kept.set(await placeOf(data), 'the data set itself');
  let noPage: string | null = null;
  if (options.out !== undefined) await refuseExisting('evaluate', out, overwrite, kept, '--out');
  else {
    noPage = await refuseExisting('no page is written', out, overwrite || await isOwnPage(out), kept)
      .then(() => null, (error: Error) => error.message);
  }
  const loaded = await readModelFile(model);
  const set = await evaluationImages({ data, numTest, splitSeed, layout, shape: loaded.inputShape }, surroundings.env);
  if (set.labels.length === 0) throw new UsageError(`evaluate: ${set.source}: there are no test images`);
  const order = classOrder(loaded, set);
  const labels = Int32Array.from(set.labels, (label) => order[label]);
  const names = loaded.classNames ?? set.classNames;
  const line = new ProgressLine(surroundings.stdout);
  const interrupt = interruptible(surroundings);
  try {
    const found: Prediction[] = [];
    for (let start = 0; start < labels.length && !interrupt.signal.aborted; start += batchSize) {
      found.push(...loaded.predict(set.images.slice([start, start + batchSize])));
      line.show(() => `${found.length}/${labels.length} images`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    line.clear();
    if (interrupt.name !== null) return interruptExitCode[interrupt.name];
    const predicted = Int32Array.from(found, ({ index }) => index);
    const counts = confusionMatrix(labels, predicted, names.length);
    const accuracy = accuracyOf(predicted, labels);
    line.print(`${set.source}: ${labels.length.toLocaleString('en-US')} test images`);
    unreadableLines(set.unreadable).forEach((text) => line.print(text));
    line.print(`accuracy ${percent(accuracy)}`);
    surroundings.stdout.write(`\n${classTable(counts, names)}\n`);
    if (noPage === null) await atomicWriteFile(out, page(set, labels, names, found, counts, accuracy));
    line.print(noPage ?? `page: ${printable(out)}`);
    return 0;
  } finally {
    line.clear();
    interrupt.stop();
  }
}

/** The model's number of each of the data's classes: by name where the names are the same, else as they are. */
function classOrder({ classNames }: LoadedModel, set: EvaluationImages): number[] {
  if (classNames === null) return set.classNames.map((_, i) => i);
  const order = set.classNames.map((name) => classNames.indexOf(name));
  const unknown = set.classNames.find((_, i) => order[i] < 0);
  if (unknown !== undefined) {
    const known = classNames.map((name) => printable(name, 40)).slice(0, 20).join(', ');
    throw new UsageError(
      `evaluate: the data (${set.source}) have the class ${printable(unknown, 40)}, the model knows ${known}; --data names other data`,
    );
  }
  return order;
}

/** Images, precision (right of those so named) and recall (right of those that are) of each class. */
function classTable(counts: ReadonlyArray<readonly number[]>, names: readonly string[]): string {
  const share = (right: number, all: number): string => (all === 0 ? '-' : percent(right / all));
  const rows = names.map((name, c) => {
    const actual = counts[c].reduce((a, b) => a + b, 0);
    const named = counts.reduce((sum, row) => sum + row[c], 0);
    return [printable(name, 40), String(actual), share(counts[c][c], actual), share(counts[c][c], named)];
  });
  return formatTable(['class', 'images', 'found', 'right where named'], rows, ['left', 'right', 'right', 'right']);
}

function page(
  set: EvaluationImages, labels: Int32Array, names: readonly string[], found: readonly Prediction[],
  counts: ReadonlyArray<readonly number[]>, accuracy: number,
): string {
  const mistakes = [...found.keys()].filter((i) => found[i].index !== labels[i])
    .sort((a, b) => found[b].probability - found[a].probability);
  return reportHtml({
    title: `${pageTitle}${set.source}`,
    subtitle: mistakes.length === 0 ? 'No mistakes.' : 'Below the matrix: the mistakes that the model was surest of.',
    summary: [
      { label: 'Accuracy', value: percent(accuracy), note: `${labels.length.toLocaleString('en-US')} images` },
      { label: 'Mistakes', value: mistakes.length.toLocaleString('en-US') },
    ],
    confusion: { counts, classNames: names },
    samples: mistakes.slice(0, shownMistakes).map((i) => ({
      picture: tensorToPicture(set.images.slice(i)), actual: names[labels[i]], predicted: found[i].label,
      confidence: found[i].probability,
    })),
    footer: pageFooter,
  });
}

/** True for a page that this command wrote: nothing is lost with it that the command would not say again. */
async function isOwnPage(path: string): Promise<boolean> {
  const text = await readPlainFile(path, mostPageBytes).then((bytes) => new TextDecoder().decode(bytes), () => '');
  return text.includes(`<title>${pageTitle}`) && text.includes(`<footer>${pageFooter}</footer>`);
}
