/** What a run was trained on: it goes on with that, and is judged on that, or not at all. */

import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { loadModel } from '../../io/index.ts';
import { printable } from '../../runtime/text.ts';
import { DataFileError, systemErrorCode } from '../errors.ts';
import { readPlainFile } from '../plain-file.ts';
import type { RunData } from './run-data.ts';
import type { RunSettings } from './run-settings.ts';
import { UsageError } from './terminal.ts';

type TrainedOn = Pick<RunSettings, 'data' | 'trainedOn'>;

/** The settings of a run once its images are known: whatever is at hand may be something else the next time. */
export function withData(settings: RunSettings, { path, name, classNames }: RunData): RunSettings {
  return { ...settings, data: path ?? 'shapes', trainedOn: { name, classNames } };
}

/** Rejects with DataFileError where the data of the run in a folder are no longer where they were. */
export async function refuseMissingData(folder: string, { data, trainedOn }: TrainedOn): Promise<void> {
  if (data === null || data === 'shapes' || trainedOn === null) return;
  const why = await stat(data).then(() => null, systemErrorCode);
  if (why !== 'ENOENT' && why !== 'ENOTDIR') return;
  throw new DataFileError(`${folder} was trained on ${trainedOn.name} (${data}), which is not there: --data says where it is`, data);
}

/**
 * Rejects with UsageError where images are of other classes than those that the run in a folder was trained on. A run
 * of an earlier version says them in its model alone; where it left none, any are let through.
 */
export async function refuseOtherClasses(folder: string, { trainedOn }: TrainedOn, images: RunData): Promise<void> {
  const known = trainedOn?.classNames ?? await classesOfModel(folder);
  const { classNames, source } = images;
  if (known === null) return;
  if (known.length === classNames.length && known.every((name, i) => name === classNames[i])) return;
  const was = trainedOn === null ? 'images' : `${printable(trainedOn.name, 40)}, images`;
  throw new UsageError(
    `${folder} was trained on ${was} of the classes ${listOf(known)}, and ${source} has ${listOf(classNames)}: ` +
    '--data says where its images are',
  );
}

/** The class names in the model file that a run left; null where there is none, or none that can be read. */
async function classesOfModel(folder: string): Promise<readonly string[] | null> {
  return readPlainFile(join(folder, 'model.safetensors')).then((bytes) => loadModel(bytes).classNames).catch(() => null);
}

/** The first of the names. */
function listOf(names: readonly string[]): string {
  return names.slice(0, 3).map((name) => printable(name, 40)).join(', ') + (names.length > 3 ? ', ...' : '');
}
