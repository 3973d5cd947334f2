/** A data set in CIFAR-10's format, small enough to train on in no time. */

import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeCifar10 } from '../../src/data/index.ts';
import { Rng, tensor } from '../../src/tensor/index.ts';

/** Images whose brightest rows tell their class, with noise. */
function batchFile(count: number, seed: number): Uint8Array {
  const rng = new Rng(seed);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 10);
  const pixels = Uint8Array.from({ length: count * 3072 }, (_, i) => {
    const row = Math.floor(i / 32) % 32;
    const bright = Math.floor(row / 3) === labels[Math.floor(i / 3072)];
    return 100 * rng.random() + (bright ? 120 : 0);
  });
  return encodeCifar10(tensor(pixels, [count, 3, 32, 32]), labels);
}

/** Writes the six batch files into a new folder; `remove` deletes it with all that was put beside them. */
export async function tinyCifar(
  perBatch: number,
  testCount: number,
): Promise<{ folder: string; data: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'tilegrad-cli-'));
  const data = join(folder, 'data');
  await mkdir(data);
  for (let i = 1; i <= 5; i++) await writeFile(join(data, `data_batch_${i}.bin`), batchFile(perBatch, i));
  await writeFile(join(data, 'test_batch.bin'), batchFile(testCount, 6));
  return { folder, data, remove: () => rm(folder, { recursive: true, force: true }) };
}
