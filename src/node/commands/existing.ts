/** Files that lie where a command is to write. */

import { lstat } from 'node:fs/promises';
import { UsageError } from './terminal.ts';

/** Rejects with UsageError where something, be it a broken link, lies there already and is not to be replaced. */
export async function refuseExisting(command: string, file: string, overwrite: boolean = false): Promise<void> {
  if (!overwrite && await lstat(file).then(() => true, () => false)) {
    throw new UsageError(`${command}: ${file} is there already: --overwrite replaces it`);
  }
}
