import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { comparisonTable } from '../../src/node/commands/bench.ts';
import { validate } from '../../src/node/commands/comparisons.ts';
import { main } from '../../src/node/commands/program.ts';
import { tensor } from '../../src/tensor/index.ts';
import { recording } from './terminal.ts';

describe('tilegrad bench', () => {
  it('prints naive, fast, speedup and difference of every operation', async () => {
    const terminal = recording();
    expect(await main(['bench', '--time', '1', '--dtype', 'float32'], terminal)).toBe(0);
    const [backend, , heads, , ...rows] = terminal.out().trimEnd().split('\n').slice(0, -2);
    expect(backend).toMatch(/^backend (simd|js) on \d+ threads?$/);
    expect(heads.split(/ {2,}/)).toEqual(['operation', 'size', 'type', 'naive', 'fast', 'speedup', 'difference']);
    expect(rows.map((row) => row.split(/ {2,}/)[0])).toEqual([
      'convolution forward',
      'convolution backward',
      'max pooling forward',
      'max pooling backward',
      'batchnorm backward, graph and formula',
    ]);
    expect(rows[0]).toContain('100x3x31x31, 25 of 3x3, stride 2');
    expect(rows[4]).toContain('128x2048');
    for (const row of rows) expect(row).toMatch(/ float32 +[\d.]+ m?s +[\d.]+ m?s +[\d.]+x +\d\.\de[+-]\d+$/);
  });

  it('refuses to time a kernel that is wrong', () => {
    const right = tensor([1, 2, 3]);
    const compared =
      (fast: number[]): (() => unknown) =>
        () =>
          validate({ name: 'sum', shape: '3', dtype: 'float32', naive: () => [right], fast: () => [tensor(fast)] });
    expect(compared([1, 2, 3])()).toEqual({ relative: 0, scaled: 0 });
    expect(compared([1, 2, 3.00001])).not.toThrow();
    expect(compared([1, 2, 3.001])).toThrow(
      'bench: sum in float32 differs from its naive definition: 1.67e-4 relative',
    );
    expect(compared([1, NaN, 3])).toThrow('differs');
    const double = tensor([1], null, 'float64');
    expect(() =>
      validate({
        name: 'sum',
        shape: '1',
        dtype: 'float64',
        naive: () => [double],
        fast: () => [tensor([1 + 1e-8], null, 'float64')],
      }),
    ).toThrow('differs');
  });

  it('formats its table', () => {
    const difference = { relative: 1.23e-7, scaled: 1e-8 };
    expect(
      comparisonTable([
        { name: 'convolution', shape: '2x3', dtype: 'float32', naive: 71.23, fast: 0.0871, speedup: 817.8, difference },
        {
          name: 'pooling',
          shape: '100x3',
          dtype: 'float64',
          naive: 2.5,
          fast: 2,
          speedup: 1.25,
          difference: { relative: 0, scaled: 0 },
        },
      ]),
    ).toBe(
      [
        'operation    size   type       naive       fast  speedup  difference',
        '-----------  -----  -------  -------  ---------  -------  ----------',
        'convolution  2x3    float32  71.2 ms  0.0871 ms     818x      1.0e-8',
        'pooling      100x3  float64   2.5 ms       2 ms     1.3x      0.0e+0',
        'difference: max |a - b| / max(1e-8, |a| + |b|) in float64, max |a - b| / max |a| in float32',
        'max pooling backward only moves numbers to places known from the forward pass: the loops are as fast as anything',
        '',
      ].join('\n'),
    );
  });
});

describe('tilegrad data cifar10', () => {
  let folder: string;
  let server: Server;
  let answer: (response: ServerResponse) => void;
  let url: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tilegrad-data-'));
    server = createServer((_, response) => answer(response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/cifar.tar.gz`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('says in one line why the archive cannot be had', async () => {
    answer = (response) => response.writeHead(404).end();
    const terminal = recording();
    expect(await main(['data', 'cifar10', '--url', url, '--out', folder], terminal)).toBe(1);
    expect(terminal.err()).toMatch(/^tilegrad: [^\n]*404[^\n]*\n$/);
    expect((await readdir(folder)).filter((name) => name.endsWith('.gz'))).toEqual([]);
  });

  it('stops at Ctrl-C with 130 and keeps what has come', async () => {
    answer = (response) => {
      response.writeHead(200, { 'content-length': '170052171', etag: '"a"' });
      response.write(Buffer.alloc(1 << 20, 7));
    };
    const terminal = recording({
      env: { XDG_CACHE_HOME: folder, LOCALAPPDATA: folder },
      onWrite: (text) => text.startsWith('downloading') && setTimeout(() => terminal.interrupt(), 50),
    });
    expect(await main(['data', 'cifar10', '--url', url], terminal)).toBe(130);
    expect(terminal.err()).toBe('');
    expect(terminal.out()).toContain('stopped; the same command goes on from here');
    const kept = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.part'));
    expect(kept).toHaveLength(1);
    expect((await readFile(join(folder, kept[0]))).length).toBeGreaterThan(0);
  });
});
