/**
 * `tilegrad search`: finds settings by trying many. `plan`, `run` and `collect` are its parts, for trials that a
 * scheduler runs as jobs; the command without them plans, runs all trials in processes of this machine, and collects.
 */

import { availableParallelism } from 'node:os';
import { basename, join } from 'node:path';
import { parseJson } from '../../io/json.ts';
import { describe } from '../../runtime/check.ts';
import { longestMessage, printable } from '../../runtime/text.ts';
import { atomicWriteFile } from '../atomic-write.ts';
import { DataFileError, explainSystemError } from '../errors.ts';
import { inParallel, runChild } from '../search/children.ts';
import {
  gather, identify, openSearch, pathOf, readResult, readSearch, readText, readTrials, runFolderOf, writeResult,
  writeTrials,
} from '../search/folder.ts';
import type { Gathered, Search, Trial, TrialResult } from '../search/folder.ts';
import { planRound, ranked } from '../search/plan.ts';
import type { Method, Scored } from '../search/plan.ts';
import { parseSpace } from '../search/space.ts';
import type { Settings } from '../search/space.ts';
import { searchPage, searchTable, tableText } from '../search/table.ts';
import { argumentsOf, nothing, runTrial, settingsText } from '../search/trial.ts';
import type { ReadTrain } from '../search/trial.ts';
import { takeLock, LockedError } from './lock.ts';
import { percent } from './outputs.ts';
import { settingsFromOptions } from './run-settings.ts';
import { interruptExitCode, interruptible, UsageError } from './terminal.ts';
import type { Surroundings } from './terminal.ts';

export interface PlanOptions {
  readonly out: string;
  readonly method: Method;
  readonly trials?: number;
  readonly seed: number;
}

export interface SearchOptions extends PlanOptions {
  readonly parallel?: number;
}

export interface RunOptions {
  readonly out: string;
  readonly index?: number;
}

/** A search as it stands in its folder. */
interface State extends Gathered {
  readonly search: Search;
  readonly trials: readonly Trial[];
}

/**
 * Plans what can be planned and runs all trials that have no result, some at a time, until the search is over; then
 * collects. Begun again in the same folder it goes on. Returns the exit code: 1 where no trial could be used. Throws
 * UsageError for settings that train does not take and for another search's folder, DataFileError for files, and Error
 * for what keeps every trial from running.
 */
export async function runSearch(
  spacePath: string, options: SearchOptions, readTrain: ReadTrain, surroundings: Surroundings,
): Promise<number> {
  const { out } = options;
  const search = await prepare(spacePath, options, readTrain);
  const unlock = await takeLock(join(out, '.tilegrad-search.lock')).catch((error: unknown) => {
    const why = error instanceof LockedError ? error.message : explainSystemError(error);
    throw new DataFileError(`cannot search in ${out}: ${why}`, out, error);
  });
  const print = (text: string): unknown => surroundings.stdout.write(`${printable(text, longestMessage)}\n`);
  const interrupt = interruptible(surroundings, () => {
    print('stopping: the trials under way save where they are; the same command goes on');
  });
  try {
    for (let told = false; ; told = true) {
      const state = await extendPlan(out, search, readTrain);
      const { trials, results, damaged } = state;
      if (!told) state.notes.forEach(print);
      const pending = trials.filter(({ index }) => !results.has(index) && !damaged.has(index));
      if (!told && results.size > 0 && pending.length > 0) print(`going on: ${results.size} of ${trials.length} trials have ended`);
      if (pending.length === 0) break;
      await runPending(state, pending, options, surroundings, interrupt.signal);
      if (interrupt.name !== null) return interruptExitCode[interrupt.name];
    }
    return await collect(out, surroundings);
  } finally {
    interrupt.stop();
    await unlock();
  }
}

