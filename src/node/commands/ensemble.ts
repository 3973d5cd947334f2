/** `tilegrad ensemble`: how well the networks of several runs do, each alone and all together. */

import { join } from 'node:path';
import { parseJson } from '../../io/json.ts';
import { loadModel } from '../../io/index.ts';
import { describeNetwork, Network } from '../../models/index.ts';
import { printable } from '../../runtime/text.ts';
import { add, argmax, type Tensor } from '../../tensor/index.ts';
import { ensemble } from '../../train/index.ts';
import { DataFileError, explainSystemError } from '../errors.ts';
import { readPlainFile } from '../plain-file.ts';
import { accuracyOf } from './evaluation.ts';
import { isRecord } from './json.ts';
import { percent } from './outputs.ts';
import { buildNetwork } from './recipes.ts';
import { loadRunData } from './run-data.ts';
import type { RunData } from './run-data.ts';
import { refuseMissingData, refuseOtherClasses } from './same-data.ts';
import { checkResumedSettings } from './run-settings.ts';
import type { RunSettings } from './run-settings.ts';
import { formatTable } from './table.ts';
import { UsageError } from './terminal.ts';
import type { Surroundings } from './terminal.ts';

/** Nesting of a history.json, and the settings that say which images a run trained and validated on. */
const depth = 16;
const imageSettings = ['data', 'numTrain', 'numVal', 'numTest', 'size', 'splitSeed', 'layout'] as const;

/**
 * Prints the data set's name, and validation and test accuracy of each run's network and of the mean of their
 * probabilities. Rejects with DataFileError for a folder that holds no finished run and for missing images, UsageError
 * for images of other classes, and for runs that were trained or validated on other images: what one has learnt from,
 * no other may be validated on.
 */
export async function runEnsemble(
  folders: readonly string[], { data }: { data?: string }, { stdout, env }: Surroundings,
): Promise<number> {
  const runs: Array<{ folder: string; settings: RunSettings }> = [];
  for (const folder of folders) runs.push({ folder, settings: await readSettings(folder, data) });
  const [first] = runs;
  for (const { folder, settings } of runs) {
    const other = imageSettings.find((name) => settings[name] !== first.settings[name]);
    if (other === undefined) continue;
    const values = [first, { settings }].map((run) => String(run.settings[other] ?? 'the default'));
    throw new UsageError(`ensemble: ${first.folder} and ${folder} have other images: ${other} is ${values.join(' and ')}`);
  }
  await refuseMissingData(first.folder, first.settings);
  // Each network gets its images prepared as its own run had them.
  const prepared = new Map<boolean, RunData>();
  let sums: [val: Tensor, test: Tensor] | null = null;
  const rows: string[][] = [];
  for (const { folder, settings } of runs) {
    const images = prepared.get(settings.normalize) ?? await loadRunData(settings, env);
    await refuseOtherClasses(folder, settings, images);
    if (prepared.size === 0) stdout.write(`data: ${images.source}\n`);
    prepared.set(settings.normalize, images);
    const network = await readNetwork(folder, settings, images);
    const found: [Tensor, Tensor] = [ensemble([network], images.XVal), ensemble([network], images.XTest)];
    rows.push(rowOf(folder, found, images));
    sums = sums === null ? found : [add(sums[0], found[0]), add(sums[1], found[1])];
    await new Promise((resolve) => setImmediate(resolve));
  }
  rows.push(rowOf(`all ${runs.length}`, sums!, prepared.get(first.settings.normalize)!));
  stdout.write(formatTable(['run', 'validation', 'test'], rows, ['left', 'right', 'right']));
  return 0;
}

function rowOf(name: string, found: readonly Tensor[], { yVal, yTest }: RunData): string[] {
  return [printable(name), ...[yVal, yTest].map((labels, i) => percent(accuracyOf(argmax(found[i], 1).data, labels)))];
}

/** The settings of the run in a folder, with its images at another place where one is given. */
async function readSettings(folder: string, data: string | undefined): Promise<RunSettings> {
  return reading(join(folder, 'history.json'), (bytes) => {
    const history = parseJson('it', new TextDecoder().decode(bytes), depth);
    return checkResumedSettings(isRecord(history) ? history.settings : null, { out: folder, data });
  });
}

/** The network that a run left, which must be the one that its settings speak of. */
async function readNetwork(folder: string, settings: RunSettings, { XVal, classNames }: RunData): Promise<Network> {
  return reading(join(folder, 'model.safetensors'), (bytes) => {
    const { model } = loadModel(bytes);
    const meant = buildNetwork(settings, XVal.shape.slice(1), classNames.length, settings.seed);
    const [found, expected] = [model, meant].map((each) =>
      (each instanceof Network ? JSON.stringify(describeNetwork(each)) : 'a module'));
    if (found !== expected) throw new RangeError(`it must be ${expected}, got ${found}`);
    return model as Network;
  });
}

/** What read makes of a file. Rejects with DataFileError, which names it, for one that is missing or is not a run's. */
async function reading<T>(path: string, read: (bytes: Uint8Array) => T): Promise<T> {
  try {
    return read(await readPlainFile(path));
  } catch (error) {
    throw new DataFileError(`cannot use ${path}: ${explainSystemError(error)}`, path, error);
  }
}
