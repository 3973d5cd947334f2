/**
 * Damaged files: bits flipped, numbers overwritten, ends cut off, pieces moved, doubled, left out, or taken from
 * another format. Every reader must end in an error of its own or in a result, within a bound on processor time and on
 * memory.
 */

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { encodeCifar10, makeShapes, parseCifar10 } from '../../src/data/index.ts';
import { Rng } from '../../src/index.ts';
import {
  decodeNpy, decodeNpz, decodeOnnx, decodeSafetensors, encodeNpy, encodeNpz, encodeOnnx, encodeSafetensors,
  loadModel, loadStateDict, saveModel, saveStateDict,
} from '../../src/io/index.ts';
import { FullyConnectedNet } from '../../src/models/index.ts';
import { Linear, resNet20 } from '../../src/nn/index.ts';
import { DataFileError, loadCifar10 } from '../../src/node/index.ts';
import { Solver } from '../../src/train/index.ts';
import { decodePng, encodePng, imageGrid } from '../../src/viz/index.ts';
import { batchFiles, releaseFiles, tarOf } from '../node/archive.ts';
import { below, pick, Tally } from './tally.ts';
import type { Assault } from './tally.ts';

/** Bounds of one reading: the files have a few kilobytes. */
const allowedSeconds = 2;
const allowedBytes = 300e6;

interface Format {
  readonly name: string;
  readonly samples: readonly Uint8Array[];
  read(bytes: Uint8Array): unknown;
  /** how a message of the reader's own begins */
  readonly own: RegExp;
}

function formats(folder: string, rng: Rng): Format[] {
  const tensors = {
    a: rng.normal(0, 1, [3, 5]), b: rng.normal(0, 1, [2, 2, 4]).astype('float64'),
    c: rng.integers(0, 9, [7]).astype('int32'), d: rng.integers(0, 255, [4, 4]).astype('uint8'),
  };
  const { train } = makeShapes({ numTrain: 3, numTest: 1 });
  const X = rng.normal(0, 1, [12, 6]);
  const y = Int32Array.from({ length: 12 }, (_, i) => i % 3);
  const network = { inputDim: 6, numClasses: 3, normalization: 'batchnorm', dropoutKeep: 0.5 } as const;
  const solver = (): Solver => new Solver(
    new FullyConnectedNet([5], { ...network, rng: new Rng(1) }),
    { XTrain: X, yTrain: y, XVal: X, yVal: y }, { batchSize: 4, updateRule: 'adam', verbose: false },
  );
  const trained = solver();
  for (let i = 0; i < 4; i++) trained.step();
  const target = solver();
  const tar = tarOf(releaseFiles(batchFiles(2)));
  const archive = async (bytes: Uint8Array): Promise<unknown> => {
    const path = join(folder, 'damaged.tar.gz');
    await writeFile(path, bytes);
    return loadCifar10(path);
  };
  return [
    { name: 'npy', samples: Object.values(tensors).map(encodeNpy), read: decodeNpy, own: /^decodeNpy\b/ },
    {
      name: 'npz', samples: [encodeNpz(tensors), encodeNpz(tensors, { compress: true })], read: decodeNpz,
      own: /^decodeNpz\b/,
    },
    {
      name: 'safetensors', samples: [encodeSafetensors(tensors, { note: 'n' })], read: decodeSafetensors,
      own: /^decodeSafetensors\b/,
    },
    {
      name: 'checkpoint', samples: [trained.checkpoint()], own: /^(Solver\.restore|decodeSafetensors)\b/,
      // a checksum lets no altered file through
      read: (bytes) => {
        target.restore(bytes);
        throw new Error('an altered checkpoint was restored');
      },
    },
    { name: 'batch', samples: [encodeCifar10(train.images, train.labels)], read: parseCifar10, own: /^parseCifar10\b/ },
    {
      name: 'png', samples: [encodePng(imageGrid(train.images)), encodePng({ width: 3, height: 2, channels: 4,
        data: Uint8Array.from({ length: 24 }, (_, i) => 10 * i) })], read: decodePng, own: /^decodePng\b/,
    },
    { name: 'onnx', samples: [encodeOnnx(new FullyConnectedNet([5], { inputDim: 6 }))], read: decodeOnnx, own: /^decodeOnnx\b/ },
    {
      name: 'model', own: /^loadModel\b/, read: loadModel,
      samples: [
        saveModel(new FullyConnectedNet([5], { inputDim: 6 })),
        saveModel(resNet20({ width: 1 }), { inputShape: [3, 8, 8] }),
      ],
    },
    {
      name: 'state', own: /^loadStateDict\b/, read: (bytes) => loadStateDict(new Linear(3, 2), bytes),
      samples: [saveStateDict(new Linear(3, 2), { inputShape: [3] }),
        saveStateDict(new Linear(3, 2), { format: 'npz' })],
    },
    { name: 'tar', samples: [tar], read: (bytes) => archive(gzipSync(bytes, { level: 1 })), own: /^loadCifar10\b/ },
    { name: 'tar.gz', samples: [gzipSync(tar)], read: archive, own: /^loadCifar10\b/ },
  ];
}

