/** Files that lie where a command is to write. */

import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { noFileAt } from '../no-file.ts';
import { modelPath } from './model-input.ts';
import { runFiles } from './run-folder.ts';
import { UsageError } from './terminal.ts';

/** Files that not even --overwrite replaces: what each is, by its place. */
export type KeptFiles = ReadonlyMap<string, string>;

/**
 * Rejects with UsageError where a command may not write to a file, which `option` names: where it is one of those kept,
 * something that no file may replace, as a folder or a pipe, or something, be it a broken link, that is not to be
 * replaced.
 */
export async function refuseExisting(
  command: string, file: string, overwrite: boolean = false, kept: KeptFiles = new Map(), option: string = '',
): Promise<void> {
  const holds = kept.get(await placeOf(file));
  if (holds !== undefined) throw new UsageError(`${command}: ${option === '' ? '' : `${option} `}${file} is ${holds}`);
  const kind = await noFileAt(file);
  if (kind !== null) throw new UsageError(`${command}: ${file} is ${kind}, and a file is to be written`);
  const isThere = await lstat(file).then(() => true, () => false);
  if (isThere && !overwrite) throw new UsageError(`${command}: ${file} is there already: --overwrite replaces it`);
}

/** What a command that reads a model keeps: its file and, where that is a run's, the run's other files. */
export async function filesOfModel(path: string): Promise<Map<string, string>> {
  const model = await modelPath(path);
  const kept = new Map<string, string>();
  const folder = dirname(model);
  const isThere = (name: string): Promise<boolean> => lstat(join(folder, name)).then(() => true, () => false);
  if (basename(model) === 'model.safetensors' && await isThere('history.json')) {
    for (const name of runFiles) if (await isThere(name)) kept.set(await placeOf(join(folder, name)), "a file of the model's run");
  }
  return kept.set(await realpath(model).catch(() => model), 'the model itself').set(await placeOf(model), 'the model itself');
}

/** The same text for all ways to name a file, be it there or not. A link is a file of its own: it would be replaced. */
export async function placeOf(file: string): Promise<string> {
  const path = resolve(file);
  return join(await realpath(dirname(path)).catch(() => dirname(path)), basename(path));
}
