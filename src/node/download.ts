/** Getting CIFAR-10 from its authors' site. */

import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { checkBoolean, checkInteger, checkOptions, describe } from '../runtime/check.ts';
import { cifar10ArchiveName } from '../data/cifar10-collector.ts';
import { cacheFolder } from './cache.ts';
import { downloadFile } from './download-file.ts';
import type { Checksum, DownloadProgress } from './download-file.ts';

export type { DownloadProgress } from './download-file.ts';

/** The binary version on https://www.cs.toronto.edu/~kriz/cifar.html, with the checksum published there. */
export const cifar10Archive: { readonly url: string; readonly md5: string; readonly bytes: number } = Object.freeze({
  url: `https://www.cs.toronto.edu/~kriz/${cifar10ArchiveName}`,
  md5: 'c32a1d4ab5d03f1284b67883e8d87530',
  bytes: 170_052_171,
});

/** Where only a checksum is given, this bounds what a server can put on the disk. */
const maxBytes = 512 * 1024 * 1024;

/** What downloadCifar10 takes. */
export interface DownloadOptions {
  /** default: the authors' site */
  url?: string;
  /** the file to write, or an existing folder to put it in; default: in cacheFolder() */
  destination?: string;
  /**
   * replaces a file at the destination that is not the archive; true only in cacheFolder() unless given, elsewhere such
   * a file is refused
   */
  overwrite?: boolean;
  /** called when the size is known and after every piece */
  onProgress?: (progress: DownloadProgress) => void;
  /** an AbortSignal; what has come so far is kept for the next time */
  signal?: { readonly aborted: boolean };
  /** checksums in hexadecimal, for an archive other than the official one, which is expected by default */
  expectedSha256?: string;
  expectedMd5?: string;
  /** the archive's size in bytes; default: the official one's, unless a checksum is given */
  expectedBytes?: number;
  /** attempts after the first, when the connection breaks or the server is busy; default 5 */
  retries?: number;
  /** milliseconds before the first retry, doubling with each; default 1,000 */
  retryDelay?: number;
  /** milliseconds of silence after which a connection is given up; default 30,000 */
  stallTimeout?: number;
}

const optionNames: readonly string[] = [
  'url', 'destination', 'overwrite', 'onProgress', 'signal', 'expectedSha256', 'expectedMd5', 'expectedBytes',
  'retries', 'retryDelay', 'stallTimeout',
];

/**
 * Downloads the CIFAR-10 archive, or finds it there already, and verifies its checksum. A file appears at the
 * destination only once it has been verified; until then what came lies beside it as `.part`, and the next call goes
 * on from there.
 *
 * @returns the path of the archive, which loadCifar10 takes
 * @throws DownloadError when the server refuses, sends something else, or cannot be reached, and where something else
 * lies at the destination or at its `.part`; the signal's reason when
 * aborted; TypeError or RangeError for bad options
 */
export async function downloadCifar10(options: DownloadOptions = {}): Promise<string> {
  const fn = 'downloadCifar10';
  checkOptions(fn, options, optionNames);
  const url = checkUrl(fn, options.url ?? cifar10Archive.url);
  const checksum = checkChecksum(fn, options);
  const isOfficial = checksum.hex === cifar10Archive.md5;
  const expectedBytes = options.expectedBytes === undefined
    ? (isOfficial ? cifar10Archive.bytes : null)
    : checkInteger(fn, 'expectedBytes', options.expectedBytes, 1);
  const retries = checkInteger(fn, 'retries', options.retries ?? 5, 0, 100);
  const retryDelay = checkInteger(fn, 'retryDelay', options.retryDelay ?? 1000, 0, 60_000);
  const stallTimeout = checkInteger(fn, 'stallTimeout', options.stallTimeout ?? 30_000, 1, 2 ** 31 - 1);
  if (options.onProgress !== undefined && typeof options.onProgress !== 'function') {
    throw new TypeError(`${fn}: onProgress must be a function, got ${describe(options.onProgress)}`);
  }
  if (options.signal !== undefined && !(options.signal instanceof AbortSignal)) {
    throw new TypeError(`${fn}: signal must be an AbortSignal, got ${describe(options.signal)}`);
  }
  const destination = await checkDestination(fn, options.destination);
  const { signal, onProgress } = options;
  const overwrite = checkBoolean(fn, 'overwrite', options.overwrite ?? options.destination === undefined);
  signal?.throwIfAborted();
  await downloadFile({
    url, destination, overwrite, checksum, expectedBytes, maxBytes: expectedBytes ?? maxBytes, retries, retryDelay,
    stallTimeout, signal, onProgress,
  });
  return destination;
}

function checkUrl(fn: string, url: unknown): string {
  if (typeof url !== 'string' || !URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new TypeError(`${fn}: url must be an http or https URL, got ${describe(url)}`);
  }
  return url;
}

function checkChecksum(fn: string, { expectedMd5, expectedSha256 }: DownloadOptions): Checksum {
  if (expectedSha256 !== undefined) {
    return { algorithm: 'sha256', hex: checkHex(fn, 'expectedSha256', expectedSha256, 64) };
  }
  return { algorithm: 'md5', hex: checkHex(fn, 'expectedMd5', expectedMd5 ?? cifar10Archive.md5, 32) };
}

function checkHex(fn: string, name: string, value: unknown, digits: number): string {
  if (typeof value !== 'string' || !/^[0-9a-f]+$/i.test(value) || value.length !== digits) {
    throw new TypeError(`${fn}: ${name} must be ${digits} hexadecimal digits, got ${describe(value)}`);
  }
  return value.toLowerCase();
}

async function checkDestination(fn: string, destination: unknown): Promise<string> {
  if (destination === undefined) return join(cacheFolder(), cifar10ArchiveName);
  if (typeof destination !== 'string' || destination === '') {
    throw new TypeError(`${fn}: destination must be a path, got ${describe(destination)}`);
  }
  const path = resolve(destination);
  const found = await stat(path).catch(() => null);
  return found?.isDirectory() ? join(path, cifar10ArchiveName) : path;
}
