/**
 * Proves that programs which import the published package still compute on threads after a bundler has had them: packs
 * it, installs the tarball in an empty folder, bundles one program there in each way that people do, runs it in Node or
 * in Chromium (CHROMIUM names it) on an isolated page, and compares the bits. Prints one line a way; exits 1 when any
 * of them failed.
 */

import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeResolve } from '@rollup/plugin-node-resolve';
import { build as esbuild, type BuildOptions, transform } from 'esbuild';
import { type Browser, chromium } from 'playwright-core';
import { type InputPluginOption, rollup } from 'rollup';
import { build as vite } from 'vite';

import type { Outcome } from '../platform/programs/train.ts';
import { serveFolder } from './server.ts';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const folder = mkdtempSync(join(tmpdir(), 'tilegrad-bundlers-'));
const executablePath = process.env['CHROMIUM'] ?? '/usr/bin/chromium';

function run(command: string, args: readonly string[], cwd: string = folder): string {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 600_000 });
}

/** The program of test/platform, as one that has the package installed writes it. */
async function writePrograms(): Promise<void> {
  const text = readFileSync(join(root, 'test/platform/programs/train.ts'), 'utf8');
  const installed = text.replace(/'\.\.\/\.\.\/\.\.\/src\/(?:(\w+)\/)?index\.ts'/g, (_, room?: string) =>
    room === undefined ? "'tilegrad'" : `'tilegrad/${room}'`);
  const { code } = await transform(installed, { loader: 'ts', target: 'es2022' });
  writeFileSync(join(folder, 'train.js'), code);
  writeFileSync(join(folder, 'program.js'), `
    import { trainOnThreads } from './train.js';
    trainOnThreads([1, 2]).then((outcome) => console.log(JSON.stringify(outcome)));
  `);
  writeFileSync(join(folder, 'page.js'), `
    import { trainOnThreads } from './train.js';
    globalThis.outcome = trainOnThreads([1, 2]).catch((error) => ({ error: String(error) }));
  `);
  const relative = code.replace(/"tilegrad(?:\/(\w+))?"/g, (_, room?: string) =>
    `"/node_modules/tilegrad/dist/${room === undefined ? '' : `${room}/`}index.js"`);
  writeFileSync(join(folder, 'plain.js'), `${relative}
    globalThis.outcome = trainOnThreads([1, 2]).catch((error) => ({ error: String(error) }));
  `);
  const html = (script: string): string => `<!doctype html><title>page</title><script type="module" src="${script}"></script>`;
  writeFileSync(join(folder, 'index.html'), html('./page.js'));
  for (const page of ['plain', 'esbuild', 'single', 'rollup']) {
    mkdirSync(join(folder, page), { recursive: true });
    writeFileSync(join(folder, page, 'index.html'), html(page === 'plain' ? '/plain.js' : './page.js'));
  }
  const commonJs = (get: string): string => `(async () => {
    const { configure, info, ready, Tensor } = ${get}('tilegrad');
    const { reluForward } = ${get}('tilegrad/layers');
    configure({ threads: 2 });
    await ready();
    const [out] = reluForward(new Tensor(new Float32Array([-1, 2])));
    console.log(JSON.stringify({ info: info(), out: out.toArray() }));
  })();`;
  writeFileSync(join(folder, 'import.cjs'), commonJs('await import'));
  writeFileSync(join(folder, 'require.cjs'), commonJs('require'));
}

/** A way to get the program to run; gives what it printed or left on its page. */
type Way = () => Promise<Outcome>;

function runInNode(file: string): Outcome {
  return JSON.parse(run('node', [file]).trim().split('\n').at(-1)!) as Outcome;
}

async function visit(browser: Browser, address: string): Promise<Outcome> {
  const page = await browser.newPage();
  try {
    await page.goto(address);
    await page.waitForFunction('globalThis.outcome !== undefined');
    const outcome = await page.evaluate('outcome') as Outcome & { error?: string };
    if (outcome.error !== undefined) throw new Error(outcome.error);
    return outcome;
  } finally {
    await page.close();
  }
}

async function rollUp(input: string, output: string, plugin: InputPluginOption): Promise<void> {
  const bundle = await rollup({ input: join(folder, input), plugins: [plugin], external: /^node:/, logLevel: 'silent' });
  await bundle.write({ dir: join(folder, output), format: 'es' });
  await bundle.close();
}

