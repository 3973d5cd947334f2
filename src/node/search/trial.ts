/** Running one trial: `tilegrad train` in a folder of its own, and a result that is written when it has ended. */

import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { DivergenceError } from '../../train/index.ts';
import { atomicWriteFile } from '../atomic-write.ts';
import { checkpointName } from '../commands/run-folder.ts';
import { isRecord } from '../commands/json.ts';
import { LockedError } from '../commands/lock.ts';
import { readCheckpoint } from '../commands/checkpoint-file.ts';
import type { TrainOptions } from '../commands/run-settings.ts';
import type { Surroundings } from '../commands/terminal.ts';
import { runTrain } from '../commands/train.ts';
import { DataFileError, systemErrorCode } from '../errors.ts';
import { readText, runFolderOf, writeResult } from './folder.ts';
import type { Search, Trial, TrialResult } from './folder.ts';
import { valueText } from './space.ts';
import type { Settings } from './space.ts';
import { makeFolder } from '../make-folder.ts';

/** What train makes of a list of its arguments; throws for arguments that it does not take. */
export type ReadTrain = (argv: readonly string[]) => TrainOptions;

/** In the folder of a trial's run: whose it is. */
const markName = 'trial.json';
/** Milliseconds that a trial waits for the end of a run of the same trial, whose program is just being stopped. */
const patience = 30_000;
const retryInterval = 200;

/** What a trial without a network to show for it has. */
export const nothing = {
  valAccuracy: null, testAccuracy: null, epochs: [], trainAccHistory: [], valAccHistory: [], seconds: 0,
} as const;

/** train's arguments for settings. */
export function argumentsOf(settings: Settings): string[] {
  return Object.entries(settings).map(([name, value]) => `--${name}=${valueText(value)}`);
}

/** "lr 0.01, hidden 100,50" */
export function settingsText(settings: Settings): string {
  return Object.entries(settings).map(([name, value]) => `${name} ${valueText(value)}`).join(', ');
}

/**
 * Runs a trial, from its checkpoint where it was stopped before, and writes its result: done, diverged, or failed where
 * its settings make no training. Returns null where the result is there now, and the exit code of an interrupt. Rejects
 * with DataFileError, with no result written, for what is not the trial's fault: data that are missing, a full disk, a
 * folder that is another's.
 *
 * @param alone what scheduled the trial promises that no other process runs it: a lock left by another machine is void
 */
export async function runTrial(
  folder: string, { id, space }: Search, trial: Trial, readTrain: ReadTrain, surroundings: Surroundings, alone: boolean,
): Promise<number | null> {
  const { index } = trial;
  const out = runFolderOf(folder, index);
  await claim(out, id, index);
  const given = { ...readTrain(argumentsOf({ ...space.base, ...trial.settings })), out };
  try {
    // A checkpoint that cannot be read is as good as none: the trial begins again.
    const resume = await readCheckpoint(out).then(() => true, () => false);
    const options = resume ? { out, resume } : { ...given, overwrite: true };
    const code = await whenFree(alone, () => runTrain(options, surroundings));
    if (code !== 0) return code;
  } catch (error) {
    if (!(error instanceof Error) || error instanceof DataFileError) throw error;
    const { cause } = error;
    const diverged = cause instanceof DivergenceError;
    const message = diverged ? cause.message : error.message;
    await writeResult(folder, { search: id, index, status: diverged ? 'diverged' : 'failed', message, ...nothing });
    return null;
  }
  await writeResult(folder, { search: id, index, status: 'done', message: '', ...(await outcomeOf(out)) });
  await rm(join(out, checkpointName), { force: true });
  return null;
}

/** Makes the folder of a trial's run, or finds it made before. Rejects with DataFileError for another's folder. */
async function claim(out: string, id: string, index: number): Promise<void> {
  const mark = join(out, markName);
  const own = `${JSON.stringify({ search: id, index })}\n`;
  const found = await readText(mark);
  if (found === own) return;
  const inside = await readdir(out).catch((error: unknown) => (systemErrorCode(error) === 'ENOENT' ? [] : ['?']));
  if (found !== null || inside.some((name) => !name.endsWith('.tmp'))) {
    throw new DataFileError(`${out} is not the folder of trial ${index} of this search: move it away to run the trial`, out);
  }
  await makeFolder(out);
  await atomicWriteFile(mark, own);
}

async function whenFree(alone: boolean, run: () => Promise<number>): Promise<number> {
  const end = Date.now() + patience;
  for (;;) {
    try {
      return await run();
    } catch (error) {
      const cause = error instanceof DataFileError ? error.cause : null;
      if (!(cause instanceof LockedError) || Date.now() > end) throw error;
      if (alone && cause.holder !== null && cause.holder.host !== hostname()) await rm(cause.path, { force: true });
      await new Promise((resolve) => setTimeout(resolve, retryInterval));
    }
  }
}

async function outcomeOf(out: string): Promise<Omit<TrialResult, 'search' | 'index' | 'status' | 'message'>> {
  const history: unknown = JSON.parse((await readText(join(out, 'history.json'))) ?? 'null');
  if (!isRecord(history)) throw new DataFileError(`${out} holds no history`, out);
  const { valAccuracy, testAccuracy, accuracyEpochs, trainAccHistory, valAccHistory, trainSeconds } = history;
  return {
    valAccuracy, testAccuracy, epochs: accuracyEpochs, trainAccHistory, valAccHistory, seconds: trainSeconds,
  } as ReturnType<typeof outcomeOf> extends Promise<infer T> ? T : never;
}
