/** The guide: its programs run, its links lead somewhere, its figures and its table are those that the scripts make. */

import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backendsPage, backendsTable, withTable } from '../scripts/backends-table.ts';
import { figures } from '../scripts/figures.ts';
import { declarationLine, pages } from '../scripts/pages.ts';
import { naiveKernels } from '../src/kernels/naive/index.ts';
import { execute, expectPrinted, programsOf, root } from './support/programs.ts';

const read = (page: string): string => readFileSync(join(root, page), 'utf8');
const guide = pages.filter((page) => page.startsWith('docs/guide/'));
const programs = (await Promise.all(guide.map(async (page) => (
  await programsOf(page, true)).map((program) => ({ page, ...program }))))).flat();

describe('a program of the guide', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'tilegrad-guide-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is every block of code', () => {
    const blocks = guide.flatMap((page) => [...read(page).matchAll(/^```(?!text$)\S/gm)]);
    expect(programs).toHaveLength(blocks.length);
    expect(programs.length).toBeGreaterThan(10);
  });

  it.each(programs)('$page: $title', { timeout: 120_000 }, async ({ code, output }) => {
    const printed = await execute(code, folder);
    expectPrinted(printed, output);
    expect(printed).not.toContain('false');
  });
});

describe('links', () => {
  const links = [...pages, 'README.md', 'llms.txt'].flatMap((page) => {
    // what stands in code is no link
    const text = read(page).replace(/^```[^]*?^```$/gm, '');
    return [...text.matchAll(/\[([^\]]*)\]\(([^)\s]+)\)/g)].map(([, label, target]) => ({ page, label, target }));
  });
  const own = /^https:\/\/github\.com\/tilegrad\/tilegrad\/(?:blob|tree)\/main\//;
  const relative = links.filter(({ target }) => own.test(target) || !/^[a-z]+:/.test(target));

  it('lead to files, to headings, and to what they name', () => {
    expect(relative.length).toBeGreaterThan(50);
    const dead = relative.filter(({ page, label, target }) => {
      const [path, anchor] = target.split('#');
      const file = own.test(path) ? path.replace(own, '') : path === '' ? page : join(dirname(page), path);
      if (!existsSync(join(root, file))) return true;
      if (anchor !== undefined) return !headings(read(file)).includes(anchor);
      if (file.endsWith('.ts')) declarationLine(read(file), label);
      return false;
    });
    expect(dead).toEqual([]);
  });

  it('to a declaration must name one that is there', () => {
    expect(declarationLine('\nexport function join(): void {}', '`join`')).toBe(2);
    expect(declarationLine('anything', 'in words')).toBe(null);
    expect(() => declarationLine('export const joined = 1;', '`join`')).toThrow(/links to join/);
  });

  function headings(text: string): string[] {
    return [...text.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title.toLowerCase().replace(/[^\w\- ]/g, '').replaceAll(' ', '-'));
  }
});

describe('what scripts make (npm run docs renews it)', () => {
  it.each(Object.entries(figures))('figure %s', (name, draw) => {
    expect(read(`docs/guide/figures/${name}.svg`)).toBe(draw());
    expect(guide.some((page) => read(page).includes(`](figures/${name}.svg)`))).toBe(true);
  });

  it('the table of backends, with every kernel once', () => {
    const page = readFileSync(backendsPage, 'utf8');
    expect(page).toBe(withTable(page));
    const rows = [...backendsTable().matchAll(/^\| `(\w+)` \| yes \|/gm)].map(([, name]) => name);
    expect(rows.sort()).toEqual(Object.keys(naiveKernels).sort());
  });
});