/** Runs trials of this machine's share of cores each, and says a line of each. */
async function runPending(
  { search, trials, results }: State, pending: readonly Trial[], { out, parallel }: SearchOptions,
  surroundings: Surroundings, signal: AbortSignal,
): Promise<void> {
  const { program } = surroundings;
  if (program === undefined) throw new Error('search: this program cannot be started again from here: use search run');
  const cores = availableParallelism();
  const width = Math.min(parallel ?? cores, pending.length);
  const threads = Math.max(1, Math.floor(cores / width));
  surroundings.stdout.write(`${pending.length} trials to run, ${width} at a time on ${threads} ${threads === 1 ? 'thread' : 'threads'} each\n`);
  let ended = results.size;
  let best = Math.max(-1, ...[...results.values()].map(({ valAccuracy }) => valAccuracy ?? -1));
  await inParallel(pending, width, async ({ index, settings }) => {
    if (signal.aborted) return 'stop';
    const child = await runChild(
      program, ['search', 'run', '--out', out, '--index', String(index), '--threads', String(threads)], signal,
    );
    let result = await readResult(out, search, index);
    if (result === null && signal.aborted) return 'stop';
    if (result === null && child.code !== null && child.code <= 2) {
      throw new Error(`trial ${index} could not be run, the search stops: ${child.words.replace(/^tilegrad: /, '') || `exit code ${child.code}`}`);
    }
    if (result === null) {
      const message = `its process was ended by ${child.signal ?? `code ${child.code}`}`;
      result = { search: search.id, index, status: 'failed', message, ...nothing };
      await writeResult(out, result);
    }
    ended++;
    const isBest = (result.valAccuracy ?? -1) > best;
    if (isBest) best = result.valAccuracy!;
    surroundings.stdout.write(`${trialLine(result, settings, `${ended}/${trials.length}`)}${isBest ? '  best so far' : ''}\n`);
    return 'go on';
  });
}

/** "7/30  trial 12  validation 61.2%  lr 0.01, batch 64  (12.3 s)" */
function trialLine(result: TrialResult, settings: Settings, count: string): string {
  const { index, status, valAccuracy, message, seconds } = result;
  const what = status === 'done' ? `validation ${percent(valAccuracy!)}` : `${status}: ${message}`;
  return printable(`${count}  trial ${index}  ${what}  ${settingsText(settings)}  (${seconds.toFixed(1)} s)`, longestMessage);
}

/**
 * Writes the trials that can be known: the first round, and further ones where all results of those before are there.
 * Errors are those of runSearch.
 */
export async function runPlan(
  spacePath: string, options: PlanOptions, readTrain: ReadTrain, { stdout }: Surroundings,
): Promise<number> {
  const { out } = options;
  const search = await prepare(spacePath, options, readTrain);
  const { trials, results, notes } = await extendPlan(out, search, readTrain);
  for (const note of notes) stdout.write(`${printable(note, longestMessage)}\n`);
  const missing = trials.filter(({ index }) => !results.has(index)).map(({ index }) => index);
  stdout.write(printable(`${trials.length} trials in ${pathOf(out, 'trials')}`, longestMessage));
  stdout.write(missing.length === 0 ? ', all have ended\n' : `; to run: --index ${rangesOf(missing)}\n`);
  return 0;
}

/** Runs the trial of an index, which a scheduler's variable may name, and writes its result, unless it has one. */
export async function runOne(options: RunOptions, readTrain: ReadTrain, surroundings: Surroundings): Promise<number> {
  const { out } = options;
  const { env, stdout } = surroundings;
  const search = await readSearch(out);
  const trials = await readTrials(out, search);
  const scheduled = env.SLURM_ARRAY_TASK_ID || env.JOB_COMPLETION_INDEX; // || because an empty one is as good as none
  const index = options.index ?? (scheduled !== undefined && /^\d+$/.test(scheduled) ? Number(scheduled) : NaN);
  if (Number.isNaN(index)) {
    throw new UsageError('search run: --index must say which trial, or SLURM_ARRAY_TASK_ID or JOB_COMPLETION_INDEX');
  }
  if (index >= trials.length) {
    throw new RangeError(`search run: index must be an integer >= 0 and < ${trials.length}, the trials of ${out}, got ${index}`);
  }
  const before = await readResult(out, search, index);
  if (before !== null) {
    stdout.write(`trial ${index} has ended before: ${before.status}\n`);
    return 0;
  }
  const alone = options.index === undefined;
  const code = await runTrial(out, search, trials[index], readTrain, surroundings, alone);
  if (code !== null) return code;
  stdout.write(`${trialLine((await readResult(out, search, index))!, trials[index].settings, out)}\n`);
  return 0;
}

