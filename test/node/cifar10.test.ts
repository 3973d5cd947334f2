/** Loading CIFAR-10 from folders and archives, and every way in which they can be wrong. */

import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { DataFileError, getCifar10Data, loadCifar10 } from '../../src/node/index.ts';
import { batchFiles, releaseArchive, releaseFiles, sampleSet, tarHeader, tarOf, temporaryFolder } from './archive.ts';
import type { ImageDataset } from '../../src/data/index.ts';

const perBatch = 4;

function writeArchive(bytes: Uint8Array, name: string = 'cifar-10-binary.tar.gz'): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, bytes);
  return path;
}

function writeFolder(files: Record<string, Uint8Array>, within: string = ''): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, within), { recursive: true });
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, within, name), bytes);
  return folder;
}

function expectSame(found: ImageDataset, expected: ImageDataset): void {
  for (const part of ['train', 'test'] as const) {
    expect(found[part].images.shape).toEqual(expected[part].images.shape);
    expect(Buffer.compare(found[part].images.data as Uint8Array, expected[part].images.data as Uint8Array)).toBe(0);
    expect(found[part].labels).toEqual(expected[part].labels);
  }
  expect(found.classNames[9]).toBe('truck');
}

/** Expects a DataFileError, which is a RangeError, that names the path and contains text. */
async function expectRefused(path: string, text: string | RegExp): Promise<void> {
  const error: unknown = await loadCifar10(path).then(() => null, (reason: unknown) => reason);
  expect(error).toBeInstanceOf(DataFileError);
  expect(error).toBeInstanceOf(RangeError);
  expect((error as DataFileError).message).toMatch(text);
  expect((error as DataFileError).message).toContain(path);
  expect((error as DataFileError).message).toMatch(/^loadCifar10: /);
  expect((error as DataFileError).path.startsWith(path)).toBe(true);
}

