/** Folders of pictures: what is found, what is left out and named, splits, the cache. */

import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cropCenter, resizeImages } from '../../src/data/index.ts';
import { loadImageFolder } from '../../src/node/index.ts';
import type { ImageFolderOptions } from '../../src/node/index.ts';
import { writeCached } from '../../src/node/pictures/picture-cache.ts';
import { Rng, type Tensor } from '../../src/tensor/index.ts';
import { encodePng, pictureToTensor } from '../../src/viz/index.ts';
import type { Picture } from '../../src/viz/index.ts';
import { writeFolder } from '../support/folder.ts';

let root: string;
const cache = (): string => join(root, 'cache');
const numbers = (t: Tensor): number[] => t.flatten().toArray() as number[];

function drawn(seed: number, width: number, height: number, channels = 3): Picture {
  const rng = new Rng(seed);
  const data = Uint8Array.from({ length: width * height * channels }, () => 256 * rng.random());
  return { width, height, channels, data };
}

const folderOf = (name: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<string> =>
  writeFolder(join(root, name), files);

/** So many pictures of each class, the class in every file's first pixel. */
function classes(counts: Readonly<Record<string, number>>): Record<string, Uint8Array> {
  return Object.fromEntries(Object.entries(counts).flatMap(([name, count], label) =>
    Array.from({ length: count }, (_, i): [string, Uint8Array] => {
      const picture = drawn(100 * label + i, 4, 4);
      picture.data[0] = label;
      return [`${name}/${i}.png`, encodePng(picture)];
    })));
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tilegrad-folder-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

describe('loadImageFolder', () => {
  it('crops the middle, resizes with antialiasing, and lays transparency over white', async () => {
    const [wide, grey, clear] = [drawn(1, 23, 12), drawn(2, 9, 17, 1), drawn(3, 8, 8, 4)];
    const folder = await folderOf('forms', {
      'a/wide.png': encodePng(wide), 'b/grey.png': encodePng(grey), 'c/clear.png': encodePng(clear),
    });
    const set = await loadImageFolder(folder, { size: 8, testShare: 0, cache: false, threads: 2 });
    const imageOf = (file: string): number[] => numbers(set.train.images.slice(set.trainFiles.indexOf(file)));
    expect(set.classNames).toEqual(['a', 'b', 'c']);
    expect(imageOf('a/wide.png')).toEqual(numbers(resizeImages(cropCenter(pictureToTensor(wide)), 8, 8)));
    const plane = numbers(resizeImages(cropCenter(pictureToTensor(grey)), 8, 8));
    expect(imageOf('b/grey.png')).toEqual([...plane, ...plane, ...plane]);
    const over = (pixel: number, channel: number): number => {
      const alpha = clear.data[4 * pixel + 3];
      return Math.round((clear.data[4 * pixel + channel] * alpha + 255 * (255 - alpha)) / 255);
    };
    expect(imageOf('c/clear.png')).toEqual([0, 1, 2].flatMap((channel) => Array.from({ length: 64 }, (_, i) => over(i, channel))));
    expect(set.sizes[set.trainFiles.indexOf('b/grey.png')]).toEqual([9, 17]);
  });

  it('splits each class by its share, differently for another seed, and loses nothing', async () => {
    const folder = await folderOf('split', classes({ dog: 30, cat: 20, owl: 10 }));
    const load = (options: ImageFolderOptions) => loadImageFolder(folder, { size: 4, cache: false, ...options });
    const [set, same, other] = [await load({}), await load({ threads: 1 }), await load({ seed: 1 })];
    const counts = (labels: Int32Array): number[] => [0, 1, 2].map((label) => labels.filter((l) => l === label).length);
    expect(set.classNames).toEqual(['cat', 'dog', 'owl']);
    expect([counts(set.train.labels), counts(set.test.labels)]).toEqual([[16, 24, 8], [4, 6, 2]]);
    expect(counts(set.train.labels.slice(-24))).toEqual([8, 12, 4]); // what would be held back
    expect(new Set([...set.trainFiles, ...set.testFiles]).size).toBe(60);
    expect(same).toEqual(set);
    expect(other.testFiles).not.toEqual(set.testFiles);
    set.trainFiles.forEach((file, i) => expect(file.split('/')[0]).toBe(set.classNames[set.train.labels[i]]));
  });

  it("keeps a folder's own split", async () => {
    const folder = await folderOf('given', {
      ...Object.fromEntries(Object.entries(classes({ a: 3, b: 2 })).map(([name, file]) => [`train/${name}`, file])),
      ...Object.fromEntries(Object.entries(classes({ a: 1, b: 1, c: 1 })).map(([name, file]) => [`val/${name}`, file])),
    });
    const set = await loadImageFolder(folder, { cache: false });
    expect([...set.testFiles].sort()).toEqual(['val/a/0.png', 'val/b/0.png']);
    expect(set.train.labels.length).toBe(5);
    expect(set.unreadable).toEqual([{ path: 'val/c', reason: 'a class that train does not have' }]);
  });

  it('names what it leaves out, and ends only where asked', async () => {
    const png = encodePng(drawn(1, 4, 4));
    const huge = png.slice();
    new DataView(huge.buffer).setUint32(16, 60_000);
    new DataView(huge.buffer).setUint32(20, 60_000);
    const folder = await folderOf('hostile', {
      'a/good.png': png, 'a/cut.png': png.slice(0, 50), 'a/huge.png': huge, 'a/notes.txt': 'hello', 'a/empty.jpg': '',
      'a/.hidden': 'x', 'a/deep/er.png': png, 'b\u001b[31m/bad.png': 'x', 'outside.png': png,
    });
    await symlink('/etc/hostname', join(folder, 'a/out.png'));
    await symlink('good.png', join(folder, 'a/in.png'));
    await symlink(join(folder, 'a'), join(folder, 'a/loop'));
    await symlink('nowhere', join(folder, 'a/broken.png'));
    const set = await loadImageFolder(folder, { cache: false, testShare: 0 });
    expect([...set.trainFiles].sort()).toEqual(['a/deep/er.png', 'a/good.png', 'a/in.png']);
    expect(Object.fromEntries(set.unreadable.map(({ path, reason }) => [path, reason]))).toEqual({
      'a/broken.png': 'no such file or folder (ENOENT)',
      'a/loop': 'a link to what is no file',
      'a/out.png': 'a link that leads out of the folder',
      'a/cut.png': expect.stringMatching(/it ends/) as string,
      'a/empty.jpg': expect.stringMatching(/neither a PNG nor a JPEG/) as string,
      'a/huge.png': 'decodePng: the picture has 60000x60000 pixels, more than maxPixels 67108864',
      'a/notes.txt': expect.stringMatching(/neither a PNG nor a JPEG/) as string,
      'b\u001b[31m/bad.png': expect.stringMatching(/neither a PNG nor a JPEG/) as string,
      'b\u001b[31m': 'a class without a picture that can be read',
    });
    const refused = loadImageFolder(folder, { cache: false, onUnreadable: 'error' });
    await expect(refused).rejects.toThrow(/hostile\/a\/broken\.png cannot be read: no such file or folder/);
    await expect(loadImageFolder(folder, { maxBytes: 7000, cache: false })).rejects.toThrow('holds more than 2 files');
    await expect(loadImageFolder(join(folder, 'a/deep'))).rejects.toThrow('holds no folders, expected one for each class');
    await expect(loadImageFolder(join(folder, 'none'))).rejects.toThrow('no such file or folder');
    await expect(loadImageFolder('')).rejects.toThrow(TypeError);
    await expect(loadImageFolder(folder, { sise: 3 } as object)).rejects.toThrow('unknown option');
    const stopped = loadImageFolder(folder, { cache: false, signal: AbortSignal.abort(new Error('enough')) });
    await expect(stopped).rejects.toThrow('enough');
  });

  it('keeps the decoded pictures, and makes them anew where a file or the cache has changed', async () => {
    const folder = await folderOf('kept', classes({ a: 4, b: 4 }));
    let read = 0;
    const load = (): ReturnType<typeof loadImageFolder> => {
      read = 0;
      return loadImageFolder(folder, { size: 4, cache: cache(), onProgress: (done) => { read = done; } });
    };
    const first = await load();
    expect(read).toBe(8);
    expect(await load()).toEqual(first);
    expect(read).toBe(0);
    const [name] = await readdir(cache());
    const bytes = await readFile(join(cache(), name));
    bytes[bytes.length - 5] ^= 1;
    await writeFile(join(cache(), name), bytes);
    expect(await load()).toEqual(first);
    expect(read).toBe(8);
    await load();
    expect(read).toBe(0);
    await utimes(join(folder, 'a/0.png'), new Date(1), new Date(1));
    await load();
    expect(read).toBe(8);
  });

  it('makes room for them by taking away those used longest ago, and no other file', async () => {
    const folder = join(root, 'room');
    const key = (n: number): string => String(n).repeat(32);
    const file = (n: number): string => `${key(n)}.safetensors`;
    const set = { pixels: new Uint8Array(1000), answers: [] };
    const foreign = ['model.safetensors', `${'A'.repeat(32)}.safetensors`, `${key(9)}0.safetensors`, `${key(9)}.npz`];
    await folderOf('room', Object.fromEntries(foreign.map((name) => [name, new Uint8Array(5000)])));
    await mkdir(join(folder, file(8)));
    await symlink('nowhere', join(folder, file(7)));
    for (const n of [1, 2, 3]) {
      await writeCached(folder, key(n), set, 10_000);
      await utimes(join(folder, file(n)), n, n);
    }
    for (const name of foreign) await utimes(join(folder, name), 0, 0);
    await writeCached(folder, key(4), set, 3500);
    expect((await readdir(folder)).sort()).toEqual([...foreign, ...[3, 4, 7, 8].map(file)].sort());
  });
});
