/**
 * npm run notebooks -- [NAME ...]       makes notebooks/NAME.ipynb from notebooks/src/NAME.ts; outputs that are there
 *                                       stay unless code has changed
 * npm run test:notebooks -- [NAME ...]  also executes them in Jupyter with Deno's kernel, each from a clean start
 *
 * The second builds the package and needs `jupyter nbconvert` and Deno (the variable DENO names its program, unless
 * it is `deno`). It writes each notebook with its outputs, text cut and colours taken off, and prints one line each; a
 * cell that throws ends its notebook, which is then left as it was. Exits 1 when any failed.
 */

import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { atomicWriteFile } from '../src/node/atomic-write.ts';
import { notebookOf, notebookText, type Notebook, type Output, withOutputsOf } from './notebook-format.ts';

const run = promisify(execFile);
const folder = fileURLToPath(new URL('../notebooks', import.meta.url));
const minutes = 15;
/** Text of one output that is kept, and bytes of one notebook. */
const [longestText, largestNotebook] = [6000, 600_000];

const { values, positionals } = parseArgs({
  allowPositionals: true, options: { execute: { type: 'boolean', default: false } },
});
const programs = (await readdir(join(folder, 'src'))).filter((name) => name.endsWith('.ts'));
const known = programs.map((name) => basename(name, '.ts')).sort();
for (const name of positionals) {
  if (known.includes(name)) continue;
  throw new RangeError(`notebooks: no program ${name} in notebooks/src, there are ${known.join(', ')}`);
}

const names = positionals.length > 0 ? positionals : known;
const scratch = await mkdtemp(join(tmpdir(), 'tilegrad-notebooks-'));
let failed = 0;
try {
  for (const name of names) {
    const notebook = notebookOf(await readFile(join(folder, 'src', `${name}.ts`), 'utf8'));
    const path = join(folder, `${name}.ipynb`);
    if (!values.execute) {
      await atomicWriteFile(path, notebookText(withOutputsOf(await present(path), notebook)));
      continue;
    }
    const started = performance.now();
    try {
      const text = notebookText(tidied(notebook, await executed(name, notebook)));
      if (text.length > largestNotebook) throw new Error(`${text.length} bytes, more than ${largestNotebook}`);
      await atomicWriteFile(path, text);
      const size = `${notebook.cells.length} cells, ${Math.round(text.length / 1000)} kB`;
      console.log(`ok   ${name}: ${seconds(started)} s, ${size}`);
    } catch (error) {
      failed++;
      console.log(`FAIL ${name} after ${seconds(started)} s\n${reason(error)}`);
    }
  }
} finally {
  await rm(scratch, { recursive: true, force: true });
}
if (values.execute) console.log(`notebooks: ${names.length - failed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : 0;

function seconds(started: number): string {
  return ((performance.now() - started) / 1000).toFixed(1);
}

/** The notebook at a path, or null where there is none. */
async function present(path: string): Promise<Notebook | null> {
  return existsSync(path) ? JSON.parse(await readFile(path, 'utf8')) as Notebook : null;
}

/** What Jupyter said of a cell that threw, without colours. */
function reason(error: unknown): string {
  const { stderr, message } = error as { stderr?: string; message: string };
  return plain(stderr || message).split('\n').slice(-25).join('\n');
}

/**
 * Runs a notebook in a kernel of its own, in an empty folder whose deno.json leads to the built package as that of the
 * notebooks does.
 */
async function executed(name: string, notebook: Notebook): Promise<Notebook> {
  const kernel = join(scratch, 'kernels', 'deno');
  await mkdir(kernel, { recursive: true });
  const argv = [process.env.DENO ?? 'deno', 'jupyter', '--kernel', '--conn', '{connection_file}'];
  await writeFile(join(kernel, 'kernel.json'), JSON.stringify({ argv, display_name: 'Deno', language: 'typescript' }));
  const settings = await readFile(join(folder, 'deno.json'), 'utf8');
  const { imports } = JSON.parse(settings) as { imports: Record<string, string> };
  const absolute = Object.entries(imports).map(([from, to]) => [from, pathToFileURL(join(folder, to)).href]);
  await writeFile(join(scratch, 'deno.json'), JSON.stringify({ imports: Object.fromEntries(absolute) as unknown }));
  const input = join(scratch, `${name}.ipynb`);
  await writeFile(input, notebookText(notebook));
  await run('jupyter', [
    'nbconvert', '--to', 'notebook', '--execute', input, '--output', `${name}.out.ipynb`,
    `--ExecutePreprocessor.timeout=${minutes * 60}`, '--ExecutePreprocessor.kernel_name=deno',
    '--ExecutePreprocessor.record_timing=False', `--config=${fileURLToPath(new URL('late-outputs.py', import.meta.url))}`,
  ], {
    cwd: scratch, env: { ...process.env, JUPYTER_PATH: scratch, NO_COLOR: '1' }, maxBuffer: 2 ** 24, timeout: minutes * 60_000,
  });
  return JSON.parse(await readFile(join(scratch, `${name}.out.ipynb`), 'utf8')) as Notebook;
}

/** The program's cells with the outputs of the executed ones. */
function tidied(notebook: Notebook, { cells }: Notebook): Notebook {
  return {
    ...notebook,
    cells: notebook.cells.map((cell, i) => cell.cell_type === 'markdown' ? cell : {
      ...cell, outputs: joined(cells[i].outputs ?? []), execution_count: cells[i].execution_count,
    }),
  };
}

/** Outputs with the pieces of one stream put together. */
function joined(outputs: readonly Output[]): Output[] {
  const result: Output[] = [];
  for (const output of outputs) {
    const last = result.at(-1);
    if (output.output_type !== 'stream') {
      const { transient: _, ...kept } = output;
      result.push(kept);
    } else if (last?.output_type === 'stream' && last.name === output.name) {
      last.text = textOf(last.text) + textOf(output.text);
    } else result.push({ ...output, text: textOf(output.text) });
  }
  for (const output of result) {
    if (output.text !== undefined) output.text = lines(textOf(output.text));
  }
  return result;
}

function textOf(text: string | readonly string[] | undefined): string {
  return typeof text === 'string' ? text : (text ?? []).join('');
}

function lines(text: string): string[] {
  const clean = plain(text);
  const cut = clean.length > longestText ? `${clean.slice(0, longestText)}\n... (cut)\n` : clean;
  return cut.split(/(?<=\n)/);
}

/** Without the colours of terminals. */
function plain(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\u001b\[[0-9;]*m/g, '');
}
