/** The tar reader: archives cut into chunks in every way, the extensions of GNU tar and pax, and broken ones. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readTar, TarError } from '../../src/data/tar.ts';
import { tarHeader, tarOf, temporaryFolder } from '../node/archive.ts';
import type { TarFile } from '../node/archive.ts';

async function* chunksOf(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array, void> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function entriesOf(bytes: Uint8Array, chunkSize: number = 1000): Promise<Array<[string, string, string]>> {
  const found: Array<[string, string, string]> = [];
  for await (const entry of readTar(chunksOf(bytes, chunkSize))) {
    const parts: Uint8Array[] = [];
    for await (const chunk of entry.chunks) parts.push(chunk.slice());
    const contents = Buffer.concat(parts);
    expect(contents.length).toBe(entry.size);
    found.push([entry.name, entry.type, contents.toString('latin1')]);
  }
  return found;
}

const files: TarFile[] = [
  { name: 'a/', bytes: new Uint8Array(0), type: '5' },
  { name: 'a/empty', bytes: new Uint8Array(0) },
  { name: 'a/one', bytes: Buffer.from('x') },
  { name: 'a/block', bytes: Buffer.alloc(512, 'y') },
  { name: 'a/more', bytes: Buffer.alloc(1300, 'z') },
];
const expected = files.map(({ name, bytes, type = '0' }) => [name, type, Buffer.from(bytes).toString('latin1')]);

describe('readTar', () => {
  it('gives names, types and contents, however the bytes are cut', async () => {
    const bytes = tarOf(files);
    await fc.assert(fc.asyncProperty(fc.integer({ min: 1, max: 2000 }), async (chunkSize) => {
      expect(await entriesOf(bytes, chunkSize)).toEqual(expected);
    }), { numRuns: 25 });
  });

  it('skips what is left unread of an entry', async () => {
    const names: string[] = [];
    for await (const entry of readTar(chunksOf(tarOf(files), 100))) {
      names.push(entry.name);
      if (entry.name === 'a/more') {
        const { value } = await entry.chunks.next();
        expect(value![0]).toBe('z'.charCodeAt(0));
      }
    }
    expect(names).toEqual(files.map(({ name }) => name));
  });

  it.each(['--format=gnu', '--format=pax', '--format=ustar', '--format=v7'])(
    'reads what the tar program writes with %s, long names too', async (format) => {
      const folder = temporaryFolder();
      const long = format === '--format=v7' ? 'short' : join('deep'.repeat(20), 'deeper'.repeat(12));
      mkdirSync(join(folder, long), { recursive: true });
      writeFileSync(join(folder, long, 'data.bin'), 'contents');
      execFileSync('tar', [format, '-cf', 'out.tar', join(long, 'data.bin')], { cwd: folder });
      expect(await entriesOf(readFileSync(join(folder, 'out.tar'))))
        .toEqual([[join(long, 'data.bin'), '0', 'contents']]);
    },
  );

  it('reads on after the end mark, so that a decompressor sees the end of its stream', async () => {
    let finished = false;
    async function* source(): AsyncGenerator<Uint8Array, void> {
      yield tarOf(files);
      yield new Uint8Array(5000);
      finished = true;
    }
    for await (const entry of readTar(source())) expect(entry.name.startsWith('a/')).toBe(true);
    expect(finished).toBe(true);
  });

  it('closes its source when the caller stops early', async () => {
    let closed = false;
    async function* source(): AsyncGenerator<Uint8Array, void> {
      try {
        yield tarOf(files);
      } finally {
        closed = true;
      }
    }
    for await (const entry of readTar(source())) if (entry.name === 'a/one') break;
    expect(closed).toBe(true);
  });

  it('says where an archive is cut short', async () => {
    const bytes = tarOf(files);
    await expect(entriesOf(bytes.subarray(0, 700)))
      .rejects.toThrow(new TarError('the archive ends at byte 700, inside a header'));
    // the last entry's contents begin at 7 blocks
    await expect(entriesOf(bytes.subarray(0, 3700)))
      .rejects.toThrow(new TarError('the archive ends at byte 3700, inside a/more'));
  });

  it('refuses blocks that are no headers, bad sizes and endless extended headers', async () => {
    await expect(entriesOf(Buffer.alloc(2048, 'q'))).rejects.toThrow('the block at byte 0 is not a tar header');
    const damaged = tarOf(files);
    damaged[512 + 3] ^= 1;
    await expect(entriesOf(damaged)).rejects.toThrow('the block at byte 512 is not a tar header');
    await expect(entriesOf(Buffer.concat([tarHeader({ name: 'x', bytes: new Uint8Array(0), claimedSize: -1 })])))
      .rejects.toThrow('the header at byte 0 has no valid size');
    await expect(entriesOf(tarHeader({ name: 'x', bytes: new Uint8Array(0), type: 'x', claimedSize: 1e9 })))
      .rejects.toThrow('the extended header at byte 0 claims 1000000000 bytes');
  });

  it('refuses more headers than any data set has', async () => {
    const many = (count: number): Uint8Array => tarOf(Array.from({ length: count }, () => ({ name: 'x', bytes: new Uint8Array(0) })));
    expect(await entriesOf(many(10_000))).toHaveLength(10_000);
    await expect(entriesOf(many(10_001))).rejects.toThrow('the archive has more than 10000 headers');
  });

  it('never crashes or hangs on damaged bytes', async () => {
    const bytes = tarOf(files);
    const someEdits = fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 5 });
    await fc.assert(fc.asyncProperty(someEdits, async (edits) => {
      const damaged = Buffer.from(bytes);
      for (const [at, value] of edits) damaged[at] = value;
      try {
        await entriesOf(damaged);
      } catch (error) {
        expect(error).toBeInstanceOf(TarError);
      }
    }), { numRuns: 100 });
  });
});