describe('loadCifar10', () => {
  it('reads a tar.gz, a tar, a folder, and folders that hold one of these, in the order of the batches', async () => {
    const expected = sampleSet(perBatch);
    const files = batchFiles(perBatch);
    const archive = releaseArchive(perBatch);
    for (const path of [
      writeArchive(archive), writeArchive(tarOf(releaseFiles(files)), 'any.tar'), writeFolder(files),
      writeFolder(files, 'cifar-10-batches-bin'), writeFolder({ 'cifar-10-binary.tar.gz': archive }),
    ]) {
      expectSame(await loadCifar10(path), expected);
    }
  });

  it('reads batches of different lengths', async () => {
    const files = batchFiles(perBatch);
    const expected = sampleSet(perBatch);
    const cut = { ...files, 'data_batch_2.bin': files['data_batch_2.bin'].subarray(0, 3073) };
    for (const path of [writeFolder(cut), writeArchive(gzipSync(tarOf(releaseFiles(cut))))]) {
      const { train } = await loadCifar10(path);
      expect(train.images.shape[0]).toBe(17);
      const kept = [0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19];
      expect(Array.from(train.labels)).toEqual(kept.map((n) => expected.train.labels[n]));
      kept.forEach((n, i) => expect(train.images.slice(i).toArray()).toEqual(expected.train.images.slice(n).toArray()));
    }
  });

  it('passes over small companions, such as those that archivers of other systems add', async () => {
    const files = [
      { name: 'PaxHeader', bytes: Buffer.from('20 mtime=1234567.12\n'), type: 'x' },
      { name: '._cifar-10-batches-bin', bytes: Buffer.alloc(200, 1) },
      { name: 'cifar-10-batches-bin/._data_batch_1.bin', bytes: Buffer.alloc(200, 1) },
      ...releaseFiles(batchFiles(perBatch)),
    ];
    expectSame(await loadCifar10(writeArchive(gzipSync(tarOf(files)))), sampleSet(perBatch));
  });

  it('says what is missing', async () => {
    const files = batchFiles(perBatch);
    await expectRefused(join(temporaryFolder(), 'nowhere.tar.gz'), 'no such file or folder (ENOENT); npx tilegrad data cifar10 downloads');
    await expectRefused(temporaryFolder(),
      /holds neither data_batch_1.bin, .*test_batch.bin nor cifar-10-binary.tar.gz/);
    const without = { ...files };
    delete without['data_batch_3.bin'];
    delete without['test_batch.bin'];
    await expectRefused(writeFolder(without), 'lacks data_batch_3.bin, test_batch.bin');
    await expectRefused(writeArchive(gzipSync(tarOf(releaseFiles(without)))), 'lacks data_batch_3.bin, test_batch.bin');
    await expectRefused(writeArchive(gzipSync(tarOf([]))),
      'holds no batch file of CIFAR-10, expected data_batch_1.bin');
    await expect(loadCifar10('')).rejects.toThrow(TypeError);
    await expect(loadCifar10(undefined as unknown as string)).rejects.toThrow(TypeError);
  });

  it('refuses files of another kind', async () => {
    await expectRefused(writeArchive(new Uint8Array(0)), 'it is empty');
    await expectRefused(writeArchive(Buffer.from('<html>404</html>')), 'must be a folder, a tar.gz or a tar');
    await expectRefused(writeArchive(gzipSync(Buffer.alloc(5000, 'not a tar'))), 'is not a whole tar archive');
    const python = { name: 'cifar-10-batches-py/data_batch_1', bytes: Buffer.alloc(9) };
    await expectRefused(writeArchive(gzipSync(tarOf([python]))),
      'this is the Python version of CIFAR-10; take the binary version, cifar-10-binary.tar.gz');
    for (const [name, version] of [
      ['data_batch_1', 'Python'], ['cifar-10-batches-py', 'Python'], ['cifar-10-python.tar.gz', 'Python'],
      ['data_batch_2.mat', 'Matlab'],
    ]) {
      await expectRefused(writeFolder({ [name]: new Uint8Array(9) }), `holds ${name}: this is the ${version} version`);
    }
    const pickle = join(writeFolder({ data_batch_1: Uint8Array.of(0x80, 2, 0x7d) }), 'data_batch_1');
    await expectRefused(pickle, 'is a pickle: this is the Python version of CIFAR-10; take the binary version');
    await expectRefused(writeArchive(Buffer.from('PK\x03\x04 and more', 'latin1')), 'it is a zip archive');
    await expectRefused(writeArchive(gzipSync(tarOf([{ name: 'train.bin', bytes: Buffer.alloc(2 ** 20 + 1) }]))),
      'holds train.bin of 1048577 bytes, which is no part of CIFAR-10');
  });

  it('does not wait for a pipe that nobody writes to', async () => {
    const path = join(temporaryFolder(), 'pipe');
    execFileSync('mkfifo', [path]);
    await expectRefused(path, 'is neither a file nor a folder');
    const folder = writeFolder(batchFiles(perBatch));
    rmSync(join(folder, 'test_batch.bin'));
    execFileSync('mkfifo', [join(folder, 'test_batch.bin')]);
    await expectRefused(folder, 'test_batch.bin must be a file');
  });

  it('refuses batch files of a wrong length or with a wrong label, naming file and record', async () => {
    const files = batchFiles(perBatch);
    const name = 'data_batch_4.bin';
    const wrongLabel = files[name].slice();
    wrongLabel[2 * 3073] = 77;
    const cases: Array<[Uint8Array, string]> = [
      [files[name].subarray(0, 5000),
        'data_batch_4.bin: the length must be a positive multiple of 3073 bytes, got 5000'],
      [new Uint8Array(0), 'data_batch_4.bin: the length must be a positive multiple of 3073 bytes, got nothing'],
      [wrongLabel, 'data_batch_4.bin: record 2 has label 77, expected 0 to 9'],
      [new Uint8Array(10_001 * 3073), 'data_batch_4.bin has 30733073 bytes, expected at most 30730000 (10000 records)'],
    ];
    for (const [bytes, text] of cases) {
      const wrong = { ...files, [name]: bytes };
      await expectRefused(writeFolder(wrong), text);
      await expectRefused(writeArchive(gzipSync(tarOf(releaseFiles(wrong)), { level: 1 })), text);
    }
  });

  it('refuses entries that are there twice or are no regular files', async () => {
    const files = releaseFiles(batchFiles(perBatch));
    await expectRefused(writeArchive(gzipSync(tarOf([...files, files[2]]))), 'data_batch_5.bin is there twice');
    const link = { name: 'data_batch_5.bin', bytes: new Uint8Array(0), type: '2' };
    await expectRefused(writeArchive(gzipSync(tarOf([link]))),
      'data_batch_5.bin must be a regular file, its tar type is 2');
  });

  it('notices an archive that is cut short anywhere', async () => {
    const archive = releaseArchive(perBatch);
    for (const part of [0.001, 0.2, 0.5, 0.9]) {
      await expectRefused(writeArchive(archive.subarray(0, Math.floor(archive.length * part))),
        'is cut short: the gzip stream has no end');
    }
    await expectRefused(writeArchive(archive.subarray(0, archive.length - 3)), 'is cut short');
    const tar = tarOf(releaseFiles(batchFiles(perBatch)));
    await expectRefused(writeArchive(tar.subarray(0, 20_000)),
      /is not a whole tar archive: the archive ends at byte 20000, inside .*bin/);
  });

  it('notices flipped bits, in the data and in the checksum at the end', async () => {
    const archive = releaseArchive(perBatch);
    for (let at = 100; at < archive.length - 8; at += Math.floor(archive.length / 12)) {
      const damaged = Buffer.from(archive);
      damaged[at] ^= 0x10;
      await expectRefused(writeArchive(damaged), /corrupted|not a whole tar|label|twice|no part of|cut short/);
    }
    const wrongSum = Buffer.from(archive);
    wrongSum[archive.length - 6] ^= 0x10;
    await expectRefused(writeArchive(wrongSum), 'is corrupted: incorrect data check (Z_DATA_ERROR)');
  });

  it('stops at what CIFAR-10 can be, however much a gzip bomb would inflate to', async () => {
    const zeros = gzipSync(Buffer.alloc(64 * 1024 * 1024), { level: 9 });
    const tail = gzipSync(tarOf(releaseFiles(batchFiles(perBatch))), { level: 1 });
    // gzip members that follow each other inflate to one stream: 64 MiB of zeros each, after a whole archive
    await expectRefused(writeArchive(Buffer.concat([tail, ...Array<Buffer>(40).fill(zeros)])), 'holds more than');
    const huge = tarHeader({ name: 'data_batch_1.bin', bytes: new Uint8Array(0), claimedSize: 8 ** 11 - 1 });
    await expectRefused(writeArchive(gzipSync(Buffer.concat([huge, Buffer.alloc(2048)]))), 'expected at most 30730000');
    const claim = tarHeader({ name: 'data_batch_1.bin', bytes: new Uint8Array(0), claimedSize: 30_730_000 });
    await expectRefused(writeArchive(gzipSync(Buffer.concat([claim, Buffer.alloc(2048)]))), 'inside data_batch_1.bin');
  });

  it.skipIf(process.platform === 'win32')('says so when permission is missing', async () => {
    const folder = writeFolder(batchFiles(perBatch));
    const archive = writeArchive(releaseArchive(perBatch));
    chmodSync(folder, 0o000);
    chmodSync(archive, 0o000);
    // root may read everything, so it steps down for a moment
    const isRoot = process.geteuid!() === 0;
    chmodSync(join(archive, '..'), 0o755);
    if (isRoot) process.seteuid!(65534);
    try {
      await expectRefused(folder, 'permission denied (EACCES)');
      await expectRefused(archive, 'permission denied (EACCES)');
    } finally {
      if (isRoot) process.seteuid!(0);
      chmodSync(folder, 0o755);
    }
  });
});

