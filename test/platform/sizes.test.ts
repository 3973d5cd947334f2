import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Metafile } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { installBuiltPackage } from './built-package.ts';

/** What a page downloads before its code runs: its row in the table, the KiB after gzip below which it stays. */
const budgets: ReadonlyArray<readonly [row: string, kibibytes: number, program: string]> = [
  ['`reluForward`', 23, "import { reluForward } from 'tilegrad/layers'; console.log(reluForward);"],
  ['all of `tilegrad/layers`', 34, "import * as layers from 'tilegrad/layers'; console.log(layers);"],
  ['`tensor`', 24, "import { tensor } from 'tilegrad'; console.log(tensor);"],
  ['all of `tilegrad`', 33, "import * as tensors from 'tilegrad'; console.log(tensors);"],
  ['`decodeNpy`', 10, "import { decodeNpy } from 'tilegrad/io'; console.log(decodeNpy);"],
  ['`ThreeLayerConvNet`, `Solver`, `makeShapes`', 62, `import { ThreeLayerConvNet } from 'tilegrad/models'; import { Solver } from 'tilegrad/train';
    import { makeShapes } from 'tilegrad/data'; console.log(ThreeLayerConvNet, Solver, makeShapes);`],
  ['all of `tilegrad/nn`', 72, "import * as nn from 'tilegrad/nn'; console.log(nn);"],
  ['`loadModel`', 86, "import { loadModel } from 'tilegrad/io'; console.log(loadModel);"],
];

const lateRow = 'later: the SIMD kernels and their workers';
const page = readFileSync('docs/guide/platforms.md', 'utf8');
const inKibibytes = (file: Buffer): number => gzipSync(file).length / 1024;

/** What the page on platforms says that a row of its table costs, in KiB. */
function stated(row: string): number {
  return Number(page.split('\n').find((line) => line.startsWith(`| ${row} |`))?.split('|')[2]);
}

/** Code that only the SIMD backend and its workers have. */
const late = /i8x16\.shuffle|worker_threads/;

let folder = '';
beforeAll(async () => {
  folder = await installBuiltPackage();
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A bundle for browsers: the files that are downloaded at once, and those that come when they are asked for. */
async function bundle(program: string): Promise<{ atOnce: Buffer; later: Buffer }> {
  const { outputFiles, metafile } = await build({
    stdin: { contents: program, resolveDir: folder }, bundle: true, minify: true, format: 'esm', target: 'es2022',
    splitting: true, outdir: join(folder, 'out'), write: false, metafile: true, absWorkingDir: folder, logLevel: 'silent',
  });
  const first = new Set<string>();
  const follow = (path: string): void => {
    if (first.has(path)) return;
    first.add(path);
    for (const { path: next, kind } of metafile.outputs[path].imports) if (kind === 'import-statement') follow(next);
  };
  follow(entryOf(metafile));
  const of = (wanted: boolean): Buffer => Buffer.concat(outputFiles
    .filter(({ path }) => first.has(path.slice(folder.length + 1)) === wanted).map(({ contents }) => contents));
  return { atOnce: of(true), later: of(false) };
}

function entryOf({ outputs }: Metafile): string {
  return Object.keys(outputs).find((path) => outputs[path].entryPoint !== undefined && path.includes('stdin'))!;
}

describe('a bundle for browsers', () => {
  it.each(budgets)('of %s stays below %i KiB, and is what the page says', async (row, kibibytes, program) => {
    const { atOnce } = await bundle(program);
    expect(inKibibytes(atOnce)).toBeLessThan(kibibytes);
    expect(Math.abs(inKibibytes(atOnce) - stated(row))).toBeLessThan(1);
    expect(atOnce.toString()).not.toMatch(late);
  });

  it('gets the SIMD kernels and their workers as files of their own', async () => {
    const { later } = await bundle(budgets[0][2]);
    expect(later.toString()).toMatch(late);
    // kernels come and go: their figure may lag behind a little
    expect(Math.abs(inKibibytes(later) - stated(lateRow))).toBeLessThan(3);
  });

  it('costs in other pages what the table says', () => {
    const readme = /all layers cost (\d+) KiB.*?drawn\spictures (\d+).*?network, (\d+)\..*?workers, (\d+) KiB/s;
    const rows = ['all of `tilegrad/layers`', '`ThreeLayerConvNet`, `Solver`, `makeShapes`', '`loadModel`', lateRow];
    expect(readme.exec(readFileSync('README.md', 'utf8'))?.slice(1).map(Number)).toEqual(rows.map(stated));
    const recipe = /`loadModel` costs a page (\d+) KiB.*?kernels (\d+) more/s;
    expect(recipe.exec(readFileSync('docs/recipes.md', 'utf8'))?.slice(1).map(Number)).toEqual(rows.slice(2).map(stated));
  });
});

describe('the built package', () => {
  it('has every file that its exports name, and keeps those that must run for their effect', () => {
    const installed = join(folder, 'node_modules', 'tilegrad');
    const { exports, sideEffects } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      exports: Record<string, string | Record<string, string>>; sideEffects: string[];
    };
    for (const [subpath, targets] of Object.entries(exports)) {
      if (typeof targets === 'string') continue;
      const { types, ...scripts } = targets;
      expect(types).toMatch(/\.d\.ts$/);
      for (const file of Object.values(scripts)) expect(existsSync(join(installed, file)), `${subpath}: ${file}`).toBe(true);
    }
    expect(sideEffects).toContain('./dist/eager.js');
    expect(readFileSync(join(installed, 'dist/eager.js'), 'utf8')).toContain('provideSimdCode(');
  });

  it('calls classes as it exports them, since their names stand in messages and in what is printed', async () => {
    for (const subpath of ['', 'nn', 'models', 'train', 'io', 'gpu']) {
      const file = join(folder, 'node_modules', 'tilegrad', 'dist', subpath, 'index.js');
      const exported = Object.entries(await import(file) as Record<string, { name: string } | undefined>);
      for (const [name, value] of exported) {
        if (typeof value === 'function' && /^[A-Z]/.test(name)) expect(value.name, subpath).toBe(name);
      }
    }
  });

  it('is plain files: no import of any needs a bundler', async () => {
    const entry = join(folder, 'node_modules', 'tilegrad', 'dist', 'layers', 'index.js');
    const { metafile } = await build({
      entryPoints: [entry], bundle: true, write: false, metafile: true, outdir: folder, splitting: true, format: 'esm',
      packages: 'external', logLevel: 'silent',
    });
    const imports = Object.values(metafile.outputs).flatMap((output) => output.imports);
    expect(imports.filter(({ external }) => external)).toEqual([]);
  });
});
