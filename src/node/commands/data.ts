/** `tilegrad data cifar10`: fetches the archive, or finds it there already. */

import { join } from 'node:path';
import { cacheFolder, cifar10ArchiveName } from '../cache.ts';
import { dataCommand } from '../download.ts';
import { interruptExitCode } from './terminal.ts';
import type { InterruptName, Surroundings } from './terminal.ts';

export interface DataOptions {
  /** file or existing folder; the cache folder unless told */
  readonly out?: string;
  /** another place to fetch the same archive from */
  readonly url?: string;
}

/**
 * Runs the command and returns the exit code: 0, or 130 or 143 after an interrupt, when what has come so far is kept
 * for the next time. Throws DownloadError when the archive cannot be had.
 */
export async function runData({ out, url }: DataOptions, { stdout, env, onInterrupt }: Surroundings): Promise<number> {
  const controller = new AbortController();
  let interrupted: InterruptName | null = null;
  const stopListening = onInterrupt((signal) => {
    interrupted = signal;
    controller.abort();
  });
  const destination = out ?? join(cacheFolder({ env }), cifar10ArchiveName);
  try {
    await dataCommand('cifar10', { output: stdout, destination, url, signal: controller.signal });
    return 0;
  } catch (error) {
    if (interrupted === null) throw error;
    stdout.write('stopped; the same command goes on from here\n');
    return interruptExitCode[interrupted];
  } finally {
    stopListening();
  }
}