describe('getCifar10Data', () => {
  it('splits, subtracts the mean training image and gives float32', async () => {
    const path = writeArchive(releaseArchive(perBatch));
    const data = await getCifar10Data(path, { numTraining: 15, numValidation: 5, numTest: 4 });
    const { train, test } = sampleSet(perBatch);
    expect([data.XTrain.shape, data.XVal.shape, data.XTest.shape])
      .toEqual([[15, 3, 32, 32], [5, 3, 32, 32], [4, 3, 32, 32]]);
    expect(data.XTrain.dtype).toBe('float32');
    expect(Array.from(data.yVal)).toEqual(Array.from(train.labels.slice(15)));
    const mean = train.images.slice([0, 15]).astype('float64').mean(0);
    const difference = data.XTest.sub(test.images.astype('float64').sub(mean)).abs().max();
    expect(Number(difference)).toBeLessThan(2e-5);
    expect(data.classNames.length).toBe(10);
    await expect(getCifar10Data(path, { numTraining: 1000 })).rejects
      .toThrow(/^getCifar10Data: numTraining asks for 1000 /);
    const raw = await getCifar10Data(path, { numTraining: 15, numValidation: 5, numTest: 4, subtractMean: false });
    expect(raw.XTrain.get(3, 1, 2, 3)).toBe(train.images.get(3, 1, 2, 3));
  });

  it('shows samples of every class where asked to', async () => {
    const path = writeArchive(releaseArchive(perBatch));
    const { samples, XTrain, classNames } = await getCifar10Data(path, { visualize: true });
    const { train } = sampleSet(perBatch);
    const found = classNames.filter((_, label) => train.labels.includes(label));
    expect([...samples!.matchAll(/<text [^>]+>([^<]+)</g)].map(([, name]) => name)).toEqual(found);
    expect(samples!.match(/<image /g)).toHaveLength(found.length);
    expect(XTrain.shape[0]).toBe(18);
    expect('samples' in await getCifar10Data(path)).toBe(false);
    await expect(getCifar10Data(5 as never)).rejects.toThrow('getCifar10Data: path must be a non-empty string, got 5');
    await expect(getCifar10Data(join(path, 'missing'))).rejects.toThrow(/^getCifar10Data: cannot read .*missing/);
    await expect(getCifar10Data(path, { visualize: 1 } as object)).rejects.toThrow('visualize must be');
  });

  it('takes what a small collection has unless told otherwise', async () => {
    const path = writeArchive(releaseArchive(perBatch));
    const { yTrain, yVal, yTest } = await getCifar10Data(path);
    expect([yTrain.length, yVal.length, yTest.length]).toEqual([18, 2, 4]);
    await expect(getCifar10Data(path, { numTraining: 19, numValidation: 2 }))
      .rejects.toThrow('numTraining 19 and numValidation 2 ask for 21 training images, there are 20');
    await expect(getCifar10Data(path, { numTest: 5 })).rejects.toThrow('numTest asks for 5 test images, there are 4');
    await expect(getCifar10Data(path, { numTrain: 5 } as object)).rejects.toThrow(/unknown option "numTrain"/);
  });
});

