/**
 * The folder of a search:
 *
 *   search.json          what is searched and how; its id is in every other file
 *   trials.jsonl         one line a trial: its round and its settings
 *   trials/0007/         the run of a trial, as `tilegrad train` leaves it
 *   results/0007.json    what came of it, written whole when it has ended
 *   results.json, .html  the table and the page
 *
 * Nothing else is shared between trials, so they can run anywhere that sees the folder, in any order.
 */

import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '../../io/json.ts';
import { checkInteger, checkNumber, checkOneOf, checkRecord, checkString, describe } from '../../runtime/check.ts';
import { atomicWriteFile } from '../atomic-write.ts';
import { isRecord } from '../commands/json.ts';
import { UsageError } from '../commands/terminal.ts';
import { DataFileError, explainSystemError, systemErrorCode } from '../errors.ts';
import { methods } from './plan.ts';
import type { Definition } from './plan.ts';
import { checkSettings, parseSpace } from './space.ts';
import type { Settings } from './space.ts';
import { makeFolder } from '../make-folder.ts';
import { readPlainFile } from '../plain-file.ts';

export interface Search extends Definition {
  readonly id: string;
}

export interface Trial {
  /** the search's id */
  readonly search: string;
  readonly index: number;
  readonly round: number;
  /** what it has beside the base, which all have */
  readonly settings: Settings;
}

export interface TrialResult {
  readonly search: string;
  readonly index: number;
  readonly status: 'done' | 'diverged' | 'failed';
  /** why it diverged or failed; empty where it is done */
  readonly message: string;
  /** accuracies of the best network, 0 to 1; null where there is none */
  readonly valAccuracy: number | null;
  readonly testAccuracy: number | null;
  /** histories, for curves */
  readonly epochs: readonly number[];
  readonly trainAccHistory: readonly number[];
  readonly valAccHistory: readonly number[];
  /** seconds spent in training steps */
  readonly seconds: number;
}

/** Files larger than this are none that a search wrote. */
const mostBytes = 64 * 2 ** 20;
const files = { search: 'search.json', trials: 'trials.jsonl', results: 'results.json', page: 'results.html' } as const;

export const pathOf = (folder: string, name: keyof typeof files): string => join(folder, files[name]);
const nameOf = (index: number): string => String(index).padStart(4, '0');
export const runFolderOf = (folder: string, index: number): string => join(folder, 'trials', nameOf(index));
const resultPathOf = (folder: string, index: number): string => join(folder, 'results', `${nameOf(index)}.json`);

/** The text of a file; null where there is none. Rejects with DataFileError for one that cannot be read or is huge. */
export async function readText(path: string): Promise<string | null> {
  try {
    return new TextDecoder().decode(await readPlainFile(path, mostBytes));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw new DataFileError(`cannot read ${path}: ${explainSystemError(error)}`, path, error);
  }
}

/** What read makes of a file's text; what it throws becomes a DataFileError that names the file. */
function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new DataFileError(error instanceof Error ? error.message : String(error), path, error);
  }
}

/** The definition with its id: of the same definition the same one. */
export function identify(definition: Definition, file: unknown): Search {
  const { method, trials, seed } = definition;
  return { ...definition, id: createHash('sha256').update(JSON.stringify({ method, trials, seed, file })).digest('hex').slice(0, 16) };
}

/**
 * Makes the folder for a search, or finds the same search there; file is what the space file held. Rejects with
 * UsageError where the folder belongs to another search or holds other things under a search's names.
 */
export async function openSearch(folder: string, search: Search, file: unknown): Promise<void> {
  const found = await readText(pathOf(folder, 'search'));
  if (found !== null) {
    const { id } = parseSearch(pathOf(folder, 'search'), found);
    if (id === search.id) return;
    throw new UsageError(`${folder} holds another search (another space, method, number of trials or seed): --out names another folder`);
  }
  const names = await readdir(folder).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw new DataFileError(`cannot read ${folder}: ${explainSystemError(error)}`, folder, error);
  });
  const ours = names.find((name) => ['trials', 'results', ...Object.values(files)].includes(name));
  if (ours !== undefined) throw new UsageError(`${folder} is no folder of a search, and has ${ours} in it: --out names another folder`);
  await makeFolder(folder);
  const { id, method, trials, seed } = search;
  await atomicWriteFile(pathOf(folder, 'search'), `${JSON.stringify({ search: id, method, trials, seed, file }, null, 2)}\n`);
}

/** The search of a folder. Rejects with DataFileError where there is none, and where search.json is damaged. */
export async function readSearch(folder: string): Promise<Search> {
  const path = pathOf(folder, 'search');
  const text = await readText(path);
  if (text === null) throw new DataFileError(`${folder} holds no search: there is no ${path}`, path);
  return parseSearch(path, text);
}

