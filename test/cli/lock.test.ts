/** A lock has one holder at a time, also when its last one was killed and several want it. */

import { execFileSync, spawn } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { isProcessAlive, LockedError, takeLock } from '../../src/node/commands/lock.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilegrad-lock-'));
  path = join(folder, 'lock');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** No process has so high a number. */
const nobody = 2 ** 30;
const holder = (change: object): string => JSON.stringify({ pid: nobody, host: hostname(), start: null, id: 'a', ...change });

describe('takeLock', () => {
  it('gives the lock to one, and to the next when that gives it up', async () => {
    const release = await takeLock(path);
    await expect(takeLock(path)).rejects.toThrow(LockedError);
    await release();
    await (await takeLock(path))();
    expect(await readdir(folder)).toEqual([]);
  });

  it('takes over from a process that is gone, one alone of many that try at once', async () => {
    for (let round = 0; round < 10; round++) {
      await writeFile(path, holder({ id: String(round) }));
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(path)));
      const won = tries.filter((one) => one.status === 'fulfilled');
      expect(won).toHaveLength(1);
      for (const one of tries) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(LockedError);
      await won[0].value();
      expect(await readdir(folder)).toEqual([]);
    }
  });

  it('takes over from a killed taker, too', async () => {
    await writeFile(path, holder({}));
    await writeFile(`${path}.takeover`, holder({}));
    await (await takeLock(path))();
    expect(await readdir(folder)).toEqual([]);
  });

  it('tells a process from an earlier one of the same number', async () => {
    await writeFile(path, holder({ pid: process.pid, start: '1' }));
    if (process.platform === 'linux') await (await takeLock(path))();
    else await expect(takeLock(path)).rejects.toThrow(LockedError);
  });

  it('leaves a living process its lock, and one on another machine, of which it cannot tell', async () => {
    for (const text of [holder({ pid: process.pid }), holder({ host: 'elsewhere' })]) {
      await writeFile(path, text);
      await expect(takeLock(path)).rejects.toThrow('is held by process');
      expect(await readFile(path, 'utf8')).toBe(text);
    }
  });

  it.each(['', '{', '5', '{"pid":-1}', '{"pid":"x"}'])('waits a while for the owner of %j, then takes over', async (text) => {
    await writeFile(path, text);
    await expect(takeLock(path)).rejects.toThrow('is held by another process');
    await utimes(path, 1, 1);
    await (await takeLock(path))();
  });

  it.skipIf(process.platform === 'win32').each<[what: string, put: (at: string) => unknown]>([
    ['a link', (at) => symlink('nowhere', at)],
    ['a link', (at) => symlink(tmpdir(), at)],
    ['a folder', (at) => mkdir(at)],
    ['no file', (at) => execFileSync('mkfifo', [at])],
    ['bytes', (at) => writeFile(at, 'x'.repeat(5000))],
  ])('refuses to take %s for a lock, whether it lies there or where a dead one is taken over', async (what, put) => {
    for (const at of [path, `${path}.takeover`]) {
      await put(at);
      if (at !== path) await writeFile(path, holder({}));
      const error: unknown = await takeLock(path).catch((reason: unknown) => reason);
      expect((error as Error).message).toContain(`${at} is in the way and no lock that can be read: it `);
      expect((error as Error).message).toContain(what);
      await rm(path, { recursive: true });
    }
  });

  it('waits for one that takes over a dead lock, but not for ever', async () => {
    await writeFile(path, holder({}));
    await writeFile(`${path}.takeover`, holder({ host: 'elsewhere' }));
    let now = Date.now();
    vi.spyOn(Date, 'now').mockImplementation(() => (now += 1000));
    try {
      await expect(takeLock(path)).rejects.toThrow('lock.takeover is held by process');
    } finally {
      vi.restoreAllMocks();
    }
  });
});

it.skipIf(process.platform === 'win32')('a process that has ended is not alive', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  expect(await isProcessAlive(child.pid!)).toBe(true);
  const ended = new Promise((resolve) => child.once('close', resolve));
  child.kill('SIGKILL');
  await ended;
  expect(await isProcessAlive(child.pid!)).toBe(false);
});
