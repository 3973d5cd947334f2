/** Folders are made, or it is said why not: at once, also where the system contradicts itself. */

import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeFolder } from '../../src/node/make-folder.ts';
import { temporaryFolder } from './archive.ts';

describe('makeFolder', () => {
  it('makes what is missing and keeps what is there, also when many ask at once', async () => {
    const root = temporaryFolder();
    const path = join(root, 'a', 'b', 'c');
    await Promise.all(Array.from({ length: 8 }, () => makeFolder(path)));
    writeFileSync(join(path, 'file'), 'kept');
    for (const again of [path, root, '.', '/', `${root}//a/./b/`]) await makeFolder(again);
    expect(statSync(join(path, 'file')).size).toBe(4);
  });

  it('names what is in the way', async () => {
    const root = temporaryFolder();
    writeFileSync(join(root, 'file'), '');
    await expect(makeFolder(join(root, 'file'))).rejects.toThrow(/^cannot make the folder .*file: something else lies there \(EEXIST\)/);
    await expect(makeFolder(join(root, 'file', 'below'))).rejects.toThrow(/a part of the path is not a folder/);
  });

  it.skipIf(!existsSync('/proc/self'))('gives up in a folder that holds none of ours, as /proc', async () => {
    await expect(makeFolder('/proc/tilegrad/run')).rejects.toThrow(/^cannot make the folder .*no such file or folder/);
  });
});