/** Reads all results there are, writes the table and the page, and says what is missing or cannot be used. */
export async function collect(out: string, { stdout, stderr }: Surroundings): Promise<number> {
  const search = await readSearch(out);
  const trials = await readTrials(out, search);
  const { results, notes } = await gather(out, search, trials);
  for (const note of notes) stderr.write(`${printable(note, longestMessage)}\n`);
  const table = searchTable(search, trials, results);
  await atomicWriteFile(pathOf(out, 'results'), `${JSON.stringify(table, null, 2)}\n`);
  await atomicWriteFile(pathOf(out, 'page'), searchPage(search, table, results, notes));
  stdout.write(`\n${tableText(table)}\n`);
  const missing = trials.filter(({ index }) => !results.has(index)).map(({ index }) => index);
  if (missing.length > 0) stdout.write(`${missing.length} of ${trials.length} trials have no result: ${rangesOf(missing)}\n`);
  const say = (text: string): unknown => stdout.write(`${printable(text, longestMessage)}\n`);
  const [best] = ranked([...results.values()]).filter(({ valAccuracy }) => valAccuracy !== null);
  if (best !== undefined) {
    const test = best.testAccuracy === null ? '' : `, test ${percent(best.testAccuracy)}`;
    say(`best: trial ${best.index}, validation ${percent(best.valAccuracy!)}${test}, in ${runFolderOf(out, best.index)}`);
    say(`again: tilegrad train ${argumentsOf({ ...search.space.base, ...trials[best.index].settings }).join(' ')}`);
  }
  say(`table: ${pathOf(out, 'results')}, page: ${pathOf(out, 'page')}`);
  return best === undefined && trials.length > 0 && missing.length === 0 ? 1 : 0;
}

/** Reads the space file, checks that train takes every setting of it, and opens the folder. */
async function prepare(spacePath: string, options: PlanOptions, readTrain: ReadTrain): Promise<Search> {
  const text = await readText(spacePath);
  if (text === null) throw new DataFileError(`cannot read the space ${spacePath}: there is no such file`, spacePath);
  const where = `space ${basename(spacePath)}`;
  const file = parseJson(where, text, 8);
  const space = parseSpace(where, file);
  const definition = { space, method: options.method, trials: options.trials ?? null, seed: options.seed };
  const search = identify(definition, file);
  for (const [name, value] of Object.entries(space.base)) checkSetting(where, { [name]: value }, readTrain);
  for (const [name, axis] of Object.entries(space.axes)) {
    const values = axis.kind === 'choices' ? axis.values : [axis.low, axis.high];
    for (const value of values) checkSetting(where, { [name]: value }, readTrain);
  }
  checkTrials(where, search, planRound(where, search, 0, []), readTrain);
  await openSearch(options.out, search, file);
  return search;
}

/** Settings that decide where and how a run is kept, and not what it learns. */
const notSettings = ['out', 'threads'];

function checkSetting(where: string, settings: Settings, readTrain: ReadTrain): void {
  const name = Object.keys(settings).find((each) => notSettings.includes(each) || !/^[a-z]+(-[a-z]+)*$/.test(each));
  if (name !== undefined) throw new UsageError(`${where}: ${describe(name)} is no setting that can be searched`);
  try {
    readTrain(argumentsOf(settings));
  } catch (error) {
    throw new UsageError(`${where}: ${error instanceof Error ? error.message.replace(/^error: /, '') : String(error)}`, { cause: error });
  }
}

function checkTrials(where: string, { space }: Search, round: readonly Settings[], readTrain: ReadTrain): void {
  for (const settings of round) {
    try {
      settingsFromOptions({ ...readTrain(argumentsOf({ ...space.base, ...settings })) });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new UsageError(`${where}: no trial with ${settingsText(settings)}: ${why}`, { cause: error });
    }
  }
}

/** Adds rounds to the plan for as long as all results of the rounds before are there; returns how the search stands. */
async function extendPlan(out: string, search: Search, readTrain: ReadTrain): Promise<State> {
  const trials = await readTrials(out, search);
  const gathered = await gather(out, search, trials);
  const scored = (trial: Trial): Scored =>
    ({ ...trial, valAccuracy: gathered.results.get(trial.index)?.valAccuracy ?? null });
  if (trials.every(({ index }) => gathered.results.has(index))) {
    const round = trials.length === 0 ? 0 : trials[trials.length - 1].round + 1;
    const next = planRound(out, search, round, trials.map(scored));
    checkTrials(out, search, next, readTrain);
    const first = trials.length;
    trials.push(...next.map((settings, i) => ({ search: search.id, index: first + i, round, settings })));
    if (next.length > 0) await writeTrials(out, trials);
  }
  return { search, trials, ...gathered };
}

/** 0, 1, 2, 5 -> "0-2,5", as Slurm's --array takes it. */
function rangesOf(indices: readonly number[]): string {
  const ranges: Array<[number, number]> = [];
  for (const index of indices) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === index - 1) last[1] = index;
    else ranges.push([index, index]);
  }
  return ranges.map(([from, to]) => (from === to ? String(from) : `${from}-${to}`)).join(',');
}