function nodeWays(): Record<string, Way> {
  const entry: BuildOptions = {
    entryPoints: [join(folder, 'program.js')], bundle: true, platform: 'node', logLevel: 'silent',
  };
  return {
    'Node, no bundler': async () => runInNode('program.js'),
    'Node, esbuild': async () => {
      await esbuild({ ...entry, format: 'esm', outfile: join(folder, 'out/program.mjs') });
      return runInNode('out/program.mjs');
    },
    'Node, esbuild to CommonJS': async () => {
      await esbuild({ ...entry, format: 'cjs', outfile: join(folder, 'out/program.cjs') });
      return runInNode('out/program.cjs');
    },
    'Node, Rollup': async () => {
      await rollUp('program.js', 'out/rollup', nodeResolve({ exportConditions: ['node'] }));
      return runInNode('out/rollup/program.js');
    },
  };
}

function pageWays(browser: Browser, address: string): Record<string, Way> {
  const entry: BuildOptions = {
    entryPoints: [join(folder, 'page.js')], bundle: true, minify: true, format: 'esm', logLevel: 'silent',
  };
  return {
    'Chromium, no bundler': () => visit(browser, `${address}/plain/`),
    'Chromium, esbuild': async () => {
      await esbuild({ ...entry, splitting: true, outdir: join(folder, 'esbuild') });
      return visit(browser, `${address}/esbuild/`);
    },
    'Chromium, esbuild to one file': async () => {
      await esbuild({ ...entry, outfile: join(folder, 'single/page.js') });
      return visit(browser, `${address}/single/`);
    },
    'Chromium, Rollup': async () => {
      await rollUp('page.js', 'rollup', nodeResolve({ browser: true }));
      return visit(browser, `${address}/rollup/`);
    },
    'Chromium, Vite': async () => {
      await vite({ root: folder, base: './', logLevel: 'error', build: { outDir: 'vite', target: 'es2022' } });
      return visit(browser, `${address}/vite/`);
    },
  };
}

/** CommonJS programs, which only say who computes. */
function checkCommonJs(file: string): void {
  const { info, out } = JSON.parse(run('node', ['--no-warnings', file])) as { info: Outcome['info']; out: number[] };
  if (info.backend !== 'simd' || info.threads !== 2) throw new Error(`${info.backend} on ${info.threads} threads`);
  if (out.join() !== '0,2') throw new Error(`ReLU gave ${out.join()}`);
}

let failed = 0;

async function check(name: string, fn: () => Promise<string>): Promise<void> {
  try {
    console.log(`ok   ${name} (${await fn()})`);
  } catch (error) {
    failed++;
    const { stderr, message } = error as Error & { stderr?: string };
    console.log(`FAIL ${name}\n     ${(stderr || message).trim().split('\n').slice(0, 12).join('\n     ')}`);
  }
}

console.log(`bundlers: building and packing ${root}`);
run('npm', ['run', 'build', '--silent'], root);
const packed = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root);
const [{ filename }] = Object.values(JSON.parse(packed) as Record<string, { filename: string }>);
writeFileSync(join(folder, 'package.json'), '{ "name": "bundled", "private": true, "type": "module" }');
run('npm', ['install', '--offline', '--no-audit', '--no-fund', join(folder, filename)]);
await writePrograms();

const server = await serveFolder(folder);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
/** what the first way computed */
let bits: string | null = null;
try {
  for (const [name, way] of Object.entries({ ...nodeWays(), ...pageWays(browser, server.address) })) {
    await check(name, async () => {
      const { info, threads, results } = await way();
      if (info.backend !== 'simd' || threads.join() !== '1,2') {
        throw new Error(`${info.backend} on ${threads.join()} threads: ${info.why.join('; ')}`);
      }
      bits ??= results[0];
      if (results.some((result) => result !== bits)) throw new Error('other bits');
      return 'threads 1 and 2, the same bits';
    });
  }
  await check('CommonJS, await import()', async () => {
    checkCommonJs('import.cjs');
    return 'threads 2';
  });
  if (process.features.require_module === true) {
    await check('CommonJS, require()', async () => {
      checkCommonJs('require.cjs');
      return 'threads 2';
    });
  }
} finally {
  await browser.close();
  server.close();
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;
