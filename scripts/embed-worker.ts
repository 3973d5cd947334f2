/**
 * Puts the code of worker threads into the bundle: replaces src/kernels/team/embedded.ts (see there) by a module that
 * holds Piscina, and as text the script of Piscina's threads together with our task, and the script of a web worker;
 * and src/node/pictures/embedded-decoder.ts by the text of the task that reads pictures, libjpeg-turbo's code in it.
 *
 * Piscina is changed in four places on the way, each of which must be found or the build fails:
 * - it starts its threads from a data: URL instead of a path beside its own file;
 * - in a thread it takes our task, or imports the data: URL of another, instead of importing a file by name through
 *   `new Function`, which content security policies forbid;
 * - it does not look for the optional native package that sets thread priorities;
 * - it reaches Node's modules without import statements, so that bundlers for browsers, which never run this code, do
 *   not stumble over them.
 */

import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { deflateRawSync } from 'node:zlib';
import { build, type BuildOptions, type Plugin } from 'esbuild';
import { bundledPackages } from './licenses.ts';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const team = join(root, 'src', 'kernels', 'team');
const pictures = join(root, 'src', 'node', 'pictures');
const piscinaMain = createRequire(import.meta.url).resolve('piscina');
const piscina = dirname(piscinaMain);

/** Matches the file that holds the team's threads. */
export const embeddedFile: RegExp = /[\\/]kernels[\\/]team[\\/]embedded\.ts$/;

function replaceOnce(text: string, pattern: RegExp, replacement: string, file: string): string {
  if ((text.match(new RegExp(pattern, 'g')) ?? []).length !== 1) {
    throw new Error(`embed-worker: ${pattern} does not occur once in Piscina's ${file}; the package has changed`);
  }
  return text.replace(pattern, () => replacement);
}

/** Piscina's files as we need them; `thread` is the URL of the script that its threads run. */
function patchPiscina(thread: string): Plugin {
  const patches: Record<string, (text: string) => string> = {
    'index.js': (text) => {
      const path = /\(0, node_path_1\.resolve\)\(__dirname, 'worker\.js'\)/;
      const started = replaceOnce(text, path, `new URL(${JSON.stringify(thread)})`, 'index.js');
      return replaceOnce(started, /require\("\.\.\/package\.json"\)/, JSON.stringify({ version }), 'index.js');
    },
    'worker.js': (text) => {
      const ours = replaceOnce(
        text, /async function getHandler\(filename, name\) \{[\s\S]*?\n\}/,
        `async function getHandler(filename, name) {
          if (filename.startsWith('data:')) return (await import(filename))[name];
          return require(${JSON.stringify(join(team, 'worker.ts'))}).join;
        }`, 'worker.js',
      );
      const plain = replaceOnce(ours, /function getImportESM\(\) \{[\s\S]*?\n\}/, '', 'worker.js');
      return replaceOnce(plain, /if \(niceIncrement !== 0\) \{[\s\S]*?\n {4}\}/, '', 'worker.js');
    },
  };
  const { version } = JSON.parse(readFileSync(join(piscina, '..', 'package.json'), 'utf8')) as { version: string };
  return {
    name: 'patch-piscina',
    setup({ onLoad }) {
      onLoad({ filter: /\.js$/ }, async ({ path }) => {
        if (!path.startsWith(piscina)) return undefined;
        const text = await readFile(path, 'utf8');
        const patched = patches[path.slice(piscina.length + 1)]?.(text) ?? text;
        const contents = patched.replace(/require\("(node:[^"]+)"\)/g, 'process.getBuiltinModule("$1")');
        return { contents, loader: 'js' };
      });
    },
  };
}

/**
 * Piscina's switches, at what they are by default: environment variables are no interface here, and Deno asks before
 * one.
 */
const switches = Object.fromEntries(
  ['PISCINA_DISABLE_ATOMICS', 'PISCINA_ENABLE_ASYNC_ATOMICS'].map((name) => [`process.env.${name}`, '"0"']),
);

/** The packages that the embedded text holds; known once it was made. */
export const embeddedPackages: Map<string, string> = new Map();

