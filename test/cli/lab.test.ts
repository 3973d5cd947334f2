/** Every experiment in its quick form on the drawn shapes, the list, folders of other runs, and bad input. */

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { main } from '../../src/node/commands/program.ts';
import type { Check, Run } from '../../src/node/lab/experiment.ts';
import { experiments } from '../../src/node/lab/index.ts';
import type { NumberTable } from '../../src/viz/experiment-page.ts';
import { recording } from './terminal.ts';

let folder: string;
beforeAll(async () => { folder = await mkdtemp(join(tmpdir(), 'tilegrad-lab-')); });
afterAll(() => rm(folder, { recursive: true, force: true }));

async function lab(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  const surroundings = recording({ columns: 200 });
  const code = await main(['lab', ...argv], surroundings);
  return { code, out: surroundings.out(), err: surroundings.err() };
}

interface Results {
  experiment: string; quick: boolean; checks: Check[]; tables: NumberTable[]; runs: Record<string, Run>;
}

async function results(out: string): Promise<Results> {
  return JSON.parse(await readFile(join(out, 'results.json'), 'utf8')) as Results;
}

describe('tilegrad lab', () => {
  it.each(Object.keys(experiments))('%s runs, says whether its expectations hold, and leaves page and numbers', async (name) => {
    const out = join(folder, name);
    const { code, out: said, err } = await lab(name, '--quick', '--out', out);
    expect([code, err]).toEqual([0, '']);
    const { experiment, quick, checks, tables, runs } = await results(out);
    expect([experiment, quick]).toEqual([name, true]);
    expect(checks.length).toBeGreaterThan(0);
    for (const { expectation, holds, numbers } of checks) {
      expect(said).toContain(`${holds ? 'ok' : 'NO'}  ${expectation} (`);
      expect(Object.values(numbers).every(Number.isFinite)).toBe(true);
      // What does not hang on the sizes holds in small as well.
      if (name === 'gradients' || expectation.startsWith('all results agree')) expect(holds).toBe(true);
    }
    expect(tables.length).toBeGreaterThan(0);
    for (const { heads, rows } of tables) for (const row of rows) expect(row).toHaveLength(heads.length);
    for (const { lossHistory, trainAccHistory, valAccHistory } of Object.values(runs)) {
      expect(lossHistory.length).toBeGreaterThan(1);
      expect(valAccHistory).toHaveLength(trainAccHistory.length);
    }
    const page = await readFile(join(out, 'results.html'), 'utf8');
    const { title, question, lessons } = experiments[name];
    for (const text of [title, question, ...lessons, ...checks.map(({ expectation }) => expectation)]) {
      expect(page).toContain(text.replace(/'/g, '&#39;'));
    }
    expect(page).not.toMatch(/<(link|script|img)[^>]+(src|href)="(?!data:)/);
    expect(page.slice(0, page.lastIndexOf('<script>'))).not.toMatch(/NaN[" ]|undefined/);
    expect((await readdir(out)).sort()).toEqual(['results.html', 'results.json']);
  });

  it('finds the same numbers again with the same seed, and others with another', async () => {
    const histories: number[][] = [];
    for (const seed of ['3', '3', '4']) {
      const out = join(folder, 'seeded');
      expect((await lab('batchnorm', '--quick', '--seed', seed, '--out', out, '--overwrite')).code).toBe(0);
      histories.push([...Object.values((await results(out)).runs)[0].lossHistory]);
    }
    expect(histories[1]).toEqual(histories[0]);
    expect(histories[2]).not.toEqual(histories[0]);
  });

  it('lists every experiment with its question, in its help too', async () => {
    const [list, help] = [await lab('--list'), await lab('--help')];
    expect([list.code, help.code]).toEqual([0, 0]);
    for (const [name, { question }] of Object.entries(experiments)) {
      expect(list.out).toMatch(new RegExp(`^${name} `, 'm'));
      expect(list.out).toContain(question);
    }
    expect(help.out).toContain(list.out.trim().split('\n').at(-1));
  });

  it('exits with 1 where an expectation does not hold, with --check only', async () => {
    const out = join(folder, 'checked');
    const { code, out: said } = await lab('batchnorm', '--quick', '--check', '--out', out);
    const { checks } = await results(out);
    expect(checks.some(({ holds }) => !holds)).toBe(true); // in so few steps nothing is learnt
    expect([code, said.includes('\nNO  ')]).toEqual([1, true]);
  });

  it('refuses what it cannot do, and changes nothing', async () => {
    const [out, foreign] = [join(folder, 'kept'), join(folder, 'foreign')];
    await lab('batchnorm', '--quick', '--out', out);
    const before = await readFile(join(out, 'results.json'), 'utf8');
    expect(await lab('batchnorm', '--quick', '--out', out)).toEqual({
      code: 2, out: '', err: `tilegrad: ${out} holds another run (results.json, results.html): ` +
        '--overwrite starts over, --out names another folder\n',
    });
    expect(await readFile(join(out, 'results.json'), 'utf8')).toBe(before);
    await lab('batchnorm', '--quick', '--out', foreign);
    await writeFile(join(foreign, 'search.json'), '{}');
    expect(await lab('batchnorm', '--quick', '--overwrite', '--out', foreign)).toMatchObject({
      code: 2, err: `tilegrad: ${foreign} holds another run (search.json): --out names another folder\n`,
    });
    const unknown = await lab('nothing\u001b[2J');
    expect(unknown.code).toBe(2);
    expect(unknown.err).toMatch(/^tilegrad: lab: there is no experiment "nothing\\\S+", there are gradients, /);
    expect(await lab()).toMatchObject({ code: 2, err: 'tilegrad: lab: which experiment? --list names them\n' });
    expect(await lab('toString')).toMatchObject({ code: 2 });
    const missing = join(folder, 'missing.tar.gz');
    expect(await lab('batchnorm', '--quick', '--data', missing, '--out', join(folder, 'unused'))).toMatchObject({
      code: 1, err: expect.stringContaining(`cannot read ${missing}: no such file or folder`) as string,
    });
    expect((await readdir(join(folder, 'unused')))).toEqual([]);
    await writeFile(join(folder, 'file'), '');
    expect(await lab('batchnorm', '--quick', '--out', join(folder, 'file'))).toMatchObject({ code: 1 });
    expect(await lab('batchnorm', '--seed', '-1')).toMatchObject({ code: 2 });
  });

  it('stops on an interrupt and writes nothing', async () => {
    const out = join(folder, 'stopped');
    const surroundings = recording({ onWrite: (text) => { if (text.includes('none:')) surroundings.interrupt(); } });
    expect(await main(['lab', 'batchnorm', '--quick', '--out', out], surroundings)).toBe(130);
    expect(await readdir(out)).toEqual([]);
  });
});
