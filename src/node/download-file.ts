/**
 * Fetching one large file over HTTP so that what ends up at the destination is always whole and verified.
 *
 * Bytes go to `<destination>.part`. When a connection breaks, stalls, or the program is killed, the next attempt asks
 * for the rest with Range, and with If-Range so that a file that has changed since is sent anew (RFC 9110, sections
 * 13.1.5 and 14.2). Only after size and checksum are right is the part renamed to the destination.
 *
 * Others may be able to write to the folder, and the part's name can be guessed: no link is followed there, and nothing
 * is touched that this program has not put there, which the record beside a part tells.
 */

import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { Stats } from 'node:fs';
import { link, lstat, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncFolder } from './atomic-write.ts';
import { DownloadError, explainSystemError, systemErrorCode } from './errors.ts';
import { request, RetryableError, stalled, withStallTimeout } from './request.ts';
import { makeFolder } from './make-folder.ts';
import { plainFilePieces, readPlainFile } from './plain-file.ts';

/** A checksum and how it is computed. */
export interface Checksum {
  algorithm: 'md5' | 'sha256';
  /** lower-case hexadecimal */
  hex: string;
}

/** How far a download is. */
export interface DownloadProgress {
  /** bytes on the disk, those of earlier attempts included */
  receivedBytes: number;
  /** the whole file's size; null while the server has not said */
  totalBytes: number | null;
  /** the attempt under way, from 1 */
  attempt: number;
}

/** What downloadFile needs; everything has been checked by the caller. */
export interface DownloadPlan {
  url: string;
  destination: string;
  /** whether another file at the destination is replaced; else it is refused */
  overwrite: boolean;
  checksum: Checksum;
  /** the size that the file must have; null when unknown */
  expectedBytes: number | null;
  /** more bytes than this are refused, whatever the server announces */
  maxBytes: number;
  /** attempts after the first */
  retries: number;
  /** milliseconds before the first retry; doubles with each */
  retryDelay: number;
  /** milliseconds without a byte after which a connection counts as dead */
  stallTimeout: number;
  signal?: AbortSignal;
  onProgress?: (progress: DownloadProgress) => void;
}

/** What is remembered beside a part, so that it is only ever continued with bytes of the same file. */
interface PartRecord {
  url: string;
  etag: string | null;
  lastModified: string | null;
}

/** No wait between attempts is longer, in milliseconds, also when the server asks for it. */
const longestWait = 30_000;

/**
 * Downloads, verifies, and only then puts the file in place; does nothing where the right file lies already. Throws
 * DownloadError when that fails for good, and the signal's reason when it was aborted. A part that can be continued
 * stays beside the destination, a wrong one does not.
 */
export async function downloadFile(plan: DownloadPlan): Promise<void> {
  const part = `${plan.destination}.part`;
  try {
    if (await isThere(plan)) return;
    await makeFolder(dirname(plan.destination));
    for (let attempt = 1; ; attempt++) {
      try {
        const resumed = await fetchRest(plan, part, attempt);
        await verify(plan, part, resumed);
        break;
      } catch (error) {
        plan.signal?.throwIfAborted();
        if (!(error instanceof RetryableError)) throw error;
        if (attempt > plan.retries) {
          const message = `${error.message} (gave up after ${attempt} attempts)`;
          throw new DownloadError(message, plan.url, error.status, error.cause);
        }
        const wait = Math.min(longestWait, Math.max(error.retryAfter ?? 0, plan.retryDelay * 2 ** (attempt - 1)));
        await pause(wait, plan.signal);
      }
    }
    await putInPlace(plan, part);
    await rm(recordPath(part), { force: true });
    await syncFolder(dirname(plan.destination));
  } catch (error) {
    plan.signal?.throwIfAborted();
    if (error instanceof DownloadError) throw error;
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    throw new DownloadError(
      `downloading ${plan.url} to ${plan.destination} failed: ${explainSystemError(error)}`, plan.url, undefined, error,
    );
  }
}

/** Whether the right file lies at the destination. Throws DownloadError where something else may not be replaced. */
async function isThere(plan: DownloadPlan): Promise<boolean> {
  const { destination, checksum } = plan;
  const there = await existing(destination);
  if (there === null) return false;
  // A link to the right file serves as well; one that leads nowhere, a pipe or a device cannot be read.
  const isFile = there.isFile() || (there.isSymbolicLink() && (await stat(destination).catch(() => null))?.isFile());
  if (isFile && (await fileChecksum(destination, checksum.algorithm)) === checksum.hex) return true;
  if (isFile && plan.overwrite) return false;
  throw inTheWay(plan, destination);
}

