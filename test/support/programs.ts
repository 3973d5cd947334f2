/**
 * The programs of the pages (README, recipes, the guide), run as a reader runs them: each in a folder of its own,
 * against the library's sources.
 */

import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import ts from 'typescript';
import { expect } from 'vitest';
import { embedWorker } from '../../scripts/embed-worker.ts';

export const root: string = fileURLToPath(new URL('../..', import.meta.url));
const run = promisify(execFile);
const rooms = ['layers', 'nn', 'models', 'train', 'data', 'io', 'viz', 'gpu', 'node'];
export const alias: Record<string, string> = Object.fromEntries([
  ...rooms.map((room) => [`tilegrad/${room}`, join(root, 'src', room, 'index.ts')]),
  ['tilegrad', join(root, 'src', 'index.ts')],
]);

export interface Program {
  /** of its section */
  readonly title: string;
  readonly code: string;
  /** what the page says that it prints */
  readonly output: string;
  /** the files of its section that it may import: what begins with a line that names it, as `// slope.mts` */
  readonly files: Readonly<Record<string, string>>;
}

/** What a block's first line calls the file that it is; undefined where it names none. */
export function fileNameOf(code: string): string | undefined {
  return /^\/\/ ([\w-]+\.m?ts)\n/.exec(code)?.[1];
}

/**
 * The programs of a page, section by section: `ts` blocks that begin with an import, or all where `all` is set, but for
 * those that are files. What a program prints stands in the `text` block before the next.
 */
export async function programsOf(page: string, all: boolean = false): Promise<Program[]> {
  const sections = (await readFile(join(root, page), 'utf8')).split(/^## /m).slice(1);
  return sections.flatMap((section) => {
    const title = section.slice(0, section.indexOf('\n'));
    const files: Record<string, string> = {};
    const programs: Array<{ title: string; code: string; output: string; files: typeof files }> = [];
    for (const [, language, code] of section.matchAll(/^```(ts|text)\n([^]*?)^```$/gm)) {
      const name = fileNameOf(code);
      if (language === 'text') {
        const program = programs.at(-1);
        if (program?.output === '') program.output = code;
      } else if (name !== undefined) files[name] = code;
      else if (all || code.startsWith('import ')) programs.push({ title, code, output: '', files });
    }
    return programs;
  });
}

/** What in a program Node, which only leaves types out, cannot run: `node program.mts` is what the pages promise. */
function unerasable(code: string): string[] {
  const options = { erasableSyntaxOnly: true, noLib: true, noResolve: true, target: ts.ScriptTarget.ESNext };
  const source = ts.createSourceFile('program.mts', code, options.target);
  const host = { ...ts.createCompilerHost(options), getSourceFile: () => source };
  const found = ts.createProgram([source.fileName], options, host).getSemanticDiagnostics(source);
  return found.filter((each) => each.code === 1294)
    .map(({ start = 0, length = 0 }) => code.slice(start, start + length));
}

/** Runs a program in a folder, beside the files that it imports, and returns what it prints; stderr fails the test. */
export async function execute(code: string, folder: string, files: Program['files'] = {}): Promise<string> {
  for (const text of [code, ...Object.values(files)]) expect(unerasable(text)).toEqual([]);
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  const bundled = await build({
    stdin: { contents: code, loader: 'ts', resolveDir: folder }, bundle: true, write: false, platform: 'node',
    format: 'esm', target: 'es2022', alias, plugins: [embedWorker()], logLevel: 'silent',
  });
  await writeFile(join(folder, 'program.mjs'), bundled.outputFiles[0].text);
  const { stdout, stderr } = await run(process.execPath, ['program.mjs'], { cwd: folder, timeout: 110_000 });
  expect(stderr).toBe('');
  return stdout;
}

/** A figure with a point or an exponent, and what tells a time. Others are counts, names and the like. */
const figure = /-?\d+(?:(?:\.\d+)? ms\b|\.\d+(?:e[+-]?\d+)?|e[+-]?\d+)/g;

/**
 * Holds what a program has printed to what its page says: the same text and whole numbers, and figures that are the
 * same but for their last digits, which other kernels change. A time may be any, an error of 1e-9 thrice as large; a
 * share such as an accuracy may differ by 0.02 (of 100 images two), and anything above 1 by half a percent.
 */
export function expectPrinted(printed: string, stated: string): void {
  expect(printed.trim().replace(figure, '#')).toBe(stated.trim().replace(figure, '#'));
  const found = printed.match(figure) ?? [];
  const wrong = (stated.match(figure) ?? []).flatMap((text, i) => {
    if (text.endsWith('ms')) return [];
    const [value, wanted] = [Number(found[i]), Number(text)];
    const isSame = text.includes('e')
      ? Math.abs(Math.log(value / wanted)) < Math.log(3)
      : Math.abs(value - wanted) <= (Math.abs(wanted) < 1 ? 0.02 : 0.005 * Math.abs(wanted));
    return isSame ? [] : [`${found[i]} is printed, ${text} stated`];
  });
  expect(wrong).toEqual([]);
}