async function bundle(options: BuildOptions): Promise<string> {
  const { outputFiles, metafile } = await build({
    define: switches, bundle: true, write: false, metafile: true, minify: true, target: 'es2022', format: 'esm', platform: 'neutral', logLevel: 'error',
    ...options,
  });
  for (const [name, folder] of bundledPackages(metafile!)) embeddedPackages.set(name, folder);
  return outputFiles![0].text;
}

/** The text of the module that stands in for embedded.ts; for browsers alone it needs no Piscina. */
export async function embeddedModule(forBrowsers: boolean = false): Promise<string> {
  const webWorker = join(team, 'web-worker.ts');
  const webWorkerScript = await bundle({ entryPoints: [webWorker], format: 'iife', platform: 'browser' });
  const browserExport = `export const webWorkerScript = ${JSON.stringify(webWorkerScript)};`;
  if (forBrowsers) {
    const loadPiscina = "export function loadPiscina() { throw new Error('this bundle is for browsers'); }";
    return [browserExport, loadPiscina, "export const workerFile = '';", 'export const workerOptions = [];'].join('\n');
  }
  const threadScript = await bundle({ entryPoints: [join(piscina, 'worker.js')], plugins: [patchPiscina('')] });
  const thread = `data:text/javascript;base64,${Buffer.from(threadScript).toString('base64')}`;
  const pool = await bundle({
    stdin: {
      contents: `export function loadPiscina() { return require(${JSON.stringify(piscinaMain)}); }`, resolveDir: root,
    },
    plugins: [patchPiscina(thread)],
  });
  const license = await readFile(join(piscina, '..', 'LICENSE'), 'utf8');
  return [
    `/*! The following lines contain Piscina.\n\n${license.replaceAll('*/', '* /')}*/`,
    pool,
    "export const workerFile = 'tilegrad';", // a name that the patched Piscina does not look at
    'export const workerOptions = [];', // a program's own loaders and flags are not meant for these threads
    browserExport,
  ].join('\n');
}

/** The text of the module that stands in for embedded-decoder.ts. */
export async function embeddedDecoder(): Promise<string> {
  const turbo = createRequire(import.meta.url).resolve('@cwasm/jpeg-turbo/jpeg-turbo.wasm');
  const code = deflateRawSync(await readFile(turbo), { level: 9 }).toString('base64');
  const withCode: Plugin = {
    name: 'jpeg-turbo-code',
    setup({ onLoad }) {
      onLoad({ filter: /[\\/]pictures[\\/]jpeg-turbo-code\.ts$/ }, () => ({
        contents: `import { inflateRawSync } from 'node:zlib';
          export function jpegTurboCode() { return inflateRawSync(Buffer.from(${JSON.stringify(code)}, 'base64')); }`,
        loader: 'js',
      }));
    },
  };
  const script = await bundle({ entryPoints: [join(pictures, 'decode-task.ts')], external: ['node:*'], plugins: [withCode] });
  embeddedPackages.set('@cwasm/jpeg-turbo', dirname(turbo));
  const url = `data:text/javascript;base64,${Buffer.from(script).toString('base64')}`;
  return `export const decoderFile = ${JSON.stringify(url)};`;
}

const embeddedModules: ReadonlyArray<readonly [file: RegExp, text: (forBrowsers?: boolean) => Promise<string>]> = [
  [embeddedFile, embeddedModule],
  [/[\\/]node[\\/]pictures[\\/]embedded-decoder\.ts$/, embeddedDecoder],
];

/** For esbuild, and tsup over it. */
export function embedWorker({ forBrowsers = false }: { forBrowsers?: boolean } = {}): Plugin {
  return {
    name: 'embed-worker',
    setup({ onLoad }) {
      for (const [filter, text] of embeddedModules) {
        onLoad({ filter }, async () => ({ contents: await text(forBrowsers), loader: 'js' }));
      }
    },
  };
}

/** For Vite, and vitest over it, so that tests use the very code that is published. */
export function embedWorkerVite(): { name: string; load(id: string): Promise<string> | null } {
  return {
    name: 'embed-worker',
    load: (id) => embeddedModules.find(([file]) => file.test(id))?.[1]() ?? null,
  };
}
