/** The folder of a run: it belongs to one run at a time, and what a run left there is not replaced unasked. */

import { lstat, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTemporaries } from '../atomic-write.ts';
import { DataFileError, explainSystemError, systemErrorCode } from '../errors.ts';
import { isProcessAlive, LockedError, takeLock } from './lock.ts';
import { eventsName, logName } from './run-log.ts';
import { UsageError } from './terminal.ts';
import { makeFolder } from '../make-folder.ts';
import { noFileAt } from '../no-file.ts';

export const checkpointName = 'checkpoint.safetensors';
/** What a run leaves in its folder, and its logs, which alone are nothing to go on from or to keep. */
export const runResults: readonly string[] = [
  checkpointName, 'history.json', 'filters.png', 'model.safetensors', 'report.html',
];
/** Both together. */
export const runFiles: readonly string[] = [...runResults, logName, eventsName];
const lockName = '.tilegrad-run.lock';

/** What to do with a folder that holds a run: refuse it, go on, or start over. */
export type FolderUse = 'fresh' | 'resume' | 'overwrite';

/**
 * Makes the folder, locks it, and clears away what killed runs left half written; the function that comes back unlocks
 * it. Better now than after an hour of training, it rejects with DataFileError where the folder cannot be written to,
 * another run has it, or a folder, pipe or device lies where one of its files is to go, and with UsageError where it
 * holds a run's results (own) and use is fresh, or foreign ones.
 */
export async function openRunFolder(
  out: string, use: FolderUse, own: readonly string[] = runResults, foreign: readonly string[] = [],
): Promise<() => Promise<void>> {
  let unlock: () => Promise<void>;
  try {
    if (use !== 'resume') await makeFolder(out);
    unlock = await takeLock(join(out, lockName));
  } catch (error) {
    if (use === 'resume' && systemErrorCode(error) === 'ENOENT') return () => Promise.resolve();
    throw new DataFileError(`cannot write to the output folder ${out}: ${whyNot(error)}`, out, error);
  }
  try {
    await refuseNoFiles(out, [...runFiles, ...own]);
    for (const name of [...runFiles, ...own]) {
      await removeTemporaries(join(out, name), async (pid) => !(await isProcessAlive(pid)));
    }
    await refuseRun(out, use === 'fresh' ? own : [], foreign);
    return unlock;
  } catch (error) {
    await unlock();
    throw error;
  }
}

/**
 * Removes what an earlier run left, so that its results never lie beside the checkpoint of this one, which is about to
 * be written. The earlier checkpoint stays for that one to replace: if it cannot be, there is still one to go on from.
 * Rejects with DataFileError.
 */
export async function makeWay(out: string): Promise<void> {
  await refuseNoFiles(out, runFiles);
  for (const path of runFiles.filter((name) => name !== checkpointName).map((name) => join(out, name))) {
    await rm(path, { force: true }).catch((error: unknown) => {
      throw new DataFileError(`cannot remove ${path} of an earlier run: ${explainSystemError(error)}`, path, error);
    });
  }
}

/** No file replaces a folder, or may a device: better known before anything is cleared away or an hour is trained. */
async function refuseNoFiles(out: string, names: readonly string[]): Promise<void> {
  for (const path of names.map((name) => join(out, name))) {
    const kind = await noFileAt(path);
    if (kind === null) continue;
    throw new DataFileError(`${path} is ${kind}, and a file of that name is to be written: move it away, or --out names another folder`, path);
  }
}

async function refuseRun(out: string, own: readonly string[], foreign: readonly string[]): Promise<void> {
  const found: string[] = [];
  for (const name of [...foreign, ...own]) {
    if (await lstat(join(out, name)).then(() => true, () => false)) found.push(name);
  }
  if (found.length === 0) return;
  const resume = found.includes(checkpointName) ? '--resume goes on with it, ' : '';
  const ways = foreign.includes(found[0]) ? '' : `${resume}--overwrite starts over, `;
  throw new UsageError(`${out} holds another run (${found.join(', ')}): ${ways}--out names another folder`);
}

function whyNot(error: unknown): string {
  if (!(error instanceof LockedError)) return explainSystemError(error);
  const { holder, path } = error;
  if (holder === null) return 'another run is just starting there';
  return `the run of process ${holder.pid} on ${holder.host || 'this machine'} is under way there ` +
    `(if it has died, remove ${path})`;
}
