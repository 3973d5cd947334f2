/** Data sets recognised by their contents, read, and looked through. */

import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeCifar10 } from '../../src/data/index.ts';
import { encodeIdx, encodeNpz } from '../../src/io/index.ts';
import { main } from '../../src/node/commands/program.ts';
import { inspectDataSet } from '../../src/node/data-sets/inspect.ts';
import { loadDataSet, recogniseDataSet } from '../../src/node/index.ts';
import { Rng, tensor, Tensor } from '../../src/tensor/index.ts';
import { decodePng, encodePng, tensorToPicture } from '../../src/viz/index.ts';
import { writeFolder } from '../support/folder.ts';

let root: string;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'tilegrad-sets-'));
  vi.stubEnv('XDG_CACHE_HOME', join(root, 'cache'));
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(root, { recursive: true, force: true });
});

const images = (seed: number, ...shape: number[]): Tensor => new Rng(seed).uniform(0, 256, shape).astype('uint8');
const labels = (count: number, classes: number): Tensor =>
  tensor(Array.from({ length: count }, (_, i) => i % classes), null, 'int32');

const folderOf = (name: string, files: Readonly<Record<string, Uint8Array | string>>): Promise<string> =>
  writeFolder(join(root, name), files);

const mnist = (): Record<string, Uint8Array> => ({
  'train-images-idx3-ubyte': encodeIdx(images(1, 40, 9, 8)), 'train-labels-idx1-ubyte': encodeIdx(labels(40, 4).astype('uint8')),
  't10k-images-idx3-ubyte': encodeIdx(images(2, 12, 9, 8)), 't10k-labels-idx1-ubyte': encodeIdx(labels(12, 4).astype('uint8')),
});

function cifar100(count: number, seed: number): Uint8Array {
  const bytes = Uint8Array.from({ length: count * 3074 }, () => 0);
  const pixels = images(seed, count, 3072).data;
  for (let n = 0; n < count; n++) {
    bytes.set([n % 20, n % 100], n * 3074);
    bytes.set(pixels.subarray(n * 3072, (n + 1) * 3072) as Uint8Array, n * 3074 + 2);
  }
  return bytes;
}