/** Moves the verified part to the destination, where nothing may have come to lie in the meantime. */
async function putInPlace(plan: DownloadPlan, part: string): Promise<void> {
  const { destination } = plan;
  if (!plan.overwrite) {
    try {
      // unlike rename, link never replaces
      await link(part, destination);
      await rm(part);
      return;
    } catch (error) {
      // a file system without hard links
      if (systemErrorCode(error) !== 'EEXIST' && (await existing(destination)) === null) return rename(part, destination);
      throw inTheWay(plan, destination);
    }
  }
  await rename(part, destination);
}

function inTheWay(plan: DownloadPlan, path: string): DownloadError {
  const what = `${path} exists and is not the archive that ${plan.url} has`;
  return new DownloadError(`${what}: it is left as it is; remove it, name another place, or say overwrite`, plan.url);
}

/** What lies at a path, links not followed; null for nothing. */
async function existing(path: string): Promise<Stats | null> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw error;
  }
}

/** The checksum of a file, read as a stream. */
async function fileChecksum(path: string, algorithm: Checksum['algorithm']): Promise<string> {
  const hash = createHash(algorithm);
  for await (const piece of plainFilePieces(path, 1024 * 1024)) hash.update(piece);
  return hash.digest('hex');
}

/**
 * One attempt: asks for what the part lacks and appends it. Says whether the part held anything before.
 * Throws RetryableError where another attempt may go better, DownloadError where not.
 */
async function fetchRest(plan: DownloadPlan, part: string, attempt: number): Promise<boolean> {
  const { have, record } = await partSoFar(plan, part);
  if (have > 0 && have === plan.expectedBytes) return true;
  const headers: Record<string, string> = {};
  if (have > 0) {
    headers.Range = `bytes=${have}-`;
    const validator = record?.etag ?? record?.lastModified;
    if (validator) headers['If-Range'] = validator;
  }
  const answer = await request(plan, headers);
  const { response } = answer;
  try {
    if (response.status === 416) {
      if (have === 0) {
        throw new DownloadError(`${plan.url}: the server answered 416 to a request for the whole file`, plan.url, 416);
      }
      // the part is as long as the file, or longer: complete, as the checksum will tell, or of no use
      if (totalOf(response) === have) return true;
      await discard(part);
      throw new RetryableError(`${plan.url}: the server has no more bytes after ${have}`, 416);
    }
    const resumed = response.status === 206;
    if (resumed && firstByteOf(response) !== have) {
      const sent = response.headers.get('content-range') ?? 'others';
      throw new DownloadError(`${plan.url}: asked for bytes from ${have} on, the server sent ${sent}`, plan.url, 206);
    }
    const total = checkAnnouncedSize(plan, response, resumed ? have : 0);
    if (!resumed) await writeRecord(part, recordOf(plan, response));
    await append(plan, response, part, { start: resumed ? have : 0, total, attempt, abort: answer.abort });
    return resumed;
  } finally {
    answer.close();
  }
}

/**
 * The length of a usable part and what is known of it; a part of another URL is removed. Throws DownloadError for what
 * no download has left there: a link, or a file without a record.
 */
async function partSoFar(plan: DownloadPlan, part: string): Promise<{ have: number; record: PartRecord | null }> {
  const found = await existing(part);
  const record = await readRecord(part);
  if (record === null && (await existing(recordPath(part))) !== null) throw inTheWay(plan, recordPath(part));
  if (found === null) return { have: 0, record: null };
  if (!found.isFile() || found.nlink > 1 || record === null) throw inTheWay(plan, part);
  const tooLong = plan.expectedBytes !== null && found.size > plan.expectedBytes;
  if (record.url !== plan.url || tooLong || found.size === 0) {
    await discard(part);
    return { have: 0, record: null };
  }
  return { have: found.size, record };
}

/** The whole file's size by the answer's headers, or null. Throws DownloadError when it is not the expected one. */
function checkAnnouncedSize(plan: DownloadPlan, response: Response, start: number): number | null {
  const length = response.headers.get('content-length');
  const total = length !== null && /^\d+$/.test(length) ? start + Number(length) : totalOf(response);
  if (total === null) return plan.expectedBytes;
  if (plan.expectedBytes !== null && total !== plan.expectedBytes) {
    throw new DownloadError(`${plan.url} has ${total} bytes, expected ${plan.expectedBytes}`, plan.url);
  }
  if (total > plan.maxBytes) {
    throw new DownloadError(`${plan.url} has ${total} bytes, more than the ${plan.maxBytes} allowed`, plan.url);
  }
  return total;
}

