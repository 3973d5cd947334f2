/** Nobody waits for a pipe, a socket or a device that lies where a file was expected. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { RunLog } from '../../src/node/commands/run-log.ts';
import { DataFileError, fileCheckpointStore, loadDataSet, recogniseDataSet } from '../../src/node/index.ts';
import { inflatedBytes, readHead } from '../../src/node/inflated-file.ts';
import { readCached } from '../../src/node/pictures/picture-cache.ts';
import { appendPlainFile, plainFilePieces, readPlainFile, readPlainStart } from '../../src/node/plain-file.ts';
import { temporaryFolder } from './archive.ts';

async function gathered(pieces: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of pieces) all.push(piece);
  return Buffer.concat(all);
}

const contents = Buffer.from(Uint8Array.from({ length: 1000 }, (_, i) => (i * i) % 251));

describe('a plain file', () => {
  it('is read whole, at its start and in pieces, and appended to', async () => {
    const path = join(temporaryFolder(), 'file');
    writeFileSync(path, contents);
    expect(Buffer.compare(await readPlainFile(path, 1000), contents)).toBe(0);
    await expect(readPlainFile(path, 999)).rejects.toThrow('it has 1000 bytes, at most 999 are read');
    expect([...await readPlainStart(path, 3)]).toEqual([...contents.subarray(0, 3)]);
    expect((await readPlainStart(path, 2000)).length).toBe(1000);
    for (const most of [1, 7, 999, 1000, 4096]) {
      expect(Buffer.compare(await gathered(plainFilePieces(path, most)), contents)).toBe(0);
    }
    await appendPlainFile(path, 'ü');
    await appendPlainFile(`${path}2`, Uint8Array.of(1, 2));
    expect(readFileSync(path).subarray(1000).toString()).toBe('ü');
    expect([...readFileSync(`${path}2`)]).toEqual([1, 2]);
  });

  it('is inflated where it is compressed, and let go of where nobody reads on', async () => {
    const path = join(temporaryFolder(), 'file.gz');
    const large = Buffer.alloc(5_000_000, contents);
    writeFileSync(path, gzipSync(large));
    expect(Buffer.compare(await gathered(inflatedBytes(path, await readHead(path))), large)).toBe(0);
    for await (const piece of inflatedBytes(path, await readHead(path))) {
      expect(piece.length).toBeGreaterThan(0);
      break;
    }
    await expect(gathered(inflatedBytes(`${path}.none`, await readHead(path)))).rejects.toThrow('ENOENT');
  });
});

describe.skipIf(process.platform === 'win32')('what is no plain file', () => {
  const places: Record<string, () => Promise<string>> = {
    'a pipe': () => {
      const path = join(temporaryFolder(), 'pipe');
      execFileSync('mkfifo', [path]);
      return Promise.resolve(path);
    },
    'a link to a pipe': () => {
      const folder = temporaryFolder();
      execFileSync('mkfifo', [join(folder, 'pipe')]);
      symlinkSync('pipe', join(folder, 'link'));
      return Promise.resolve(join(folder, 'link'));
    },
    'a socket': async () => {
      const path = join(temporaryFolder(), 'socket');
      const server = createServer();
      onTestFinished(() => void server.close());
      await new Promise<void>((resolve) => server.listen(path, resolve));
      return path;
    },
    'a device': () => Promise.resolve('/dev/zero'),
  };

  it.each(Object.keys(places))('%s is refused', async (what) => {
    const path = await places[what]();
    const why = 'it is no plain file';
    await expect(readPlainFile(path)).rejects.toThrow(why);
    await expect(readPlainStart(path, 4)).rejects.toThrow(why);
    await expect(gathered(plainFilePieces(path, 4))).rejects.toThrow(why);
    await expect(gathered(inflatedBytes(path, Uint8Array.of(0x1f, 0x8b)))).rejects.toThrow(why);
    await expect(appendPlainFile(path, 'x')).rejects.toThrow(why);
  });

  it.each(['x-idx3-ubyte', 'x.npz', 'x.tar.gz', 'data_batch_1.bin', 'cifar-10-binary.tar.gz', 'train.bin'])(
    'in a folder as %s is named', async (name) => {
      const folder = temporaryFolder();
      execFileSync('mkfifo', [join(folder, name)]);
      if (name === 'train.bin') writeFileSync(join(folder, 'test.bin'), '');
      const error: unknown = await loadDataSet(folder).catch((reason: unknown) => reason);
      expect(error).toBeInstanceOf(DataFileError);
      expect((error as Error).message).toMatch(/it is no plain file|must be a file/);
      expect((error as Error).message).toContain(join(folder, name));
    },
  );

  it('is not recognised, not gone on from and not logged to', async () => {
    const folder = temporaryFolder();
    const pipe = (name: string): void => void execFileSync('mkfifo', [join(folder, name)]);
    pipe('labels-idx1-ubyte');
    await expect(recogniseDataSet(folder)).rejects
      .toThrow(/^recogniseDataSet: cannot read .*labels-idx1-ubyte: it is no plain file$/);
    pipe('checkpoint');
    await expect(fileCheckpointStore(folder).read('checkpoint')).rejects.toThrow(/cannot read .*checkpoint: it is no plain file/);
    const key = '0'.repeat(32);
    pipe(`${key}.safetensors`);
    expect(await readCached(folder, key, 1, 1)).toBe(null);
    pipe('log.jsonl');
    await expect(RunLog.open(folder, 1, false)).rejects.toThrow(/cannot go on with the log .*: it is no plain file/);
    const log = await RunLog.open(folder, 0, false);
    log.add({ time: 1, iteration: 1, epoch: 0, loss: 1, trainSeconds: 1 });
    expect(await log.done()).toBe('log.jsonl is incomplete: it is no plain file');
  });

  it('but a folder is called one', async () => {
    const folder = temporaryFolder();
    mkdirSync(join(folder, 'checkpoint'));
    await expect(fileCheckpointStore(folder).read('checkpoint')).rejects.toThrow('it is a folder (EISDIR)');
  });
});
