/**
 * The programs of README, docs/recipes.md and docs/pytorch.md, run as a reader runs them: each in a folder of its own,
 * against the library's sources. What a recipe prints must be what its page says, but for figures' last digits.
 */

import { existsSync } from 'node:fs';
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodePng } from '../src/viz/index.ts';
import { execute, expectPrinted, programsOf, root } from './support/programs.ts';

const [readme, modules] = await programsOf('README.md');
const recipes = await programsOf('docs/recipes.md');
const titles = [...new Set(recipes.map(({ title }) => title))];

describe('a program of the pages', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tilegrad-recipes-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is there', () => {
    expect([readme.title, modules.title]).toEqual(['Thirty seconds', "In PyTorch's manner"]);
    expect(titles).toEqual([
      'A layer, and a check of its gradient', 'Filters as a picture', 'Three solvers in one picture',
      'A layer and a network of your own', 'A residual network by its levels, with a schedule, saved',
      'A layer of your own on variables, checked', 'A layer of your own with a parameter, saved', 'Pictures of your own',
      'Augmentation',
      'A loop of your own: augmentation, metrics',
      'Callbacks, a log, and an early end', 'Save and load',
      'A trained network in a web page', 'Fine-tuning', 'To ONNX and back', 'Training on a GPU',
    ]);
  });

  /** What else a recipe must have done. */
  const results: Record<string, (stdout: string) => Promise<void>> = {
    'A layer, and a check of its gradient': async (stdout) => {
      for (const [, error] of stdout.matchAll(/error (\S+)/g)) expect(Number(error)).toBeLessThan(1e-8);
    },
    'Filters as a picture': async () => {
      expect(decodePng(await readFile(join(folder, 'filters.png')))).toMatchObject({ width: 264, height: 264 });
    },
    'Three solvers in one picture': async () => {
      const page = await readFile(join(folder, 'rules.html'), 'utf8');
      for (const rule of ['sgd', 'sgdMomentum', 'adam']) expect(page).toContain(`>${rule}, validation</th>`);
      expect(await readFile(join(folder, 'rules.svg'), 'utf8')).toMatch(/^<svg /);
    },
    'A residual network by its levels, with a schedule, saved': async (stdout) => {
      expect(Number(/fell to (\S+)/.exec(stdout)?.[1])).toBeLessThan(1.6);
      expect(stdout).toContain('difference of the copy 0\n');
      expect(await readFile(join(folder, 'loss.svg'), 'utf8')).toMatch(/^<svg /);
    },
    'A layer of your own on variables, checked': async (stdout) =>
      expect(Number(/error (\S+)/.exec(stdout)?.[1])).toBeLessThan(1e-7),
    Augmentation: async (stdout) => expect(Number(/(\S+)\n$/.exec(stdout)?.[1])).toBeGreaterThan(0.2),
    'Callbacks, a log, and an early end': async () => {
      expect((await readFile(join(folder, 'log.csv'), 'utf8')).trim().split('\n')).toHaveLength(4);
    },
    'Fine-tuning': async (stdout) => expect(Number(/(\S+)\n$/.exec(stdout)?.[1])).toBeGreaterThan(0.6),
    'To ONNX and back': async (stdout) => expect(stdout.match(/true/g)).toHaveLength(2),
    'Training on a GPU': async (stdout) => expect(Number(/fell to (\S+)/.exec(stdout)?.[1])).toBeLessThan(1.6),
    'Save and load': async (stdout) => expect(stdout).toContain('largest difference 0\nepochs 2 and 3\n'),
  };

  it.each(recipes)('$title', { timeout: 120_000 }, async ({ title, code, output, files }) => {
    const stdout = await execute(code, folder, files);
    expectPrinted(stdout, output);
    await results[title]?.(stdout);
  });

  it('README: a gradient, and a network as a list of layers', { timeout: 120_000 }, async () => {
    const lines = (await execute(modules.code, folder)).trim().split('\n');
    expect([lines[0], lines.length]).toEqual(['[ 2, 4, 6 ]', 5]);
    expect(Number(lines[4])).toBeGreaterThan(0.7);
  });

  it('docs/pytorch.md: a state is written, and taken up again', { timeout: 120_000 }, async () => {
    const page = await readFile(join(root, 'docs/pytorch.md'), 'utf8');
    const [write, read, ...others] = [...page.matchAll(/^```ts\n([^]*?)^```$/gm)].map(([, code]) => code);
    expect(others).toEqual([]);
    await execute(write, folder);
    await copyFile(join(folder, 'model.npz'), join(folder, 'back.npz')); // in Python's place
    await execute(write + read, folder);
  });

  const archive = process.env['CIFAR10'] ?? '';
  it.skipIf(!archive.endsWith('.tar.gz') || !existsSync(archive))(
    'README: on the real images, fewer of them', { timeout: 120_000 }, async () => {
      const fewer = readme.code.replace("'cifar-10-binary.tar.gz'", JSON.stringify(archive))
        .replace('49_000', '2000').replace('numEpochs: 5', 'numEpochs: 1');
      expect(fewer.length).not.toBe(readme.code.length);
      expect(await execute(fewer, folder)).toMatch(/\(Epoch 1 \/ 1\) train acc: .*\n0\.\d+ 0\.\d+\n$/);
    },
  );
});