function parseSearch(path: string, text: string): Search {
  return reading(path, () => {
    const { search, method, trials, seed, file } = checkRecord(path, 'it', parseJson(path, text, 10));
    const definition = {
      space: parseSpace(path, file), method: checkOneOf(path, 'method', method, methods),
      trials: trials === null ? null : checkInteger(path, 'trials', trials, 1), seed: checkInteger(path, 'seed', seed, 0),
    };
    const identified = identify(definition, file);
    if (identified.id === search) return identified;
    throw new RangeError(`${path} was altered: what it holds is not what its id was made from`);
  });
}

/** The trials that are planned so far; none before the first plan. */
export async function readTrials(folder: string, { id, space }: Search): Promise<Trial[]> {
  const path = pathOf(folder, 'trials');
  const text = await readText(path);
  if (text === null) return [];
  const read = (line: string, i: number): Trial => {
    const trial = checkRecord(path, `line ${i + 1}`, parseJson(`${path}, line ${i + 1},`, line, 6));
    if (trial.search !== id || trial.index !== i || !isRecord(trial.settings) || !Number.isSafeInteger(trial.round)) {
      throw new RangeError(`${path}, line ${i + 1}, is no trial ${i} of this search`);
    }
    checkSettings(`${path}, line ${i + 1}`, space, trial.settings);
    return trial as unknown as Trial;
  };
  try {
    return text.trimEnd().split('\n').map(read);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DataFileError(`${why}. Without ${path} the same search plans its trials anew, and keeps all results`, path, error);
  }
}

export async function writeTrials(folder: string, trials: readonly Trial[]): Promise<void> {
  await atomicWriteFile(pathOf(folder, 'trials'), trials.map((trial) => `${JSON.stringify(trial)}\n`).join(''));
}

/**
 * The result of a trial; null where there is none. Rejects with DataFileError for a file that is damaged, or of another
 * search or trial.
 */
export async function readResult(folder: string, { id }: Search, index: number): Promise<TrialResult | null> {
  const path = resultPathOf(folder, index);
  const text = await readText(path);
  return text === null ? null : reading(path, () => parseResult(path, text, id, index));
}

function parseResult(path: string, text: string, id: string, index: number): TrialResult {
  const result = checkRecord(path, 'it', parseJson(path, text, 4));
  if (result.search !== id) throw new RangeError(`${path} is of another search`);
  if (result.index !== index) throw new RangeError(`${path} is of trial ${describe(result.index)}`);
  checkOneOf(path, 'status', result.status, ['done', 'diverged', 'failed']);
  checkString(path, 'message', result.message);
  checkNumber(path, 'seconds', result.seconds, 0);
  for (const name of ['valAccuracy', 'testAccuracy']) {
    if (result[name] !== null || (result.status === 'done' && name === 'valAccuracy')) checkNumber(path, name, result[name], 0, 1);
  }
  for (const name of ['epochs', 'trainAccHistory', 'valAccHistory']) {
    const list = result[name];
    if (!Array.isArray(list)) throw new TypeError(`${path}: ${name} must be a list, got ${describe(list)}`);
    for (const value of list as unknown[]) checkNumber(path, name, value, 0, name === 'epochs' ? Infinity : 1);
  }
  return result as unknown as TrialResult;
}

/** Writes a trial's result, which must not be there yet, as a whole. */
export async function writeResult(folder: string, result: TrialResult): Promise<void> {
  await makeFolder(join(folder, 'results'));
  await atomicWriteFile(resultPathOf(folder, result.index), `${JSON.stringify(result)}\n`);
}

/** What was gathered: the results that are there, by index, and a sentence on every file that is none. */
export interface Gathered {
  readonly results: ReadonlyMap<number, TrialResult>;
  /** trials whose file is there and cannot be used */
  readonly damaged: ReadonlySet<number>;
  readonly notes: readonly string[];
}

/** Reads all results. A file that cannot be used is named and left alone, whatever it is. */
export async function gather(folder: string, search: Search, trials: readonly Trial[]): Promise<Gathered> {
  const results = new Map<number, TrialResult>();
  const damaged = new Set<number>();
  const notes: string[] = [];
  const names = await readdir(join(folder, 'results')).catch((error: unknown) => {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw new DataFileError(`cannot read ${join(folder, 'results')}: ${explainSystemError(error)}`, folder, error);
  });
  for (const name of names.sort()) {
    // what a write under way, or a killed one, leaves
    if (/^\..*\.tmp$/.test(name)) continue;
    const index = /^(\d{4,})\.json$/.test(name) ? Number.parseInt(name, 10) : -1;
    if (index < 0 || nameOf(index) !== name.slice(0, -5) || index >= trials.length) {
      notes.push(`skipped ${join(folder, 'results', name)}: it is named like no trial of this search`);
      continue;
    }
    try {
      const result = await readResult(folder, search, index);
      if (result !== null) results.set(index, result);
    } catch (error) {
      if (!(error instanceof DataFileError)) throw error;
      damaged.add(index);
      notes.push(`skipped trial ${index}: ${error.message} (remove the file to run the trial again)`);
    }
  }
  return { results, damaged, notes };
}
