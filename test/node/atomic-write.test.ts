/** Files that are replaced whole or not at all, also when the writer is killed. */

import { spawn } from 'node:child_process';
import {
  chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { atomicWriteFile, DataFileError, fileCheckpointStore } from '../../src/node/index.ts';
import { defaultCheckpointStore } from '../../src/train/checkpoint-store.ts';
import { temporaryFolder } from './archive.ts';

describe('atomicWriteFile', () => {
  it('writes text and bytes, new files and over old ones, and leaves nothing beside them', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'file.txt');
    await atomicWriteFile(path, 'first, ü');
    expect(readFileSync(path, 'utf8')).toBe('first, ü');
    const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i & 255);
    await atomicWriteFile(path, bytes);
    expect(Buffer.compare(readFileSync(path), bytes)).toBe(0);
    await atomicWriteFile(path, new Uint8Array(0));
    expect(readFileSync(path).length).toBe(0);
    expect(readdirSync(folder)).toEqual(['file.txt']);
  });

  it('writes a view as it is, not the buffer behind it', async () => {
    const path = join(temporaryFolder(), 'view');
    await atomicWriteFile(path, new Uint8Array([1, 2, 3, 4, 5]).subarray(1, 3));
    expect([...readFileSync(path)]).toEqual([2, 3]);
  });

  it('keeps one of the contents when several write at once', async () => {
    const folder = temporaryFolder();
    const path = join(folder, 'file');
    const contents = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(300_000));
    await Promise.all(contents.map((text) => atomicWriteFile(path, text)));
    expect(contents).toContain(readFileSync(path, 'utf8'));
    expect(readdirSync(folder)).toEqual(['file']);
  });

  // 85 characters of three bytes, and 63 of four, are as much as a name may have
  it.each(['n'.repeat(240), 'n'.repeat(255), '本'.repeat(85), '🂡'.repeat(63)])('writes a file of the long name %s', async (name) => {
    const folder = temporaryFolder();
    await atomicWriteFile(join(folder, name), 'first');
    await atomicWriteFile(join(folder, name), 'second');
    expect(readdirSync(folder)).toEqual([name]);
    expect(readFileSync(join(folder, name), 'utf8')).toBe('second');
  });

  it('fails without touching the old contents, and says why', async () => {
    const folder = temporaryFolder();
    await expect(atomicWriteFile(join(folder, 'missing', 'file'), 'x')).rejects.toThrow(
      `atomicWriteFile: cannot write ${join(folder, 'missing', 'file')}: no such file or folder (ENOENT)`,
    );
    mkdirSync(join(folder, 'taken'));
    await expect(atomicWriteFile(join(folder, 'taken'), 'x')).rejects.toThrow(DataFileError);
    expect(readdirSync(folder)).toEqual(['taken']);
    await expect(atomicWriteFile('', 'x')).rejects.toThrow(TypeError);
    await expect(atomicWriteFile(join(folder, 'f'), 5 as unknown as string)).rejects.toThrow(TypeError);
    await expect(atomicWriteFile(join(folder, 'f'), new ArrayBuffer(4) as unknown as Uint8Array))
      .rejects.toThrow(TypeError);
  });

  it.skipIf(process.platform === 'win32')('says so when the folder may not be written to', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), 'old');
    chmodSync(folder, 0o555);
    const isRoot = process.geteuid!() === 0;
    if (isRoot) process.seteuid!(65534);
    try {
      await expect(atomicWriteFile(join(folder, 'file'), 'new')).rejects.toThrow('permission denied (EACCES)');
    } finally {
      if (isRoot) process.seteuid!(0);
      chmodSync(folder, 0o755);
    }
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('old');
  });

  it.skipIf(process.platform === 'win32')('keeps the permissions of the file that it replaces', async () => {
    const folder = temporaryFolder();
    for (const mode of [0o600, 0o644, 0o664, 0o400]) {
      const path = join(folder, String(mode));
      writeFileSync(path, 'old');
      chmodSync(path, mode);
      await atomicWriteFile(path, 'new');
      expect([statSync(path).mode & 0o7777, readFileSync(path, 'utf8')]).toEqual([mode, 'new']);
    }
    // a link is replaced, and what it led to is neither written nor asked
    writeFileSync(join(folder, 'target'), 'old');
    symlinkSync(join(folder, 'target'), join(folder, 'link'));
    await atomicWriteFile(join(folder, 'link'), 'new');
    expect([readFileSync(join(folder, 'target'), 'utf8'), lstatSync(join(folder, 'link')).isFile()]).toEqual(['old', true]);
  });

  it('clears away what a process killed long ago left, and nothing else', async () => {
    const folder = temporaryFolder();
    const old = new Date(Date.now() - 2 * 60 * 60 * 1000);
    const names = [
      '.file.12-0123456789ab.tmp', '.file.12-0123456789ac.tmp', '.other.12-0123456789ab.tmp', '.file.notes.tmp',
    ];
    for (const name of names) {
      writeFileSync(join(folder, name), 'x');
      if (name !== names[1]) utimesSync(join(folder, name), old, old);
    }
    await atomicWriteFile(join(folder, 'file'), 'new');
    expect(readdirSync(folder).sort()).toEqual([...names.slice(1), 'file'].sort());
  });

  it('leaves the previous or the new contents, whole, when the process is killed', { timeout: 60_000 }, async () => {
    const path = join(temporaryFolder(), 'checkpoint');
    const size = 3_000_000;
    const script = fileURLToPath(new URL('write-loop.ts', import.meta.url));
    for (let round = 0; round < 6; round++) {
      const program = ['--import', 'tsx', script, path, String(size)];
      const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] });
      let announced = '';
      const ended = new Promise((resolve) => child.once('close', resolve));
      await new Promise<void>((resolve) => {
        child.stdout.on('data', (chunk: Buffer) => {
          announced += chunk.toString();
          // at least one write is done; the moment within the next differs from round to round
          if (announced.length > 1 + round) setTimeout(resolve, round * 1.3);
        });
      });
      child.kill('SIGKILL');
      await ended;
      const found = readFileSync(path);
      expect(found.length).toBe(size);
      const letter = String.fromCharCode(found[0]);
      expect(found.every((byte) => byte === found[0])).toBe(true);
      // the write under way, or the one before it
      expect(announced.slice(-2)).toContain(letter);
    }
  });
});

