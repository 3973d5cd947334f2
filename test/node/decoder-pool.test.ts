/** Threads that read pictures and cannot: the run ends with an error that says so. */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { DecoderThreadError } from '../../src/node/errors.ts';
import { decodeFiles } from '../../src/node/pictures/decoder-pool.ts';
import * as code from '../../src/node/pictures/embedded-decoder.ts';
import { encodePng } from '../../src/viz/index.ts';

vi.mock('../../src/node/pictures/embedded-decoder.ts', () => ({ decoderFile: '' }));
const use = (script: string): void => {
  (code as { decoderFile: string }).decoderFile = `data:text/javascript,${encodeURIComponent(script)}`;
};

const form = { height: 1, width: 1, channels: 1, fit: 'crop', maxPixels: 100 } as const;
let folder: string;
let paths: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tilegrad-threads-'));
  paths = Array.from({ length: 70 }, (_, i) => join(folder, `${i}.png`));
  const picture = encodePng({ width: 1, height: 1, channels: 1, data: Uint8Array.of(7) });
  for (const path of paths) await writeFile(path, picture);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('decodeFiles', () => {
  const failures: Array<[what: string, script: string, message: RegExp]> = [
    ['is missing', 'import "file:///nowhere/decode.mjs";', /cannot run: Cannot find module/],
    ['throws', 'throw new Error("no such processor");', /cannot run: no such processor/],
    ['ends the thread', 'process.exit(3);', /cannot run: worker exited with code: 3/],
  ];
  it.each(failures)('rejects where the code of the threads %s', async (_what, script, message) => {
    use(script);
    for (const threads of [1, 3]) {
      const reading = decodeFiles(paths, form, { threads });
      await expect(reading).rejects.toThrow(message);
      await expect(reading).rejects.toThrow(DecoderThreadError);
    }
  });

  it('names a file under which every thread ends, and reads the others', async () => {
    use(`export function decode({ paths, firstRow, pixels }) {
      return paths.map((path, i) => {
        if (path.endsWith('/33.png')) process.exit(1);
        new Uint8Array(pixels)[firstRow + i] = 7;
        return [1, 1];
      });
    }`);
    const { pixels, answers } = await decodeFiles(paths, form, { threads: 2 });
    expect(answers.map((answer) => (typeof answer === 'string' ? answer : ''))).toEqual(
      paths.map((_, i) => (i === 33 ? 'the thread that read it ended (worker exited with code: 1)' : '')),
    );
    expect(pixels.every((value, i) => value === (i === 33 ? 0 : 7))).toBe(true);
  });
});