const numbers = [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff];

/** The file with one to four damages; donor gives pieces of another. */
function damaged(rng: Rng, sample: Uint8Array, donor: Uint8Array): Uint8Array {
  let bytes = Buffer.from(sample);
  for (let left = 1 + below(rng, 4); left > 0; left--) {
    // most formats have their structure at the start or the end
    const place = (): number => {
      const near = Math.min(bytes.length, 1 + below(rng, 300));
      return pick(rng, [below(rng, near), Math.max(0, bytes.length - 1 - below(rng, near)), below(rng, bytes.length)]);
    };
    const length = 1 + below(rng, pick(rng, [4, 64, 1024]));
    const at = place();
    const cut = [bytes.subarray(0, at), bytes.subarray(at)] as const;
    switch (below(rng, 8)) {
      case 0: if (bytes.length > 0) bytes[at] ^= 1 << below(rng, 8); break;
      case 1: if (bytes.length > 0) bytes[at] = below(rng, 256); break;
      case 2: if (bytes.length > at + 4) bytes.writeUInt32LE(pick(rng, numbers), at); break;
      case 3: bytes = Buffer.from(cut[0]); break;
      case 4: bytes = Buffer.concat([cut[0], cut[1].subarray(length)]); break;
      case 5: bytes = Buffer.concat([cut[0], bytes.subarray(place()).subarray(0, length), cut[1]]); break;
      case 6: {
        const piece = donor.subarray(below(rng, donor.length)).subarray(0, length);
        bytes = Buffer.concat([cut[0], piece, cut[1]]);
        break;
      }
      case 7: bytes.copy(bytes, place(), at, at + length); break;
    }
  }
  return Uint8Array.from(bytes);
}

export async function damagedFiles({ rng, end }: Assault): Promise<Tally> {
  const tally = new Tally();
  const folder = await mkdtemp(join(tmpdir(), 'tilegrad-damaged-'));
  try {
    const all = formats(folder, rng);
    for (let round = 0; performance.now() < end; round++) {
      // archives go through the disk: one of them for a hundred others
      const format = all[round % 100 === 0 ? 6 + (round / 100) % 2 : round % 6];
      const sample = pick(rng, format.samples);
      const bytes = damaged(rng, sample, pick(rng, pick(rng, all).samples));
      if (Buffer.compare(bytes, sample) === 0) continue;
      tally.count('damaged files');
      const before = { cpu: process.cpuUsage(), peak: process.resourceUsage().maxRSS };
      const where = `${format.name}, ${Buffer.from(bytes).toString('base64').slice(0, 300)}`;
      try {
        await format.read(bytes);
        tally.count('read all the same');
      } catch (error) {
        if (error instanceof DataFileError || (error instanceof Error && format.own.test(error.message))) tally.count('refused');
        else tally.fail(`${String(error).slice(0, 300)}: ${where}`);
      }
      const { user, system } = process.cpuUsage(before.cpu);
      const grown = 1024 * (process.resourceUsage().maxRSS - before.peak);
      if (user + system > allowedSeconds * 1e6) tally.fail(`took ${(user + system) / 1e6} s: ${where}`);
      if (grown > allowedBytes) tally.fail(`took ${grown} bytes: ${where}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return tally;
}
