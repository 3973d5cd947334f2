/** `tilegrad data cifar10`: fetches the archive, or finds it there already. */

import { join } from 'node:path';
import { cifar10ArchiveName } from '../../data/cifar10-collector.ts';
import { cacheFolder } from '../cache.ts';
import { downloadCifar10 } from '../download.ts';
import type { DownloadOptions, DownloadProgress } from '../download.ts';
import { ProgressLine } from './progress.ts';
import { interruptExitCode, interruptible } from './terminal.ts';
import type { Output, Surroundings } from './terminal.ts';

export interface DataOptions {
  /** file or existing folder; the cache folder unless told */
  readonly out?: string;
  /** another place to fetch the same archive from */
  readonly url?: string;
  /** replace another file at the place; in the cache folder that goes without saying */
  readonly overwrite?: boolean;
}

/**
 * Runs the command and returns the exit code: 0, or 129, 130 or 143 after an interrupt, when what has come so far is
 * kept for the next time. Throws DownloadError when the archive cannot be had.
 */
export async function runData({ out, url, overwrite }: DataOptions, surroundings: Surroundings): Promise<number> {
  const { stdout, env } = surroundings;
  const interrupt = interruptible(surroundings);
  const destination = out ?? join(cacheFolder({ env }), cifar10ArchiveName);
  const options = { destination, url, overwrite: overwrite ?? out === undefined, signal: interrupt.signal };
  try {
    await fetchArchive(stdout, options);
    return 0;
  } catch (error) {
    if (interrupt.name === null) throw error;
    stdout.write('stopped; the same command goes on from here\n');
    return interruptExitCode[interrupt.name];
  } finally {
    interrupt.stop();
  }
}

/** Downloads and verifies the archive, shows how far that is, says where it lies. Throws as downloadCifar10 does. */
export async function fetchArchive(output: Output, options: DownloadOptions): Promise<void> {
  const line = new ProgressLine(output);
  const onProgress = (progress: DownloadProgress): void => {
    line.show(() => downloadText(progress), progress.receivedBytes === progress.totalBytes);
  };
  try {
    const path = await downloadCifar10({ ...options, onProgress });
    line.print(`CIFAR-10 is at ${path}, its checksum verified`);
  } finally {
    line.clear();
  }
}

/** "downloading: 12.3 MB of 170.1 MB, 7% (attempt 2)" */
function downloadText({ receivedBytes, totalBytes, attempt }: DownloadProgress): string {
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
  const share = totalBytes === null ? null : Math.floor((100 * receivedBytes) / totalBytes);
  const of = totalBytes === null ? '' : ` of ${megabytes(totalBytes)}, ${share}%`;
  return `downloading: ${megabytes(receivedBytes)}${of}${attempt > 1 ? ` (attempt ${attempt})` : ''}`;
}