describe('loadDataSet', () => {
  it('reads MNIST-style files, plain or compressed, from their folder or one of them', async () => {
    const folder = await folderOf('mnist', mnist());
    const zipped = await folderOf('mnist-gz', Object.fromEntries(
      Object.entries(mnist()).map(([name, bytes]) => [`${name.replace('-idx', '.idx')}.gz`, gzipSync(bytes)]),
    ));
    const set = await loadDataSet(folder);
    expect([set.kind, set.train.images.shape, set.test.images.shape]).toEqual(['idx', [40, 1, 9, 8], [12, 1, 9, 8]]);
    expect(set.test.images.flatten().toArray()).toEqual(images(2, 12, 9, 8).flatten().toArray());
    expect(Array.from(set.train.labels.slice(-8)).sort()).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
    expect(await loadDataSet(zipped)).toEqual(set);
    expect(await loadDataSet(join(zipped, 'train-images.idx3-ubyte.gz'))).toEqual(set);
  });

  it('says what is wrong with IDX files', async () => {
    const files = mnist();
    const pictures = files['train-images-idx3-ubyte'];
    const cut = await folderOf('mnist-cut', { ...files, 'train-images-idx3-ubyte': pictures.slice(0, 99) });
    await expect(loadDataSet(cut)).rejects
      .toThrow(/train-images-idx3-ubyte: decodeIdx: shape 40x9x8 of uint8 takes 2880 bytes/);
    const gzip = gzipSync(pictures);
    const half = await folderOf('mnist-half', { ...files, 'train-images-idx3-ubyte': gzip.subarray(0, gzip.length >> 1) });
    await expect(loadDataSet(half)).rejects.toThrow(/is cut short: the gzip stream has no end/);
    delete files['train-labels-idx1-ubyte'];
    await expect(loadDataSet(await folderOf('mnist-less', files))).rejects.toThrow('lacks IDX files');
    const other = await folderOf('mnist-labels', { ...mnist(), 'train-labels-idx1-ubyte': encodeIdx(labels(7, 4)) });
    await expect(loadDataSet(other)).rejects.toThrow('must have 40 labels, one an example, got 7');
  });

  it('refuses IDX files of no images, or of images without pixels', async () => {
    for (const shape of [[0, 9, 8], [40, 0, 8], [40, 9, 0]]) {
      const empty = await folderOf(`mnist-${shape.join('-')}`, {
        'train-images-idx3-ubyte': encodeIdx(images(1, ...shape)), 'train-labels-idx1-ubyte': encodeIdx(labels(shape[0], 4)),
      });
      await expect(loadDataSet(empty)).rejects.toThrow(`not empty, got ${shape.join('x')}`);
    }
  });

  it('inflates no more of an IDX file than its header speaks of', async () => {
    const header = Buffer.from([0, 0, 8, 3, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
    const folder = await folderOf('mnist-bomb', {
      // cut off after some megabytes: whoever reads on finds no end
      'train-images-idx3-ubyte.gz': gzipSync(Buffer.concat([header, Buffer.alloc(2 ** 24)])).subarray(0, 8000),
      'train-labels-idx1-ubyte': encodeIdx(labels(1, 1)),
    });
    await expect(loadDataSet(folder)).rejects
      .toThrow(/^loadDataSet: .*train-images-idx3-ubyte.gz goes on after the 17 bytes that its header speaks of$/);
    const parts = await folderOf('mnist-parts', Object.fromEntries(Object.entries(mnist()).map(([name, bytes]) =>
      [`${name}.gz`, Buffer.concat([gzipSync(bytes.subarray(0, 3)), gzipSync(bytes.subarray(3))])])));
    expect(await loadDataSet(parts)).toEqual(await loadDataSet(await folderOf('mnist', mnist())));
  });

  it('reads CIFAR-100 from its folder and its archive', async () => {
    const names = Array.from({ length: 100 }, (_, i) => `class ${i}`).join('\n');
    const folder = await folderOf('c/cifar-100-binary', {
      'train.bin': cifar100(200, 1), 'test.bin': cifar100(100, 2), 'fine_label_names.txt': `${names}\n`,
    });
    execFileSync('tar', ['czf', join(root, 'cifar.tgz'), '-C', join(root, 'c'), 'cifar-100-binary']);
    const set = await loadDataSet(folder);
    expect([set.kind, set.train.labels.length, set.test.images.shape]).toEqual(['cifar100', 200, [100, 3, 32, 32]]);
    expect([set.train.labels[199], set.classNames[99]]).toEqual([99, 'class 99']);
    const first = images(1, 200, 3072).slice(0);
    expect(set.train.images.slice(0).flatten().toArray()).toEqual(first.toArray());
    expect(await loadDataSet(join(root, 'c'))).toEqual(set);
    expect(await loadDataSet(join(root, 'cifar.tgz'))).toEqual(set);
    const short = await folderOf('short', { 'train.bin': cifar100(2, 1).slice(1), 'test.bin': cifar100(1, 2) });
    await expect(loadDataSet(short)).rejects.toThrow('train.bin has 6147 bytes, expected a positive multiple of 3074');
  });

  it('reads npz, and names the file and what is wrong with it', async () => {
    const arrays = {
      x_train: images(1, 30, 6, 6, 3), y_train: labels(30, 3), x_test: images(2, 9, 6, 6, 3), y_test: labels(9, 3),
    };
    const folder = await folderOf('npz', { 'data.npz': encodeNpz(arrays, { compress: true }), 'cut.bin': 'x' });
    const set = await loadDataSet(join(folder, 'data.npz'));
    expect([set.kind, set.train.images.shape, set.test.images.shape]).toEqual(['npz', [30, 3, 6, 6], [9, 3, 6, 6]]);
    expect(await loadDataSet(folder)).toEqual(set);
    const bytes = encodeNpz(arrays);
    for (const length of [60, bytes.length - 30]) {
      await writeFile(join(folder, 'data.npz'), bytes.slice(0, length));
      await expect(loadDataSet(folder)).rejects.toThrow(/data\.npz: decodeNpz: /);
    }
  });

  it('recognises CIFAR-10 and folders of pictures, and says what it knows of anything else', async () => {
    const batch = encodeCifar10(images(1, 2, 3, 32, 32), [1, 2]);
    const batches = await folderOf('cifar10', Object.fromEntries([1, 2, 3, 4, 5].map((i) => [`data_batch_${i}.bin`, batch])));
    expect(await recogniseDataSet(batches)).toEqual({ kind: 'cifar10', path: batches });
    const folder = await folderOf('pictures', { 'a/x.png': 'x' });
    expect(await recogniseDataSet(folder)).toEqual({ kind: 'folder', path: folder });
    await expect(recogniseDataSet(join(folder, 'a/x.png'))).rejects.toThrow(/is no data set that is known: expected CIFAR-10/);
    await expect(recogniseDataSet(join(folder, 'a'))).rejects.toThrow(/is no data set that is known/);
    await expect(loadDataSet(join(folder, 'no'))).rejects.toThrow(`loadDataSet: cannot read ${join(folder, 'no')}: no such`);
    await expect(recogniseDataSet(join(folder, 'no'))).rejects.toThrow(/^recogniseDataSet: cannot read/);
    await expect(recogniseDataSet(join(folder, 'no\u001b[31m'))).rejects.toThrow('no\\x1b[31m: no such file or folder (ENOENT)');
  });
});

describe('inspectDataSet', () => {
  it('counts, measures, and finds images that are in both parts', () => {
    const train = images(1, 20, 3, 32, 32);
    const test = images(2, 6, 3, 32, 32);
    test.slice(1).assign(train.slice(7));
    test.slice(4).assign(train.slice(3).astype('int32').add(2).minimum(255).astype('uint8'));
    const set = {
      train: { images: train, labels: Int32Array.from({ length: 20 }, (_, i) => i % 3) },
      test: { images: test, labels: Int32Array.from({ length: 6 }, (_, i) => i % 2) }, classNames: ['a', 'b', 'c'],
    };
    const found = inspectDataSet(set);
    expect([found.trainCounts, found.testCounts, found.shape]).toEqual([[7, 7, 6], [3, 3, 0], [3, 32, 32]]);
    const floats = train.astype('float64');
    for (let c = 0; c < 3; c++) {
      expect(found.mean[c]).toBeCloseTo(floats.mean([0, 2, 3]).get(c), 8);
      expect(found.deviation[c]).toBeCloseTo(floats.std([0, 2, 3]).get(c), 8);
    }
    expect(found.duplicates).toEqual([{ train: 7, test: 1, exact: true }, { train: 3, test: 4, exact: false }]);
  });
});

describe('the command line', () => {
  const run = async (...argv: string[]): Promise<{ code: number; text: string }> => {
    let text = '';
    const write = (part: string): boolean => {
      text += part;
      return true;
    };
    const surroundings = { stdout: { write }, stderr: { write }, env: {}, onInterrupt: () => () => undefined };
    const code = await main(argv, surroundings);
    return { code, text };
  };

  it('inspects the drawn shapes, which train takes by this word too', async () => {
    const samples = join(root, 'shapes.png');
    const { code, text } = await run('data', 'inspect', 'shapes', '--samples', samples);
    expect(text).toMatch(/^procedural shapes\nimages: 3 channels of 32x32\n/);
    expect(text).toMatch(/\nzigzag +1,000 +200\n[^]*\nall +10,000 +2,000\n/);
    expect([code, decodePng(await readFile(samples)).width]).toEqual([0, (10 * 33 + 1) * 2]);
  });

  it('inspects a folder and trains on it, by its class names', async () => {
    const colours = new Map([['red', 0], ['green', 1], ['blue', 2]]);
    const files: Record<string, Uint8Array | string> = { 'red/no\u001b[31m.txt': 'x' };
    for (const [name, channel] of colours) {
      for (let i = 0; i < 20; i++) {
        const picture = images(100 * channel + i, 3, 20, 30).astype('int32');
        picture.slice(channel).assign(picture.slice(channel).add(120).minimum(255));
        files[`${name}/${i}.png`] = encodePng(tensorToPicture(picture.astype('uint8')));
      }
    }
    const folder = await folderOf('colours', files);
    const samples = join(root, 'samples.png');
    const inspected = await run('data', 'inspect', folder, '--size', '12', '--samples', samples);
    expect(inspected.text).toMatch(/images: 3 channels of 12x12\nfiles: 30 to 30 wide, 20 to 20 high; 60 of 30x20\n/);
    const leftOut = /blue +16 +4\n[^]*1 file is left out:\n {2}red\/no\\x1b\[31m\.txt: .*neither a PNG nor a JPEG/;
    expect(inspected.text).toMatch(leftOut);
    expect(inspected.code).toBe(0);
    expect(decodePng(await readFile(samples)).width).toBe((10 * 13 + 1) * 2);
    expect((await run('data', 'inspect', folder, '--samples', samples)).code).toBe(2);
    const out = join(root, 'run');
    const trained = await run(
      'train', '--data', folder, '--size', '12', '--epochs', '6', '--batch', '8', '--out', out, '--flips', 'random',
      '--crop', '0.8', '--jitter', '0.1', '--cutout', '2', '--mixup', '0.1',
    );
    const counted = /data: pictures from .*colours: 43 training, 5 validation, 12 test images\n1 file is left out/;
    expect(trained.text).toMatch(counted);
    expect(trained.code).toBe(0);
    const written = await readFile(join(out, 'history.json'), 'utf8');
    const history = JSON.parse(written) as { testAccuracy: number; config: object };
    expect(history.testAccuracy).toBeGreaterThan(0.6);
    expect(history.config).toMatchObject({ crop: 0.8, jitter: 0.1, cutout: 2, mixup: 0.1, size: 12 });
    expect(await readFile(join(out, 'report.html'), 'utf8')).toContain('green');
    const refused = await run('train', '--data', folder, '--on-unreadable', 'error', '--out', join(root, 'run2'));
    expect(refused.code).toBe(1);
    expect(refused.text).toMatch(/no\\x1b\[31m\.txt cannot be read/);
  });

  it('trains on grey images of another size', async () => {
    const folder = await folderOf('mnist28', {
      'train-images-idx3-ubyte': encodeIdx(images(1, 60, 28, 28)), 'train-labels-idx1-ubyte': encodeIdx(labels(60, 10)),
      't10k-images-idx3-ubyte': encodeIdx(images(2, 10, 28, 28)), 't10k-labels-idx1-ubyte': encodeIdx(labels(10, 10)),
    });
    for (const model of ['deep', 'three', 'fast', 'fc']) {
      const out = join(root, `m-${model}`);
      const { code, text } = await run('train', '--data', folder, '--model', model, '--epochs', '1', '--out', out);
      expect([model, code]).toEqual([model, 0]);
      expect(text).toContain('54 training, 6 validation, 10 test images');
    }
  });

  it('asks for the layout of arrays that do not tell it, and takes it by --layout', async () => {
    const path = join(root, 'both.npz');
    await writeFile(path, encodeNpz({ x_train: images(1, 40, 3, 8, 3), y_train: labels(40, 2) }));
    const out = join(root, 'both');
    const refused = await run('train', '--data', path, '--out', out);
    expect([refused.code, refused.text]).toEqual([1, expect.stringContaining('may be channels first or last; layout says which')]);
    const train = ['train', '--data', path, '--model', 'fc', '--epochs', '1', '--out', out, '--layout', 'NHWC'];
    expect((await run(...train)).code).toBe(0);
    const page = ['--data', path, '--out', join(root, 'both.html')];
    expect((await run('evaluate', out, ...page)).code).toBe(1);
    const shown = await run('evaluate', out, ...page, '--layout', 'NHWC');
    expect([shown.code, shown.text]).toEqual([0, expect.stringContaining('8 test images')]);
    const inspected = await run('data', 'inspect', path, '--layout', 'NCHW');
    expect([inspected.code, inspected.text]).toEqual([0, expect.stringContaining('3 channels of 8x3')]);
    await expect(loadDataSet(path, { layuot: 'NCHW' } as never)).rejects.toThrow('loadDataSet: unknown option "layuot"');
  });

  it('says so where there are too few images', async () => {
    const picture = encodePng(tensorToPicture(images(1, 3, 8, 8)));
    const out = join(root, 'few');
    const one = await run('train', '--data', await folderOf('one', { 'a/1.png': picture }), '--out', out);
    expect([one.code, one.text]).toEqual([1, expect.stringContaining('one has 1 training image, and none left to validate on')]);
    const files = ['a/1.png', 'b/1.png'];
    const two = await folderOf('two', Object.fromEntries(files.map((name) => [name, picture])));
    const { code, text } = await run('train', '--data', two, '--model', 'two', '--epochs', '1', '--out', out);
    expect([code, text]).toEqual([0, expect.stringMatching(/validation accuracy .*%, no test images/)]);
    const shown = await run('evaluate', out, '--data', two, '--out', join(root, 'few.html'));
    expect([shown.code, shown.text]).toEqual([2, expect.stringContaining('there are no test images')]);
  });
});
