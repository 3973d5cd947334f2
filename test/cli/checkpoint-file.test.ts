import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CheckpointFile } from '../../src/node/commands/checkpoint-file.ts';

it('writes a checkpoint only after what came before it, so that a kill between the two loses no line of a log', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tilegrad-checkpoint-'));
  try {
    let logged: () => void = () => undefined;
    const file = new CheckpointFile(folder, () => new Promise((resolve) => { logged = resolve; }));
    const written = file.write('run', Uint8Array.of(1));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await readdir(folder)).toEqual([]);
    logged();
    await written;
    expect(await readdir(folder)).toEqual(['run']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
