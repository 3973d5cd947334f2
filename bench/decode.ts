/**
 * npm run bench:decode -- [--pictures N] [--size S] [--threads N] [--rounds N] [--python PATH]
 *
 * JPEG files of 256x256 read, decoded and resized with antialiasing, by the threads that loadImageFolder uses and by
 * Pillow in as many processes, in turns; starting threads and processes is part of the time. Pillow reads each file
 * whole, as `Image.open(path).convert('RGB').resize(...)` does, and once more with `draft`, which decodes at a reduced
 * scale down to the size itself; ours reduces no further than to twice the size. Prints the ratio of the medians.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import jpeg from 'jpeg-js';
import { resample } from '../src/data/resample.ts';
import { formatTable } from '../src/node/commands/table.ts';
import { decodeFiles } from '../src/node/pictures/decoder-pool.ts';
import { Rng } from '../src/tensor/index.ts';
import { parseArgs } from './support/arguments.ts';

const { values } = parseArgs({ options: {
  pictures: { type: 'string', default: '2000' }, size: { type: 'string', default: '64' },
  threads: { type: 'string', default: '2' }, rounds: { type: 'string', default: '3' },
  python: { type: 'string', default: 'python3' },
} });
const [pictures, size, threads, rounds] = [values.pictures, values.size, values.threads, values.rounds].map(Number);

/** Files that are made; more pictures are these again. */
const distinct = 250;
const side = 256;

/** Clouds of four sizes over one another, which have about the spectrum, and the bytes, of a photograph. */
function drawn(seed: number): Uint8Array {
  const rng = new Rng(seed);
  const rgba = new Float64Array(side * side * 4).fill(128);
  for (const [grid, height] of [[4, 80], [16, 40], [64, 16], [256, 6]]) {
    for (let c = 0; c < 3; c++) {
      const clouds = rng.normal(0, height, [grid, grid]).data;
      const form = { starts: [0], height: grid, width: grid, rowStride: grid, columnStride: 1 };
      resample({ values: clouds, ...form }, side, side).forEach((value, i) => { rgba[4 * i + c] += value; });
    }
  }
  return Uint8Array.from(rgba, (value) => Math.min(255, Math.max(0, value)));
}

function median(times: readonly number[]): number {
  return [...times].sort((a, b) => a - b)[times.length >> 1];
}

const folder = mkdtempSync(join(tmpdir(), 'tilegrad-decode-'));
try {
  const files = Array.from({ length: Math.min(distinct, pictures) }, (_, i) => {
    const path = join(folder, `${i}.jpg`);
    writeFileSync(path, jpeg.encode({ width: side, height: side, data: drawn(i) }, 85).data);
    return path;
  });
  const paths = Array.from({ length: pictures }, (_, i) => files[i % files.length]);
  writeFileSync(join(folder, 'paths.txt'), paths.join('\n'));
  const form = { height: size, width: size, channels: 3, fit: 'crop', maxPixels: 2 ** 26 } as const;
  const peer = fileURLToPath(new URL('peers/decode.py', import.meta.url));
  const pillow = (draft: boolean): number => Number(execFileSync(
    values.python, [peer, join(folder, 'paths.txt'), String(size), String(threads), draft ? 'draft' : 'whole'],
    { encoding: 'utf8' },
  ));
  const times = { tilegrad: [] as number[], Pillow: [] as number[], 'Pillow, draft': [] as number[] };
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    const { answers } = await decodeFiles(paths, form, { threads });
    times.tilegrad.push((performance.now() - started) / 1000);
    const failed = answers.find((answer) => typeof answer === 'string');
    if (failed !== undefined) throw new Error(`a picture was not read: ${String(failed)}`);
    times.Pillow.push(pillow(false));
    times['Pillow, draft'].push(pillow(true));
  }
  const ours = median(times.tilegrad);
  const sizes = `${pictures} JPEG files of ${side}x${side} to ${size}x${size}`;
  console.log(`${sizes}, ${threads} threads or processes, median of ${rounds}`);
  console.log(formatTable(
    ['reader', 'seconds', 'ms a picture', 'ours / theirs'],
    Object.entries(times).map(([name, all]) => [
      name, median(all).toFixed(2), (1000 * median(all) / pictures).toFixed(3), (ours / median(all)).toFixed(2),
    ]), ['left', 'right', 'right', 'right'],
  ));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
