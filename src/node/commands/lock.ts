/**
 * A lock that processes hold by a file: who creates it first has it, and in it stands who that is. A process that was
 * killed leaves its file behind; the next one finds that its owner is gone and takes the lock over.
 */

import { randomBytes } from 'node:crypto';
import { lstat, readFile, unlink, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { isRecord } from './json.ts';
import { explainSystemError, systemErrorCode } from '../errors.ts';
import { readPlainFile } from '../plain-file.ts';

/** Who holds a lock. */
export interface Holder {
  readonly pid: number;
  /** the machine that the process number counts on; empty where it may not be known */
  readonly host: string;
  /** when the process started, in the system's own count, since numbers are used again; null where it does not say */
  readonly start: string | null;
}

/** The lock is another living process's. */
export class LockedError extends Error {
  override readonly name: string = 'LockedError';
  /** null while it is just being written */
  readonly holder: Holder | null;
  /** the lock's file */
  readonly path: string;

  constructor(path: string, holder: Holder | null) {
    super(`${path} is held by ${holder === null ? 'another process' : `process ${holder.pid} on ${holder.host}`}`);
    this.holder = holder;
    this.path = path;
  }
}

/** A file without a readable owner counts as being written for so many milliseconds, then as a dead process's. */
const writingTime = 5000;
const retryInterval = 10;
/** Whoever takes a lock over from a dead process needs a moment; one that takes longer is not waited for. */
const takeoverTime = 5000;
/** A lock that is found and gone again so often is none: each time somebody else's must just have been given up. */
const mostTries = 1000;
/** A lock names a process and a machine; a longer file is something else. */
const mostBytes = 4096;

/**
 * Takes the lock at path; the function that comes back gives it up. Rejects with LockedError where a living process
 * holds it, or one on another machine, of which nobody here can tell; with Error, which names the path, where something
 * lies there that no lock is, be it a link; with a system error where no file can be made.
 */
export async function takeLock(path: string): Promise<() => Promise<void>> {
  const own = JSON.stringify({
    pid: process.pid, host: thisHost(), start: (await processState(process.pid))?.start ?? null,
    // makes every lock's text another one
    id: randomBytes(6).toString('hex'),
  });
  for (let tries = 0; tries < mostTries; tries++) {
    try {
      await writeFile(path, own, { flag: 'wx' });
      return () => unlink(path).catch(() => undefined);
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST') throw error;
    }
    const found = await readHolder(path);
    if (found === null) continue;
    if (found.alive) throw new LockedError(path, found.holder);
    // Several may find the dead one's file. Only who holds the lock on removing it may do so, and looks again first:
    // else the file that a faster one has meanwhile created could be removed.
    const release = await takeLockPatiently(`${path}.takeover`);
    try {
      const again = await readHolder(path);
      if (again !== null && !again.alive && again.text === found.text) await unlink(path);
    } finally {
      await release();
    }
  }
  throw new Error(`${path} was there and gone again ${mostTries} times: it could not be taken`);
}

async function takeLockPatiently(path: string): Promise<() => Promise<void>> {
  const end = Date.now() + takeoverTime;
  for (;;) {
    try {
      return await takeLock(path);
    } catch (error) {
      if (!(error instanceof LockedError) || Date.now() > end) throw error;
      await new Promise((resolve) => setTimeout(resolve, retryInterval));
    }
  }
}

/** What the file at path says; null where there is none. Rejects with Error for what is no lock. */
async function readHolder(path: string): Promise<{ text: string; holder: Holder | null; alive: boolean } | null> {
  try {
    const found = await lstat(path);
    // A link is not followed: where it leads nowhere, nothing can be read there and nothing made.
    if (!found.isFile()) throw new Error(`it is ${found.isSymbolicLink() ? 'a link' : found.isDirectory() ? 'a folder' : 'no file'}`);
    const text = new TextDecoder().decode(await readPlainFile(path, mostBytes));
    const holder = parseHolder(text);
    const alive = holder === null ? Date.now() - found.mtimeMs < writingTime : await isAlive(holder);
    return { text, holder, alive };
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return null;
    throw new Error(`${path} is in the way and no lock that can be read: ${explainSystemError(error)}`);
  }
}

function parseHolder(text: string): Holder | null {
  try {
    const value: unknown = JSON.parse(text);
    if (!isRecord(value) || !Number.isSafeInteger(value.pid) || (value.pid as number) <= 0) return null;
    const { pid, host, start } = value;
    return { pid: pid as number, host: String(host), start: typeof start === 'string' ? start : null };
  } catch {
    return null;
  }
}

async function isAlive({ pid, host, start }: Holder): Promise<boolean> {
  if (host !== thisHost()) return true;
  if (!(await isProcessAlive(pid))) return false;
  const now = await processState(pid);
  return start === null || now === null || now.start === start;
}

/** False where this machine has no process of that number, or only one that has ended and waits to be collected. */
export async function isProcessAlive(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: there is one, somebody else's
    if (systemErrorCode(error) === 'ESRCH') return false;
  }
  return !['Z', 'X'].includes((await processState(pid))?.state ?? '');
}

/** What Linux's /proc says of a process; null elsewhere, and where there is no such process. */
async function processState(pid: number): Promise<{ state: string; start: string } | null> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // fields from the third on: the second, a name in parentheses, may hold spaces and parentheses of its own
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return { state: fields[0], start: fields[19] };
  } catch {
    return null;
  }
}

/** Empty where the runtime was not given the right to ask. */
function thisHost(): string {
  try {
    return hostname();
  } catch {
    return '';
  }
}
