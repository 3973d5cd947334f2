/**
 * The notebooks agree with the programs that they are made from, and hold what an execution left, small and without a
 * failure; every program runs in Node on few images. `npm run test:notebooks` executes them in Jupyter.
 */

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { notebookOf, type Notebook, notebookText, withOutputsOf, withoutOutputs } from '../../scripts/notebook-format.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const folder = join(root, 'notebooks');
const names = readdirSync(join(folder, 'src')).map((name) => basename(name, '.ts'));
const run = promisify(execFile);
const program = (name: string): string => readFileSync(join(folder, 'src', `${name}.ts`), 'utf8');

describe('a notebook', () => {
  it('is made of the cells of a program', () => {
    const { cells } = notebookOf('/* not a cell */\n\n// %% [markdown]\n// # Title\n//\n// text\n\n// %%\n\nf();\n  g();\n\n');
    expect(cells.map(({ cell_type: type, source }) => [type, source.join('')])).toEqual([
      ['markdown', '# Title\n\ntext'], ['code', 'f();\n  g();'],
    ]);
  });

  it('keeps its outputs when text changes, and none when code does', () => {
    const made = notebookOf('// %% [markdown]\n// text\n// %%\nf();');
    const outputs = [{ output_type: 'stream', name: 'stdout', text: ['1\n'] }];
    const executed = { ...made, cells: [made.cells[0], { ...made.cells[1], outputs, execution_count: 1 }] };
    const other = withOutputsOf(executed, notebookOf('// %%\nf();\n// %% [markdown]\n// other text'));
    expect(other.cells.map((cell) => cell.outputs)).toEqual([outputs, undefined]);
    expect(withOutputsOf(executed, notebookOf('// %%\ng();')).cells[0].outputs).toEqual([]);
    expect(withOutputsOf(null, made)).toEqual(made);
  });

  it('is not made of text that is no comment, nor of nothing', () => {
    expect(() => notebookOf('// %% [markdown]\nf();')).toThrow('a text cell\'s line must begin with "// ", got "f();"');
    expect(() => notebookOf('f();')).toThrow('the program has no cell');
  });
});

describe('the notebooks', () => {
  it('are all there, and two megabytes at most', () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.ipynb'));
    expect(files.map((name) => basename(name, '.ipynb'))).toEqual(names);
    expect(files.reduce((sum, name) => sum + readFileSync(join(folder, name)).length, 0)).toBeLessThan(2e6);
  });

  it.each(names)('%s agrees with its program, and was executed to its end', (name) => {
    const text = readFileSync(join(folder, `${name}.ipynb`), 'utf8');
    const notebook = JSON.parse(text) as Notebook;
    expect(notebookText(withoutOutputs(notebook))).toBe(notebookText(notebookOf(program(name))));
    const cells = notebook.cells.filter((cell) => cell.cell_type === 'code');
    expect(cells.map((cell) => cell.execution_count)).toEqual(cells.map((_, i) => i + 1));
    const outputs = cells.flatMap((cell) => cell.outputs ?? []);
    expect(outputs.length).toBeGreaterThan(0);
    expect(outputs.filter(({ output_type: type, name: stream }) => type === 'error' || stream === 'stderr')).toEqual([]);
    for (const cell of cells.filter(({ source }) => /^display\(/m.test(source.join('')))) {
      expect(cell.outputs?.some(({ data }) => data !== undefined), cell.id).toBe(true);
    }
  });

  // The others take longer; `npm run test:notebooks` runs them all.
  it.each(['5-sixty-seconds', '6-levels'])('%s runs in Node', async (name) => {
    const { CIFAR10: _, ...environment } = process.env;
    const { stdout, stderr } = await run(
      process.execPath, ['--import', 'tsx', join('notebooks', 'src', `${name}.ts`)],
      { cwd: root, env: { ...environment, NUM_TRAIN: '100', SECONDS: '0.3' }, timeout: 60_000 },
    );
    expect(stderr).toBe('');
    expect(stdout).not.toBe('');
    expect(stdout).not.toMatch(/NaN|undefined/);
  });
});