describe('fileCheckpointStore', () => {
  it('keeps checkpoints as files of their names, makes folders, and reads back', async () => {
    const folder = join(temporaryFolder(), 'runs', 'a');
    const store = fileCheckpointStore(folder);
    expect(await store.read('epoch-1')).toBe(null);
    await store.write('epoch-1', new Uint8Array([1, 2]));
    await store.write('epoch-1', new Uint8Array([3]));
    await store.write(join('deeper', 'epoch-2'), new Uint8Array([4]));
    expect([...(await store.read('epoch-1'))!]).toEqual([3]);
    expect([...readFileSync(join(folder, 'deeper', 'epoch-2'))]).toEqual([4]);
  });

  it('refuses bad names and says why a folder cannot be made', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), '');
    const store = fileCheckpointStore(join(folder, 'file'));
    await expect(store.write('x', new Uint8Array(1))).rejects.toThrow(/cannot make .*file/);
    await expect(store.write('', new Uint8Array(1))).rejects.toThrow(TypeError);
    await expect(fileCheckpointStore(folder).read('.')).rejects.toThrow('it is a folder (EISDIR)');
    expect(() => fileCheckpointStore(3 as unknown as string)).toThrow(TypeError);
  });

  it('is where every Solver writes once tilegrad/node has been imported', () => {
    expect(defaultCheckpointStore()).not.toBe(null);
  });
});
