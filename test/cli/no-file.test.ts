/** Pipes, devices and links to them: no command puts a file in their place, with --overwrite as without. */

import { execFileSync, spawnSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/node/commands/program.ts';
import { atomicWriteFile } from '../../src/node/index.ts';
import { recording } from './terminal.ts';
import { tinyCifar } from './tiny-cifar.ts';

let tiny: Awaited<ReturnType<typeof tinyCifar>>;
const at = (name: string): string => join(tiny.folder, name);

async function run(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = recording();
  return { code: await main(argv, terminal), out: terminal.out(), err: terminal.err() };
}

/** A pipe, a link to it and, where devices may be made, one like /dev/null, in a new folder, and what each is. */
function special(folder: string): Array<[path: string, kind: string]> {
  mkdirSync(folder);
  const [pipe, link, device] = ['pipe', 'link', 'device'].map((name) => join(folder, name));
  execFileSync('mkfifo', [pipe]);
  symlinkSync(pipe, link);
  const isMade = spawnSync('mknod', [device, 'c', '1', '3']).status === 0;
  return [[pipe, 'a pipe'], [link, 'a link to a pipe'], ...(isMade ? [[device, 'a device'] as [string, string]] : [])];
}

/** What each path is, links not followed. */
const kinds = (paths: ReadonlyArray<[string, string]>): unknown[] =>
  paths.map(([path]) => [path, lstatSync(path).isFile(), lstatSync(path).isSymbolicLink()]);

describe.skipIf(process.platform === 'win32')('what is no file', () => {
  beforeAll(async () => {
    tiny = await tinyCifar(10, 20);
    const trained = await run('train', '--data', tiny.data, '--model', 'fc', '--hidden', '10', '--num-train', '40',
      '--num-val', '10', '--batch', '10', '--epochs', '1', '--out', at('run'));
    expect([trained.code, trained.err]).toEqual([0, '']);
  });
  afterAll(() => tiny.remove());

  it('is not replaced by atomicWriteFile', async () => {
    const paths = special(at('written'));
    const before = kinds(paths);
    for (const [path, kind] of paths) {
      await expect(atomicWriteFile(path, 'x')).rejects.toThrow(`atomicWriteFile: cannot write ${path}: it is ${kind}`);
    }
    expect(kinds(paths)).toEqual(before);
    expect(readdirSync(at('written'))).toHaveLength(paths.length);
  });

  it('is not replaced by what commands write', async () => {
    const paths = special(at('commands'));
    const before = kinds(paths);
    for (const [path, kind] of paths) {
      for (const argv of [
        ['evaluate', at('run'), '--data', tiny.data, '--out', path], ['data', 'inspect', tiny.data, '--samples', path],
        ['export', at('run'), '--npz', path],
      ]) {
        for (const way of [[], ['--overwrite']]) {
          const { code, err } = await run(...argv, ...way);
          expect([code, err]).toEqual([2, expect.stringContaining(`${path} is ${kind}, and a file is to be written`)]);
        }
      }
    }
    expect(kinds(paths)).toEqual(before);
  });

  it('is not replaced by a run', async () => {
    for (const [path, kind] of special(at('runs'))) {
      const out = at(`out-${kind}`);
      mkdirSync(out);
      // another name of the same pipe or device
      symlinkSync(path, join(out, 'report.html'));
      const { code, err } = await run('train', '--data', tiny.data, '--model', 'fc', '--hidden', '10', '--num-train', '40',
        '--num-val', '10', '--batch', '10', '--epochs', '1', '--overwrite', '--out', out);
      const is = `is a link to ${kind.replace('a link to ', '')}`;
      expect([code, err]).toEqual([1, expect.stringContaining(`report.html ${is}, and a file of that name`)]);
      expect([readdirSync(out), lstatSync(join(out, 'report.html')).isSymbolicLink()]).toEqual([['report.html'], true]);
    }
  });
});