const real = process.env.CIFAR10;

describe.skipIf(real === undefined || !existsSync(real))('the real archive (set CIFAR10 to its path)', () => {
  it('loads whole, in memory of little more than the images', { timeout: 120_000 }, async () => {
    globalThis.gc?.();
    const before = process.memoryUsage().rss;
    let peak = before;
    const timer = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 5);
    const { train, test } = await loadCifar10(real!);
    clearInterval(timer);
    expect(train.images.shape).toEqual([50_000, 3, 32, 32]);
    expect(test.images.shape).toEqual([10_000, 3, 32, 32]);
    const imageBytes = train.images.size + test.images.size;
    expect(peak - before).toBeLessThan(2 * imageBytes);
    const perClass = new Int32Array(10);
    for (const label of train.labels) perClass[label]++;
    expect(Array.from(perClass)).toEqual(Array<number>(10).fill(5000));
  });

  it('prepares the course split, with all test images on request', { timeout: 120_000 }, async () => {
    const data = await getCifar10Data(real!, { numTest: 10_000 });
    expect([data.yTrain.length, data.yVal.length, data.XTest.shape[0]]).toEqual([49_000, 1000, 10_000]);
    // known of CIFAR-10: the mean over pixels and channels is near 120.7
    expect(Math.abs(Number(data.mean.mean()) - 120.7)).toBeLessThan(1);
  });
});
