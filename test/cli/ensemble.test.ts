import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/node/commands/program.ts';
import { recording } from './terminal.ts';
import { tinyCifar } from './tiny-cifar.ts';

let tiny: Awaited<ReturnType<typeof tinyCifar>>;
const folder = (name: string): string => join(tiny.folder, name);

async function ensemble(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const terminal = recording();
  return { code: await main(['ensemble', ...argv], terminal), out: terminal.out(), err: terminal.err() };
}

beforeAll(async () => {
  tiny = await tinyCifar(10, 20);
  const sizes = ['--num-train', '40', '--num-val', '10', '--num-test', '20', '--batch', '10', '--epochs', '3'];
  for (const [name, ...flags] of [
    ['a', '--model', 'fc', '--hidden', '12'], ['b', '--model', 'deep', '--filters', '4', '--seed', '1'],
    ['c', '--model', 'two', '--hidden', '8'], ['other', '--model', 'two', '--hidden', '8', '--num-train', '39'],
  ]) expect(await main(['train', '--data', tiny.data, ...sizes, ...flags, '--out', folder(name)], recording())).toBe(0);
});
afterAll(() => tiny.remove());

describe('tilegrad ensemble', () => {
  it('gives each run the accuracies that it ended with, and those of all together', async () => {
    const { code, out, err } = await ensemble(...['a', 'b', 'c'].map(folder));
    expect([code, err]).toEqual([0, '']);
    const lines = out.trimEnd().split('\n').slice(3).map((line) => line.split(/ {2,}/));
    for (const [i, name] of ['a', 'b', 'c'].entries()) {
      const { valAccuracy, testAccuracy } = JSON.parse(await readFile(join(folder(name), 'history.json'), 'utf8')) as
        Record<string, number>;
      expect(lines[i]).toEqual([folder(name), ...[valAccuracy, testAccuracy].map((share) => `${(100 * share).toFixed(1)}%`)]);
    }
    expect(lines[3]).toEqual(['all 3', expect.stringMatching(/%$/), expect.stringMatching(/%$/)]);
    expect(lines).toHaveLength(4);
  });

  it('of one run twice is that run', async () => {
    const { out } = await ensemble(folder('a'), folder('a'));
    const [first, second, all] = out.trimEnd().split('\n').slice(3).map((line) => line.split(/ {2,}/).slice(1));
    expect([second, all]).toEqual([first, first]);
  });

  it('finds images that were moved', async () => {
    const moved = folder('moved');
    await cp(tiny.data, moved, { recursive: true });
    const [there, here] = [await ensemble(folder('a'), '--data', moved), await ensemble(folder('a'))];
    expect(there.out).toBe(here.out.replace(`data: CIFAR-10 from ${tiny.data}\n`, `data: CIFAR-10 from ${moved}\n`));
  });

  it('refuses what is no run, is damaged, or had other images', async () => {
    expect(await ensemble(folder('none'))).toMatchObject({
      code: 1, err: expect.stringMatching(/cannot use .*none\/history\.json: no such file/) as string,
    });
    expect(await ensemble(folder('a'), folder('other'))).toMatchObject({
      code: 2, err: expect.stringMatching(/a and .*other have other images: numTrain is 40 and 39/) as string,
    });
    for (const [file, text] of [['history.json', '{"settings": {}}'], ['model.safetensors', 'not one']] as const) {
      await cp(folder('a'), folder('broken'), { recursive: true });
      await writeFile(join(folder('broken'), file), text);
      const { code, err } = await ensemble(folder('broken'));
      expect([code, err]).toEqual([1, expect.stringContaining(`cannot use ${join(folder('broken'), file)}: `)]);
      await rm(folder('broken'), { recursive: true });
    }
    await cp(join(folder('c'), 'model.safetensors'), join(folder('b'), 'model.safetensors'));
    expect((await ensemble(folder('b'))).err).toMatch(/it must be {.*}, got {/);
    const { err } = await ensemble(folder('a'), '--data', folder('nowhere'));
    expect(err).toMatch(/nowhere/);
  });
});