/** Writes the answer's body to the part, from byte start on. */
async function append(
  plan: DownloadPlan, response: Response, part: string,
  { start, total, attempt, abort }: { start: number; total: number | null; attempt: number; abort: AbortController },
): Promise<void> {
  let position = start;
  const limit = Math.min(total ?? Infinity, plan.maxBytes);
  const { O_RDWR, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;
  const file = await open(part, O_RDWR | O_NOFOLLOW | (start > 0 ? 0 : O_CREAT | O_EXCL));
  const reader = response.body?.getReader();
  try {
    await file.truncate(start);
    plan.onProgress?.({ receivedBytes: position, totalBytes: total, attempt });
    for (;;) {
      const next = await withStallTimeout(plan.stallTimeout, abort, () => reader?.read());
      if (next === undefined || next.done) break;
      if (position + next.value.length > limit) {
        throw new DownloadError(`${plan.url} sent more than the ${limit} bytes expected`, plan.url);
      }
      for (let rest = next.value; rest.length > 0;) {
        const { bytesWritten } = await file.write(rest, 0, rest.length, position);
        rest = rest.subarray(bytesWritten);
        position += bytesWritten;
      }
      plan.onProgress?.({ receivedBytes: position, totalBytes: total, attempt });
    }
    await file.sync();
  } catch (error) {
    if (error instanceof DownloadError || isDiskError(error)) throw error;
    const why = error === stalled ? `nothing came for ${plan.stallTimeout} ms` : explainSystemError(error);
    throw new RetryableError(`${plan.url}: broken off after ${position} bytes: ${why}`, undefined, undefined, error);
  } finally {
    await reader?.cancel().catch(() => undefined);
    await file.close();
  }
  if (total !== null && position < total) {
    throw new RetryableError(`${plan.url}: broken off after ${position} of ${total} bytes`);
  }
}

/**
 * Checks size and checksum of what came. A wrong part is removed. One that was put together from several answers may
 * mix two versions of the file, so that is worth another attempt from the start; one that came in one piece is not.
 */
async function verify(plan: DownloadPlan, part: string, resumed: boolean): Promise<void> {
  const { size } = await stat(part);
  const sum = await fileChecksum(part, plan.checksum.algorithm);
  plan.signal?.throwIfAborted();
  const sizeFits = plan.expectedBytes === null || size === plan.expectedBytes;
  if (sizeFits && sum === plan.checksum.hex) return;
  await discard(part);
  const message = sizeFits
    ? `${plan.url}: the ${plan.checksum.algorithm} is ${sum}, expected ${plan.checksum.hex}`
    : `${plan.url}: got ${size} bytes, expected ${plan.expectedBytes}`;
  throw resumed ? new RetryableError(message) : new DownloadError(message, plan.url);
}

/** A record holds an address and two headers, which servers keep far shorter. */
const maxRecordBytes = 64 * 1024;

function recordPath(part: string): string {
  return `${part}.json`;
}

function recordOf(plan: DownloadPlan, response: Response): PartRecord {
  const etag = response.headers.get('etag');
  // a weak validator does not promise equal bytes, and must not be used in If-Range
  return {
    url: plan.url,
    etag: etag !== null && !etag.startsWith('W/') ? etag : null,
    lastModified: response.headers.get('last-modified'),
  };
}

async function writeRecord(part: string, record: PartRecord): Promise<void> {
  await discard(part);
  await writeFile(recordPath(part), JSON.stringify(record), { flag: 'wx' });
}

async function readRecord(part: string): Promise<PartRecord | null> {
  try {
    const found = await existing(recordPath(part));
    if (found?.isFile() !== true) return null;
    const json = new TextDecoder().decode(await readPlainFile(recordPath(part), maxRecordBytes));
    // The computer stopped before the record was written: a record of no address.
    if (json === '') return { url: '', etag: null, lastModified: null };
    const { url, etag, lastModified } = JSON.parse(json) as Partial<PartRecord>;
    const text = (value: unknown): string | null => (typeof value === 'string' ? value : null);
    return typeof url === 'string' ? { url, etag: text(etag), lastModified: text(lastModified) } : null;
  } catch {
    return null;
  }
}

async function discard(part: string): Promise<void> {
  await rm(part, { force: true });
  await rm(recordPath(part), { force: true });
}

/** The size after the slash of Content-Range, or null. */
function totalOf(response: Response): number | null {
  const match = /\/(\d+)\s*$/.exec(response.headers.get('content-range') ?? '');
  return match === null ? null : Number(match[1]);
}

function firstByteOf(response: Response): number | null {
  const match = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  return match === null ? null : Number(match[1]);
}

function isDiskError(error: unknown): boolean {
  return ['ENOSPC', 'EDQUOT', 'EACCES', 'EPERM', 'EROFS', 'EIO', 'EFBIG'].includes(systemErrorCode(error) ?? '');
}

function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', stop, { once: true });
  });
}
